//! Upstreams that are called over HTTP/1.1.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use descant_handlers::{Handler, Proxy, UpstreamProtocol, proxy::ProxyOptions, tls::ClientTls};
use descant_tests::messages::Answer as Answered;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::{caller, calling, proxy, tls::upstream as secure};
use crate::support::{Ask, BIDI, SERVER, UNARY, WAIT, certificates::Authority, envelope, serve, soon, text};

pub(super) const CONNECT: (UpstreamProtocol, bool) = (UpstreamProtocol::Connect, true);
const WEB: (UpstreamProtocol, bool) = (UpstreamProtocol::GrpcWeb, true);
const REST: (UpstreamProtocol, bool) = (UpstreamProtocol::Rest, true);
/// An empty message as Connect answers.
pub(super) const EMPTY: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/proto\r\ncontent-length: 0\r\n\r\n";

/// Passes connections on to an upstream, and counts them.
async fn counted(upstream: SocketAddr) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let count = Arc::<AtomicUsize>::default();
    let counting = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            counting.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                let mut onward = TcpStream::connect(upstream).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut socket, &mut onward).await;
            });
        }
    });
    (address, count)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_several_threads_a_call_makes_one_connection_too() {
    let server = serve(|_| {}).await;
    for _ in 0..20 {
        let (upstream, connections) = counted(server.address).await;
        let front = calling(CONNECT, upstream).await;
        let answer = soon(front.connect().await.send(Ask::one(UNARY, &text("hi")))).await;
        assert_eq!(answer.code(), Some(0), "{answer:?}");
        assert_eq!(connections.load(Ordering::SeqCst), 1);
    }
}

/// An upstream that answers the first request of each connection with these bytes, and hangs up.
pub(super) async fn once(answer: &'static [u8]) -> SocketAddr {
    heads(answer).await.0
}

/// The same, which keeps the heads of the requests.
pub(super) async fn heads(answer: &'static [u8]) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let heads = Arc::<Mutex<Vec<String>>>::default();
    let kept = Arc::clone(&heads);
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let kept = Arc::clone(&kept);
            tokio::spawn(async move {
                let mut came = Vec::new();
                while !came.windows(4).any(|end| end == b"\r\n\r\n") {
                    match socket.read_buf(&mut came).await {
                        Ok(0) | Err(_) => return,
                        Ok(_) => {}
                    }
                }
                kept.lock().unwrap().push(String::from_utf8_lossy(&came).into_owned());
                let _ = socket.write_all(answer).await;
            });
        }
    });
    (address, heads)
}

#[tokio::test]
async fn calls_in_turn_share_a_connection_and_others_have_their_own() {
    let upstream = serve(|_| {}).await;
    for way in [CONNECT, WEB, REST] {
        let (address, count) = counted(upstream.address).await;
        let front = calling(way, address).await;
        let peer = front.connect().await;
        for path in [UNARY, SERVER, BIDI, UNARY] {
            let answer = peer.send(Ask::one(path, &text("hi"))).await;
            assert_eq!(answer.code(), Some(0), "{answer:?}");
        }
        // A message without bytes, which Connect has no envelope for.
        for _ in 0..2 {
            assert_eq!(peer.send(Ask::empty(UNARY)).await.code(), Some(0));
        }
        assert_eq!(count.load(Ordering::SeqCst), 1, "{way:?}");
        let waiting = [peer.open(Ask::empty(WAIT)).await, peer.open(Ask::empty(WAIT)).await];
        assert_eq!(peer.send(Ask::one(UNARY, &text("hi"))).await.code(), Some(0));
        assert!(count.load(Ordering::SeqCst) <= 3 + waiting.len(), "{way:?}");
    }
}

#[tokio::test]
async fn a_call_that_is_given_up_takes_its_connection_with_it() {
    let upstream = serve(|_| {}).await;
    let front = calling(WEB, upstream.address).await;
    let behind = upstream.connect().await;
    let before = behind.given_up().await;
    let ask = Ask::empty(WAIT).header("grpc-timeout", "100m");
    assert_eq!(front.connect().await.send(ask).await.code(), Some(4));
    behind.expect_given_up(before).await;
}

#[tokio::test]
async fn of_few_connections_calls_take_turns() {
    let upstream = serve(|_| {}).await;
    let mut options = ProxyOptions::default();
    options.protocol = UpstreamProtocol::Connect;
    options.http1 = true;
    options.connections = Some(2);
    let (address, count) = counted(upstream.address).await;
    let front = proxy(Proxy::to(&format!("http://{address}")).unwrap().options(options)).await;
    let peer = front.connect().await;
    let mut open = Vec::new();
    for _ in 0..20 {
        open.push(peer.open(Ask::one(UNARY, &text("hi"))).await);
    }
    for call in open {
        assert_eq!(soon(call.finish()).await.code(), Some(0));
    }
    assert!(count.load(Ordering::SeqCst) <= 2);
}

