//! Servers that are asked whether they are well.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use descant_handlers::{
    Health, ServingStatus,
    proxy::{Balance, HealthCheck, ProxyOptions},
};

use super::{
    addresses::nowhere,
    proxy,
    replica::{Names, Replica, call, failures, quick, until},
    upstream::Asked,
};
use crate::support::{envelope, run, serve_gateway};

fn options(service: &str) -> ProxyOptions {
    let mut check = HealthCheck::default();
    service.clone_into(&mut check.service);
    check.interval = Duration::from_millis(50);
    check.timeout = Duration::from_millis(200);
    let mut options = quick();
    options.health = Some(check);
    options
}

/// A replica that says of its health what it is told to.
async fn saying(well: &Arc<AtomicBool>) -> Replica {
    let well = Arc::clone(well);
    Replica::answering(move |mut asked: Asked| {
        let well = well.load(Ordering::SeqCst);
        async move {
            let health = asked.request.uri().path() == "/grpc.health.v1.Health/Check";
            // It is asked with a deadline, or else it is not well.
            let well = well && asked.request.headers().contains_key("grpc-timeout");
            let message = match (health, well) {
                (true, true) => Bytes::from_static(&[8, 1]),
                (true, false) => Bytes::from_static(&[8, 2]),
                (false, _) => Bytes::new(),
            };
            asked.answer(envelope(0, &message), "0");
        }
    })
    .await
}

#[tokio::test]
async fn one_that_is_unwell_gets_no_calls_until_it_is_well_again() {
    let well = Arc::new(AtomicBool::new(true));
    let (one, other) = (Replica::start().await, saying(&well).await);
    let names = Names::of([one.address(), other.address()]);
    let front = proxy(names.proxy(options(""))).await;
    let peer = front.connect().await;
    until(&peer, |_| other.calls() > 0).await;
    well.store(false, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(500)).await;
    let before = other.calls();
    assert_eq!(failures(&peer, 50).await, 0);
    assert_eq!(other.calls(), before);
    well.store(true, Ordering::SeqCst);
    until(&peer, |_| other.calls() > before).await;
}

#[tokio::test]
async fn a_service_is_asked_for_by_name() {
    let health = Health::new();
    health.set("acme.Orders", ServingStatus::NotServing);
    let other = serve_gateway(descant_tests::gateway(&health), |_| {}).await;
    let one = Replica::start().await;
    let names = Names::of([one.address(), other.address]);
    let front = proxy(names.proxy(options("acme.Orders"))).await;
    let peer = front.connect().await;
    // The first calls may have gone there: nothing was known yet.
    assert_eq!(call(&peer).await.code(), Some(0));
    tokio::time::sleep(Duration::from_millis(500)).await;
    let before = one.calls();
    assert_eq!(failures(&peer, 50).await, 0);
    assert_eq!(one.calls() - before, 50);
    health.set("acme.Orders", ServingStatus::Serving);
    let before = one.calls();
    let mut sent = 0;
    until(&peer, |_| {
        sent += 1;
        one.calls() - before < sent
    })
    .await;
}

#[tokio::test]
async fn one_that_does_not_tell_is_well() {
    let mute = Replica::answering(|mut asked: Asked| async move {
        let health = asked.request.uri().path().starts_with("/grpc.health");
        asked.answer(envelope(0, b""), if health { "12" } else { "0" });
    })
    .await;
    let one = Replica::start().await;
    let names = Names::of([one.address(), mute.address()]);
    let front = proxy(names.proxy(options(""))).await;
    let peer = front.connect().await;
    assert_eq!(call(&peer).await.code(), Some(0));
    tokio::time::sleep(Duration::from_millis(400)).await;
    let before = mute.calls();
    assert_eq!(failures(&peer, 50).await, 0);
    assert!(mute.calls() > before);
}

#[tokio::test]
async fn one_that_does_not_answer_in_time_is_unwell_and_if_all_are_they_are_tried() {
    let hung = |mut asked: Asked| async move {
        if asked.request.uri().path().starts_with("/grpc.health") {
            std::future::pending::<()>().await;
        }
        asked.answer(envelope(0, b""), "0");
    };
    let (one, other) = (Replica::answering(hung).await, Replica::start().await);
    let names = Names::of([one.address(), other.address()]);
    let front = proxy(names.proxy(options(""))).await;
    let peer = front.connect().await;
    assert_eq!(call(&peer).await.code(), Some(0));
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let before = one.calls();
    assert_eq!(failures(&peer, 50).await, 0);
    assert_eq!(one.calls(), before);
    names.set([one.address()]);
    until(&peer, |answer| {
        assert_eq!(answer.code(), Some(0));
        one.calls() > before
    })
    .await;
}

#[tokio::test]
async fn a_server_that_drains_says_so_before_it_goes() {
    let health = Health::new();
    let gateway = descant_tests::gateway(&health);
    let leaving = run(descant::Server::builder(gateway).listen("127.0.0.1:0"), |_| {}).await;
    let one = Replica::start().await;
    let names = Names::of([one.address(), leaving.address]);
    let front = proxy(names.proxy(options(""))).await;
    let peer = front.connect().await;
    assert_eq!(failures(&peer, 50).await, 0);
    health.shutdown();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let mut leaving = leaving;
    leaving.stop();
    assert_eq!(failures(&peer, 50).await, 0);
}

/// One that is well, and whose calls fail.
#[tokio::test]
async fn what_is_well_is_ejected_by_its_calls() {
    let ill = Replica::answering(|mut asked: Asked| async move {
        let health = asked.request.uri().path().starts_with("/grpc.health");
        let (message, code): (&[u8], _) = if health { (&[8, 1], "0") } else { (b"", "14") };
        asked.answer(envelope(0, message), code);
    })
    .await;
    let well = Replica::start().await;
    let names = Names::of([ill.address(), well.address()]);
    let mut options = options("");
    options.balance = Balance::RoundRobin;
    let front = proxy(names.proxy(options)).await;
    let peer = front.connect().await;
    for _ in 0..20 {
        call(&peer).await;
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    assert_eq!(ill.calls(), 5);
}

/// One that is away for a while is well again at once, as its health says.
#[tokio::test]
async fn checks_that_fail_eject_nothing() {
    let (one, away) = (Replica::start().await, nowhere().await);
    let names = Names::of([one.address(), away]);
    let to = names.proxy(options(""));
    let front = proxy(to.clone()).await;
    let peer = front.connect().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(failures(&peer, 20).await, 0);
    let told = to.statistics();
    assert!(told.health_failures > 5, "{told:?}");
    assert_eq!(told.ejections, 0, "{told:?}");
}
