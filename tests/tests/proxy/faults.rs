//! Upstreams that fail, and what the caller is told. gRPC over HTTP/2, "Errors"; gRPC core, `doc/http-grpc-status-mapping.md`.

use bytes::Bytes;
use descant_handlers::Proxy;
use h2::{Reason, server::Builder};
use http::{HeaderMap, Response, StatusCode};
use tokio::net::TcpListener;

use super::{
    before, proxy,
    upstream::{Asked, babbler, trailers, upstream, upstream_with},
};
use crate::support::{Answer, Ask, BIDI, SERVER, UNARY, envelope, serve, soon, text};

async fn told<F, Fut>(path: &str, answer: F) -> Answer
where
    F: Fn(Asked) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let upstream = upstream(answer).await;
    let front = before(upstream.address).await;
    front.connect().await.send(Ask::empty(path)).await
}

#[tokio::test]
async fn each_reset_has_its_status() {
    let codes = [13, 13, 13, 13, 13, 13, 13, 14, 1, 13, 13, 8, 7, 13];
    for (number, code) in (0_u32..).zip(codes) {
        for begun in [false, true] {
            let answer = told(SERVER, move |mut asked| async move {
                if begun {
                    let mut stream = asked.begin();
                    stream.send_data(envelope(0, b""), false).unwrap();
                    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                    stream.send_reset(Reason::from(number));
                } else {
                    asked.respond.send_reset(Reason::from(number));
                }
            })
            .await;
            assert_eq!(answer.code(), Some(code), "{number} {begun} {answer:?}");
            let within = if begun { " within its reply" } else { "" };
            let told = format!("the upstream reset the call{within}: ");
            assert!(answer.reason().starts_with(&told), "{answer:?}");
            assert_eq!(answer.envelopes().len(), usize::from(begun));
        }
    }
}

#[tokio::test]
async fn http_errors_have_a_status_and_are_named() {
    for (status, code) in [
        (400, 13),
        (401, 16),
        (403, 7),
        (404, 12),
        (429, 14),
        (502, 14),
        (503, 14),
        (500, 2),
        (200, 2),
    ] {
        let answer = told(UNARY, move |mut asked| async move {
            let head = Response::builder()
                .status(StatusCode::from_u16(status).unwrap())
                .header("content-type", "text/html");
            let mut stream = asked.respond.send_response(head.body(()).unwrap(), false).unwrap();
            stream
                .send_data(Bytes::from_static(b"<h1>Bad Gateway</h1>"), true)
                .unwrap();
        })
        .await;
        assert_eq!(answer.code(), Some(code), "{answer:?}");
        let reason = answer.reason();
        assert!(
            reason.contains(&status.to_string()) && reason.contains("text/html"),
            "{reason}"
        );
    }
}

#[tokio::test]
async fn broken_replies_are_told() {
    for (path, body, code, reason) in [
        (UNARY, &b""[..], 12, "none, where one message is due"),
        (UNARY, b"\0\0\0\0\0\0\0\0\0\0", 12, "several, where one message is due"),
        (UNARY, b"\x01\0\0\0\0", 13, "compressed"),
        (SERVER, b"\x80\0\0\0\0", 13, "the flag 128"),
        (SERVER, b"\0\0\0\0\x02h", 13, "1 of 2 bytes came"),
        (SERVER, b"\0\0", 13, "within the five bytes"),
        (UNARY, b"\0\x7f\0\0\0", 8, "larger than the limit"),
    ] {
        let answer = told(path, move |mut asked| async move { asked.answer(body, "0") }).await;
        assert_eq!(answer.code(), Some(code), "{answer:?}");
        assert!(answer.reason().contains(reason), "{answer:?}");
    }
}

#[tokio::test]
async fn a_failure_is_a_failure_whatever_came_before() {
    for body in [&b""[..], b"\0\0\0\0\0", b"\0\0"] {
        let answer = told(UNARY, move |mut asked| async move { asked.answer(body, "5") }).await;
        assert_eq!(answer.code(), Some(5), "{answer:?}");
    }
}

#[tokio::test]
async fn missing_trailers_are_told() {
    let bare = |mut asked: Asked| async move {
        asked.begin().send_data(envelope(0, b""), true).unwrap();
    };
    let answer = told(UNARY, bare).await;
    assert_eq!(answer.code(), Some(13), "{answer:?}");
    assert!(answer.reason().contains("without trailers"), "{answer:?}");
    let without = |mut asked: Asked| async move {
        let mut stream = asked.begin();
        stream.send_data(envelope(0, b""), false).unwrap();
        stream
            .send_trailers([("note".parse().unwrap(), "a".parse().unwrap())].into_iter().collect())
            .unwrap();
    };
    let answer = told(UNARY, without).await;
    assert_eq!(answer.code(), Some(2), "{answer:?}");
}

#[tokio::test]
async fn a_status_in_the_head_is_enough() {
    let answer = told(UNARY, |mut asked| async move {
        let head = Response::builder()
            .header("content-type", "application/grpc")
            .header("grpc-status", "7")
            .header("grpc-message", "not%20you")
            .header("note", "a");
        asked.respond.send_response(head.body(()).unwrap(), true).unwrap();
    })
    .await;
    assert_eq!(
        (answer.code(), answer.reason(), answer.last("note")),
        (Some(7), "not you", Some("a"))
    );
}

