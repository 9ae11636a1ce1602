//! Toward upstreams that are told JSON.

use descant::{Config, Gateway};
use descant_handlers::{Proxy, UpstreamCodec, UpstreamProtocol, proxy::ProxyOptions};

use super::{ECHO, GROW, Node, TALK, nest, schema, too_deep, wire};
use crate::support::{Answer, Ask, Running, envelope, framed, serve_gateway};

/// A front that tells this upstream JSON of no more levels.
async fn front(protocol: UpstreamProtocol, http1: bool, upstream: &Running, depth: u32) -> Running {
    let mut options = ProxyOptions::default();
    (options.protocol, options.http1) = (protocol, http1);
    (options.codec, options.depth) = (UpstreamCodec::Json, depth);
    let proxy = Proxy::to(&format!("http://{}", upstream.address))
        .unwrap()
        .options(options);
    let gateway = Gateway::builder(schema()).route("*", proxy).build();
    serve_gateway(gateway.unwrap(), |_| {}).await
}

fn ask(path: &str, levels: i32) -> Ask {
    Ask::bytes(path, [envelope(0, &wire(levels))])
}

fn grow(levels: i32) -> Ask {
    Ask::bytes(GROW, [framed(&Node { levels })])
}

#[track_caller]
fn refused(answer: &Answer, depth: u32) {
    assert_eq!(answer.code(), Some(13), "{answer:?}");
    assert!(answer.reason().contains(&too_deep(depth)), "{answer:?}");
}

#[tokio::test]
async fn requests_and_replies() {
    let upstream = nest(100).await;
    for (protocol, http1) in [
        (UpstreamProtocol::Grpc, false),
        (UpstreamProtocol::GrpcWeb, false),
        (UpstreamProtocol::Connect, false),
        (UpstreamProtocol::Connect, true),
    ] {
        let front = front(protocol, http1, &upstream, 5).await;
        let peer = front.connect().await;
        for path in [ECHO, TALK] {
            let answer = peer.send(ask(path, 5)).await;
            assert_eq!(answer.code(), Some(0), "{answer:?}");
            assert_eq!(answer.envelopes(), [(0, wire(5).into())]);
            refused(&peer.send(ask(path, 6)).await, 5);
        }
        let answer = peer.send(grow(5)).await;
        assert_eq!(answer.envelopes(), [(0, wire(5).into())]);
        let answer = peer.send(grow(6)).await;
        refused(&answer, 5);
        let why = "the upstream sent JSON that is no depth.v1.Node: child.child.child.child.child: ";
        assert!(answer.reason().starts_with(why), "{answer:?}");
    }
}

#[tokio::test]
async fn a_file_says_it_for_both_sides() {
    let upstream = nest(100).await;
    for (limits, depth) in [("{ depth: 5 }", 5), ("{ depth: 99 }", 99), ("{}", 100)] {
        let text = format!(
            "routes: [{{ match: '*', proxy: {{ url: 'http://{}', protocol: connect, codec: json }} }}]\nlimits: {limits}\n",
            upstream.address
        );
        let config = Config::builder().text("descant.yaml", text).build().unwrap();
        assert_eq!(config.limits().depth, depth);
        let gateway = config.gateway(schema()).unwrap().build().unwrap();
        let front = serve_gateway(gateway, |limits| *limits = config.limits()).await;
        let (peer, levels) = (front.connect().await, i32::try_from(depth).unwrap());
        assert_eq!(peer.send(ask(ECHO, levels)).await.code(), Some(0));
        refused(&peer.send(ask(ECHO, levels + 1)).await, depth);
    }
}
