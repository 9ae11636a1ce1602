//! Whatever is read is what was sent, with fewer frames.

use std::{collections::HashMap, future::poll_fn};

use super::*;

/// Gives what it is told in portions of chance, and waits between some of them.
struct Peer {
    bytes: Vec<u8>,
    given: usize,
    random: fastrand::Rng,
    most: usize,
    waited: bool,
    reads: usize,
}

impl Peer {
    fn new(bytes: Vec<u8>, most: usize, seed: u64) -> Self {
        Self {
            bytes,
            given: 0,
            random: fastrand::Rng::with_seed(seed),
            most,
            waited: false,
            reads: 0,
        }
    }
}

impl AsyncRead for Peer {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.waited = !self.waited && self.random.u8(..4) == 0;
        if self.waited {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.reads += 1;
        let most = self.most;
        let portion = self.random.usize(1..=most);
        let left = &self.bytes[self.given..];
        let count = portion.min(left.len()).min(out.remaining());
        out.put_slice(&left[..count]);
        self.given += count;
        Poll::Ready(Ok(()))
    }
}

fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags, 0, 0, 0, stream]);
    frame.extend_from_slice(payload);
    frame
}

/// Type, flags, stream, payload.
type Seen = (u8, u8, u8, Vec<u8>);

fn frames(mut bytes: &[u8]) -> Vec<Seen> {
    let mut frames = Vec::new();
    while let Some(head) = bytes.first_chunk::<HEAD>() {
        let end = HEAD + length(head);
        frames.push((head[3], head[4], head[8], bytes[HEAD..end].to_vec()));
        bytes = &bytes[end..];
    }
    assert!(bytes.is_empty());
    frames
}

/// All that is read, `room` bytes at a time, as h2 does: it makes room for a frame once it has its head.
async fn read<T: AsyncRead + Unpin>(inbox: &mut Inbox<T>, room: usize) -> Vec<u8> {
    let (mut all, mut whole) = (Vec::new(), 0);
    loop {
        let mut room = vec![0; room.max(whole)];
        let mut out = ReadBuf::new(&mut room);
        poll_fn(|cx| Pin::new(&mut *inbox).poll_read(cx, &mut out))
            .await
            .unwrap();
        whole = out.filled().first_chunk::<HEAD>().map_or(0, length).min(FRAME);
        if out.filled().is_empty() {
            return all;
        }
        all.extend_from_slice(out.filled());
    }
}

/// What may not be changed: for each stream its frames, DATA joined; and all other frames in their order.
fn meaning(frames: &[Seen]) -> (HashMap<u8, Vec<Seen>>, Vec<Seen>) {
    let (mut streams, mut others) = (HashMap::<_, Vec<Seen>>::new(), Vec::new());
    for frame in frames {
        let (kind, flags, stream, payload) = frame;
        // One that says nothing may be left out.
        if (*kind, *flags, payload.is_empty()) == (DATA, 0, true) {
            continue;
        }
        if *kind != DATA {
            others.push(frame.clone());
        }
        let all = streams.entry(*stream).or_default();
        match all.last_mut() {
            Some((DATA, before, _, joined)) if *kind == DATA && (*flags | *before) & PADDED == 0 => {
                *before |= flags;
                joined.extend_from_slice(payload);
            }
            _ => all.push(frame.clone()),
        }
    }
    (streams, others)
}

/// RFC 9113, section 4.1: a bit before the number "MUST be ignored when receiving".
#[tokio::test]
async fn a_stream_is_one_whatever_the_bit_before_its_number() {
    let mut odd = frame(DATA, 0, 1, b"A");
    odd[5] |= 0x80;
    let bytes = [odd, frame(DATA, END_STREAM, 1, b"B")].concat();
    let read = read(&mut Inbox::new(&bytes[..]), FRAME).await;
    assert_eq!(frames(&read), [(DATA, END_STREAM, 1, b"AB".to_vec())]);
}

