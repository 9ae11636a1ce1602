//! HTTP/1.1 on the port that speaks HTTP/2.

use std::time::Duration;

use crate::support::{Ask, BIDI, UNARY, framed, serve, text, text::Text};

#[tokio::test]
async fn both_versions_share_a_port() {
    let server = serve(|_| {}).await;
    let mut one = Text::connect(server.address).await;
    let two = server.connect().await;
    for _ in 0..3 {
        one.send("GET / HTTP/1.1\r\nhost: descant.test\r\n\r\n").await;
        let head = one.until("\r\n\r\n").await;
        assert!(head.starts_with("HTTP/1.1 4"), "{head}");
        let length = head.split("content-length: ").nth(1).unwrap();
        let length: usize = length.split("\r\n").next().unwrap().parse().unwrap();
        one.exactly(length).await;
        assert_eq!(two.send(Ask::one(UNARY, &text("hi"))).await.code(), Some(0));
    }
}

#[tokio::test]
async fn a_preface_in_pieces_is_still_one() {
    let server = serve(|_| {}).await;
    let mut slow = Text::connect(server.address).await;
    for piece in ["P", "RI", " * HTTP", "/2.0\r\n\r", "\nSM\r\n\r\n"] {
        slow.send(piece).await;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // SETTINGS of ours: type 4 after a length of three bytes.
    slow.send([0, 0, 0, 4, 0, 0, 0, 0, 0]).await;
    let mut first = [0; 4];
    tokio::io::AsyncReadExt::read_exact(&mut slow.0, &mut first)
        .await
        .unwrap();
    assert_eq!(first[3], 4);
}

#[tokio::test]
async fn grpc_is_told_that_it_needs_http_2() {
    let server = serve(|_| {}).await;
    let mut peer = Text::connect(server.address).await;
    let body = framed(&text("hi"));
    let head = format!(
        "POST {UNARY} HTTP/1.1\r\nhost: descant.test\r\ncontent-type: application/grpc\r\nte: trailers\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    peer.send([head.as_bytes(), &body].concat()).await;
    let said = String::from_utf8_lossy(&peer.rest().await).into_owned();
    assert!(said.starts_with("HTTP/1.1 505 ") && said.contains("HTTP/2"), "{said}");
}

#[tokio::test]
async fn conflicting_authorities_are_refused() {
    let server = serve(|_| {}).await;
    for (authority, host, refused) in [
        ("", "descant.test", false),
        ("http://descant.test", "descant.test", false),
        ("http://descant.test:80", "descant.test", false),
        ("http://descant.test", "other.test", true),
        ("", "descant.test\r\nhost: descant.test", true),
    ] {
        let mut peer = Text::connect(server.address).await;
        let fields =
            format!("host: {host}\r\ncontent-type: application/json\r\ncontent-length: 2\r\nconnection: close");
        peer.send(format!("POST {authority}{UNARY} HTTP/1.1\r\n{fields}\r\n\r\n{{}}"))
            .await;
        let said = String::from_utf8_lossy(&peer.rest().await).into_owned();
        assert!(
            said.starts_with(if refused { "HTTP/1.1 400 " } else { "HTTP/1.1 200 " }),
            "{said}"
        );
    }
}

#[tokio::test]
async fn a_connection_is_closed_once_its_server_drains() {
    let mut server = serve(|_| {}).await;
    let mut peer = Text::connect(server.address).await;
    peer.send("HEAD / HTTP/1.1\r\nhost: descant.test\r\n\r\n").await;
    peer.until("\r\n\r\n").await;
    server.stop();
    assert_eq!(peer.rest().await, b"");
    server.stopped().await;
}

/// What is said to these bytes, up to the end of the connection.
async fn said(bytes: String) -> String {
    let server = serve(|_| {}).await;
    let mut peer = Text::connect(server.address).await;
    peer.send(bytes).await;
    String::from_utf8_lossy(&peer.rest().await).into_owned()
}

#[tokio::test]
async fn conflicting_authorities_are_refused_whatever_is_asked_for() {
    for (target, content_type) in [
        (UNARY, "application/json"),
        (UNARY, "application/grpc-web"),
        (UNARY, "application/grpc-web-text"),
        (BIDI, "application/connect+json"),
        ("/nothing/here", "application/json"),
        ("/nothing.Here/Either", "application/grpc-web"),
        ("/", "text/plain"),
    ] {
        let answer = said(format!(
            "POST http://other.test{target} HTTP/1.1\r\nhost: descant.test\r\ncontent-type: {content_type}\r\n\
             content-length: 0\r\nconnection: close\r\n\r\n"
        ))
        .await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{target} {content_type}: {answer}");
    }
}

#[tokio::test]
async fn a_host_is_a_host() {
    for (host, status) in [
        ("descant.test:80", 200),
        ("[::1]:80", 200),
        ("", 200),
        ("a b", 400),
        ("a/b", 400),
        ("user@a", 400),
        ("a:b", 400),
        ("a, b", 400),
    ] {
        let answer = said(format!(
            "POST {UNARY} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\
             connection: close\r\n\r\n{{}}"
        ))
        .await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{host}: {answer}");
    }
}

#[tokio::test]
async fn nothing_is_connected_to() {
    let answer =
        said("CONNECT descant.test:80 HTTP/1.1\r\nhost: descant.test\r\nconnection: close\r\n\r\n".into()).await;
    assert!(answer.starts_with("HTTP/1.1 501 "), "{answer}");
}

#[tokio::test]
async fn broken_chunks_are_the_fault_of_the_request() {
    for (target, content_type, says) in [
        (UNARY, "application/json", "invalid_argument"),
        (UNARY, "application/grpc-web", "grpc-status: 3"),
        (BIDI, "application/connect+json", "invalid_argument"),
    ] {
        let answer = said(format!(
            "POST {target} HTTP/1.1\r\nhost: descant.test\r\ncontent-type: {content_type}\r\n\
             transfer-encoding: chunked\r\n\r\nx\r\n"
        ))
        .await;
        assert!(
            answer.contains(says) && answer.contains("a chunk has no size"),
            "{content_type}: {answer}"
        );
    }
}

#[tokio::test]
async fn who_waits_for_leave_to_send_is_refused_at_once() {
    // Leave was given first, only for the body to be thrown away.
    let answer = said(format!(
        "POST {UNARY} HTTP/1.1\r\nhost: descant.test\r\ncontent-type: application/json\r\nexpect: 100-continue\r\n\
         connect-timeout-ms: soon\r\ncontent-length: 2\r\n\r\n"
    ))
    .await;
    assert!(
        answer.starts_with("HTTP/1.1 400 ") && answer.contains("connection: close"),
        "{answer}"
    );
}