#[tokio::test]
async fn metadata_before_a_failure_stays_before_it() {
    for path in [UNARY, SERVER, BIDI] {
        let answer = told(path, |mut asked| async move {
            let head = Response::builder()
                .header("content-type", "application/grpc")
                .header("note", "early");
            let mut stream = asked.respond.send_response(head.body(()).unwrap(), false).unwrap();
            let mut end = trailers("5");
            end.insert("note", "late".parse().unwrap());
            stream.send_trailers(end).unwrap();
        })
        .await;
        let notes = |headers: &HeaderMap| {
            let notes = headers.get_all("note").iter();
            notes.map(|note| note.to_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(answer.code(), Some(5), "{path}: {answer:?}");
        assert_eq!(
            (notes(&answer.headers), notes(answer.trailers.as_ref().unwrap())),
            (vec!["early".to_owned()], vec!["late".to_owned()]),
            "{path}"
        );
    }
}

#[tokio::test]
async fn what_does_not_speak_http2_is_unavailable() {
    for words in [
        &b""[..],
        b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n",
        b"\x15\x03\x01\0\x02\x02\x0a",
    ] {
        let front = before(babbler(words).await).await;
        let answer = front.connect().await.send(Ask::empty(UNARY)).await;
        assert_eq!(answer.code(), Some(14), "{answer:?}");
        assert!(
            answer.reason().starts_with("cannot connect to http://127.0.0.1:"),
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn an_upstream_that_is_down_is_unavailable_and_found_once_it_is_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let front = before(address).await;
    let peer = front.connect().await;
    let answer = peer.send(Ask::empty(UNARY)).await;
    assert_eq!(answer.code(), Some(14));
    let expected = format!("cannot connect to http://{address}: ");
    assert!(answer.reason().starts_with(&expected), "{answer:?}");
    let gateway = descant_tests::gateway(&descant_handlers::Health::new());
    let server = descant::Server::builder(gateway)
        .listen(address.to_string())
        .bind()
        .await
        .unwrap();
    let _served = tokio::spawn(server.serve(std::future::pending::<()>()));
    let found = async {
        while peer.send(Ask::empty(UNARY)).await.code() != Some(0) {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    soon(found).await;
}

#[tokio::test]
async fn a_connection_that_breaks_ends_its_calls_and_is_replaced() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    // The first connection is cut in the middle of a reply, those after it work.
    tokio::spawn(async move {
        let mut cut = true;
        while let Ok((socket, _)) = listener.accept().await {
            let mut connection = h2::server::handshake(socket).await.unwrap();
            let (request, respond) = connection.accept().await.unwrap().unwrap();
            let mut asked = Asked { request, respond };
            if cut {
                asked.begin().send_data(envelope(0, b""), false).unwrap();
                let served = async { while connection.accept().await.is_some() {} };
                let _ = tokio::time::timeout(std::time::Duration::from_millis(100), served).await;
            } else {
                tokio::spawn(async move { while connection.accept().await.is_some() {} });
                asked.answer(envelope(0, b""), "0");
            }
            cut = false;
        }
    });
    let front = before(address).await;
    let peer = front.connect().await;
    let answer = peer.send(Ask::empty(SERVER)).await;
    assert_eq!((answer.code(), answer.envelopes().len()), (Some(14), 1), "{answer:?}");
    assert!(answer.reason().starts_with("the connection to http://"), "{answer:?}");
    let answer = peer.send(Ask::empty(SERVER)).await;
    assert_eq!(answer.code(), Some(0), "{answer:?}");
}

#[tokio::test]
async fn a_goaway_lets_calls_end_and_sends_the_next_ones_elsewhere() {
    let upstream = upstream_with(Builder::new(), 1, |mut asked: Asked| async move {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        asked.answer(envelope(0, b""), "0");
    })
    .await;
    let front = before(upstream.address).await;
    let peer = front.connect().await;
    for number in 1..=3 {
        let answer = peer.send(Ask::empty(UNARY)).await;
        assert_eq!(answer.code(), Some(0), "{answer:?}");
        assert_eq!(upstream.connections(), number);
    }
}

#[tokio::test]
async fn a_request_that_breaks_is_told_in_its_own_words() {
    let upstream = serve(|_| {}).await;
    let front = before(upstream.address).await;
    let direct = upstream.connect().await.send(Ask::bytes(BIDI, [&b"\0\0\0"[..]])).await;
    let answer = front.connect().await.send(Ask::bytes(BIDI, [&b"\0\0\0"[..]])).await;
    assert_eq!(
        (answer.code(), answer.reason()),
        (direct.code(), direct.reason()),
        "{answer:?}"
    );
    assert_ne!(answer.code(), Some(0));
}

#[tokio::test]
async fn the_limit_of_a_message_can_be_set() {
    let upstream = serve(|_| {}).await;
    let small = Proxy::to(&format!("http://{}", upstream.address))
        .unwrap()
        .message_bytes(10);
    let front = proxy(small).await;
    let peer = front.connect().await;
    assert_eq!(peer.send(Ask::one(UNARY, &text("short"))).await.code(), Some(0));
    assert_eq!(
        peer.send(Ask::one(UNARY, &text("rather a long text"))).await.code(),
        Some(8)
    );
}
