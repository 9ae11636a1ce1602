//! What one caller does costs the others nothing: their calls are on the same connection.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use descant_handlers::{Proxy, proxy::ProxyOptions};
use h2::server::Builder;
use http::{HeaderValue, Response};
use tokio::sync::Notify;

use super::{
    before, proxy,
    script::before_with,
    upstream::{Asked, Upstream, trailers, upstream, upstream_with},
};
use crate::support::{Answer, Ask, BIDI, Open, Peer, UNARY, envelope, eventually, soon};

/// Answers, but to [`BIDI`] only once the request ends.
async fn answer(mut asked: Asked) {
    if asked.request.uri().path() == BIDI {
        asked.whole().await;
    }
    asked.answer(envelope(0, b""), "0");
}

/// A call that lasts until it is let go.
async fn bystander(peer: &Peer) -> Open {
    peer.open(Ask::bytes(BIDI, [Bytes::new()])).await
}

/// It was let go, and has its answer.
async fn expect_whole(mut bystander: Open) {
    bystander.push(envelope(0, b""));
    bystander.body.send_data(Bytes::new(), true).unwrap();
    let answer = soon(bystander.answer()).await;
    assert_eq!(answer.code(), Some(0), "{answer:?}");
}

async fn with_padding(peer: &Peer, length: usize) -> Answer {
    peer.send(Ask::empty(UNARY).header("padding", "x".repeat(length).leak()))
        .await
}

#[tokio::test]
async fn a_head_that_the_upstream_does_not_take_is_not_sent() {
    let mut settings = Builder::new();
    settings.max_header_list_size(2000);
    let upstream = upstream_with(settings, usize::MAX, answer).await;
    let front = before(upstream.address).await;
    let peer = front.connect().await;
    let waiting = bystander(&peer).await;
    let refused = with_padding(&peer, 2000).await;
    assert_eq!(refused.code(), Some(8), "{refused:?}");
    assert!(
        refused
            .reason()
            .contains(" takes a head of 2000 bytes at most, and that of the call has "),
        "{refused:?}"
    );
    assert_eq!(with_padding(&peer, 1200).await.code(), Some(0));
    expect_whole(waiting).await;
    assert_eq!(upstream.connections(), 1);
}

/// As it is asked: a note of so many bytes in the head, or in the trailers.
async fn notes(mut asked: Asked) {
    let note = |name: &str| {
        let length = asked.request.headers().get(name)?.to_str().ok()?.parse().ok()?;
        Some(HeaderValue::try_from("x".repeat(length)).unwrap())
    };
    let (head, tail) = (note("in-head"), note("in-trailers"));
    if asked.request.uri().path() == BIDI {
        return answer(asked).await;
    }
    let mut response = Response::builder().header("content-type", "application/grpc");
    if let Some(note) = head {
        response = response.header("note", note);
    }
    let mut stream = asked.respond.send_response(response.body(()).unwrap(), false).unwrap();
    stream.send_data(envelope(0, b""), false).unwrap();
    let mut end = trailers("0");
    if let Some(note) = tail {
        // Before the status: whoever shortens them loses that.
        end = [("note".parse().unwrap(), note)]
            .into_iter()
            .chain(
                trailers("0")
                    .into_iter()
                    .filter_map(|(name, value)| Some((name?, value))),
            )
            .collect();
    }
    let _ = stream.send_trailers(end);
}

#[tokio::test]
async fn a_head_or_trailers_that_are_too_large_fail_their_own_call() {
    let upstream = upstream(notes).await;
    let front = before(upstream.address).await;
    let peer = front.connect().await;
    let waiting = bystander(&peer).await;
    for place in ["in-head", "in-trailers"] {
        for (length, code) in [("1000", 0), ("20000", 13), ("200000", 13)] {
            let told = soon(peer.send(Ask::empty(UNARY).header(place, length))).await;
            assert_eq!(told.code(), Some(code), "{place} {length}: {told:?}");
            let reason = "is broken: its head or its trailers are larger than 16 KiB";
            assert!(code == 0 || told.reason().ends_with(reason), "{told:?}");
        }
    }
    expect_whole(waiting).await;
    assert_eq!(upstream.connections(), 1);
}

#[tokio::test]
async fn calls_that_are_given_up_are_spread() {
    // No server bears any number of resets.
    let got = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&got);
    let upstream = upstream(move |asked| {
        count.fetch_add(1, Ordering::SeqCst);
        answer(asked)
    })
    .await;
    let front = before(upstream.address).await;
    let (peer, other) = (front.connect().await, front.connect().await);
    let waiting = bystander(&peer).await;
    for before in 1..=300 {
        let open = bystander(&other).await;
        // One that the upstream has not got is not given up there.
        eventually(|| got.load(Ordering::SeqCst) > before).await;
        drop(open);
    }
    assert_eq!(peer.send(Ask::empty(UNARY)).await.code(), Some(0));
    expect_whole(waiting).await;
    let connections = upstream.connections();
    assert!((3..=8).contains(&connections), "{connections}");
}

