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
use descant_handlers::Proxy;

use self::upstream::babbler;
use crate::support::{Running, serve_gateway};

/// Descant before this upstream, serving what the suites' own server serves.
async fn before(upstream: impl Display) -> Running {
    proxy(Proxy::to(&format!("http://{upstream}")).unwrap()).await
}

async fn proxy(proxy: Proxy) -> Running {
    let protos = Path::new(env!("CARGO_MANIFEST_DIR")).join("suites/protos");
    let schema = Schema::load(protos).unwrap();
    let gateway = Gateway::builder(schema).route("*", proxy).build().unwrap();
    serve_gateway(gateway, |_| {}).await
}
