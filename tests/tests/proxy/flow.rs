//! Who waits for whom.

use std::{
    future::{pending, poll_fn},
    net::SocketAddr,
};

use bytes::Bytes;
use descant_tests::messages::Ask as Asking;
use descant_tests::wire::{SETTINGS, frame};
use h2::{SendStream, server::Builder};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use super::{
    before,
    upstream::{Asked, upstream_with},
};
use crate::support::{Ask, BIDI, SERVER, UNARY, WAIT, envelope, framed, serve, soon, text};

/// RFC 9113, section 6.9.
const WINDOW_UPDATE: u8 = 8;

/// So many calls, each with more to get than fits on the way, that take none of it; meanwhile another caller is served by
/// the same connection.
async fn stall(upstream: SocketAddr, calls: usize, long: Asking) {
    let front = before(upstream).await;
    let (deaf, peer) = (front.connect().await, front.connect().await);
    let waits = peer.open(Ask::empty(WAIT)).await;
    let mut stalled = Vec::new();
    for _ in 0..calls {
        let mut open = deaf.open(Ask::bytes(SERVER, [Bytes::new()])).await;
        open.push(framed(&long));
        open.body.send_data(Bytes::new(), true).unwrap();
        stalled.push(open.head().await);
    }
    for _ in 0..20 {
        let answer = soon(peer.send(Ask::one(UNARY, &text("hi")))).await;
        assert_eq!(answer.code(), Some(0));
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    // The connection has not been given up: a call that was there before still waits.
    let ended = tokio::time::timeout(std::time::Duration::from_millis(10), waits.finish()).await;
    assert!(ended.is_err(), "{ended:?}");
}

#[tokio::test]
async fn callers_that_do_not_read_cost_the_others_nothing() {
    let long = Asking {
        size: 1 << 20,
        count: 1000,
        ..text("long")
    };
    let upstream = serve(|_| {}).await;
    stall(upstream.address, 50, long).await;
}

#[tokio::test]
async fn callers_that_do_not_read_small_messages_cost_the_others_nothing() {
    // Each message in a frame of its own: what fits into the window of six calls is more than h2 bears by itself.
    let upstream = upstream_with(Builder::new(), usize::MAX, |mut asked: Asked| async move {
        match asked.request.uri().path() {
            SERVER => trickle(asked.begin()).await,
            WAIT => {
                let _open = asked;
                pending::<()>().await;
            }
            _ => asked.answer(envelope(0, b""), "0"),
        }
    })
    .await;
    stall(upstream.address, 6, text("")).await;
    assert_eq!(upstream.connections(), 1);
}

/// Sends empty messages, a frame each, for as long as they are taken.
async fn trickle(mut stream: SendStream<Bytes>) {
    let message = envelope(0, b"");
    loop {
        stream.reserve_capacity(message.len() * 100);
        let Some(Ok(room)) = poll_fn(|cx| stream.poll_capacity(cx)).await else {
            return;
        };
        for _ in 0..room / message.len() {
            stream.send_data(message.clone(), false).unwrap();
        }
    }
}

#[tokio::test]
async fn an_upstream_that_does_not_read_holds_its_caller_back() {
    let upstream = upstream_with(Builder::new(), usize::MAX, |asked: Asked| async move {
        let _open = asked;
        pending::<()>().await;
    })
    .await;
    let front = before(upstream.address).await;
    let mut open = front
        .connect()
        .await
        .open(Ask::bytes(crate::support::BIDI, [Bytes::new()]))
        .await;
    // What fits into both windows and a message on the way leaves, and no more.
    let mut sent = 0;
    let stuck = async {
        loop {
            open.body.reserve_capacity(16 << 10);
            let room = poll_fn(|cx| open.body.poll_capacity(cx)).await.unwrap().unwrap();
            let piece = envelope(0, &vec![0; room.saturating_sub(5).min(16 << 10)]);
            let piece = piece.slice(..room.min(piece.len()));
            sent += piece.len();
            open.body.send_data(piece, false).unwrap();
        }
    };
    let _: Result<(), _> = tokio::time::timeout(std::time::Duration::from_millis(500), stuck).await;
    assert!(sent < 2 << 20, "{sent}");
}

#[tokio::test]
async fn calls_are_spread_by_what_the_upstream_allows() {
    let mut settings = Builder::new();
    settings.max_concurrent_streams(2);
    let upstream = upstream_with(settings, usize::MAX, |mut asked: Asked| async move {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        asked.answer(envelope(0, b""), "0");
    })
    .await;
    let front = before(upstream.address).await;
    let peer = front.connect().await;
    // Once, so that the settings are known.
    assert_eq!(peer.send(Ask::empty(UNARY)).await.code(), Some(0));
    let mut open = Vec::new();
    for _ in 0..6 {
        open.push(tokio::spawn(peer.open(Ask::empty(UNARY)).await.finish()));
    }
    for open in open {
        assert_eq!(soon(open).await.unwrap().code(), Some(0));
    }
    assert!((3..=4).contains(&upstream.connections()), "{}", upstream.connections());
}

#[tokio::test]
async fn a_long_stream_of_small_messages_passes() {
    let upstream = serve(|_| {}).await;
    let front = before(upstream.address).await;
    let peer = front.connect().await;
    let many = Asking {
        count: 20_000,
        ..text("tick")
    };
    let answer = peer.send(Ask::one(SERVER, &many)).await;
    assert_eq!(answer.code(), Some(0), "{:?}", answer.reason());
    assert_eq!(answer.envelopes().len(), 20_000);
}

#[tokio::test]
async fn small_messages_that_are_converted_go_up_together() {
    // h2 takes some hundred small frames that its application has not read, then it ends the connection with all its calls.
    let upstream = upstream_with(Builder::new(), usize::MAX, |mut asked: Asked| async move {
        if asked.request.uri().path() == WAIT {
            let _open = asked;
            return pending::<()>().await;
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        let whole = asked.whole().await;
        assert_eq!(whole, envelope(0, b"\x0a\x02hi").repeat(3000));
        asked.answer(envelope(0, b""), "0");
    })
    .await;
    let front = before(upstream.address).await;
    let (peer, other) = (front.connect().await, front.connect().await);
    let waits = other.open(Ask::empty(WAIT)).await;
    let message = envelope(0, br#"{"text":"hi"}"#);
    let ask = Ask::bytes(BIDI, vec![message; 3000]).without("content-type");
    let answer = soon(peer.send(ask.header("content-type", "application/grpc+json"))).await;
    assert_eq!(answer.code(), Some(0), "{answer:?}");
    assert_eq!(upstream.connections(), 1);
    let ended = tokio::time::timeout(std::time::Duration::from_millis(10), waits.finish()).await;
    assert!(ended.is_err(), "{ended:?}");
}

/// A server that has greeted, grants all, and then takes nothing: what it was to get of calls that are given up is not kept for it.
#[tokio::test]
async fn what_is_given_up_is_not_kept_for_a_server_that_takes_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let front = before(address).await;
    let hung = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        let most = i32::MAX.to_be_bytes();
        let more = (i32::MAX - 65_535).to_be_bytes();
        let greeting = [
            frame(SETTINGS, 0, 0, &[&[0, 4][..], &most].concat()),
            frame(WINDOW_UPDATE, 0, 0, &more),
        ];
        socket.write_all(&greeting.concat()).await.unwrap();
        socket
    };
    let peer = front.connect().await;
    let (mut socket, answers) = tokio::join!(hung, async {
        let mut answers = Vec::new();
        for _ in 0..6 {
            let ask = Ask::bytes(UNARY, [envelope(0, &vec![b'z'; 4_000_000])]);
            answers.push(peer.send(ask.header("grpc-timeout", "500m")).await.code());
        }
        answers
    });
    assert_eq!(answers, [Some(4); 6]);
    // It is closed, and the next calls get another connection.
    let again = async {
        loop {
            peer.send(Ask::empty(UNARY).header("grpc-timeout", "50m")).await;
        }
    };
    soon(async {
        tokio::select! {
            accepted = listener.accept() => accepted.unwrap(),
            () = again => unreachable!(),
        }
    })
    .await;
    let mut left = Vec::new();
    let _ = soon(socket.read_to_end(&mut left)).await;
    assert!(left.len() < 20_000_000, "{}", left.len());
}

/// One that takes all of it and takes its time keeps its connection, and the calls of others that it has.
#[tokio::test]
async fn what_is_given_up_and_was_taken_costs_others_nothing() {
    let upstream = upstream_with(Builder::new(), usize::MAX, |mut asked: Asked| async move {
        while let Some(data) = asked.request.body_mut().data().await {
            let length = data.unwrap().len();
            let _ = asked.request.body_mut().flow_control().release_capacity(length);
        }
        pending::<()>().await;
    })
    .await;
    let front = before(upstream.address).await;
    let peer = front.connect().await;
    let waits = front.connect().await.open(Ask::empty(WAIT)).await;
    for _ in 0..6 {
        let ask = Ask::bytes(UNARY, [envelope(0, &vec![b'z'; 4_000_000])]);
        assert_eq!(peer.send(ask.header("grpc-timeout", "300m")).await.code(), Some(4));
    }
    let ended = tokio::time::timeout(std::time::Duration::from_millis(1500), waits.finish()).await;
    assert!(ended.is_err(), "{ended:?}");
    assert_eq!(upstream.connections(), 1);
}
