//! Several attempts at once. gRFC A6, "Hedging Policy".

use std::{
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use descant_handlers::{Proxy, proxy::ProxyOptions};
use h2::{Reason, server::Builder};
use tokio::sync::Notify;

use super::{
    proxy,
    replica::call,
    script::{Scripted, configured},
    upstream::{Asked, Upstream, upstream_with},
};
use crate::support::{Ask, BIDI, FAIL, Running, SERVER, envelope, soon};

const CLIENT: &str = "/descant.suite.v1.Shapes/Client";

/// So many attempts, so far apart, of which UNAVAILABLE ends only one.
pub(super) fn hedging(attempts: usize, delay: &str) -> ProxyOptions {
    configured(&format!(
        r#"{{ "methodConfig": [{{ "name": [{{}}], "hedgingPolicy": {{ "maxAttempts": {attempts}, "hedgingDelay": "{delay}",
            "nonFatalStatusCodes": ["UNAVAILABLE"] }} }}] }}"#
    ))
}

#[tokio::test]
async fn the_first_reply_counts_and_the_others_are_given_up() {
    let body = [envelope(0, b"one"), envelope(0, b"two")];
    let whole: Vec<u8> = body.iter().flat_map(|envelope| envelope.to_vec()).collect();
    for path in [FAIL, SERVER, CLIENT, BIDI] {
        let body = if [CLIENT, BIDI].contains(&path) {
            &body[..]
        } else {
            &body[..1]
        };
        let expected = whole[..body.iter().map(bytes::Bytes::len).sum()].to_vec();
        let given_up = Arc::<AtomicUsize>::default();
        let counted = Arc::clone(&given_up);
        let scripted = Scripted::start(move |call, mut asked| {
            let (expected, counted) = (expected.clone(), Arc::clone(&counted));
            async move {
                assert_eq!(asked.whole().await, expected);
                if call < 2 {
                    let reason = poll_fn(|cx| asked.respond.poll_reset(cx)).await;
                    assert_eq!(reason.unwrap(), Reason::CANCEL);
                    counted.fetch_add(1, Ordering::SeqCst);
                } else {
                    asked.answer(envelope(0, b"done"), "0");
                }
            }
        })
        .await;
        let front = scripted.before(hedging(3, "0.02s")).await;
        let answer = front.connect().await.send(Ask::bytes(path, body.to_vec())).await;
        assert_eq!(answer.code(), Some(0), "{answer:?}");
        assert_eq!(answer.envelopes().len(), 1);
        assert_eq!(scripted.calls(), 3);
        let told = scripted.saw("grpc-previous-rpc-attempts");
        assert_eq!(told, [None, Some("1".to_owned()), Some("2".to_owned())]);
        let all = async {
            while given_up.load(Ordering::SeqCst) < 2 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        soon(all).await;
    }
}

#[tokio::test]
async fn a_call_that_is_quick_is_made_once() {
    let scripted = Scripted::failing(&[]).await;
    let front = scripted.before(hedging(5, "60s")).await;
    assert_eq!(call(&front.connect().await).await.code(), Some(0));
    assert_eq!(scripted.calls(), 1);
}

#[tokio::test]
async fn a_failure_that_is_not_fatal_brings_the_next_at_once() {
    let scripted = Scripted::failing(&["14", "14"]).await;
    let front = scripted.before(hedging(5, "60s")).await;
    assert_eq!(call(&front.connect().await).await.code(), Some(0));
    assert_eq!(scripted.calls(), 3);
    let scripted = Scripted::failing(&["14"; 9]).await;
    let front = scripted.before(hedging(3, "60s")).await;
    let answer = call(&front.connect().await).await;
    assert_eq!(
        (answer.code(), answer.reason(), scripted.calls()),
        (Some(14), "not now", 3)
    );
}

#[tokio::test]
async fn a_fatal_failure_is_told_at_once() {
    let scripted = Scripted::start(|call, mut asked| async move {
        if call == 0 {
            std::future::pending::<()>().await;
        }
        asked.refuse("5", &[]);
    })
    .await;
    let front = scripted.before(hedging(3, "0.2s")).await;
    let answer = call(&front.connect().await).await;
    assert_eq!((answer.code(), scripted.calls()), (Some(5), 2), "{answer:?}");
}

#[tokio::test]
async fn the_upstream_says_when_the_next_is_due_or_that_none_is() {
    for (said, code, calls) in [("1", 0, 2), ("-1", 14, 1)] {
        let scripted = Scripted::start(move |call, mut asked| async move {
            if call == 0 {
                asked.refuse("14", &[("grpc-retry-pushback-ms", said)]);
            } else {
                asked.answer(envelope(0, b""), "0");
            }
        })
        .await;
        let front = scripted.before(hedging(3, "60s")).await;
        let answer = call(&front.connect().await).await;
        assert_eq!((answer.code(), scripted.calls()), (Some(code), calls), "{answer:?}");
    }
}

#[tokio::test]
async fn an_upstream_that_fails_gets_one_at_a_time() {
    let scripted = Scripted::failing(&["14"; 100]).await;
    let json = r#"{ "methodConfig": [{ "name": [{}], "hedgingPolicy": { "maxAttempts": 5, "hedgingDelay": "60s",
        "nonFatalStatusCodes": [14] } }], "retryThrottling": { "maxTokens": 4, "tokenRatio": 0.1 } }"#;
    let front = scripted.before(configured(json)).await;
    let peer = front.connect().await;
    for calls in [2, 3, 4] {
        assert_eq!(call(&peer).await.code(), Some(14));
        assert_eq!(scripted.calls(), calls);
    }
}

