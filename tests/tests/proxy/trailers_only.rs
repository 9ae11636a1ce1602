//! Replies whose one head has both the trailers of the call and what is said of the response. gRPC over HTTP/2, "Trailers-Only".

use std::time::{Duration, Instant};

use descant_tests::wire::{DATA, END_HEADERS, HEADERS, RST_STREAM, block, head};
use http::Response;
use serde_json::json;

use super::{
    before,
    upstream::{Asked, Upstream, trailers, upstream},
};
use crate::support::{Answer, Ask, BIDI, SERVER, UNARY, envelope, raw::Raw};

const ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// An upstream that says how each call went, and much of its response.
async fn talkative(code: &'static str) -> Upstream {
    upstream(move |mut asked: Asked| async move {
        let head = Response::builder()
            .header("content-type", "application/grpc")
            .header("grpc-status", code)
            .header("note", "a")
            .header("vary", "origin")
            .header("date", "Sun, 06 Nov 1994 08:49:37 GMT")
            .header("server", "other/1")
            .header("access-control-allow-origin", "https://other")
            .header("x-request-id", ID);
        asked.respond.send_response(head.body(()).unwrap(), true).unwrap();
    })
    .await
}

async fn told(code: &'static str, ask: Ask) -> Answer {
    let upstream = talkative(code).await;
    before(upstream.address).await.connect().await.send(ask).await
}

fn of_type(path: &str, content_type: &'static str, body: impl Into<bytes::Bytes>) -> Ask {
    Ask::bytes(path, [body.into()])
        .without("te")
        .without("content-type")
        .header("content-type", content_type)
}

fn said(answer: &Answer) -> Vec<&str> {
    let names = answer.headers.keys().map(http::HeaderName::as_str);
    names.filter(|name| name.starts_with("trailer-")).collect()
}

/// A call is not made again that has begun: gRFC A6.
#[tokio::test]
async fn a_head_before_an_error_stays_one() {
    let upstream = upstream(|mut asked: Asked| async move {
        let head = Response::builder().header("content-type", "application/grpc");
        let mut stream = asked.respond.send_response(head.body(()).unwrap(), false).unwrap();
        if asked.request.headers().contains_key("first") {
            stream.send_data(envelope(0, b""), false).unwrap();
        }
        stream.send_trailers(trailers("14")).unwrap();
    })
    .await;
    let front = before(upstream.address).await;
    let peer = front.connect().await;
    for ask in [Ask::empty(UNARY), Ask::empty(UNARY).header("first", "a message")] {
        let answer = peer.send(ask).await;
        let end = answer.trailers.as_ref().unwrap();
        assert_eq!(
            (&end["grpc-status"], answer.headers.get("grpc-status")),
            (&"14".parse().unwrap(), None)
        );
        assert_eq!(answer.body, "");
    }
    // An error of the gateway's own has nothing before it.
    let own = peer.send(Ask::empty("/descant.suite.v1.Shapes/Nope")).await;
    assert!(own.trailers.is_none() && own.code() == Some(12), "{own:?}");
}

#[tokio::test]
async fn grpc_has_all_of_it_in_its_head_again() {
    let answer = told("5", Ask::empty(UNARY)).await;
    assert_eq!(
        (answer.code(), &answer.headers["note"]),
        (Some(5), &"a".parse().unwrap())
    );
    assert_eq!(answer.headers["vary"], "origin");
    let ids: Vec<_> = answer.headers.get_all("x-request-id").iter().collect();
    assert_eq!(ids.len(), 1);
    assert_ne!(ids[0], ID);
}

#[tokio::test]
async fn a_number_that_grpc_does_not_define_is_told_where_there_are_numbers() {
    assert_eq!(told("77", Ask::empty(UNARY)).await.code(), Some(77));
    let web = told("77", of_type(UNARY, "application/grpc-web", envelope(0, b""))).await;
    let (_, lines) = web.envelopes().pop().unwrap();
    let lines = std::str::from_utf8(&lines).unwrap();
    assert!(lines.lines().any(|line| line == "grpc-status: 77"), "{lines}");
    let connect = told("77", of_type(UNARY, "application/json", "{}")).await;
    let error: serde_json::Value = serde_json::from_slice(&connect.body).unwrap();
    assert_eq!((connect.status.as_u16(), &error["code"]), (500, &json!("unknown")));
}

#[tokio::test]
async fn grpc_web_has_the_calls_own_behind_the_body() {
    for (path, code) in [(UNARY, "5"), (SERVER, "5"), (SERVER, "0")] {
        let answer = told(code, of_type(path, "application/grpc-web", envelope(0, b""))).await;
        let envelopes = answer.envelopes();
        let (flag, lines) = envelopes.last().unwrap();
        let mut lines: Vec<_> = std::str::from_utf8(lines).unwrap().lines().collect();
        lines.sort_unstable();
        let status = format!("grpc-status: {code}");
        assert_eq!((*flag, lines), (0x80, vec![&*status, "note: a"]), "{path}");
    }
}

#[tokio::test]
async fn connect_has_the_calls_own_where_its_trailers_are() {
    let answer = told("5", of_type(UNARY, "application/json", "{}")).await;
    assert_eq!((answer.status.as_u16(), said(&answer)), (404, vec!["trailer-note"]));
    for code in ["5", "0"] {
        let ask = of_type(SERVER, "application/connect+json", envelope(0, b"{}"));
        let answer = told(code, ask).await;
        let envelopes = answer.envelopes();
        let (_, end) = envelopes.last().unwrap();
        let end: serde_json::Value = serde_json::from_slice(end).unwrap();
        assert_eq!(end["metadata"], json!({"note": ["a"]}), "{end}");
    }
}

/// Some clients forget an answer with which a reset of its stream comes.
#[tokio::test]
async fn a_request_that_goes_on_is_reset_a_moment_after_the_answer() {
    let upstream = talkative("16").await;
    let front = before(upstream.address).await;
    for _ in 0..3 {
        let mut raw = Raw::connect(front.address).await;
        raw.send(HEADERS, END_HEADERS, 1, &block(&head(BIDI))).await;
        raw.send(DATA, 0, 1, &[0; 5]).await;
        assert_eq!(raw.next_of(&[HEADERS, RST_STREAM]).await.unwrap().kind, HEADERS);
        let answered = Instant::now();
        assert_eq!(raw.next_of(&[HEADERS, RST_STREAM]).await.unwrap().kind, RST_STREAM);
        assert!(
            answered.elapsed() > Duration::from_millis(20),
            "{:?}",
            answered.elapsed()
        );
    }
}
