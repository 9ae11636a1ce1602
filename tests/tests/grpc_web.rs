//! gRPC-Web: gRPC for peers without trailers. gRPC core, `doc/PROTOCOL-WEB.md`.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use bytes::Bytes;
use descant_handlers::Code;
use descant_tests::messages::{Answer as Reply, Failure};
use http::StatusCode;
use prost::Message as _;

use crate::support::{Answer, Ask, BIDI, FAIL, SERVER, UNARY, WAIT, envelope, framed, serve, text};

const BINARY: &str = "application/grpc-web";
const TEXT: &str = "application/grpc-web-text";

async fn ask(ask: Ask) -> Answer {
    let server = serve(|_| {}).await;
    server.connect().await.send(ask).await
}

fn web<B: Into<Bytes>>(path: &str, content_type: &str, body: impl IntoIterator<Item = B>) -> Ask {
    Ask::bytes(path, body)
        .without("te")
        .without("content-type")
        .header("content-type", content_type)
}

/// The messages and the trailers of a body.
fn parts(answer: &Answer) -> (Vec<Bytes>, BTreeMap<String, String>) {
    assert!(answer.trailers.is_none(), "HTTP trailers: {answer:?}");
    let mut envelopes = answer.envelopes();
    let (flag, trailers) = envelopes.pop().unwrap();
    assert_eq!(flag, 0x80, "the last envelope holds the trailers: {answer:?}");
    let trailers = String::from_utf8(trailers.to_vec()).unwrap();
    let lines = trailers.split_terminator("\r\n").map(|line| {
        let (name, value) = line.split_once(": ").unwrap();
        (name.to_owned(), value.to_owned())
    });
    let messages = envelopes.into_iter().map(|(flag, message)| {
        assert_eq!(flag, 0);
        message
    });
    (messages.collect(), lines.collect())
}

/// The body that groups of base64 stand for, each padded by itself.
fn untext(mut answer: Answer) -> Answer {
    let mut bytes = Vec::new();
    for group in answer.body.chunks(4) {
        bytes.extend(BASE64.decode(group).unwrap());
    }
    answer.body = bytes.into();
    answer
}

#[tokio::test]
async fn trailers_end_the_body() {
    let answer = ask(web(UNARY, BINARY, [framed(&text("hi"))]).header("echo-a", "1")).await;
    assert_eq!(
        (answer.status, &answer.headers["content-type"]),
        (StatusCode::OK, &BINARY.parse().unwrap())
    );
    assert_eq!(answer.headers["echo-a"], "1");
    let (messages, trailers) = parts(&answer);
    assert_eq!(Reply::decode(messages[0].clone()).unwrap().text, "hi");
    assert_eq!(
        (trailers["grpc-status"].as_str(), trailers["late-echo-a"].as_str()),
        ("0", "1")
    );
}

#[tokio::test]
async fn streams_flow_both_ways() {
    let asked = descant_tests::messages::Ask {
        count: 3,
        ..text("again")
    };
    let answer = ask(web(SERVER, "application/grpc-web+proto", [framed(&asked)])).await;
    assert_eq!(answer.headers["content-type"], "application/grpc-web+proto");
    assert_eq!(parts(&answer).0.len(), 3);
    let answer = ask(web(BIDI, BINARY, [framed(&text("a")), framed(&text("b"))])).await;
    assert_eq!(parts(&answer).0.len(), 2);
}

#[tokio::test]
async fn text_is_base64_both_ways() {
    let asked = descant_tests::messages::Ask {
        count: 2,
        ..text("again")
    };
    let body = BASE64.encode(framed(&asked));
    // Cut and padded where the client likes.
    let pieces = [&framed(&asked)[..7], &framed(&asked)[7..]].map(|piece| BASE64.encode(piece));
    for body in [vec![body], pieces.to_vec()] {
        let answer = ask(web(SERVER, TEXT, body).header("accept", TEXT)).await;
        assert_eq!(answer.headers["content-type"], TEXT);
        let (messages, trailers) = parts(&untext(answer));
        assert_eq!((messages.len(), trailers["grpc-status"].as_str()), (2, "0"));
    }
}

