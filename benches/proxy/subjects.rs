//! What is measured. `forward` is the forwarder that one writes first, `forward-deferred` the same with one write after each
//! poll, `descant` its whole pipeline with a proxy at its end.

use std::{env, future::pending, net::SocketAddr};

use descant::{Gateway, Schema, Server};
use descant_handlers::Proxy;
use tokio::net::TcpListener;

use crate::{
    forward::Forward,
    peers,
    subject::{self, Subject, announce},
    upstream,
};

/// The name of what they all pass calls on to.
pub(crate) const UPSTREAM: &str = "upstream";
/// Says where that is.
const ADDRESS: &str = "DESCANT_BENCH_UPSTREAM";
/// The reference of the ratios first.
const OWN: [&str; 3] = ["forward", "forward-deferred", "descant"];

/// Starts everyone who is there, before this upstream.
pub(crate) fn start(upstream: SocketAddr) -> (Vec<&'static str>, Vec<Subject>) {
    let own = OWN.map(|name| {
        let variables = [(ADDRESS, upstream.to_string())];
        (name, Subject::start_with(name, &variables))
    });
    own.into_iter().chain(peers::start(upstream)).unzip()
}

/// Serves for ever as `name`, after its address was printed.
pub(crate) fn serve(name: &str) {
    if name == UPSTREAM {
        return subject::serve_on(0, upstream::serve());
    }
    let upstream = env::var(ADDRESS).expect("the upstream is named");
    subject::serve(async {
        match name {
            "forward" => forward(&upstream, false).await,
            "forward-deferred" => forward(&upstream, true).await,
            "descant" => descant(&upstream).await,
            other => panic!("{other} is no subject"),
        }
    });
}

async fn forward(upstream: &str, deferred: bool) {
    let forward = Forward::to(upstream.parse().unwrap(), deferred).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    announce(listener.local_addr().unwrap());
    loop {
        let (socket, _) = listener.accept().await.unwrap();
        socket.set_nodelay(true).unwrap();
        tokio::spawn(forward.clone().serve(socket));
    }
}

async fn descant(upstream: &str) {
    let flow = concat!(env!("CARGO_MANIFEST_DIR"), "/proxy/flow.proto");
    let schema = Schema::builder().path(flow).build().unwrap();
    let proxy = Proxy::to(&format!("http://{upstream}")).unwrap();
    let gateway = Gateway::builder(schema).route("*", proxy).build().unwrap();
    let server = Server::builder(gateway).listen("127.0.0.1:0").bind().await.unwrap();
    announce(server.addresses()[0]);
    server.serve(pending::<()>()).await.unwrap();
}
