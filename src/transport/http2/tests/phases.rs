//! Peers that take their time.

use std::time::Duration;

use tokio::{
    io::AsyncReadExt,
    time::{Instant, sleep},
};

use super::{
    super::{Ended, Violation},
    peer::*,
};
use crate::transport::{Limits, clock::Phase, greeting::Mistake, script::MEBIBYTE};

/// Waits for the end; it must come for this phase, after so many seconds.
async fn ends_late(peer: Peer, phase: Phase, seconds: u64) -> Vec<Frame> {
    let since = Instant::now();
    let (frames, ended) = within(4000, peer.rest()).await;
    assert!(matches!(ended, Err(Ended::Late(late)) if late == phase), "{ended:?}");
    let took = since.elapsed().as_secs();
    assert!((seconds..=seconds + 1).contains(&took), "after {took} s");
    frames
}

#[tokio::test(start_paused = true)]
async fn silence_before_the_preface() {
    let frames = ends_late(Peer::connect(Limits::default()), Phase::Preface, 10).await;
    assert_eq!(frames, []);
}

#[tokio::test(start_paused = true)]
async fn silence_before_settings() {
    let mut peer = Peer::connect(Limits::default());
    peer.send(PREFACE).await;
    let frames = ends_late(peer, Phase::Preface, 10).await;
    // SETTINGS_TIMEOUT.
    assert_eq!(frames.last().unwrap().code(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_header_block_that_does_not_end() {
    let mut peer = Peer::greeted(Limits::default(), &[]).await;
    let block = block("/hello", &[]);
    peer.send(&frame(HEADERS, 0, 1, &block)).await;
    ends_late(peer, Phase::Frame, 10).await;
}

#[tokio::test(start_paused = true)]
async fn a_frame_of_which_a_byte_comes_now_and_then() {
    let mut peer = Peer::greeted(Limits::default(), &[]).await;
    let whole = request(1, "/hello", END_STREAM);
    let since = Instant::now();
    for byte in whole {
        peer.push(&[byte]).await;
        sleep(Duration::from_secs(1)).await;
    }
    assert!(since.elapsed() > Duration::from_secs(10));
    let ended = peer.rest().await.1;
    assert!(matches!(ended, Err(Ended::Late(Phase::Frame))), "{ended:?}");
}

#[tokio::test(start_paused = true)]
async fn data_that_does_not_end() {
    let mut peer = Peer::greeted(
        Limits {
            keepalive: None,
            ..Limits::default()
        },
        &[],
    )
    .await;
    peer.send(&request(1, "/echo", 0)).await;
    let mut data = frame(DATA, 0, 1, &[0; 100]);
    data.truncate(50);
    peer.send(&data).await;
    ends_late(peer, Phase::Frame, 30).await;
}

#[tokio::test(start_paused = true)]
async fn a_socket_that_takes_nothing() {
    let mut peer = Peer::connect_by(Limits::default(), 4 << 10);
    peer.greet(&[(4, 1 << 30)]).await;
    peer.send(&frame(WINDOW_UPDATE, 0, 0, &(1_u32 << 29).to_be_bytes()))
        .await;
    peer.send(&request(1, "/large", END_STREAM)).await;
    let since = Instant::now();
    // Nothing is read until it is over.
    while !peer.served.is_finished() {
        sleep(Duration::from_millis(100)).await;
    }
    assert!((10..=11).contains(&since.elapsed().as_secs()));
    let ended = peer.rest().await.1;
    assert!(matches!(ended, Err(Ended::Late(Phase::WriteStall))), "{ended:?}");
}

#[tokio::test(start_paused = true)]
async fn a_socket_that_takes_a_byte_a_second() {
    let mut peer = Peer::connect_by(Limits::default(), 4 << 10);
    peer.greet(&[(4, 1 << 30)]).await;
    peer.send(&frame(WINDOW_UPDATE, 0, 0, &(1_u32 << 29).to_be_bytes()))
        .await;
    peer.send(&request(1, "/large", END_STREAM)).await;
    let since = Instant::now();
    while !peer.served.is_finished() {
        sleep(Duration::from_secs(1)).await;
        peer.io.read_u8().await.unwrap();
    }
    assert!(since.elapsed() < Duration::from_secs(25), "{:?}", since.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_is_served() {
    let mut peer = Peer::connect_by(Limits::default(), 4 << 10);
    peer.greet(&[(4, 1 << 30)]).await;
    peer.send(&frame(WINDOW_UPDATE, 0, 0, &(1_u32 << 29).to_be_bytes()))
        .await;
    peer.send(&request(1, "/large", END_STREAM)).await;
    let (mut got, mut buffer) = (0, [0; 2048]);
    while got < MEBIBYTE {
        sleep(Duration::from_secs(1)).await;
        let more = peer.io.read(&mut buffer).await.unwrap();
        assert!(more > 0, "cut off after {got} bytes: {:?}", peer.served.await);
        got += more;
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_without_window_is_reset_alone() {
    for path in ["/hello", "/large", "/endless"] {
        let mut peer = Peer::greeted(Limits::default(), &[(4, 0)]).await;
        peer.send(&request(1, path, END_STREAM)).await;
        let since = Instant::now();
        let reset = within(20, peer.until(|frame| frame.kind == RST_STREAM)).await;
        assert_eq!((reset.stream, reset.code()), (1, ENHANCE_YOUR_CALM));
        assert!((10..=11).contains(&since.elapsed().as_secs()), "{path}");
        peer.send(&request(3, "/empty", END_STREAM)).await;
        peer.until(|frame| frame.stream == 3 && frame.ends()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_whose_window_opens_a_byte_a_second_is_reset() {
    let mut peer = Peer::greeted(Limits::default(), &[(4, 0)]).await;
    peer.send(&request(1, "/large", END_STREAM)).await;
    let since = Instant::now();
    loop {
        sleep(Duration::from_secs(1)).await;
        peer.send(&frame(WINDOW_UPDATE, 0, 1, &1_u32.to_be_bytes())).await;
        let next = peer.until(|frame| frame.stream == 1 && frame.kind != HEADERS).await;
        if next.kind == RST_STREAM {
            break;
        }
    }
    assert!(since.elapsed() < Duration::from_secs(25), "{:?}", since.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_answer_pings() {
    let mut peer = Peer::greeted(Limits::default(), &[]).await;
    peer.send(&request(1, "/quiet", END_STREAM)).await;
    let frames = ends_late(peer, Phase::Keepalive, 50).await;
    assert_eq!(frames.iter().filter(|frame| frame.kind == PING).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_peer_without_requests_is_asked_to_go() {
    let mut peer = Peer::greeted(Limits::default(), &[]).await;
    let since = Instant::now();
    loop {
        let next = peer.until(|frame| matches!(frame.kind, PING | GOAWAY)).await;
        if next.kind == GOAWAY {
            assert_eq!((next.code(), next.last_stream()), (0, u32::MAX >> 1));
            break;
        }
        peer.send(&frame(PING, ACK, 0, &next.payload)).await;
    }
    assert!(
        (300..=301).contains(&since.elapsed().as_secs()),
        "{:?}",
        since.elapsed()
    );
    // It does not acknowledge that, and loses the connection all the same.
    within(3, peer.rest()).await.1.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_old_connection_is_asked_to_go() {
    let limits = Limits {
        keepalive: None,
        ..Limits::default()
    };
    let mut peer = Peer::greeted(limits, &[]).await;
    peer.send(&request(1, "/quiet", END_STREAM)).await;
    let since = Instant::now();
    peer.until(|frame| frame.kind == GOAWAY).await;
    let minutes = since.elapsed().as_secs_f64() / 60.0;
    assert!((27.0..=33.1).contains(&minutes), "{minutes}");
    ends_late(peer, Phase::Grace, 30).await;
}

#[tokio::test(start_paused = true)]
async fn a_drain_lets_requests_finish() {
    let mut peer = Peer::greeted(Limits::default(), &[]).await;
    peer.send(&request(1, "/echo", 0)).await;
    settle().await;
    peer.drain.begin(Duration::from_secs(30));
    let first = peer.until(|frame| frame.kind == GOAWAY).await;
    assert_eq!(first.last_stream(), u32::MAX >> 1);
    let ping = peer.until(|frame| frame.kind == PING).await;
    peer.send(&frame(PING, ACK, 0, &ping.payload)).await;
    let second = peer.until(|frame| frame.kind == GOAWAY).await;
    assert_eq!((second.last_stream(), second.code()), (1, 0));
    sleep(Duration::from_secs(20)).await;
    peer.send(&frame(DATA, END_STREAM, 1, b"done")).await;
    assert_eq!(peer.until(|frame| frame.kind == DATA).await.payload, b"done");
    within(1, peer.rest()).await.1.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_drain_ends_in_spite_of_a_peer_that_says_nothing() {
    let peer = Peer::greeted(Limits::default(), &[]).await;
    peer.drain.begin(Duration::from_secs(30));
    within(3, peer.rest()).await.1.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_drain_ends_in_spite_of_requests_that_do_not() {
    let mut peer = Peer::greeted(Limits::default(), &[]).await;
    peer.send(&request(1, "/never", END_STREAM)).await;
    settle().await;
    peer.drain.begin(Duration::from_secs(30));
    ends_late(peer, Phase::Grace, 30).await;
}

#[tokio::test(start_paused = true)]
async fn a_drain_ends_before_a_preface() {
    let peer = Peer::connect(Limits::default());
    settle().await;
    peer.drain.begin(Duration::from_secs(30));
    within(1, peer.rest()).await.1.unwrap();
}

/// What a peer hears that says this first.
async fn stranger(bytes: &[u8], expected: Mistake) -> Vec<u8> {
    let mut peer = Peer::connect(Limits::default());
    peer.send(bytes).await;
    let mut answer = Vec::new();
    within(5, peer.io.read_to_end(&mut answer)).await.unwrap();
    let Peer { io, served, .. } = peer;
    drop(io);
    let ended = within(5, served).await.unwrap();
    assert!(
        matches!(ended, Err(Ended::Stranger(mistake)) if mistake == expected),
        "{ended:?}"
    );
    answer
}

#[tokio::test(start_paused = true)]
async fn tls_gets_an_alert() {
    let hello = [22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3];
    assert_eq!(stranger(&hello, Mistake::Tls).await, [21, 3, 1, 0, 2, 2, 70]);
}

#[tokio::test(start_paused = true)]
async fn noise_gets_nothing() {
    assert_eq!(stranger(b"SSH-2.0-OpenSSH_9.7\r\n", Mistake::Unknown).await, b"");
    assert_eq!(stranger(b"\0\x01\x02", Mistake::Unknown).await, b"");
}

#[tokio::test(start_paused = true)]
async fn a_preface_that_breaks_off_is_refused() {
    let mut peer = Peer::connect(Limits::default());
    for byte in b"PRI * HTTP/2.0\r\n\r\nXX" {
        peer.push(&[*byte]).await;
        settle().await;
    }
    let (_, ended) = within(5, peer.rest()).await;
    assert!(matches!(ended, Err(Ended::Violation(Violation::Preface))), "{ended:?}");
}
