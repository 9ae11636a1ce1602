//! Requests that are answered.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::peer::*;
use crate::transport::Limits;
use crate::transport::script::MEBIBYTE;

/// SETTINGS: the window of each stream, and the largest frame.
const WINDOW: u16 = 4;
const HUGE: u32 = 1 << 30;
/// `:status`, entry 8 of the static table, with the Huffman-coded literal 431. RFC 7541, appendices A and B.
const STATUS_431: &[u8] = &[0x48, 0x83, 0x69, 0x90, 0xff];

#[tokio::test(start_paused = true)]
async fn a_request_gets_headers_data_and_trailers() {
    let mut peer = Peer::greeted(Limits::default(), &[]).await;
    peer.send(&request(1, "/hello", END_STREAM)).await;
    let shape = |frame: Frame| (frame.kind, frame.ends(), frame.payload.len());
    let first = peer.until(|frame| frame.stream == 1).await;
    assert_eq!((first.kind, first.ends()), (HEADERS, false));
    assert_eq!(peer.frame().await.map(shape), Some((DATA, false, 5)));
    let last = peer.frame().await.unwrap();
    assert_eq!((last.kind, last.ends()), (HEADERS, true));
}

#[tokio::test(start_paused = true)]
async fn headers_alone_may_be_the_reply() {
    let mut peer = Peer::greeted(Limits::default(), &[]).await;
    peer.send(&request(1, "/empty", END_STREAM)).await;
    let only = peer.until(|frame| frame.stream == 1).await;
    assert_eq!((only.kind, only.ends()), (HEADERS, true));
}

