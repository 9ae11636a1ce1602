//! Calls that a gRPC server behind Descant answers.

mod addresses;
mod balance;
mod bystanders;
mod codec;
mod compression;
mod connections;
mod counted;
mod ends;
mod failures;
mod faults;
mod flow;
mod head_first;
mod heads;
mod health;
mod hedge;
mod http1;
mod kept;
mod leaving;
mod outlier;
#[cfg(unix)]
mod processes;
mod recorded;
mod replica;
mod resend;
mod rest;
mod retry;
mod script;
mod shapes;
mod throttle;
mod tls;
mod trailers_only;
pub(crate) mod upstream;

use std::fmt::Display;

use descant::{Gateway, GatewayBuilder};
use descant_handlers::{Handler as _, Proxy, UpstreamProtocol};

use self::upstream::babbler;
use crate::support::{Running, serve_gateway};

/// Descant before this upstream, serving what the suites' own server serves.
async fn before(upstream: impl Display) -> Running {
    proxy(Proxy::to(&format!("http://{upstream}")).unwrap()).await
}

/// The ways to call an upstream.
const WAYS: [Way; 7] = [
    (UpstreamProtocol::Grpc, false),
    (UpstreamProtocol::GrpcWeb, false),
    (UpstreamProtocol::GrpcWeb, true),
    (UpstreamProtocol::Connect, false),
    (UpstreamProtocol::Connect, true),
    (UpstreamProtocol::Rest, false),
    (UpstreamProtocol::Rest, true),
];

/// The protocol, and whether it is spoken over HTTP/1.1.
type Way = (UpstreamProtocol, bool);

/// The same, that calls it in this way.
async fn calling(way: Way, upstream: impl Display) -> Running {
    proxy(caller(way, &format!("http://{upstream}"))).await
}

fn caller((protocol, http1): Way, url: &str) -> Proxy {
    let proxy = Proxy::to(url).unwrap().protocol(protocol);
    if http1 { proxy.http1() } else { proxy }
}

async fn proxy(proxy: Proxy) -> Running {
    serve_gateway(builder(proxy).build().unwrap(), |_| {}).await
}

fn builder(proxy: Proxy) -> GatewayBuilder {
    let schema = descant_tests::schema();
    let services = schema.services();
    let methods: Vec<_> = services
        .flat_map(|service| service.methods().collect::<Vec<_>>())
        .collect();
    // Only these have HTTP rules.
    let takes_all = proxy.check(&methods).is_ok();
    let pattern = if takes_all { "*" } else { "descant.suite.v1.Shapes" };
    Gateway::builder(schema).route(pattern, proxy)
}
