//! Deadlines and cancellation: nobody works for a call that nobody waits for.

use std::time::{Duration, Instant};

use descant::Keepalive;
use descant_handlers::Code;
use h2::Reason;

use crate::support::{Ask, BIDI, SERVER, UNARY, WAIT, framed, serve, soon, text};

#[tokio::test]
async fn a_deadline_ends_the_call_and_drops_the_handler() {
    let server = serve(|_| {}).await;
    let peer = server.connect().await;
    let before = peer.given_up().await;
    let began = Instant::now();
    let answer = peer.send(Ask::empty(WAIT).header("grpc-timeout", "200m")).await;
    assert_eq!(answer.code(), Some(Code::DeadlineExceeded.number()));
    assert!(began.elapsed() >= Duration::from_millis(200));
    assert!(began.elapsed() < Duration::from_secs(5));
    peer.expect_given_up(before).await;
}

#[tokio::test]
async fn every_unit_of_a_timeout_is_known() {
    let server = serve(|_| {}).await;
    let peer = server.connect().await;
    for timeout in ["1H", "1M", "9S", "9000m", "9000000u", "99999999n", "99999999H"] {
        let answer = peer
            .send(Ask::one(UNARY, &text("hi")).header("grpc-timeout", timeout))
            .await;
        assert_eq!(answer.code(), Some(0), "{timeout}");
    }
    for timeout in ["0n", "0H", "1n", "1u"] {
        let answer = peer.send(Ask::empty(WAIT).header("grpc-timeout", timeout)).await;
        assert_eq!(answer.code(), Some(Code::DeadlineExceeded.number()), "{timeout}");
    }
}

#[tokio::test]
async fn limits_may_be_as_good_as_none() {
    const EVER: Duration = Duration::MAX;
    let mut server = serve(|limits| {
        (limits.preface, limits.header_block, limits.message) = (EVER, EVER, EVER);
        (limits.write_stall, limits.grace) = (EVER, EVER);
        (limits.idle, limits.age) = (Some(EVER), Some(EVER));
        limits.keepalive = Some(Keepalive {
            every: EVER,
            timeout: EVER,
        });
        (limits.streams, limits.header_bytes) = (u32::MAX, u32::MAX);
        (limits.stream_window, limits.connection_window) = (u32::MAX, u32::MAX);
        (limits.message_bytes, limits.held_per_connection) = (usize::MAX, usize::MAX);
        (limits.control_frames.burst, limits.control_frames.per_second) = (u32::MAX, u32::MAX);
    })
    .await;
    let peer = server.connect().await;
    let hi = framed(&text("hi"));
    let mut open = peer.open(Ask::bytes(UNARY, [hi.slice(3..)])).await;
    open.push(hi.slice(..3));
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(soon(open.finish()).await.code(), Some(0));
    drop(peer);
    server.stop();
    server.stopped().await;
}

#[tokio::test]
async fn a_deadline_ends_a_stream_that_flows() {
    let server = serve(|_| {}).await;
    let peer = server.connect().await;
    let mut open = peer
        .open(Ask::bytes(BIDI, [&b""[..]]).header("grpc-timeout", "300m"))
        .await;
    open.push(framed(&text("first")));
    let answer = soon(open.answer()).await;
    assert_eq!(answer.envelopes().len(), 1);
    assert_eq!(answer.code(), Some(Code::DeadlineExceeded.number()));
}

#[tokio::test]
async fn a_deadline_counts_while_the_request_is_still_coming() {
    let server = serve(|_| {}).await;
    let peer = server.connect().await;
    let mut open = peer
        .open(Ask::bytes(UNARY, [&b""[..]]).header("grpc-timeout", "100m"))
        .await;
    open.push(&b"\0\0"[..]);
    let answer = soon(open.answer()).await;
    assert_eq!(answer.code(), Some(Code::DeadlineExceeded.number()));
}

#[tokio::test]
async fn a_reset_drops_the_handler() {
    let server = serve(|_| {}).await;
    let peer = server.connect().await;
    let before = peer.given_up().await;
    let mut open = peer.open(Ask::empty(WAIT)).await;
    open.body.send_data(vec![0; 5].into(), true).unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(peer.given_up().await, before, "it waits as long as the client does");
    open.body.send_reset(Reason::CANCEL);
    peer.expect_given_up(before).await;
}

#[tokio::test]
async fn a_lost_connection_drops_its_handlers() {
    let server = serve(|_| {}).await;
    let (lost, other) = (server.connect().await, server.connect().await);
    let before = other.given_up().await;
    let mut open = lost.open(Ask::empty(WAIT)).await;
    open.body.send_data(vec![0; 5].into(), true).unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    lost.connection.abort();
    other.expect_given_up(before).await;
}

#[tokio::test]
async fn a_stream_that_nobody_reads_waits_and_can_be_given_up() {
    let server = serve(|_| {}).await;
    let peer = server.connect().await;
    let mut asked = text("much");
    (asked.size, asked.count) = (10_000, 100_000);
    let mut open = peer.open(Ask::bytes(SERVER, [&b""[..]])).await;
    open.body.send_data(framed(&asked), true).unwrap();
    let (mut body, _answers) = open.head().await;
    // It fills the window and no more; other calls are not held up.
    for _ in 0..10 {
        assert_eq!(peer.send(Ask::one(UNARY, &text("hi"))).await.code(), Some(0));
    }
    body.send_reset(Reason::CANCEL);
    assert_eq!(peer.send(Ask::one(UNARY, &text("hi"))).await.code(), Some(0));
}

#[tokio::test]
async fn a_call_goes_on_after_its_client_half_closed() {
    let server = serve(|_| {}).await;
    let peer = server.connect().await;
    let mut asked = text("later");
    (asked.size, asked.count) = (1000, 200);
    let answer = peer.send(Ask::one(SERVER, &asked)).await;
    assert_eq!((answer.code(), answer.envelopes().len()), (Some(0), 200));
}
