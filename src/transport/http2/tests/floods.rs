//! Peers that send much and mean nothing.

use super::{super::Ended, peer::*};
use crate::transport::{Limits, http2::meter::Violation, script::MEBIBYTE};

/// Sends a request that stays open, then a flood; the answer must be `ENHANCE_YOUR_CALM` and the end.
async fn flood(one: impl Fn(u32) -> Vec<u8>) {
    let mut peer = Peer::greeted(Limits::default(), &[]).await;
    peer.send(&request(1, "/never", 0)).await;
    let bytes: Vec<u8> = (0..20_000).flat_map(one).collect();
    let Peer {
        io,
        served,
        script,
        connection,
        drain,
    } = peer;
    let (reader, mut writer) = tokio::io::split(io);
    let writing = tokio::spawn(async move {
        // It ends early, with an error.
        let _ = tokio::io::AsyncWriteExt::write_all(&mut writer, &bytes).await;
        writer
    });
    let ended = within(1, served).await.unwrap();
    // h2 notices some floods by itself.
    assert!(
        matches!(ended, Err(Ended::Violation(Violation::Flood) | Ended::Http2(_))),
        "{ended:?}"
    );
    let io = reader.unsplit(writing.await.unwrap());
    let peer = Peer {
        io,
        served: tokio::spawn(async { Ok(()) }),
        script,
        connection,
        drain,
    };
    let (frames, _) = peer.rest().await;
    let last = frames.last().unwrap();
    assert_eq!((last.kind, last.code()), (GOAWAY, ENHANCE_YOUR_CALM));
}

#[tokio::test(start_paused = true)]
async fn of_pings() {
    flood(|_| frame(PING, 0, 0, &[0; 8])).await;
}

#[tokio::test(start_paused = true)]
async fn of_settings() {
    flood(|_| frame(SETTINGS, 0, 0, &[])).await;
}

#[tokio::test(start_paused = true)]
async fn of_acknowledgements() {
    flood(|_| frame(PING, ACK, 0, &[0; 8])).await;
}

#[tokio::test(start_paused = true)]
async fn of_priorities() {
    flood(|_| frame(PRIORITY, 0, 1, &[0, 0, 0, 3, 7])).await;
}

#[tokio::test(start_paused = true)]
async fn of_window_updates() {
    flood(|_| frame(WINDOW_UPDATE, 0, 0, &1_u32.to_be_bytes())).await;
}

/// As clients do that give back each message by itself, of many in a frame; and no more than that.
#[tokio::test(start_paused = true)]
async fn window_updates_for_what_was_sent_are_none() {
    let mut peer = Peer::greeted(Limits::default(), &[(4, 1 << 30)]).await;
    peer.send(&frame(WINDOW_UPDATE, 0, 0, &(1_u32 << 29).to_be_bytes()))
        .await;
    peer.send(&request(1, "/large", END_STREAM)).await;
    peer.until(|frame| frame.stream == 1 && frame.ends()).await;
    let updates = |count: usize| frame(WINDOW_UPDATE, 0, 0, &5_u32.to_be_bytes()).repeat(count);
    for _ in 0..100 {
        peer.send(&updates(MEBIBYTE / 500)).await;
    }
    peer.send(&request(3, "/hello", END_STREAM)).await;
    peer.until(|frame| frame.stream == 3 && frame.ends()).await;
    peer.push(&updates(2_000)).await;
    let ended = within(1, peer.rest()).await.1;
    assert!(matches!(ended, Err(Ended::Violation(Violation::Flood))), "{ended:?}");
}

#[tokio::test(start_paused = true)]
async fn of_frames_that_nobody_knows() {
    flood(|_| frame(0xfa, 0, 0, b"?")).await;
}

#[tokio::test(start_paused = true)]
async fn of_empty_data() {
    flood(|_| frame(DATA, 0, 1, &[])).await;
}

#[tokio::test(start_paused = true)]
async fn of_requests_that_are_cancelled_at_once() {
    flood(|number| {
        let stream = 2 * number + 3;
        let reset = frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes());
        [request(stream, "/never", 0), reset].concat()
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn of_continuations() {
    let mut peer = Peer::greeted(Limits::default(), &[]).await;
    peer.send(&frame(HEADERS, 0, 1, &block("/hello", &[]))).await;
    let bytes: Vec<u8> = (0..2_000)
        .flat_map(|_| frame(CONTINUATION, 0, 1, b"\0\x01a\x01b"))
        .collect();
    peer.push(&bytes).await;
    let (frames, ended) = within(1, peer.rest()).await;
    assert!(ended.is_err());
    assert_eq!(frames.last().unwrap().kind, GOAWAY);
}

#[tokio::test(start_paused = true)]
async fn of_one_field_named_again_and_again() {
    let mut peer = Peer::greeted(Limits::default(), &[]).await;
    // A literal of 4000 bytes that enters the dynamic table, then its index, one byte each time. RFC 7541, section 6.
    let mut bomb = block("/hello", &[]);
    bomb.extend([0x40, 1, b'a', 0x7f, 0xa1, 0x1e]);
    bomb.resize(bomb.len() + 4000, b'b');
    bomb.resize(16 << 10, 0xbe);
    peer.push(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &bomb)).await;
    let (frames, ended) = within(1, peer.rest()).await;
    assert!(ended.is_err());
    assert_eq!(frames.last().unwrap().kind, GOAWAY);
}

#[tokio::test(start_paused = true)]
async fn what_a_busy_client_sends_is_none() {
    let mut peer = Peer::greeted(Limits::default(), &[]).await;
    for number in 0..3_000 {
        let stream = 2 * number + 1;
        peer.send(&request(stream, "/hello", END_STREAM)).await;
        peer.until(|frame| frame.stream == stream && frame.ends()).await;
        // What a client does that measures bandwidth, for each reply.
        peer.send(&frame(WINDOW_UPDATE, 0, 0, &5_u32.to_be_bytes())).await;
        peer.send(&frame(WINDOW_UPDATE, 0, stream, &5_u32.to_be_bytes())).await;
        peer.send(&frame(PING, 0, 0, &[1; 8])).await;
        peer.until(|frame| frame.kind == PING && frame.flags == ACK).await;
    }
}
