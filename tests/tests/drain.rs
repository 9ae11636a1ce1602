//! A graceful stop: nothing new, what is in flight may finish, and not for ever.

use std::time::{Duration, Instant};

use descant::Gateway;
use descant_handlers::{Code, Health};
use descant_tests::wire::{GOAWAY, HEADERS};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::sleep,
};

use crate::support::{
    Ask, BIDI, Open, Peer, Running, SERVER, UNARY, WAIT, eventually, framed, raw::Raw, serve, serve_gateway, soon, text,
};

#[tokio::test]
async fn an_idle_server_stops_at_once() {
    let mut server = serve(|_| {}).await;
    let idle = server.connect().await;
    assert_eq!(idle.send(Ask::one(UNARY, &text("hi"))).await.code(), Some(0));
    let began = Instant::now();
    server.stop();
    server.stopped().await;
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    soon(idle.connection).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_call_in_flight_finishes() {
    let mut server = serve(|_| {}).await;
    let address = server.address;
    let peer = server.connect().await;
    let mut open = peer.open(Ask::bytes(BIDI, [&b""[..]])).await;
    open.push(framed(&text("before")));
    let (mut body, mut answers) = open.head().await;
    server.stop();
    sleep(Duration::from_millis(100)).await;
    assert!(TcpStream::connect(address).await.is_err(), "nothing new is accepted");
    body.send_data(framed(&text("after")), true).unwrap();
    let mut count = 0;
    while let Some(data) = soon(answers.data()).await {
        count += data.unwrap().len();
    }
    assert_eq!(count, framed(&text("before")).len() + framed(&text("after")).len());
    assert_eq!(answers.trailers().await.unwrap().unwrap()["grpc-status"], "0");
    server.stopped().await;
}

/// Calls of every kind that no server would end by itself.
struct Endless {
    peer: Peer,
    begun: Open,
    waiting: Open,
    rest: TcpStream,
}

impl Endless {
    async fn on(server: &Running) -> Self {
        let peer = server.connect().await;
        let mut begun = peer.open(Ask::bytes(BIDI, [&b""[..]])).await;
        begun.push(framed(&text("first")));
        let mut waiting = peer.open(Ask::empty(WAIT)).await;
        waiting.body.send_data(vec![0; 5].into(), true).unwrap();
        let mut rest = TcpStream::connect(server.address).await.unwrap();
        let head = format!(
            "POST {WAIT} HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{{}}"
        );
        rest.write_all(head.as_bytes()).await.unwrap();
        sleep(Duration::from_millis(50)).await;
        Self {
            peer,
            begun,
            waiting,
            rest,
        }
    }

    /// Each is told that it ends, and why.
    async fn are_told(mut self, why: &str) {
        let waited = soon(self.waiting.answer()).await;
        assert_eq!(waited.code(), Some(Code::Unavailable.number()));
        assert!(waited.reason().contains(why), "{}", waited.reason());
        let begun = soon(self.begun.answer()).await;
        assert_eq!(
            (begun.envelopes().len(), begun.code()),
            (1, Some(Code::Unavailable.number()))
        );
        let mut said = String::new();
        soon(self.rest.read_to_string(&mut said)).await.unwrap();
        assert!(
            said.starts_with("HTTP/1.1 503 ") && said.contains("connection: close"),
            "{said}"
        );
        assert!(said.contains("\"unavailable\"") && said.contains(why), "{said}");
        soon(self.peer.connection).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn calls_that_never_end_are_told_after_the_grace() {
    let gateway = descant_tests::gateway(&Health::new());
    let mut server = serve_gateway(gateway.clone(), |limits| limits.grace = Duration::from_millis(300)).await;
    let endless = Endless::on(&server).await;
    let began = Instant::now();
    server.stop();
    server.stopped().await;
    let took = began.elapsed();
    assert!(
        (Duration::from_millis(290)..Duration::from_millis(1500)).contains(&took),
        "{took:?}"
    );
    endless.are_told("the server stops").await;
    counts(&gateway, "descant_connections_ended_total{reason=\"timeout\"} 2").await;
}

#[tokio::test]
async fn calls_on_an_old_connection_are_told_to_begin_anew() {
    let server = serve(|limits| {
        limits.age = Some(Duration::from_millis(300));
        limits.grace = Duration::from_millis(200);
    })
    .await;
    let endless = Endless::on(&server).await;
    endless.are_told("`limits.age`").await;
    // Others are served as before.
    let other = server.connect().await;
    assert_eq!(other.send(Ask::one(UNARY, &text("hi"))).await.code(), Some(0));
}

#[tokio::test]
async fn a_reader_that_takes_nothing_does_not_hold_up_the_stop() {
    let gateway = descant_tests::gateway(&Health::new());
    let mut server = serve_gateway(gateway.clone(), |limits| limits.grace = Duration::from_millis(100)).await;
    let peer = server.connect().await;
    let mut much = text("much");
    (much.size, much.count) = (10_000, 100_000);
    let mut open = peer.open(Ask::bytes(SERVER, [&b""[..]])).await;
    open.body.send_data(framed(&much), true).unwrap();
    let _unread = open.head().await;
    let began = Instant::now();
    server.stop();
    server.stopped().await;
    assert!(began.elapsed() < Duration::from_millis(1500), "{:?}", began.elapsed());
    // The caller has not left.
    let method = SERVER.trim_start_matches('/');
    let labels = format!("code=\"UNAVAILABLE\",method=\"{method}\",protocol=\"grpc\"");
    counts(&gateway, &format!("descant_grpc_requests_total{{{labels}}} 1")).await;
    counts(&gateway, "descant_connections_ended_total{reason=\"timeout\"} 1").await;
}

/// Waits until its metrics have this line.
async fn counts(gateway: &Gateway, line: &str) {
    eventually(|| {
        gateway
            .metrics()
            .unwrap()
            .to_text()
            .unwrap()
            .contains(&format!("{line}\n"))
    })
    .await;
}

#[tokio::test]
async fn peers_are_told_to_go_elsewhere() {
    let mut server = serve(|_| {}).await;
    let mut raw = Raw::connect(server.address).await;
    raw.call(UNARY).await;
    raw.next_of(&[HEADERS]).await.unwrap();
    server.stop();
    let goaway = raw.next_of(&[GOAWAY]).await.expect("a GOAWAY before the end");
    assert_eq!(goaway.payload[4..8], [0; 4], "NO_ERROR");
}

#[tokio::test]
async fn a_peer_that_acknowledges_nothing_does_not_hold_up_the_stop() {
    let mut server = serve(|limits| limits.grace = Duration::from_millis(500)).await;
    // It connects and never reads or answers again.
    let _deaf = Raw::connect(server.address).await;
    let _silent = TcpStream::connect(server.address).await.unwrap();
    sleep(Duration::from_millis(50)).await;
    let began = Instant::now();
    server.stop();
    server.stopped().await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}