#[tokio::test]
async fn more_than_is_kept_leaves_one_attempt() {
    let scripted = Scripted::start(|_, mut asked| async move {
        let body = asked.whole().await;
        if body.len() == 2 * (5 + 600) {
            asked.answer(envelope(0, b"done"), "0");
        }
    })
    .await;
    let mut options = hedging(3, "0s");
    options.retry_bytes = 999;
    let front = scripted.before(options).await;
    let peer = front.connect().await;
    for _ in 0..10 {
        let half = envelope(0, &[7; 600]);
        let mut open = peer.open(Ask::bytes(BIDI, [&b""[..]])).await;
        open.push(half.clone());
        tokio::task::yield_now().await;
        open.push(half);
        let answer = soon(open.finish()).await;
        assert_eq!(answer.code(), Some(0), "{answer:?}");
    }
}

#[tokio::test]
async fn each_attempt_goes_to_another_address() {
    let silent = || {
        Scripted::start(|_, asked| async move {
            let _held = asked;
            std::future::pending::<()>().await;
        })
    };
    let (one, two, good) = (silent().await, silent().await, Scripted::failing(&[]).await);
    let urls = [&one, &two, &good].map(|scripted| format!("http://{}", scripted.upstream.address));
    let front = proxy(Proxy::to_each(urls).unwrap().options(hedging(3, "0.01s"))).await;
    let peer = front.connect().await;
    for _ in 0..10 {
        assert_eq!(call(&peer).await.code(), Some(0));
    }
}

/// An upstream with room for all of a request, and one with room for hardly any, which does this once the other has all.
async fn wide_and_narrow(end: impl FnOnce(Asked) -> Option<Asked> + Clone + Send + 'static) -> (Upstream, Upstream) {
    let has_all = Arc::<Notify>::default();
    let all_came = Arc::clone(&has_all);
    let mut room = Builder::new();
    room.initial_window_size(1 << 20)
        .initial_connection_window_size(1 << 20);
    let wide = upstream_with(room, usize::MAX, move |mut asked: Asked| {
        let has_all = Arc::clone(&has_all);
        async move {
            asked.whole().await;
            has_all.notify_waiters();
            tokio::time::sleep(Duration::from_millis(200)).await;
            asked.answer(envelope(0, b"done"), "0");
        }
    });
    let mut little = Builder::new();
    little.initial_window_size(1 << 10);
    let narrow = upstream_with(little, usize::MAX, move |asked: Asked| {
        let (end, all_came) = (end.clone(), Arc::clone(&all_came));
        async move {
            all_came.notified().await;
            let _held = end(asked);
            std::future::pending::<()>().await;
        }
    });
    (wide.await, narrow.await)
}

async fn before_both((wide, narrow): &(Upstream, Upstream)) -> Running {
    let mut options = hedging(2, "0s");
    options.retry_bytes = 128 << 10;
    let urls = [wide, narrow].map(|upstream| format!("http://{}", upstream.address));
    proxy(Proxy::to_each(urls).unwrap().options(options)).await
}

#[tokio::test]
async fn past_what_is_kept_only_the_attempt_that_has_the_messages_counts() {
    type End = fn(Asked) -> Option<Asked>;
    let begins: End = |mut asked| {
        let _ = asked.respond.send_response(
            http::Response::builder()
                .header("content-type", "application/grpc")
                .body(())
                .unwrap(),
            false,
        );
        Some(asked)
    };
    let refuses: End = |mut asked| {
        asked.refuse("5", &[]);
        None
    };
    for end in [begins, refuses] {
        let upstreams = wide_and_narrow(end).await;
        let front = before_both(&upstreams).await;
        let peer = front.connect().await;
        for _ in 0..3 {
            let body = vec![envelope(0, &[7; 10_000]); 30];
            let answer = soon(peer.send(Ask::bytes(CLIENT, body))).await;
            assert_eq!(answer.code(), Some(0), "{answer:?}");
        }
    }
}

#[tokio::test]
async fn a_request_that_breaks_past_what_is_kept_is_told_as_it_is() {
    let upstreams = wide_and_narrow(Some).await;
    let front = before_both(&upstreams).await;
    let mut body = vec![envelope(0, &[7; 10_000]); 30];
    body.push(envelope(9, b""));
    let answer = soon(front.connect().await.send(Ask::bytes(CLIENT, body))).await;
    assert_eq!(answer.code(), Some(13), "{answer:?}");
    assert!(answer.reason().contains("flag"), "{answer:?}");
}
