//! An API as a part of an application, from outside. The rows are those of `docs/embed.md`.

mod leaving;
mod lifecycle;
mod rows;
mod service;
mod two;
mod upstreams;

use std::{future::pending, net::SocketAddr, time::Duration};

use bytes::Bytes;
use descant::{Mount, MountBuilder, Schema};
use descant_handlers::{Call, Reply, from_fn};
use tokio::net::TcpStream;

use crate::support::{Answer, Ask, Peer, UNARY, soon, text};

const SUITE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/suites/protos");
const BOOKSHOP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../src/demo/bookshop.binpb");
const SHAPES: &str = "descant.suite.v1.Shapes";
const CATALOG: &str = "bookshop.v1.Catalog";

fn schema(of: &str) -> Schema {
    Schema::load(of).unwrap()
}

/// A mount of the suites' API on a free port: `Unary` and `Bidi` give back what they get, `Wait` never answers.
fn builder() -> MountBuilder {
    let echo = || from_fn(|call: Call| async move { Ok(Reply::new(call.messages)) });
    bare(SUITE)
        .route(format!("{SHAPES}/Unary"), echo())
        .route(format!("{SHAPES}/Bidi"), echo())
        .route(format!("{SHAPES}/Wait"), from_fn(|_| pending()))
}

/// A mount that nothing answers.
fn bare(of: &str) -> MountBuilder {
    Mount::builder(schema(of)).host("127.0.0.1").port(0)
}

fn address(mount: &Mount) -> SocketAddr {
    mount.addresses()[0]
}

async fn connect(mount: &Mount) -> Peer {
    Peer::over(TcpStream::connect(address(mount)).await.unwrap()).await
}

/// A call on a connection of its own.
async fn call(mount: &Mount, ask: Ask) -> Answer {
    connect(mount).await.send(ask).await
}

/// Whether a call is answered.
async fn answers(mount: &Mount) -> bool {
    call(mount, Ask::one(UNARY, &text("hi"))).await.code() == Some(0)
}

/// Waits until nothing listens there any more.
async fn closed(address: SocketAddr) {
    let closed = async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    soon(closed).await;
}

/// The names that reflection lists.
async fn listed(mount: &Mount) -> String {
    let ask = Ask::bytes(
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        [Bytes::from_static(b"\0\0\0\0\x02\x3a\0")],
    );
    let answer = call(mount, ask).await;
    assert_eq!(answer.code(), Some(0), "{answer:?}");
    String::from_utf8_lossy(&answer.body).into_owned()
}

/// What `grpc.health.v1` says: a status, or the code of its error.
async fn health(mount: &Mount, service: &str) -> Result<u8, i32> {
    let length = u8::try_from(service.len()).unwrap();
    let message = [&[0, 0, 0, 0, length + 2, 10, length], service.as_bytes()].concat();
    let answer = call(mount, Ask::bytes("/grpc.health.v1.Health/Check", [message])).await;
    match answer.code() {
        Some(0) => Ok(*answer.body.last().unwrap()),
        code => Err(code.unwrap()),
    }
}