#[tokio::test]
async fn an_upstream_may_close_a_connection_after_each_call() {
    let front = calling(CONNECT, once(EMPTY).await).await;
    let peer = front.connect().await;
    for _ in 0..5 {
        let answer = peer.send(Ask::empty(UNARY)).await;
        assert_eq!(answer.code(), Some(0), "{answer:?}");
        // So that the end of the connection has come.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn broken_answers_are_told() {
    let web = b"HTTP/1.1 200 OK\r\ncontent-type: application/grpc-web+proto\r\ncontent-length: 5\r\n\r\n\0\0\0\0\0";
    for (way, answer, code, why) in [
        (CONNECT, &b"SSH-2.0-OpenSSH_9.6\r\n"[..], 14, "it speaks SSH"),
        (CONNECT, b"220 mail.example ESMTP\r\n", 13, "is broken: "),
        (CONNECT, b"\x15\x03\x01\0\x02\x02\x0a", 14, "it speaks TLS"),
        (CONNECT, b"\0\0\x06\x04\0\0\0\0\0", 14, "it answers in HTTP/2"),
        (CONNECT, b"", 14, "is lost: "),
        (
            CONNECT,
            b"HTTP/1.1 200 OK\r\ncontent-type: application/proto\r\ncontent-length: 9\r\n\r\n\x0a",
            14,
            "is lost: error reading a body from connection",
        ),
        (
            CONNECT,
            b"HTTP/1.1 502 Bad Gateway\r\ncontent-type: text/html\r\ncontent-length: 4\r\n\r\noops",
            14,
            "HTTP 502 Bad Gateway and content type text/html, not as Connect does",
        ),
        (
            CONNECT,
            b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/html\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\noops",
            14,
            "HTTP 503 Service Unavailable and content type text/html, not as Connect does",
        ),
        (
            WEB,
            b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n",
            12,
            "HTTP 404 Not Found and no content type, not as gRPC-Web does",
        ),
        (WEB, web, 13, "does not say how the call went"),
        (
            CONNECT,
            b"HTTP/1.1 403 Forbidden\r\ncontent-type: application/json\r\ncontent-length: 300\r\n\r\n{\"code\":",
            7,
            "HTTP 403 Forbidden",
        ),
        (
            WEB,
            b"HTTP/1.1 403 Forbidden\r\ngrpc-status: 16\r\ngrpc-message: token expired\r\ncontent-length: 6\r\n\r\ndenied",
            16,
            "token expired",
        ),
    ] {
        let front = calling(way, once(answer).await).await;
        let told = front.connect().await.send(Ask::empty(UNARY)).await;
        assert_eq!(told.code(), Some(code), "{told:?}");
        assert!(told.reason().contains(why), "{told:?}");
    }
}

#[tokio::test]
async fn an_error_of_connect_is_a_status() {
    let answer = b"HTTP/1.1 404 Not Found\r\ncontent-type: application/json\r\nnote: a\r\ntrailer-late: b\r\ncontent-length: \
        83\r\n\r\n{\"code\":\"not_found\",\"message\":\"gone\",\"details\":[{\"type\":\"a.B\",\"value\":\"AQID\"}]}    ";
    let front = calling(CONNECT, once(answer).await).await;
    let told = front.connect().await.send(Ask::empty(UNARY)).await;
    assert_eq!((told.code(), told.reason()), (Some(5), "gone"), "{told:?}");
    assert_eq!((told.last("note"), told.last("late")), (Some("a"), Some("b")));
}

/// In trailers of gRPC there is no room for all that a body may say.
#[tokio::test]
async fn a_long_error_of_a_body_is_cut_for_trailers() {
    let message = "x".repeat(40_000);
    for (way, body) in [
        (CONNECT, format!(r#"{{"code":"aborted","message":"{message}"}}"#)),
        (REST, format!(r#"{{"code":10,"message":"{message}"}}"#)),
    ] {
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 409 Conflict\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        let front = calling(way, once(answer.leak().as_bytes()).await).await;
        let told = front.connect().await.send(Ask::empty(UNARY)).await;
        assert_eq!(told.code(), Some(10), "{told:?}");
        let reason = told.reason();
        assert!(reason.ends_with("x...") && reason.len() < 4000, "{}", reason.len());
    }
}

/// The caller gets another body.
#[tokio::test]
async fn what_a_reply_says_of_its_body_stays_behind() {
    let answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-digest: sha-256=:AA==:\r\n\
        repr-digest: sha-256=:AA==:\r\naccept-ranges: bytes\r\nnote: a\r\ncontent-length: 2\r\n\r\n{}";
    let front = calling(REST, once(answer).await).await;
    let told = front.connect().await.send(Ask::empty(UNARY)).await;
    assert_eq!((told.code(), &told.headers["note"]), (Some(0), &"a".parse().unwrap()));
    for name in ["content-digest", "repr-digest", "accept-ranges"] {
        assert!(!told.headers.contains_key(name), "{told:?}");
    }
}

#[tokio::test]
async fn tls_is_spoken_with_http1_inside() {
    let authority = Authority::new();
    let upstream = secure(&authority.issue("127.0.0.1")).await;
    for way in [CONNECT, WEB, REST] {
        let tls = ClientTls::new().ca(authority.pem.clone());
        let to = caller(way, &format!("https://{}", upstream.address)).tls(tls).unwrap();
        let answer = proxy(to).await.connect().await.send(Ask::one(UNARY, &text("hi"))).await;
        assert_eq!(answer.message::<Answered>().text, "hi");
    }
}

#[tokio::test]
async fn a_message_may_be_as_large_as_it_may_be() {
    let upstream = serve(|_| {}).await;
    for way in [CONNECT, WEB, (UpstreamProtocol::Connect, false)] {
        let to = caller(way, &format!("http://{}", upstream.address)).message_bytes(100);
        let front = proxy(to).await;
        let peer = front.connect().await;
        let fits = peer.send(Ask::one(UNARY, &text(&"x".repeat(90)))).await;
        assert_eq!(fits.code(), Some(0), "{fits:?}");
        let large = peer.send(Ask::one(UNARY, &text(&"x".repeat(100)))).await;
        assert_eq!(large.code(), Some(8), "{large:?}");
        assert!(
            large
                .reason()
                .contains("larger than the limit of 100 bytes (`message_bytes`)"),
            "{large:?}"
        );
    }
}

#[test]
fn grpc_has_no_room_there() {
    let grpc = Proxy::to("http://127.0.0.1:1").unwrap().http1();
    assert_eq!(
        grpc.check(&[]).unwrap_err(),
        "speaks gRPC over HTTP/1.1, which has no room for its trailers; choose gRPC-Web or Connect, or HTTP/2"
    );
    assert!(grpc.protocol(UpstreamProtocol::GrpcWeb).check(&[]).is_ok());
}

#[tokio::test]
async fn an_upstream_of_http1_alone_is_told_as_one() {
    let front = calling((UpstreamProtocol::Connect, false), once(EMPTY).await).await;
    let told = front.connect().await.send(Ask::bytes(UNARY, [envelope(0, b"")])).await;
    assert_eq!(told.code(), Some(14), "{told:?}");
}

#[tokio::test]
async fn what_is_for_the_connection_stays_there() {
    for (way, answer) in [
        (
            CONNECT,
            &b"HTTP/1.1 200 OK\r\ncontent-type: application/proto\r\nconnection: close, X-Hop\r\nx-hop: 1\r\n\
            proxy-authenticate: Basic\r\nnote: a\r\ncontent-length: 0\r\n\r\n"[..],
        ),
        (
            REST,
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: X-Hop\r\nx-hop: 1\r\n\
            proxy-authenticate: Basic\r\nnote: a\r\ncontent-length: 2\r\n\r\n{}",
        ),
    ] {
        let front = calling(way, once(answer).await).await;
        let answer = front.connect().await.send(Ask::empty(UNARY)).await;
        assert_eq!(answer.code(), Some(0), "{answer:?}");
        assert_eq!(answer.headers["note"], "a");
        for name in ["x-hop", "proxy-authenticate", "connection"] {
            assert!(!answer.headers.contains_key(name), "{answer:?}");
        }
    }
}

#[tokio::test]
async fn a_head_or_trailers_that_are_too_large_fail_their_call() {
    const STREAM: (UpstreamProtocol, bool) = CONNECT;
    let note = "x".repeat(20_000);
    let respond = |kind: &str, fields: &str, body: &[u8]| {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/{kind}\r\n{fields}");
        let length = format!("content-length: {}\r\n\r\n", body.len());
        [head.as_bytes(), length.as_bytes(), body].concat()
    };
    let in_head = format!("note: {note}\r\n");
    let end = |flag, end: String| [&envelope(0, b"")[..], &envelope(flag, end.as_bytes())].concat();
    let lines = end(0x80, format!("grpc-status: 0\r\nnote: {note}\r\n"));
    let json = end(2, format!(r#"{{"metadata":{{"note":["{note}"]}}}}"#));
    let mut chunked =
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"
            .to_vec();
    // More than it is on the wire: each field counts for 32 bytes more.
    chunked.extend_from_slice(format!("note: {}\r\n", "x".repeat(50)).repeat(199).as_bytes());
    chunked.extend_from_slice(b"\r\n");
    for (way, path, answer) in [
        (CONNECT, UNARY, respond("proto", &in_head, b"")),
        (
            WEB,
            UNARY,
            respond("grpc-web+proto", &in_head, &end(0x80, "grpc-status: 0\r\n".to_owned())),
        ),
        (REST, UNARY, respond("json", &in_head, b"{}")),
        (WEB, UNARY, respond("grpc-web+proto", "", &lines)),
        (STREAM, SERVER, respond("connect+proto", "", &json)),
        (REST, SERVER, chunked),
    ] {
        let front = calling(way, once(answer.leak()).await).await;
        let told = soon(front.connect().await.send(Ask::empty(path))).await;
        assert_eq!(told.code(), Some(13), "{way:?} {path}: {told:?}");
        let reason = "is broken: its head or its trailers are larger than 16 KiB";
        assert!(told.reason().ends_with(reason), "{way:?} {path}: {told:?}");
    }
}
