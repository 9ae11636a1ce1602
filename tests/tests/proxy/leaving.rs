//! Connections that take no more calls, and calls that wait for one that does.

use std::{
    future::pending,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use descant_handlers::proxy::{HealthCheck, ProxyOptions};
use h2::server::Builder;
use tokio::time::{sleep, timeout};

use super::{
    addresses::silence,
    hedge::hedging,
    proxy,
    replica::{Names, Replica, call, failures, quick},
    script::{End, Scripted, before_with, ending, retrying},
    upstream::{Asked, Upstream, upstream_with},
};
use crate::support::{Ask, BIDI, FAIL, UNARY, envelope, eventually};

/// Answers all calls but those both ways, which it holds; each connection is about to close from its first call on.
async fn leaving(settings: Builder) -> Upstream {
    upstream_with(settings, 1, held).await
}

async fn held(mut asked: Asked) {
    if asked.request.uri().path() == BIDI {
        pending::<()>().await;
    }
    asked.answer(envelope(0, &[8, 1]), "0");
}

#[tokio::test]
async fn a_call_passes_over_connections_that_are_about_to_close() {
    let upstream = leaving(Builder::new()).await;
    let mut options = ProxyOptions::default();
    options.min_connections = 6;
    let front = before_with(upstream.address, options).await;
    eventually(|| upstream.open() == 6).await;
    let peer = front.connect().await;
    let mut streams = Vec::new();
    for _ in 0..6 {
        streams.push(peer.open(Ask::bytes(BIDI, [envelope(0, b"")])).await);
    }
    sleep(Duration::from_millis(200)).await;
    for _ in 0..3 {
        assert_eq!(call(&peer).await.code(), Some(0));
    }
}

#[tokio::test]
async fn a_connection_that_is_about_to_close_takes_no_place() {
    let mut settings = Builder::new();
    settings.max_concurrent_streams(1);
    let upstream = leaving(settings).await;
    let mut options = ProxyOptions::default();
    options.connections = Some(1);
    let front = before_with(upstream.address, options).await;
    let peer = front.connect().await;
    let _stream = peer.open(Ask::bytes(BIDI, [envelope(0, b"")])).await;
    sleep(Duration::from_millis(200)).await;
    let answer = timeout(Duration::from_secs(5), call(&peer)).await;
    assert_eq!(answer.expect("it waits").code(), Some(0));
}

#[tokio::test]
async fn an_address_is_not_to_blame_for_calls_that_it_did_not_look_at() {
    let (going, _) = ending(&[End::Goaway(0); 8]).await;
    let staying = Replica::start().await;
    let mut options = quick();
    options.outlier.as_mut().unwrap().consecutive = 1;
    let to = Names::of([going, staying.address()]).proxy(options);
    let front = proxy(to.clone()).await;
    let peer = front.connect().await;
    assert_eq!(failures(&peer, 100).await, 0);
    let told = to.statistics();
    assert!(told.outcomes.unseen > 0, "{told:?}");
    assert_eq!(told.ejections, 0, "{told:?}");
}

/// A server closes by its own time, which may be little longer.
#[tokio::test]
async fn an_idle_connection_closes_before_its_time_is_over() {
    let one = Replica::start().await;
    let mut options = ProxyOptions::default();
    options.idle = Some(Duration::from_millis(800));
    let front = before_with(one.address(), options).await;
    let peer = front.connect().await;
    // Not at once: when is looked after connections does not depend on calls.
    sleep(Duration::from_millis(130)).await;
    assert_eq!(call(&peer).await.code(), Some(0));
    let since = Instant::now();
    eventually(|| one.upstream.open() == 0).await;
    let idle = since.elapsed();
    assert!(
        idle > Duration::from_millis(550) && idle < Duration::from_millis(950),
        "{idle:?}"
    );
}

/// Its share goes to all others, not to the next in the list.
#[tokio::test]
async fn the_share_of_an_address_that_says_nothing_is_spread() {
    let replicas = [Replica::start().await, Replica::start().await, Replica::start().await];
    let [one, two, three] = replicas.each_ref().map(Replica::address);
    let front = proxy(Names::of([silence().await, one, two, three]).proxy(quick())).await;
    let peer = front.connect().await;
    assert_eq!(failures(&peer, 600).await, 0);
    let calls = replicas.each_ref().map(Replica::calls);
    assert!(calls.iter().all(|calls| (140..260).contains(calls)), "{calls:?}");
}

/// Whether a server is well it says itself, however busy it is.
#[tokio::test]
async fn a_server_without_a_free_place_is_asked_all_the_same() {
    let mut settings = Builder::new();
    settings.max_concurrent_streams(1);
    let busy = upstream_with(settings, usize::MAX, held).await;
    let mut options = quick();
    options.connections = Some(1);
    let mut check = HealthCheck::default();
    check.interval = Duration::from_millis(50);
    check.timeout = Duration::from_secs(2);
    options.health = Some(check);
    let to = Names::of([busy.address]).proxy(options);
    let front = proxy(to.clone()).await;
    let peer = front.connect().await;
    let _stream = peer.open(Ask::bytes(BIDI, [envelope(0, b"")])).await;
    // The server may have refused what came just as a place was given up.
    sleep(Duration::from_millis(300)).await;
    let before = to.statistics().health_failures;
    sleep(Duration::from_secs(3)).await;
    assert_eq!(to.statistics().health_failures, before);
    assert!(
        busy.connections() > 4 && busy.open() <= 2,
        "{} {}",
        busy.connections(),
        busy.open()
    );
}

#[tokio::test]
async fn calls_that_wait_have_their_turn() {
    expect_turns(|_| {}).await;
    // Of these something is said.
    expect_turns(|options| options.timeout = Some(Duration::from_secs(60))).await;
}

async fn expect_turns(change: impl FnOnce(&mut ProxyOptions)) {
    let mut settings = Builder::new();
    settings.max_concurrent_streams(1);
    let order = Arc::<Mutex<Vec<usize>>>::default();
    let seen = order.clone();
    let upstream = upstream_with(settings, usize::MAX, move |mut asked: Asked| {
        let number = asked.request.headers().get("x-number");
        seen.lock()
            .unwrap()
            .extend(number.map(|number| number.to_str().unwrap().parse::<usize>().unwrap()));
        async move {
            sleep(Duration::from_millis(10)).await;
            asked.answer(envelope(0, b""), "0");
        }
    })
    .await;
    let mut options = ProxyOptions::default();
    options.connections = Some(1);
    change(&mut options);
    let front = before_with(upstream.address, options).await;
    let peer = front.connect().await;
    assert_eq!(call(&peer).await.code(), Some(0));
    let mut calls = Vec::new();
    // They come faster than they are answered, and for longer than one waits without another look.
    for number in 0..60 {
        let ask = Ask::empty(UNARY).header("x-number", number.to_string());
        calls.push(tokio::spawn(peer.open(ask).await.finish()));
        sleep(Duration::from_millis(5)).await;
    }
    for call in calls {
        assert_eq!(call.await.unwrap().code(), Some(0));
    }
    let order = order.lock().unwrap().clone();
    assert_eq!(order.len(), 60);
    // The server refuses one now and then for which it has no room yet, and which is sent again.
    let moved = order.iter().enumerate().map(|(at, number)| at.abs_diff(*number)).max();
    assert!(moved < Some(6), "{order:?}");
}

/// Another attempt that may not be made ends none that was.
#[tokio::test]
async fn a_limit_keeps_hedges_back_and_ends_no_call() {
    let scripted = Scripted::start(|_, mut asked| async move {
        sleep(Duration::from_millis(300)).await;
        asked.answer(envelope(0, b""), "0");
    })
    .await;
    let mut options = hedging(4, "0.02s");
    options.max_calls = Some(2);
    let front = scripted.before(options).await;
    let peer = front.connect().await;
    let mut calls = Vec::new();
    for _ in 0..2 {
        calls.push(tokio::spawn(peer.open(Ask::empty(UNARY)).await.finish()));
    }
    for call in calls {
        let answer = call.await.unwrap();
        assert_eq!(answer.code(), Some(0), "{answer:?}");
    }
}

/// What turns out not to be what it says it is costs an upstream nothing.
#[tokio::test]
async fn a_message_that_does_not_inflate_is_not_sent() {
    let scripted = Scripted::failing(&[]).await;
    let front = scripted.before(ProxyOptions::default()).await;
    let peer = front.connect().await;
    for _ in 0..3 {
        let ask = Ask::bytes(UNARY, [envelope(1, b"no gzip")]).header("grpc-encoding", "gzip");
        let answer = peer.send(ask).await;
        assert_eq!(answer.code(), Some(13), "{answer:?}");
    }
    assert_eq!(peer.send(Ask::empty(FAIL)).await.code(), Some(0));
    assert_eq!((scripted.calls(), scripted.upstream.connections()), (1, 1));
}

/// Another attempt goes elsewhere if it can soon, and else where there is room: however much goes on there.
#[tokio::test]
async fn another_attempt_does_not_wait_for_an_address_that_says_nothing() {
    let fails = Arc::new(AtomicBool::new(false));
    let told = fails.clone();
    let one = Replica::refusing(move |asked| {
        asked.request.headers().contains_key("x-fails") && !told.swap(true, Ordering::SeqCst)
    })
    .await;
    let mut options = retrying(2);
    options.resolve_every = Duration::from_secs(3600);
    let front = proxy(Names::of([one.address(), silence().await]).proxy(options)).await;
    let (peer, busy) = (front.connect().await, front.connect().await);
    let traffic = tokio::spawn(async move {
        loop {
            call(&busy).await;
            sleep(Duration::from_millis(5)).await;
        }
    });
    sleep(Duration::from_millis(100)).await;
    let ask = Ask::empty(UNARY).header("x-fails", "1");
    let answer = timeout(Duration::from_secs(3), peer.send(ask)).await;
    assert_eq!(answer.expect("it waits").code(), Some(0));
    assert!(fails.load(Ordering::SeqCst));
    traffic.abort();
}
