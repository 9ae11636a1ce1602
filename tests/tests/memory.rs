//! What a server holds in all: `limits.memory`.

use std::time::Duration;

use bytes::Bytes;
use descant::{Gateway, Mount, Schema};
use descant_handlers::{Call, Health, Reply, from_fn};
use http::{Method, StatusCode};
use tokio::{io::AsyncReadExt, net::TcpStream};

use crate::support::{Ask, Peer, Running, UNARY, framed, serve_gateway, soon, text};

const LIMIT: usize = 1 << 20;
const BOOKSHOP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../src/demo/bookshop.binpb");
const GET_BOOK: &str = "/bookshop.v1.Catalog/GetBook";

/// A server of the suites that may hold [`LIMIT`].
async fn start() -> (Running, Gateway) {
    let gateway = descant_tests::gateway(&Health::new());
    let server = serve_gateway(gateway.clone(), |limits| limits.memory = LIMIT).await;
    (server, gateway)
}

fn metric(gateway: &Gateway, name: &str) -> usize {
    let text = gateway.metrics().unwrap().to_text().unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap().parse().unwrap()
}

fn held(gateway: &Gateway) -> usize {
    metric(gateway, "descant_memory_bytes")
}

async fn until(gateway: &Gateway, holds: impl Fn(usize) -> bool) {
    soon(async {
        while !holds(held(gateway)) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

/// A message of so many bytes in its envelope.
fn large(length: usize) -> Bytes {
    framed(&text(&"x".repeat(length)))
}

#[tokio::test]
async fn over_the_limit_calls_are_refused_and_what_runs_goes_on() {
    let (server, gateway) = start().await;
    let peer = server.connect().await;
    assert_eq!(peer.send(Ask::one(UNARY, &text("hi"))).await.code(), Some(0));
    assert_eq!(metric(&gateway, "descant_memory_limit_bytes"), LIMIT);
    let before = held(&gateway);
    // A message of which the last byte is yet to come.
    let message = large(LIMIT + (LIMIT >> 5));
    let mut slow = peer.open(Ask::bytes(UNARY, [&b""[..]])).await;
    slow.push(message.slice(..message.len() - 1));
    until(&gateway, |held| held >= LIMIT).await;

    let refused = peer.send(Ask::one(UNARY, &text("hi"))).await;
    assert_eq!((refused.status, refused.code()), (StatusCode::OK, Some(8)));
    assert!(refused.reason().contains("limits.memory"), "{}", refused.reason());
    assert_eq!(refused.headers["retry-after"], "1");
    assert_eq!(refused.headers["x-request-id"].len(), 32);
    let connect = Ask::bytes(UNARY, [&b"{}"[..]]).without("content-type");
    let refused = peer.send(connect.header("content-type", "application/json")).await;
    assert_eq!(
        (refused.status, &refused.headers["retry-after"]),
        (StatusCode::TOO_MANY_REQUESTS, &"1".parse().unwrap())
    );
    // Whether the server is well is still answered, also to who comes anew.
    let health = server
        .connect()
        .await
        .send(Ask::empty("/grpc.health.v1.Health/Check"))
        .await;
    assert_eq!(health.code(), Some(0));

    slow.body.send_data(message.slice(message.len() - 1..), true).unwrap();
    assert_eq!(soon(slow.answer()).await.code(), Some(0));
    until(&gateway, |held| held < before + (64 << 10)).await;
    assert_eq!(peer.send(Ask::one(UNARY, &text("hi"))).await.code(), Some(0));
    drop(peer);
    until(&gateway, |held| held == 0).await;
}

#[tokio::test]
async fn far_over_the_limit_no_connection_is_let_in() {
    let (server, gateway) = start().await;
    let peer = server.connect().await;
    let message = large(LIMIT + LIMIT / 4);
    let mut slow = peer.open(Ask::bytes(UNARY, [&b""[..]])).await;
    slow.push(message.slice(..message.len() - 1));
    until(&gateway, |held| held >= LIMIT + LIMIT / 8).await;
    let mut closed = TcpStream::connect(server.address).await.unwrap();
    assert_eq!(soon(closed.read(&mut [0])).await.unwrap_or(0), 0);
    // A caller that goes takes what it held along.
    slow.body.send_reset(h2::Reason::CANCEL);
    until(&gateway, |held| held < LIMIT / 4).await;
    assert_eq!(
        server.connect().await.send(Ask::one(UNARY, &text("hi"))).await.code(),
        Some(0)
    );
}

#[tokio::test]
async fn replies_that_are_not_read_count_too() {
    let (server, gateway) = start().await;
    let peer = server.connect().await;
    let mut unread = peer.open(Ask::bytes(UNARY, [&b""[..]])).await;
    unread.body.send_data(large(2 * LIMIT), true).unwrap();
    // The head comes, and nobody takes the body.
    let (_, mut body) = unread.head().await;
    until(&gateway, |held| held >= LIMIT).await;
    assert_eq!(peer.send(Ask::one(UNARY, &text("hi"))).await.code(), Some(8));
    while let Some(data) = soon(body.data()).await {
        body.flow_control().release_capacity(data.unwrap().len()).unwrap();
    }
    until(&gateway, |held| held < LIMIT).await;
    assert_eq!(peer.send(Ask::one(UNARY, &text("hi"))).await.code(), Some(0));
}

/// A mount of books that gives back what it gets, and may hold [`LIMIT`].
async fn books() -> Mount {
    let echo = from_fn(|call: Call| async move {
        if call.metadata.get("waits").is_some() {
            std::future::pending::<()>().await;
        }
        Ok(Reply::new(call.messages))
    });
    let mut limits = descant::Limits::default();
    limits.memory = LIMIT;
    let mount = Mount::builder(Schema::load(BOOKSHOP).unwrap())
        .host("127.0.0.1")
        .port(0);
    mount.route("*", echo).limits(limits).start().await.unwrap()
}

#[tokio::test]
async fn rest_and_connect_count_as_long_as_their_calls_run_and_are_told_to_come_again() {
    let mount = books().await;
    let address = mount.addresses()[0];
    let peer = Peer::over(TcpStream::connect(address).await.unwrap()).await;
    let id = format!("{{\"id\":\"{}\"}}", "x".repeat(LIMIT));
    let waits = Ask::bytes(GET_BOOK, [&b""[..]]).without("content-type");
    let mut waits = peer
        .open(waits.header("content-type", "application/json").header("waits", "yes"))
        .await;
    waits.body.send_data(id.into(), true).unwrap();
    until(mount.gateway(), |held| held >= LIMIT).await;
    // It was read: it counts because the handler has it.
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(held(mount.gateway()) >= LIMIT);
    let nothing: [Bytes; 0] = [];
    let get = || {
        Ask::bytes("/v1/books/emma", nothing.clone())
            .method(Method::GET)
            .without("content-type")
    };
    let refused = peer.send(get()).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers["retry-after"], "1");
    let body = String::from_utf8_lossy(&refused.body);
    assert!(body.contains("\"code\":8") && body.contains("limits.memory"), "{body}");
    waits.body.send_reset(h2::Reason::CANCEL);
    until(mount.gateway(), |held| held < LIMIT).await;
    assert_eq!(peer.send(get()).await.status, StatusCode::OK);
}

#[tokio::test]
async fn streams_count_what_waits_and_not_what_went_by() {
    let (server, gateway) = start().await;
    let peer = server.connect().await;
    // Four times the limit, message by message.
    let messages = (0..64).map(|_| large(LIMIT >> 4));
    let answer = peer.send(Ask::bytes("/descant.suite.v1.Shapes/Client", messages)).await;
    assert_eq!(answer.code(), Some(0));
    assert!(held(&gateway) < LIMIT / 4, "{}", held(&gateway));
}

#[tokio::test]
async fn by_default_it_is_a_part_of_what_there_is() {
    let gateway = descant_tests::gateway(&Health::new());
    let _server = serve_gateway(gateway.clone(), |_| {}).await;
    soon(async {
        while metric(&gateway, "descant_memory_limit_bytes") == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    let limit = metric(&gateway, "descant_memory_limit_bytes");
    assert!(limit > 1 << 20, "{limit}");
    if let Ok(machine) = std::fs::read_to_string("/proc/meminfo") {
        let total = machine.lines().next().unwrap().split_whitespace().nth(1).unwrap();
        assert!(
            limit <= total.parse::<usize>().unwrap() * 1024 / 4 * 3,
            "{limit} of {total} KiB"
        );
    }
}
