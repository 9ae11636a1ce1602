//! What ends a body where trailers stand in it, and what comes behind that.

use std::sync::Arc;

use bytes::Bytes;
use descant_handlers::UpstreamProtocol;
use h2::Reason;
use http::Response;
use tokio::sync::Notify;

use super::{
    caller, calling,
    http1::heads,
    proxy,
    script::{before_with, retrying},
    upstream::{Asked, upstream},
};
use crate::support::{Ask, FAIL, SERVER, UNARY, envelope, soon};

const WEB: UpstreamProtocol = UpstreamProtocol::GrpcWeb;
const CONNECT: UpstreamProtocol = UpstreamProtocol::Connect;

fn kind(protocol: UpstreamProtocol) -> &'static str {
    match protocol {
        UpstreamProtocol::GrpcWeb => "application/grpc-web+proto",
        _ => "application/connect+proto",
    }
}

/// What ends a body with this code.
pub(super) fn end(protocol: UpstreamProtocol, code: i32) -> Bytes {
    match (protocol, code) {
        (UpstreamProtocol::GrpcWeb, code) => envelope(0x80, format!("grpc-status: {code}\r\n").as_bytes()),
        (_, 0) => envelope(2, b"{}"),
        (_, 5) => envelope(2, br#"{"error":{"code":"not_found"}}"#),
        _ => envelope(2, br#"{"error":{"code":"unavailable"}}"#),
    }
}

/// An answer over HTTP/1.1 of which the last chunk is missing.
pub(super) fn cut_off(protocol: UpstreamProtocol, body: &[u8]) -> &'static [u8] {
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {}\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n",
        kind(protocol),
        body.len()
    );
    [head.as_bytes(), body, b"\r\n"].concat().leak()
}

#[tokio::test]
async fn a_reset_behind_the_end_changes_nothing() {
    for (protocol, code, reason) in [
        (WEB, 0, Reason::NO_ERROR),
        (WEB, 5, Reason::CANCEL),
        (CONNECT, 0, Reason::INTERNAL_ERROR),
        (CONNECT, 5, Reason::NO_ERROR),
    ] {
        let came = Arc::new(Notify::new());
        let resets = Arc::clone(&came);
        let upstream = upstream(move |mut asked: Asked| {
            let resets = Arc::clone(&resets);
            async move {
                let head = Response::builder().header("content-type", kind(protocol));
                let mut stream = asked.respond.send_response(head.body(()).unwrap(), false).unwrap();
                let body = [envelope(0, b""), end(protocol, code)].concat();
                stream.send_data(body.into(), false).unwrap();
                resets.notified().await;
                stream.send_reset(reason);
            }
        })
        .await;
        let front = calling((protocol, false), upstream.address).await;
        let peer = front.connect().await;
        let mut open = peer.open(Ask::bytes(SERVER, [Bytes::new()])).await;
        open.body.send_data(envelope(0, b""), true).unwrap();
        let (_body, mut replies) = open.head().await;
        assert_eq!(soon(replies.data()).await.unwrap().unwrap(), envelope(0, b""));
        came.notify_one();
        let trailers = soon(replies.trailers()).await.unwrap().unwrap();
        assert_eq!(trailers["grpc-status"], code.to_string(), "{protocol:?} {trailers:?}");
    }
}

#[tokio::test]
async fn a_connection_that_is_lost_behind_the_end_changes_nothing() {
    for (protocol, path) in [(WEB, UNARY), (WEB, SERVER), (CONNECT, SERVER)] {
        for code in [0, 5] {
            let body = [envelope(0, b""), end(protocol, code)].concat();
            let (address, _) = heads(cut_off(protocol, &body)).await;
            let front = calling((protocol, true), address).await;
            let answer = soon(front.connect().await.send(Ask::empty(path))).await;
            assert_eq!(answer.code(), Some(code), "{protocol:?} {path} {answer:?}");
        }
    }
}

/// `Unary` may run twice, of `Fail` nothing is said: it is what the upstream says that decides, as if all had come.
#[tokio::test]
async fn what_was_said_before_a_connection_was_lost_decides_about_another_attempt() {
    for (protocol, path, code, calls) in [
        (WEB, UNARY, 5, 1),
        (WEB, FAIL, 14, 3),
        (CONNECT, SERVER, 5, 1),
        (CONNECT, SERVER, 14, 3),
    ] {
        let (address, heads) = heads(cut_off(protocol, &end(protocol, code))).await;
        let mut options = retrying(3);
        (options.protocol, options.http1) = (protocol, true);
        let front = before_with(address, options).await;
        let answer = soon(front.connect().await.send(Ask::empty(path))).await;
        let calls_made = heads.lock().unwrap().len();
        assert_eq!(
            (answer.code(), calls_made),
            (Some(code), calls),
            "{protocol:?} {path} {answer:?}"
        );
    }
}

/// Whatever `message_bytes` says: the limit of a message is none of what ends a reply, and a body has one end.
#[tokio::test]
async fn what_ends_a_body_is_no_message() {
    let details = "A".repeat(700);
    let status = format!("grpc-status: 5\r\ngrpc-status-details-bin: {details}\r\n");
    let error = format!(r#"{{"error":{{"code":"not_found","message":"{details}"}}}}"#);
    let huge = vec![b' '; 300 << 10];
    for (protocol, paths, flag, end) in [
        (WEB, &[UNARY, SERVER][..], 0x80, status.as_bytes()),
        (CONNECT, &[SERVER], 2, error.as_bytes()),
    ] {
        for (body, code) in [
            (envelope(flag, end), 5),
            ([envelope(0, b"\x0a\x02hi"), envelope(flag, end)].concat().into(), 5),
            ([envelope(flag, end), envelope(0, &huge[..700])].concat().into(), 13),
            (envelope(0, &huge[..700]), 8),
            (envelope(flag, &huge), 8),
        ] {
            for path in paths {
                let answer = body.clone();
                let upstream = upstream(move |mut asked: Asked| {
                    let body = answer.clone();
                    async move {
                        let head = Response::builder().header("content-type", kind(protocol));
                        let mut stream = asked.respond.send_response(head.body(()).unwrap(), false).unwrap();
                        let _ = stream.send_data(body, true);
                    }
                })
                .await;
                let url = format!("http://{}", upstream.address);
                let front = proxy(caller((protocol, false), &url).message_bytes(512)).await;
                let answer = soon(front.connect().await.send(Ask::empty(path))).await;
                assert_eq!(answer.code(), Some(code), "{protocol:?} {path} {answer:?}");
            }
        }
    }
}
