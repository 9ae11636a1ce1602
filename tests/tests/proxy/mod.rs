//! Calls that a gRPC server behind Descant answers.

mod addresses;
mod balance;
mod compression;
mod connections;
mod faults;
mod flow;
mod heads;
mod health;
mod outlier;
#[cfg(unix)]
mod processes;
mod replica;
mod shapes;
mod tls;
mod upstream;

use std::{fmt::Display, path::Path};

use descant::{Gateway, Schema};
use descant_handlers::{Proxy, UpstreamProtocol};

use self::upstream::babbler;
use crate::support::{Running, serve_gateway};

/// Descant before this upstream, serving what the suites' own server serves.
async fn before(upstream: impl Display) -> Running {
    proxy(Proxy::to(&format!("http://{upstream}")).unwrap()).await
}

/// The ways to call an upstream.
const WAYS: [UpstreamProtocol; 3] = [
    UpstreamProtocol::Grpc,
    UpstreamProtocol::GrpcWeb,
    UpstreamProtocol::Connect,
];

/// The same, that calls it in this way.
async fn calling(way: UpstreamProtocol, upstream: impl Display) -> Running {
    proxy(Proxy::to(&format!("http://{upstream}")).unwrap().protocol(way)).await
}

async fn proxy(proxy: Proxy) -> Running {
    let protos = Path::new(env!("CARGO_MANIFEST_DIR")).join("suites/protos");
    let schema = Schema::load(protos).unwrap();
    let gateway = Gateway::builder(schema).route("*", proxy).build().unwrap();
    serve_gateway(gateway, |_| {}).await
}
