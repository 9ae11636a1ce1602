//! Calls that the upstream has certainly not seen are sent again, whether there is a policy or not. gRFC A6, "Transparent Retries".

use std::sync::atomic::Ordering;

use descant_handlers::proxy::ProxyOptions;
use h2::Reason;

use super::{
    before,
    replica::call,
    script::{End, Scripted, before_with, ending, retrying},
};
use crate::support::{Ask, BIDI, FAIL, SERVER, UNARY, envelope};

#[tokio::test]
async fn a_call_that_a_goaway_says_was_not_looked_at_is_sent_again() {
    for path in [FAIL, SERVER, BIDI] {
        let (address, calls) = ending(&[End::Goaway(0)]).await;
        let front = before(address).await;
        let answer = front.connect().await.send(Ask::empty(path)).await;
        assert_eq!(answer.code(), Some(0), "{answer:?}");
        assert_eq!(calls.load(Ordering::SeqCst), 2);
    }
}

#[tokio::test]
async fn it_is_sent_again_once() {
    let (address, calls) = ending(&[End::Goaway(0), End::Goaway(0), End::Goaway(0)]).await;
    let front = before(address).await;
    let answer = call(&front.connect().await).await;
    assert_eq!(answer.code(), Some(14), "{answer:?}");
    assert_eq!(calls.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_policy_goes_on_from_there() {
    let (address, calls) = ending(&[End::Goaway(0), End::Goaway(0), End::Goaway(0)]).await;
    let front = before_with(address, retrying(5)).await;
    let answer = call(&front.connect().await).await;
    assert_eq!(answer.code(), Some(0), "{answer:?}");
    assert_eq!(calls.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn a_call_that_the_upstream_may_have_seen_is_not_sent_again() {
    for end in [&[End::Goaway(1)][..], &[End::Cut]] {
        for path in [UNARY, FAIL, SERVER, BIDI] {
            let (address, calls) = ending(end).await;
            let front = before(address).await;
            let answer = front.connect().await.send(Ask::empty(path)).await;
            assert_eq!(answer.code(), Some(14), "{answer:?}");
            assert!(answer.reason().starts_with("the connection to http://"), "{answer:?}");
            assert_eq!(calls.load(Ordering::SeqCst), 1);
        }
    }
}

#[tokio::test]
async fn what_the_upstream_says_as_it_goes_is_told() {
    const TOLD: [(&[End], &str); 3] = [
        (
            &[End::Farewell(11, "too many calls")],
            "ENHANCE_YOUR_CALM: too many calls",
        ),
        (&[End::Farewell(2, "")], "INTERNAL_ERROR"),
        (&[End::Farewell(0, "max_age")], "NO_ERROR: max_age"),
    ];
    for (ends, told) in TOLD {
        let (address, _) = ending(ends).await;
        let front = before(address).await;
        let answer = front.connect().await.send(Ask::empty(UNARY)).await;
        let expected = format!("the connection to http://{address} is lost: it said GOAWAY, {told}");
        assert_eq!((answer.code(), answer.reason()), (Some(14), &*expected));
    }
}

#[tokio::test]
async fn a_stream_that_is_refused_is_sent_again_once() {
    for (refusals, code, calls) in [(1, 0, 2), (9, 14, 2)] {
        for path in [FAIL, SERVER, BIDI] {
            let scripted = Scripted::start(move |call, mut asked| async move {
                if call < refusals {
                    asked.respond.send_reset(Reason::REFUSED_STREAM);
                } else {
                    assert_eq!(asked.whole().await, envelope(0, b"hi"));
                    asked.answer(envelope(0, b""), "0");
                }
            })
            .await;
            let front = scripted.before(ProxyOptions::default()).await;
            let answer = front.connect().await.send(Ask::bytes(path, [envelope(0, b"hi")])).await;
            assert_eq!(answer.code(), Some(code), "{answer:?}");
            assert_eq!(scripted.calls(), calls);
            let told = scripted.saw("grpc-previous-rpc-attempts");
            assert_eq!(told, [None, None], "it does not count as an attempt");
        }
    }
}

#[tokio::test]
async fn other_resets_may_have_been_acted_on() {
    for reason in [Reason::CANCEL, Reason::INTERNAL_ERROR, Reason::ENHANCE_YOUR_CALM] {
        let scripted = Scripted::start(move |_, mut asked| async move { asked.respond.send_reset(reason) }).await;
        let front = scripted.before(ProxyOptions::default()).await;
        assert_ne!(call(&front.connect().await).await.code(), Some(0));
        assert_eq!(scripted.calls(), 1);
    }
}

#[tokio::test]
async fn a_call_that_is_not_kept_is_not_sent_again() {
    // Of a stream less is kept than of a message.
    for (path, kept, size) in [(UNARY, 1, 2), (BIDI, 1, 2), (BIDI, 1 << 20, 600)] {
        let scripted = Scripted::start(move |_, mut asked| async move {
            asked.whole().await;
            asked.respond.send_reset(Reason::REFUSED_STREAM);
        })
        .await;
        let mut options = ProxyOptions::default();
        options.retry_bytes = kept;
        let front = scripted.before(options).await;
        let messages = [envelope(0, &vec![b'h'; size])];
        let answer = front.connect().await.send(Ask::bytes(path, messages)).await;
        assert_eq!((answer.code(), scripted.calls()), (Some(14), 1), "{answer:?}");
    }
}