#[tokio::test]
async fn streams_say_the_same_however_their_frames_come() {
    let mut random = fastrand::Rng::with_seed(7);
    for seed in 0..100 {
        let mut bytes = Vec::new();
        for _ in 0..random.usize(1..200) {
            let stream = 1 + 2 * random.u8(..4);
            let large = if random.u8(..20) == 0 { FRAME } else { 60 };
            let payload: Vec<u8> = (0..random.usize(0..=large)).map(|_| random.u8(..)).collect();
            bytes.extend(match random.u8(..12) {
                0 => frame(1, 4, stream, &payload),
                1 => frame(6, 0, 0, &[0; 8]),
                2 => frame(DATA, PADDED, stream, &payload),
                _ => frame(DATA, 0, stream, &payload),
            });
        }
        let expected = frames(&bytes);
        let most = [3, 100, 20_000, 100_000][random.usize(..4)];
        let mut inbox = Inbox::new(Peer::new(bytes, most, seed));
        let seen = frames(&read(&mut inbox, [9, 100, 8192][random.usize(..3)]).await);
        assert!(seen.iter().all(|(.., payload)| payload.len() <= FRAME));
        assert_eq!(meaning(&seen), meaning(&expected));
        assert!(seen.len() <= expected.len());
        assert!(inbox.portion.is_none_or(|portion| portion.is_empty()));
    }
}

#[tokio::test]
async fn frames_that_say_nothing_are_left_out_unless_they_are_a_flood() {
    let empty = frame(DATA, 0, 1, b"");
    let pairs = [frame(DATA, 0, 1, b"a"), empty.clone()].concat().repeat(3000);
    let flood = [pairs, empty.repeat(1500), frame(DATA, END_STREAM, 1, b"")].concat();
    let mut inbox = Inbox::new(Peer::new(flood, usize::MAX, 1));
    let seen = frames(&read(&mut inbox, 8192).await);
    assert_eq!(seen.iter().map(|(.., payload)| payload.len()).sum::<usize>(), 3000);
    let silent = seen
        .iter()
        .filter(|(_, flags, _, payload)| *flags == 0 && payload.is_empty());
    // The last of the pairs is one of them.
    assert_eq!(silent.count(), 1 + 1500 - MOST_EMPTY as usize);
    assert_eq!(seen.last().unwrap().1, END_STREAM);
}

#[tokio::test]
async fn what_the_other_side_says_of_itself_is_noted() {
    let said = [[0, 3, 0, 0, 0, 100], [0, 6, 0, 0, 7, 208]].concat();
    let bytes = [frame(SETTINGS, ACK, 0, b""), frame(SETTINGS, 0, 0, &said)].concat();
    let mut inbox = Inbox::new(Peer::new(bytes, 20, 1));
    let settings = inbox.peer();
    assert_eq!((settings.came(), settings.header_list()), (false, u32::MAX));
    assert_eq!(frames(&read(&mut inbox, 8192).await).len(), 2);
    assert_eq!((settings.came(), settings.header_list()), (true, 2000));
}

#[tokio::test]
async fn frames_of_streams_that_take_turns_are_joined() {
    let mut bytes = Vec::new();
    for _ in 0..1000 {
        for stream in [1, 3, 5] {
            bytes.extend(frame(DATA, 0, stream, b"0123456789"));
        }
    }
    bytes.extend(frame(DATA, END_STREAM, 3, b"end"));
    let mut inbox = Inbox::new(Peer::new(bytes, usize::MAX, 1));
    let seen = frames(&read(&mut inbox, 8192).await);
    assert_eq!(inbox.io.reads, 2, "one for all, one for the end");
    let of = |wanted| {
        let frames = seen.iter().filter(move |(_, _, stream, _)| *stream == wanted);
        frames
            .map(|(_, flags, _, payload)| (*flags, payload.len()))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (of(1), of(3), of(5)),
        (vec![(0, 10_000)], vec![(END_STREAM, 10_003)], vec![(0, 10_000)])
    );
}

#[tokio::test]
async fn what_comes_behind_an_end_is_left_for_h2_to_see() {
    let bytes = [frame(DATA, END_STREAM, 1, b"a"), frame(DATA, 0, 1, b"b")].concat();
    let mut inbox = Inbox::new(Peer::new(bytes.clone(), usize::MAX, 1));
    assert_eq!(read(&mut inbox, 8192).await, bytes);
}

#[tokio::test]
async fn what_is_no_frame_goes_on_as_it_is() {
    let large = [&[0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1], &vec![7; 200_000][..]].concat();
    for bytes in [large, vec![0, 0, 9, 0, 0], b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()] {
        let mut inbox = Inbox::new(Peer::new(bytes.clone(), 70_000, 1));
        assert_eq!(read(&mut inbox, 8192).await, bytes);
    }
}

