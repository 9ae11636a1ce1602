//! Request targets that two parties could read differently are refused: routing, policy and logs see one string.

use descant_tests::wire::{END_HEADERS, END_STREAM, GOAWAY, HEADERS, RST_STREAM, block, head};
use http::StatusCode;

use crate::support::{
    Ask, UNARY,
    raw::{Raw, status},
    serve,
};

const AMBIGUOUS: &[&str] = &[
    "/descant.suite.v1.Shapes/./Unary",
    "/descant.suite.v1.Shapes/../descant.suite.v1.Shapes/Unary",
    "/./descant.suite.v1.Shapes/Unary",
    "/../descant.suite.v1.Shapes/Unary",
    "/descant.suite.v1.Shapes/Unary/.",
    "/descant.suite.v1.Shapes/Unary/..",
    "/descant.suite.v1.Shapes/%2e/Unary",
    "/descant.suite.v1.Shapes/%2E%2e/Unary",
    "/descant.suite.v1.Shapes/Unar%79",
    "/descant.suite.v1.Shapes%2fUnary",
    "/%64escant.suite.v1.Shapes/Unary",
    "/descant.suite.v1.Shapes/Unary%00",
    "/descant.suite.v1.Shapes/Unary%",
    "/descant.suite.v1.Shapes/Unary%4",
    "/descant.suite.v1.Shapes/Unary%zz",
    "/descant.suite.v1.Shapes\\Unary",
    "\\descant.suite.v1.Shapes\\Unary",
    "/descant.suite.v1.Shapes/Unary\\",
    "//descant.suite.v1.Shapes/Unary",
    "/descant.suite.v1.Shapes//Unary",
    "/descant.suite.v1.Shapes/Unary/",
    "descant.suite.v1.Shapes/Unary",
    "http://descant.test/descant.suite.v1.Shapes/Unary",
    "",
    "/descant.suite.v1.Shapes/Unary with blanks",
    "/descant.suite.v1.Shapes/Un\u{e4}ry",
];

/// What a server said to a call of `path`: a status, or that it reset the stream.
async fn said(path: &str) -> Result<Option<u16>, u8> {
    let server = serve(|_| {}).await;
    let mut raw = Raw::connect(server.address).await;
    raw.call(path).await;
    let frame = raw
        .next_of(&[HEADERS, RST_STREAM, GOAWAY])
        .await
        .expect("it closed without a word");
    match frame.kind {
        HEADERS => Ok(status(&frame.payload)),
        kind => Err(kind),
    }
}

#[tokio::test]
async fn the_harness_gets_an_answer_to_a_sound_call() {
    assert_eq!(said(UNARY).await, Ok(Some(200)));
}

#[tokio::test]
async fn ambiguous_paths_are_refused() {
    for path in AMBIGUOUS {
        // h2 itself resets what no `:path` may be at all; the rest is a bad request.
        let answer = said(path).await;
        assert!(
            matches!(answer, Ok(Some(400)) | Err(RST_STREAM)),
            "{path:?}: {answer:?}"
        );
    }
}

#[tokio::test]
async fn a_fragment_is_seen_by_nobody() {
    // The h2 crate cuts it off before anyone can look, so it is not refused; nor can it mislead: what is left is the one
    // string that everything here sees.
    assert_eq!(said(&format!("{UNARY}#part")).await, Ok(Some(200)));
    assert_eq!(
        said("/descant.suite.v1.Shapes#/Unary").await,
        said("/descant.suite.v1.Shapes").await
    );
}

#[tokio::test]
async fn a_query_has_no_place_in_a_call() {
    // It is part of the target that is looked up, so it is no method's path.
    let server = serve(|_| {}).await;
    let answer = server.connect().await.send(Ask::empty(&format!("{UNARY}?x=1"))).await;
    assert_ne!(answer.code(), Some(0), "{answer:?}");
}

#[tokio::test]
async fn host_and_authority_have_to_agree() {
    let server = serve(|_| {}).await;
    let peer = server.connect().await;
    for (hosts, wanted) in [
        (&["descant.test"][..], StatusCode::OK),
        (&["DESCANT.test"], StatusCode::OK),
        (&["other.test"], StatusCode::BAD_REQUEST),
        (&["descant.test:80"], StatusCode::OK),
        (&["descant.test:81"], StatusCode::BAD_REQUEST),
        (&["descant.test", "descant.test"], StatusCode::BAD_REQUEST),
        (&["descant.test", "other.test"], StatusCode::BAD_REQUEST),
    ] {
        let ask = hosts
            .iter()
            .fold(Ask::empty(UNARY), |ask, host| ask.header("host", host));
        assert_eq!(peer.send(ask).await.status, wanted, "{hosts:?}");
    }
}

#[tokio::test]
async fn pseudo_headers_come_once_and_first() {
    let sound = head(UNARY);
    let twice: Vec<_> = [sound.clone(), vec![(":path", UNARY)]].concat();
    let last: Vec<_> = sound.iter().rev().copied().collect();
    let missing: Vec<_> = sound.iter().filter(|(name, _)| *name != ":path").copied().collect();
    let upper: Vec<_> = [sound.clone(), vec![("Note", "x")]].concat();
    let hop: Vec<_> = [sound.clone(), vec![("connection", "close")]].concat();
    for fields in [twice, last, missing, upper, hop] {
        let server = serve(|_| {}).await;
        let mut raw = Raw::connect(server.address).await;
        raw.send(HEADERS, END_HEADERS | END_STREAM, 1, &block(&fields)).await;
        let frame = raw.next_of(&[HEADERS, RST_STREAM, GOAWAY]).await.unwrap();
        assert!(
            frame.kind != HEADERS || status(&frame.payload) == Some(400),
            "{fields:?}: {frame:?}"
        );
    }
}

#[tokio::test]
async fn host_and_authority_have_to_agree_in_every_protocol() {
    let server = serve(|_| {}).await;
    let peer = server.connect().await;
    for (path, content_type) in [
        (UNARY, "application/grpc"),
        ("/no.Such/Method", "application/grpc"),
        (UNARY, "application/grpc-web"),
        (UNARY, "application/connect+proto"),
        (UNARY, "application/proto"),
        ("/nothing", "text/plain"),
    ] {
        let ask = Ask::empty(path)
            .without("content-type")
            .header("content-type", content_type)
            .header("host", "other.test");
        let answer = peer.send(ask).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path} {content_type}");
    }
}

#[tokio::test]
async fn a_target_is_of_http_and_of_nobody() {
    let change = |name: &'static str, value: &'static str| {
        let mut fields = head(UNARY);
        for field in &mut fields {
            if field.0 == name {
                field.1 = value;
            }
        }
        fields
    };
    for fields in [
        change(":authority", "user@descant.test"),
        change(":authority", "descant.test:http"),
        change(":scheme", "ftp"),
    ] {
        let server = serve(|_| {}).await;
        let mut raw = Raw::connect(server.address).await;
        raw.send(HEADERS, END_HEADERS | END_STREAM, 1, &block(&fields)).await;
        let frame = raw.next_of(&[HEADERS, RST_STREAM, GOAWAY]).await.unwrap();
        assert_eq!(status(&frame.payload), Some(400), "{fields:?}: {frame:?}");
    }
}
