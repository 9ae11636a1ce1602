//! What an upstream says of a call that failed, in fields that gRPC alone has.

use descant_handlers::UpstreamProtocol;

use super::{
    before, calling,
    script::{Scripted, retrying},
    upstream::{Asked, trailers},
};
use crate::support::{Answer, Ask, FAIL, Running, SERVER, UNARY, envelope};

const DETAILS: &str = "grpc-status-details-bin";
const PUSHBACK: &str = "grpc-retry-pushback-ms";
/// `google.rpc.Status` with code 5 and the message "gone", and without details.
const BARE: &str = "CAUSBGdvbmU";
/// With a detail of no type, a field that nobody knows, and padding, which Descant would not write.
const RICH: &str = "CAUSBGdvbmUaAFoBeA==";
/// No protobuf at all.
const FOREIGN: &str = "/////w";

/// An upstream that fails each call with this field: that of `FAIL` in trailers alone, of others behind a body.
async fn saying(name: &'static str, value: &'static str) -> Scripted {
    Scripted::start(move |_, mut asked: Asked| async move {
        if asked.request.uri().path() == FAIL {
            return asked.refuse("5", &[(name, value)]);
        }
        let mut last = trailers("5");
        last.insert("grpc-message", "not now".parse().unwrap());
        last.insert(name, value.parse().unwrap());
        let mut body = asked.begin();
        body.send_data(envelope(0, b""), false).unwrap();
        body.send_trailers(last).unwrap();
    })
    .await
}

/// Descant before it, and Descant before that by gRPC and by gRPC-Web.
async fn fronts(upstream: &Scripted) -> [Running; 3] {
    let one = before(upstream.upstream.address).await;
    let web = calling((UpstreamProtocol::GrpcWeb, true), one.address).await;
    let grpc = before(web.address).await;
    [one, web, grpc]
}

fn of_type(path: &str, content_type: &'static str, body: impl Into<bytes::Bytes>) -> Ask {
    Ask::bytes(path, [body.into()])
        .without("te")
        .without("content-type")
        .header("content-type", content_type)
}

/// A field of trailers that stand in the last envelope of a body, or in the head.
fn in_web<'a>(answer: &'a Answer, envelopes: &'a [(u8, bytes::Bytes)], name: &str) -> Option<&'a str> {
    let in_head = || answer.headers.get(name)?.to_str().ok();
    let Some((0x80, lines)) = envelopes.last() else {
        return in_head();
    };
    let mut lines = std::str::from_utf8(lines).unwrap().lines();
    lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

/// Whatever is between, a caller by gRPC or gRPC-Web gets this field as it is.
async fn goes_through(name: &'static str, value: &'static str) {
    let upstream = saying(name, value).await;
    let fronts = fronts(&upstream).await;
    for front in &fronts {
        let peer = front.connect().await;
        for path in [FAIL, UNARY, SERVER] {
            let answer = peer.send(Ask::empty(path)).await;
            assert_eq!((answer.code(), answer.reason()), (Some(5), "not now"), "{answer:?}");
            assert_eq!(answer.last(name), Some(value), "{path} {answer:?}");
            let answer = peer.send(of_type(path, "application/grpc-web", envelope(0, b""))).await;
            let envelopes = answer.envelopes();
            assert_eq!(in_web(&answer, &envelopes, name), Some(value), "{path} {answer:?}");
            assert_eq!(in_web(&answer, &envelopes, "grpc-message"), Some("not now"));
        }
    }
}

#[tokio::test]
async fn details_go_on_as_they_came() {
    for details in [BARE, RICH, FOREIGN, ""] {
        goes_through(DETAILS, details).await;
    }
}

#[tokio::test]
async fn details_that_nobody_can_read_change_nothing_else() {
    let upstream = saying(DETAILS, FOREIGN).await;
    let front = before(upstream.upstream.address).await;
    let answer = front
        .connect()
        .await
        .send(of_type(FAIL, "application/json", "{}"))
        .await;
    let error: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(error, serde_json::json!({"code": "not_found", "message": "not now"}));
}

#[tokio::test]
async fn callers_are_told_when_to_try_again() {
    for pushback in ["1500", "-1", "later"] {
        goes_through(PUSHBACK, pushback).await;
    }
    // It is gRPC's, and no metadata.
    let upstream = saying(PUSHBACK, "1500").await;
    let front = before(upstream.upstream.address).await;
    for path in [FAIL, UNARY] {
        let ask = of_type(path, "application/json", "{}");
        let answer = front.connect().await.send(ask).await;
        let names = answer.headers.keys().map(http::HeaderName::as_str);
        assert_eq!(answer.status.as_u16(), 404);
        assert!(!names.into_iter().any(|name| name.contains("pushback")), "{answer:?}");
    }
}

/// That of another attempt has been heeded.
#[tokio::test]
async fn callers_are_told_what_came_with_their_own_failure() {
    let upstream = Scripted::start(|call, mut asked: Asked| async move {
        match call {
            0 => asked.refuse("14", &[(PUSHBACK, "1")]),
            1 => asked.refuse("14", &[(PUSHBACK, "2")]),
            _ => asked.refuse("14", &[]),
        }
    })
    .await;
    let front = upstream.before(retrying(2)).await;
    let peer = front.connect().await;
    for pushback in [Some("2"), None] {
        let answer = peer.send(Ask::empty(FAIL)).await;
        assert_eq!(
            (answer.code(), answer.last(PUSHBACK)),
            (Some(14), pushback),
            "{answer:?}"
        );
    }
}

/// Whoever speaks HTTP alone may say it too, and is heeded.
#[tokio::test]
async fn what_is_heeded_is_told() {
    for protocol in [
        UpstreamProtocol::Grpc,
        UpstreamProtocol::Connect,
        UpstreamProtocol::Rest,
    ] {
        let upstream = Scripted::start(|_, mut asked: Asked| async move {
            let head = http::Response::builder().status(503).header(PUSHBACK, "1500");
            asked.respond.send_response(head.body(()).unwrap(), true).unwrap();
        })
        .await;
        let front = calling((protocol, false), upstream.upstream.address).await;
        let answer = front.connect().await.send(Ask::empty(UNARY)).await;
        let told = (answer.code(), answer.last(PUSHBACK));
        assert_eq!(told, (Some(14), Some("1500")), "{protocol:?} {answer:?}");
    }
}