#[tokio::test]
async fn who_waits_holds_next_to_nothing() {
    let (mut peer, io) = tokio::io::duplex(1 << 20);
    let mut inbox = Inbox::new(io);
    let bytes = frame(DATA, 0, 1, b"hello");
    tokio::io::AsyncWriteExt::write_all(&mut peer, &bytes[..5])
        .await
        .unwrap();
    let mut out = [0; 100];
    let mut out = ReadBuf::new(&mut out);
    let mut cx = Context::from_waker(std::task::Waker::noop());
    assert!(Pin::new(&mut inbox).poll_read(&mut cx, &mut out).is_pending());
    assert!(inbox.portion.is_none() && inbox.stub == bytes[..5]);
    tokio::io::AsyncWriteExt::write_all(&mut peer, &bytes[5..])
        .await
        .unwrap();
    assert!(Pin::new(&mut inbox).poll_read(&mut cx, &mut out).is_ready());
    assert_eq!(out.filled(), bytes);
    assert!(Pin::new(&mut inbox).poll_read(&mut cx, &mut out).is_pending());
    assert!(inbox.portion.is_none());
}

#[tokio::test]
async fn a_flood_of_small_frames_leaves_others_their_turn() {
    let flood = frame(6, 0, 0, &[0; 8]).repeat(10_000);
    let (mut inbox, mut read, mut turns) = (Inbox::new(&flood[..]), 0, 1);
    loop {
        let mut room = vec![0; 8 << 10];
        let mut out = ReadBuf::new(&mut room);
        poll_fn(|cx| {
            let polled = Pin::new(&mut inbox).poll_read(cx, &mut out);
            turns += usize::from(polled.is_pending());
            polled
        })
        .await
        .unwrap();
        if out.filled().is_empty() {
            break;
        }
        read += out.filled().len();
        // No more than fit into h2's room beyond a turn.
        assert!(read <= turns * (1024 * 17 + (8 << 10)), "{read} {turns}");
    }
    assert_eq!(read, flood.len());
}

#[tokio::test]
async fn others_have_their_turn() {
    let bytes = frame(DATA, 0, 1, &[0; 1000]).repeat(3000);
    let mut inbox = Inbox::new(&bytes[..]);
    let mut cx = Context::from_waker(std::task::Waker::noop());
    let mut read = 0;
    while read < bytes.len() {
        let mut out = vec![0; FRAME + HEAD];
        let mut out = ReadBuf::new(&mut out);
        if Pin::new(&mut inbox).poll_read(&mut cx, &mut out).is_pending() {
            break;
        }
        read += out.filled().len();
    }
    assert!(read > TURN / 2 && read < 2 * TURN, "{read}");
}

#[tokio::test]
async fn a_goaway_is_noticed_as_it_comes() {
    let said = |code: u8, words: &[u8]| [&[0, 0, 0, 7, 0, 0, 0, code], words].concat();
    for (payload, fewer_pings, told) in [
        (said(0, b""), false, None),
        (said(0xb, b"too_many_pings"), true, Some((0xb, "too_many_pings"))),
        (said(0xb, b"calm\n\xff"), false, Some((0xb, "calm\n\u{fffd}"))),
        (said(2, b""), false, Some((2, ""))),
        (said(0, b"too_many_pings"), false, Some((0, "too_many_pings"))),
        (said(0, &[b'a'; 2000]), false, None),
        (vec![0; 8], false, None),
    ] {
        let bytes = [frame(DATA, 0, 1, b"hello"), frame(GOAWAY, 0, 0, &payload)].concat();
        for most in [1, 7, usize::MAX] {
            let mut inbox = Inbox::new(Peer::new(bytes.clone(), most, 1));
            let peer = inbox.peer();
            assert!(!peer.goes());
            assert_eq!(read(&mut inbox, 8192).await, bytes);
            assert_eq!((peer.goes(), peer.wants_fewer_pings()), (true, fewer_pings), "{most}");
            // Of a frame that is too large what has come is told, if all of it has.
            if payload.len() < 1000 {
                assert_eq!(
                    peer.farewell(),
                    told.map(|(code, words)| (code, words.to_owned())),
                    "{most}"
                );
            }
        }
    }
}