/// Of a stream that is answered before its request has ended the rest is reset, unless the upstream does that itself.
#[tokio::test]
async fn requests_that_are_broken_off_count_as_given_up() {
    for resets in [false, true] {
        let held = Arc::<Mutex<Vec<Asked>>>::default();
        let upstream = upstream(move |mut asked: Asked| {
            let held = Arc::clone(&held);
            async move {
                if asked.request.headers().contains_key("x-wait") {
                    return answer(asked).await;
                }
                asked.refuse("16", &[]);
                if !resets {
                    held.lock().unwrap().push(asked);
                }
            }
        })
        .await;
        let front = before(upstream.address).await;
        let (peer, other) = (front.connect().await, front.connect().await);
        let waiting = peer.open(Ask::bytes(BIDI, [Bytes::new()]).header("x-wait", "1")).await;
        for _ in 0..300 {
            assert_eq!(bystander(&other).await.answer().await.code(), Some(16));
        }
        expect_whole(waiting).await;
        let connections = upstream.connections();
        let expected = if resets { 1..=1 } else { 3..=8 };
        assert!(expected.contains(&connections), "{resets}: {connections}");
    }
}

/// So many calls, of which each is answered like this, and a bystander.
async fn expect_one_connection(upstream: &Upstream, options: ProxyOptions, calls: usize, code: i32) {
    let front = before_with(upstream.address, options).await;
    let peer = front.connect().await;
    let waiting = bystander(&peer).await;
    for call in 0..calls {
        let answer = peer.send(Ask::empty(UNARY)).await;
        assert_eq!(answer.code(), Some(code), "{call}: {answer:?}");
    }
    expect_whole(waiting).await;
    assert_eq!(upstream.connections(), 1);
}

#[tokio::test]
async fn frames_without_data_are_no_fault() {
    let upstream = upstream(|mut asked: Asked| async move {
        if asked.request.uri().path() == BIDI {
            return answer(asked).await;
        }
        let mut stream = asked.begin();
        for data in [Bytes::new(), envelope(0, b""), Bytes::new()] {
            stream.send_data(data, false).unwrap();
        }
        stream.send_trailers(trailers("0")).unwrap();
    })
    .await;
    expect_one_connection(&upstream, ProxyOptions::default(), 300, 0).await;
}

#[tokio::test]
async fn replies_against_http2_end_their_own_calls() {
    let upstream = upstream(|mut asked: Asked| async move {
        if asked.request.uri().path() == BIDI {
            return answer(asked).await;
        }
        let head = Response::builder()
            .header("content-type", "application/grpc")
            .header("content-length", "7");
        let mut stream = asked.respond.send_response(head.body(()).unwrap(), false).unwrap();
        let _ = stream.send_data(envelope(0, b""), false);
        let _ = stream.send_trailers(trailers("0"));
    })
    .await;
    let mut options = ProxyOptions::default();
    // With one address there is no other anyway.
    options.outlier = None;
    expect_one_connection(&upstream, options, 1200, 13).await;
}

#[tokio::test]
async fn an_upstream_that_takes_no_call_for_now_is_one_all_the_same() {
    let mut settings = Builder::new();
    settings.max_concurrent_streams(0);
    let upstream = upstream_with(settings, usize::MAX, answer).await;
    let to = Proxy::to(&format!("http://{}", upstream.address)).unwrap();
    soon(to.connect()).await.unwrap();
    // A call waits, for which no further connection is made: that would allow none either.
    let front = proxy(to).await;
    let peer = front.connect().await;
    let connections = upstream.connections();
    let late = peer.send(Ask::empty(UNARY).header("grpc-timeout", "600m")).await;
    assert_eq!((late.code(), upstream.connections()), (Some(4), connections));
}

#[tokio::test]
async fn an_upstream_that_takes_no_call_for_now_holds_none_up() {
    let mut settings = Builder::new();
    settings.max_concurrent_streams(0);
    let shut = upstream_with(settings, usize::MAX, answer).await;
    let open = upstream(answer).await;
    let urls = [&shut, &open].map(|upstream| format!("http://{}", upstream.address));
    let front = proxy(Proxy::to_each(&urls).unwrap()).await;
    eventually(|| shut.open() == 1 && open.open() == 1).await;
    let peer = front.connect().await;
    for _ in 0..40 {
        assert_eq!(soon(peer.send(Ask::empty(UNARY))).await.code(), Some(0));
    }
    assert_eq!((shut.connections(), open.connections()), (1, 1));
}

/// Many messages wait for the window of the connection: each goes as it gets its turn, and none in frames of a byte.
#[tokio::test]
async fn streams_that_begin_at_once_share_the_window() {
    const CALLS: usize = 240;
    let (all, begun) = (Arc::new(Notify::new()), Arc::<AtomicUsize>::default());
    let upstream = upstream(move |mut asked: Asked| {
        let (all, begun) = (Arc::clone(&all), Arc::clone(&begun));
        async move {
            let everybody = all.notified();
            if begun.fetch_add(1, Ordering::SeqCst) + 1 == CALLS {
                all.notify_waiters();
            } else {
                everybody.await;
            }
            asked.whole().await;
            asked.answer(envelope(0, b""), "0");
        }
    })
    .await;
    let front = before(upstream.address).await;
    let mut calls = Vec::new();
    for _ in 0..CALLS / 80 {
        let peer = front.connect().await;
        for _ in 0..80 {
            let mut open = bystander(&peer).await;
            for _ in 0..3 {
                open.push(envelope(0, &[1; 1000]));
            }
            calls.push(open);
        }
    }
    for call in calls {
        expect_whole(call).await;
    }
    assert_eq!(upstream.connections(), 1);
}
