//! Connections of HTTP/1.1 that are kept, and closed under the next call. RFC 9112, section 9.3.1; RFC 9110, section 9.2.2.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use descant_handlers::{
    Proxy, UpstreamProtocol,
    proxy::{Balance, ProxyOptions},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::{Way, calling, http1::EMPTY, proxy};
use crate::support::{Ask, FAIL, Peer, UNARY, envelope};

const CONNECT: Way = (UpstreamProtocol::Connect, true);
const WEB: Way = (UpstreamProtocol::GrpcWeb, true);
/// An empty message as gRPC-Web answers.
pub(super) const EMPTY_WEB: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: application/grpc-web+proto\r\ncontent-length: 26\r\n\r\n\0\0\0\0\0\x80\0\0\0\
    \x10grpc-status: 0\r\n";

/// How a connection ends.
#[derive(Clone, Copy, Debug)]
enum End {
    /// Once another request was read.
    Read,
    /// Once there is another one, which is not read: that resets the connection.
    Unread,
    /// At once.
    Now,
}

/// An upstream of which each connection answers so many requests, the last number holding for all others, and then ends.
struct Upstream {
    address: SocketAddr,
    /// The first lines of all requests that were read.
    seen: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
}

impl Upstream {
    async fn new(answer: &'static [u8], answers: &'static [usize], end: End) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let upstream = Self {
            address: listener.local_addr().unwrap(),
            seen: Arc::default(),
            connections: Arc::default(),
        };
        let (seen, connections) = (Arc::clone(&upstream.seen), Arc::clone(&upstream.connections));
        tokio::spawn(async move {
            let mut answers = answers.iter().peekable();
            while let Ok((mut socket, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::SeqCst);
                let most = **answers.peek().unwrap();
                if answers.len() > 1 {
                    answers.next();
                }
                let seen = Arc::clone(&seen);
                tokio::spawn(async move {
                    for _ in 0..most {
                        let Some(line) = read(&mut socket).await else { return };
                        seen.lock().unwrap().push(line);
                        socket.write_all(answer).await.unwrap();
                    }
                    match end {
                        End::Read => {
                            let line = read(&mut socket).await;
                            seen.lock().unwrap().extend(line);
                        }
                        End::Unread => {
                            let _ = socket.peek(&mut [0]).await;
                        }
                        End::Now => {}
                    }
                });
            }
        });
        upstream
    }

    fn seen(&self) -> usize {
        self.seen.lock().unwrap().len()
    }
}

/// The first line of a request, once all of it came.
async fn read(socket: &mut TcpStream) -> Option<String> {
    let mut came = Vec::new();
    loop {
        if socket.read_buf(&mut came).await.ok()? == 0 {
            return None;
        }
        let text = String::from_utf8_lossy(&came);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
            return head.lines().next().map(str::to_owned);
        }
    }
}

async fn code(peer: &Peer, path: &str) -> Option<i32> {
    peer.send(Ask::empty(path)).await.code()
}

#[tokio::test]
async fn a_call_that_may_run_twice_is_sent_again() {
    for (way, answer) in [(CONNECT, EMPTY), (WEB, EMPTY_WEB)] {
        for (end, seen) in [(End::Read, 3), (End::Unread, 2)] {
            let upstream = Upstream::new(answer, &[1], end).await;
            let front = calling(way, upstream.address).await;
            let peer = front.connect().await;
            for _ in 0..2 {
                assert_eq!(code(&peer, UNARY).await, Some(0), "{way:?} {end:?}");
            }
            assert_eq!(upstream.seen(), seen, "{way:?} {end:?}");
        }
    }
}

#[tokio::test]
async fn so_is_one_by_get() {
    let upstream = Upstream::new(EMPTY, &[1], End::Read).await;
    let mut options = ProxyOptions::default();
    options.protocol = UpstreamProtocol::Connect;
    options.http1 = true;
    options.connect_get = true;
    let front = proxy(
        Proxy::to(&format!("http://{}", upstream.address))
            .unwrap()
            .options(options),
    )
    .await;
    let peer = front.connect().await;
    for _ in 0..2 {
        assert_eq!(code(&peer, UNARY).await, Some(0));
    }
    let seen = upstream.seen.lock().unwrap().clone();
    assert_eq!(seen.len(), 3);
    assert!(seen.iter().all(|line| line.starts_with("GET ")), "{seen:?}");
}

