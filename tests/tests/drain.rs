//! A graceful stop: nothing new, what is in flight may finish, and not for ever.

use std::time::{Duration, Instant};

use descant_tests::wire::{GOAWAY, HEADERS};
use tokio::{net::TcpStream, time::sleep};

use crate::support::{Ask, BIDI, UNARY, WAIT, framed, raw::Raw, serve, soon, text};

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

#[tokio::test]
async fn a_call_that_never_ends_is_cut_off_after_the_grace() {
    let mut server = serve(|limits| limits.grace = Duration::from_millis(300)).await;
    let peer = server.connect().await;
    let mut open = peer.open(Ask::empty(WAIT)).await;
    open.body.send_data(vec![0; 5].into(), true).unwrap();
    sleep(Duration::from_millis(50)).await;
    let began = Instant::now();
    server.stop();
    server.stopped().await;
    assert!((Duration::from_millis(250)..Duration::from_secs(5)).contains(&began.elapsed()));
    let answer = soon(open.answer()).await;
    assert_ne!(answer.code(), Some(0));
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