#[tokio::test]
async fn accept_says_how_the_reply_is_written() {
    let binary = ask(web(UNARY, TEXT, [BASE64.encode(framed(&text("hi")))]).header("accept", BINARY)).await;
    assert_eq!(binary.headers["content-type"], BINARY);
    assert_eq!(parts(&binary).0.len(), 1);
    let text = ask(web(UNARY, BINARY, [framed(&text("hi"))]).header("accept", TEXT)).await;
    assert_eq!(text.headers["content-type"], TEXT);
    assert_eq!(parts(&untext(text)).0.len(), 1);
}

#[tokio::test]
async fn what_is_no_base64_is_refused() {
    let answer = ask(web(UNARY, TEXT, ["?!"])).await;
    let (_, trailers) = parts(&untext(answer));
    assert_eq!(trailers["grpc-status"], Code::InvalidArgument.number().to_string());
}

#[tokio::test]
async fn errors_stand_where_browsers_find_them() {
    let failure = Failure {
        code: Code::NotFound.number(),
        message: "100 % grün".into(),
        details: vec![prost_types::Any::default()],
    };
    let answer = ask(web(FAIL, BINARY, [framed(&failure)])).await;
    assert_eq!(answer.status, StatusCode::OK);
    let (messages, trailers) = parts(&answer);
    assert!(messages.is_empty());
    assert_eq!(trailers["grpc-status"], "5");
    assert_eq!(trailers["grpc-message"], "100 %25 gr%C3%BCn");
    assert!(trailers.contains_key("grpc-status-details-bin"));
    // Heads that are wrong too: a browser's client looks into no answer but 200.
    for wrong in [
        web(UNARY, BINARY, [framed(&text("hi"))]).header("grpc-timeout", "soon"),
        web("/no.Such/Method", BINARY, [framed(&text("hi"))]),
        web(UNARY, BINARY, [framed(&text("hi"))]).header("grpc-encoding", "rot13"),
        web(UNARY, BINARY, [""]),
    ] {
        let answer = ask(wrong).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        assert_ne!(parts(&answer).1["grpc-status"], "0");
    }
}

#[tokio::test]
async fn deadlines_hold() {
    let answer = ask(web(WAIT, BINARY, [envelope(0, b"")]).header("grpc-timeout", "20m")).await;
    assert_eq!(parts(&answer).1["grpc-status"], "4");
}

#[tokio::test]
async fn messages_may_be_json() {
    let json = envelope(0, br#"{"text": "hi", "size": 2}"#);
    for (content_type, http2_trailers) in [("application/grpc-web+json", false), ("application/grpc+json", true)] {
        let answer = ask(web(UNARY, content_type, [json.clone()])).await;
        assert_eq!(answer.headers["content-type"], content_type);
        let message = if http2_trailers {
            assert_eq!(answer.code(), Some(0));
            answer.envelopes()[0].1.clone()
        } else {
            parts(&answer).0[0].clone()
        };
        assert_eq!(&message[..], br#"{"text":"hi","padding":"eHg="}"#);
    }
    let answer = ask(web(UNARY, "application/grpc+json", [envelope(0, br#"{"txt": 1}"#)])).await;
    assert_eq!(answer.code(), Some(Code::InvalidArgument.number()));
    assert!(answer.reason().contains("txt"), "{answer:?}");
}

#[tokio::test]
async fn the_text_form_has_two_names() {
    const LONG: &str = "application/grpc-web-text-base64";
    let answer = ask(web(UNARY, LONG, [BASE64.encode(framed(&text("hi")))])).await;
    assert_eq!(answer.headers["content-type"], LONG);
    assert_eq!(parts(&untext(answer)).0.len(), 1);
    let answer = ask(web(UNARY, BINARY, [framed(&text("hi"))]).header("accept", LONG)).await;
    assert_eq!(answer.headers["content-type"], LONG);
}