#[tokio::test]
async fn another_call_is_not() {
    for end in [End::Read, End::Unread] {
        let upstream = Upstream::new(EMPTY, &[1], end).await;
        let front = calling(CONNECT, upstream.address).await;
        let peer = front.connect().await;
        assert_eq!(code(&peer, FAIL).await, Some(0));
        let answer = peer.send(Ask::empty(FAIL)).await;
        assert_eq!(answer.code(), Some(14), "{answer:?}");
        assert!(answer.reason().contains("is lost: "), "{answer:?}");
        let seen = if matches!(end, End::Read) { 2 } else { 1 };
        assert_eq!(upstream.seen(), seen, "{end:?}");
    }
}

#[tokio::test]
async fn it_is_sent_again_once_and_not_if_a_new_connection_closes() {
    let upstream = Upstream::new(EMPTY, &[1, 0], End::Read).await;
    let front = calling(CONNECT, upstream.address).await;
    let peer = front.connect().await;
    for (expected, seen) in [(0, 1), (14, 3), (14, 4)] {
        assert_eq!(code(&peer, UNARY).await, Some(expected));
        assert_eq!(upstream.seen(), seen);
    }
}

#[tokio::test]
async fn connections_may_close_whenever_they_like() {
    let upstream = Upstream::new(EMPTY, &[1], End::Now).await;
    let front = calling(CONNECT, upstream.address).await;
    let peer = front.connect().await;
    for _ in 0..300 {
        assert_eq!(code(&peer, UNARY).await, Some(0));
    }
    assert_eq!(upstream.seen(), 300);
}

#[tokio::test]
async fn where_the_address_is_gone_another_is_called() {
    let staying = Upstream::new(EMPTY, &[usize::MAX], End::Now).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let going = listener.local_addr().unwrap();
    let gone = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        drop(listener);
        let _ = read(&mut socket).await;
        socket.write_all(EMPTY).await.unwrap();
    });
    let mut options = ProxyOptions::default();
    options.protocol = UpstreamProtocol::Connect;
    options.http1 = true;
    options.balance = Balance::RoundRobin;
    let to = [staying.address, going].map(|address| format!("http://{address}"));
    let front = proxy(Proxy::to_each(to).unwrap().options(options)).await;
    let peer = front.connect().await;
    for call in 0..20 {
        // One that may not run twice, too: the connection is known to be closed.
        assert_eq!(code(&peer, FAIL).await, Some(0), "{call}");
    }
    assert!(gone.is_finished());
}

/// What is sent again has not failed; what is not has.
#[tokio::test]
async fn a_server_that_hangs_up_on_calls_is_ejected_for_those_that_fail() {
    for (path, is_ejected) in [(FAIL, true), (UNARY, false)] {
        let ill = Upstream::new(EMPTY, &[1], End::Read).await;
        let well = Upstream::new(EMPTY, &[usize::MAX], End::Now).await;
        let mut options = ProxyOptions::default();
        options.protocol = UpstreamProtocol::Connect;
        options.http1 = true;
        options.balance = Balance::RoundRobin;
        options.outlier.as_mut().unwrap().consecutive = 1;
        let to = [ill.address, well.address].map(|address| format!("http://{address}"));
        let to = Proxy::to_each(to).unwrap().options(options);
        let front = proxy(to.clone()).await;
        let peer = front.connect().await;
        for _ in 0..8 {
            code(&peer, path).await;
        }
        assert_eq!(to.statistics().ejections > 0, is_ejected, "{path}");
    }
}

#[tokio::test]
async fn a_call_that_cannot_be_sent_costs_no_connection() {
    let upstream = Upstream::new(EMPTY, &[usize::MAX], End::Now).await;
    let front = calling(CONNECT, upstream.address).await;
    let peer = front.connect().await;
    for _ in 0..5 {
        assert_eq!(code(&peer, FAIL).await, Some(0));
        let wrong = Ask::bytes(FAIL, [envelope(1, b"no gzip")]).header("grpc-encoding", "gzip");
        assert_eq!(peer.send(wrong).await.code(), Some(13));
    }
    assert_eq!((upstream.seen(), upstream.connections.load(Ordering::SeqCst)), (5, 1));
}