/// curl 7 forgets what it has not read when a reset comes in with it.
#[tokio::test(start_paused = true)]
async fn the_last_of_a_reply_can_be_read_before_its_stream_is_reset() {
    const NO_ERROR: u32 = 0;
    const INTERNAL_ERROR: u32 = 2;
    // A reply that is cut off, and one to a request that nobody has read to its end.
    for (path, flags, last, code) in [
        ("/cut", END_STREAM, DATA, INTERNAL_ERROR),
        ("/hello", 0, HEADERS, NO_ERROR),
    ] {
        let mut peer = Peer::greeted(Limits::default(), &[]).await;
        peer.send(&request(1, path, flags)).await;
        let mut before = peer.until(|frame| frame.stream == 1).await;
        let mut read = Instant::now();
        let reset = loop {
            let frame = peer.until(|frame| frame.stream == 1).await;
            if frame.kind == RST_STREAM {
                break frame;
            }
            (before, read) = (frame, Instant::now());
        };
        assert_eq!((before.kind, reset.code()), (last, code), "{path}");
        assert!(
            read.elapsed() >= Duration::from_millis(50),
            "{path}: {:?}",
            read.elapsed()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn trailers_of_a_request_are_left_aside() {
    let mut peer = Peer::greeted(Limits::default(), &[]).await;
    peer.send(&request(1, "/echo", 0)).await;
    peer.send(&frame(DATA, 0, 1, b"abc")).await;
    let trailers = frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\0\x01a\x01b");
    peer.send(&trailers).await;
    assert_eq!(peer.until(|frame| frame.kind == DATA).await.payload, b"abc");
}

#[tokio::test(start_paused = true)]
async fn a_large_reply_comes_whole_in_spite_of_small_windows() {
    let mut peer = Peer::greeted(Limits::default(), &[]).await;
    peer.send(&request(1, "/large", END_STREAM)).await;
    let mut got = 0;
    loop {
        let next = peer.until(|frame| frame.stream == 1).await;
        if next.ends() {
            break;
        }
        if next.kind == DATA {
            let length = u32::try_from(next.payload.len()).unwrap().to_be_bytes();
            got += next.payload.len();
            assert!(next.payload.iter().all(|byte| *byte == 7));
            peer.send(&frame(WINDOW_UPDATE, 0, 0, &length)).await;
            peer.send(&frame(WINDOW_UPDATE, 0, 1, &length)).await;
        }
    }
    assert_eq!(got, MEBIBYTE);
}

#[tokio::test(start_paused = true)]
async fn small_frames_of_a_stream_are_gathered() {
    let mut peer = Peer::greeted(Limits::default(), &[]).await;
    peer.send(&request(1, "/endless", END_STREAM)).await;
    assert_eq!(peer.until(|frame| frame.kind == DATA).await.payload.len(), 16 << 10);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_cancels_ends_the_handler() {
    let mut peer = Peer::greeted(Limits::default(), &[]).await;
    for (stream, path) in [(1, "/never"), (3, "/quiet"), (5, "/endless")] {
        peer.send(&request(stream, path, END_STREAM)).await;
    }
    settle().await;
    // The other two have replied already.
    assert_eq!(peer.open(), 1);
    peer.send(&frame(RST_STREAM, 0, 1, &8_u32.to_be_bytes())).await;
    settle().await;
    assert_eq!(peer.open(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_is_gone_ends_the_handlers() {
    let mut peer = Peer::greeted(Limits::default(), &[]).await;
    peer.send(&request(1, "/never", 0)).await;
    settle().await;
    assert_eq!(peer.open(), 1);
    let Peer { io, served, script, .. } = peer;
    drop(io);
    within(1, served).await.unwrap().unwrap();
    settle().await;
    assert_eq!(script.open.load(std::sync::atomic::Ordering::Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_an_internal_error_of_its_stream() {
    let mut peer = Peer::greeted(Limits::default(), &[]).await;
    peer.send(&request(1, "/panic", END_STREAM)).await;
    let reset = peer.until(|frame| frame.stream == 1).await;
    assert_eq!((reset.kind, reset.code()), (RST_STREAM, 2));
    peer.send(&request(3, "/hello", END_STREAM)).await;
    peer.until(|frame| frame.stream == 3 && frame.ends()).await;
}

/// Reads status 431, and why.
async fn refused(peer: &mut Peer) {
    let head = peer.until(|frame| frame.stream == 1).await;
    assert!(!head.ends() && head.payload.starts_with(STATUS_431), "{head:?}");
    let body = peer.frame().await.unwrap();
    let said = String::from_utf8_lossy(&body.payload).into_owned();
    assert!(body.ends() && said.contains("\"code\":8"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn too_many_header_fields_are_431() {
    let mut peer = Peer::greeted(Limits::default(), &[]).await;
    let fields = vec![("a", "b"); 101];
    peer.send(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &block("/hello", &fields)))
        .await;
    refused(&mut peer).await;
}

#[tokio::test(start_paused = true)]
async fn too_many_header_bytes_are_431() {
    let mut peer = Peer::greeted(Limits::default(), &[]).await;
    let long = "x".repeat(120);
    let fields = vec![("a", long.as_str()); 120];
    let block = block("/hello", &fields);
    let (first, second) = block.split_at(8 << 10);
    peer.send(&frame(HEADERS, END_STREAM, 1, first)).await;
    peer.send(&frame(CONTINUATION, END_HEADERS, 1, second)).await;
    refused(&mut peer).await;
}

/// h2 keeps no more than twice the limit.
#[tokio::test(start_paused = true)]
async fn far_too_many_header_bytes_are_431_without_a_body() {
    let mut peer = Peer::greeted(Limits::default(), &[]).await;
    let long = "x".repeat(120);
    let fields = vec![("a", long.as_str()); 230];
    let block = block("/hello", &fields);
    let (first, second) = block.split_at(block.len() / 2);
    let (second, third) = second.split_at(second.len() / 2);
    peer.send(&frame(HEADERS, END_STREAM, 1, first)).await;
    peer.send(&frame(CONTINUATION, 0, 1, second)).await;
    peer.send(&frame(CONTINUATION, END_HEADERS, 1, third)).await;
    let only = peer.until(|frame| frame.stream == 1).await;
    assert!(only.ends() && only.payload.starts_with(STATUS_431), "{only:?}");
}

#[tokio::test(start_paused = true)]
async fn a_burst_of_small_messages_is_not_a_flood() {
    let mut peer = Peer::greeted(Limits::default(), &[]).await;
    let mut burst = request(1, "/echo", 0);
    for _ in 0..10_000 {
        burst.extend(frame(DATA, 0, 1, b"\0\0\0\0\x01a"));
    }
    burst.extend(frame(DATA, END_STREAM, 1, b"\0\0\0\0\x01a"));
    peer.send(&burst).await;
    peer.until(|frame| frame.stream == 1 && frame.kind == HEADERS).await;
}

#[tokio::test(start_paused = true)]
async fn requests_that_are_cancelled_in_the_packet_that_opens_them_are_no_flood() {
    let mut peer = Peer::greeted(Limits::default(), &[]).await;
    let mut burst = Vec::new();
    for stream in (1..180).step_by(2) {
        burst.extend(request(stream, "/never", 0));
        burst.extend(frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()));
    }
    burst.extend(request(181, "/hello", END_STREAM));
    peer.send(&burst).await;
    peer.until(|frame| frame.stream == 181 && frame.ends()).await;
    assert_eq!(peer.open(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_one_connection_holds_is_bounded() {
    // Windows for everything, and a peer that reads nothing.
    let mut peer = Peer::greeted(Limits::default(), &[(WINDOW, HUGE)]).await;
    peer.send(&frame(WINDOW_UPDATE, 0, 0, &(HUGE - 65_535).to_be_bytes()))
        .await;
    for stream in (1..100).step_by(2) {
        peer.send(&request(stream, "/endless", END_STREAM)).await;
    }
    settle().await;
    let held = peer.connection.held();
    assert!(held > MEBIBYTE / 2 && held <= MEBIBYTE, "{held}");
}

#[tokio::test(start_paused = true)]
async fn fifty_replies_leave_together() {
    let mut peer = Peer::connect_by(Limits::default(), MEBIBYTE);
    peer.greet(&[(WINDOW, HUGE)]).await;
    let mut burst = Vec::new();
    for stream in (1..100).step_by(2) {
        burst.extend(request(stream, "/echo", 0));
        burst.extend(frame(DATA, END_STREAM, stream, &[3; 1000]));
    }
    peer.send(&burst).await;
    // One write of the other side is there in one read.
    let mut buffer = vec![0; MEBIBYTE];
    let mut reads = 0;
    let mut got = 0;
    while got < 50 * 1_000 {
        got += tokio::io::AsyncReadExt::read(&mut peer.io, &mut buffer).await.unwrap();
        reads += 1;
    }
    assert!(reads <= 5, "{reads} writes for 50 requests");
}

#[test]
fn payloads_are_cut_anywhere() {
    use bytes::Buf;

    use crate::transport::Payload;
    for count in 0..=9 {
        let mut rest = Payload::framed([1, 2, 3, 4, 5], Bytes::from_static(&[6, 7, 8, 9]).into());
        let mut first = rest.split_to(count);
        let mut all = first.copy_to_bytes(first.remaining()).to_vec();
        assert_eq!(all.len(), count);
        all.extend(rest.copy_to_bytes(rest.remaining()));
        assert_eq!(all, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    }
}

#[tokio::test(start_paused = true)]
async fn streams_without_window_pull_no_more_than_they_may_together() {
    let limits = Limits {
        held_per_connection: 1 << 10,
        ..Limits::default()
    };
    let mut peer = Peer::greeted(limits, &[(WINDOW, 0)]).await;
    for stream in (1..40).step_by(2) {
        peer.send(&request(stream, "/endless", END_STREAM)).await;
    }
    settle().await;
    // Each would pull 16 KiB; once that much waits, the others do not begin.
    assert_eq!(peer.connection.pulled_bytes(), 16 << 10);
    // The first one goes on, and with it those that wait for it.
    peer.send(&frame(WINDOW_UPDATE, 0, 1, &(16_u32 << 10).to_be_bytes()))
        .await;
    assert_eq!(peer.until(|frame| frame.kind == DATA).await.stream, 1);
    settle().await;
    assert_eq!(peer.connection.pulled_bytes(), 16 << 10);
}
