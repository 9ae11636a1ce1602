//! Mounts of one port that leave it while calls run.

use std::{
    future::pending,
    net::TcpListener,
    sync::Arc,
    time::{Duration, Instant},
};

use descant::{Mount, MountBuilder};
use descant_handlers::{Call, Message, Reply, ServingStatus, from_fn};
use tokio::{sync::Notify, task::JoinHandle, time::sleep};

use super::{
    BOOKSHOP, CATALOG, SHAPES, SUITE, address, bare, call, connect,
    two::{GET_BOOK, books, free},
};
use crate::support::{Ask, WAIT, soon};

/// More than a test takes.
const LONG: Duration = Duration::from_secs(15);

/// Answers `Wait` once it is told to.
fn waiting(port: u16, go: &Arc<Notify>) -> MountBuilder {
    let go = go.clone();
    bare(SUITE).port(port).name("shapes").route(
        format!("{SHAPES}/Wait"),
        from_fn(move |_: Call| {
            let go = go.clone();
            async move {
                go.notified().await;
                Ok(Reply::new(Message::from_prost(&())))
            }
        }),
    )
}

/// A call that waits.
async fn open(mount: &Mount) -> JoinHandle<Option<i32>> {
    let peer = connect(mount).await;
    let call = tokio::spawn(async move { peer.send(Ask::empty(WAIT)).await.code() });
    sleep(Duration::from_millis(50)).await;
    call
}

fn stopping(mount: &Mount) -> JoinHandle<Result<(), descant::Error>> {
    let mount = mount.clone();
    tokio::spawn(async move { mount.stop_within(LONG).await })
}

#[tokio::test]
async fn one_that_is_dropped_meanwhile_serves_no_more() {
    let (port, go) = (free(), Arc::default());
    let shapes = waiting(port, &go).start().await.unwrap();
    let before = books(port).start().await.unwrap();
    let waits = open(&shapes).await;
    let stop = stopping(&shapes);
    sleep(Duration::from_millis(50)).await;
    drop(before);
    let after = soon(books(port).start()).await.unwrap();
    assert_eq!(call(&after, Ask::empty(GET_BOOK)).await.code(), Some(0));
    go.notify_one();
    assert_eq!(soon(waits).await.unwrap(), Some(0), "the call may finish");
    soon(stop).await.unwrap().unwrap();
    assert_eq!(call(&after, Ask::empty(GET_BOOK)).await.code(), Some(0));
}

#[tokio::test]
async fn the_longest_grace_holds_for_whoever_it_was_granted() {
    let (port, go) = (free(), Arc::default());
    let shapes = waiting(port, &go).start().await.unwrap();
    let books = books(port).start().await.unwrap();
    let waits = open(&shapes).await;
    let stop = stopping(&shapes);
    sleep(Duration::from_millis(50)).await;
    let began = Instant::now();
    soon(books.stop_within(Duration::from_millis(100))).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    sleep(Duration::from_millis(300)).await;
    assert!(!waits.is_finished() && !stop.is_finished());
    go.notify_one();
    assert_eq!(soon(waits).await.unwrap(), Some(0));
    soon(stop).await.unwrap().unwrap();
    TcpListener::bind(("127.0.0.1", port)).expect("the port is free");
}

#[tokio::test]
async fn one_that_runs_ends_when_it_is_stopped() {
    let port = free();
    let _shapes = waiting(port, &Arc::default()).start().await.unwrap();
    let mount = books(port).build().unwrap();
    let runs = tokio::spawn({
        let mount = mount.clone();
        async move { mount.run(pending::<()>()).await }
    });
    while !mount.is_running() {
        sleep(Duration::from_millis(5)).await;
    }
    soon(mount.stop()).await.unwrap();
    soon(runs).await.unwrap().unwrap();
}

#[tokio::test]
async fn nobody_waits_for_those_who_watch_the_others() {
    let port = free();
    let shapes = waiting(port, &Arc::default()).start().await.unwrap();
    let books = books(port).start().await.unwrap();
    let peer = connect(&shapes).await;
    let service = [&[0, 0, 0, 0, 21, 10, 19], CATALOG.as_bytes()].concat();
    let mut watch = peer.open(Ask::empty("/grpc.health.v1.Health/Watch")).await;
    watch.body.send_data(service.into(), true).unwrap();
    let (_sending, mut watched) = watch.head().await;
    let told = soon(watched.data()).await.unwrap().unwrap();
    assert!(told.ends_with(&[8, 1]), "{told:?}");
    let began = Instant::now();
    soon(shapes.stop()).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    // The watcher hears of what it watches.
    let stop = tokio::spawn(async move { books.stop().await });
    let told = soon(watched.data()).await.unwrap().unwrap();
    assert!(told.ends_with(&[8, 2]), "{told:?}");
    soon(stop).await.unwrap().unwrap();
}

#[tokio::test]
async fn health_is_as_it_was_where_a_restart_fails() {
    let mount = bare(BOOKSHOP).route(CATALOG, from_fn(|call: Call| async { Ok(Reply::new(call.messages)) }));
    let mount = mount.port(free()).start().await.unwrap();
    let at = address(&mount);
    mount.stop().await.unwrap();
    let taken = TcpListener::bind(at).unwrap();
    assert!(mount.start().await.unwrap_err().is_bind());
    let health = mount.gateway().health().unwrap();
    assert_eq!(health.get(CATALOG), Some(ServingStatus::NotServing));
    drop(taken);
    mount.start().await.unwrap();
    assert_eq!(health.get(CATALOG), Some(ServingStatus::Serving));
}
