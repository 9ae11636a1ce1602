//! Start and stop.

use std::{
    future::pending,
    net::TcpListener,
    pin::pin,
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use descant_handlers::from_fn;
use tokio::{runtime::Runtime, sync::oneshot, time::sleep};

use super::{SHAPES, address, answers, bare, builder, call, closed, connect, health};
use crate::support::{Ask, BIDI, FAIL, Peer, UNARY, WAIT, framed, soon, text};

#[tokio::test]
async fn it_starts_stops_and_starts_again() {
    let mount = builder().build().unwrap();
    assert!(!mount.is_running());
    assert_eq!((mount.port(), mount.addresses().len()), (None, 0));
    assert!(mount.server().is_none());
    mount.stop().await.unwrap();
    for _ in 0..2 {
        mount.start().await.unwrap();
        let (port, server) = (mount.port(), mount.server().unwrap());
        mount.start().await.unwrap();
        assert_eq!(mount.port(), port, "it was there");
        assert_eq!(server.addresses(), mount.addresses());
        assert!(!server.draining().has_begun());
        assert!(answers(&mount).await);
        assert_eq!(health(&mount, SHAPES).await, Ok(1));
        let address = address(&mount);
        mount.stop().await.unwrap();
        assert!(server.draining().has_begun());
        assert_eq!((mount.port(), mount.is_running()), (None, false));
        closed(address).await;
        mount.stop().await.unwrap();
    }
}

#[tokio::test]
async fn starting_and_stopping_at_the_same_time_come_one_after_the_other() {
    let mount = builder().build().unwrap();
    let (one, other) = tokio::join!(mount.start(), mount.start());
    one.and(other).unwrap();
    assert!(answers(&mount).await);
    let (stop, start) = tokio::join!(mount.stop(), mount.start());
    stop.and(start).unwrap();
    assert!(answers(&mount).await);
}

#[tokio::test]
async fn calls_in_flight_finish_before_it_has_stopped() {
    let mount = builder().start().await.unwrap();
    let peer = connect(&mount).await;
    let mut open = peer.open(Ask::bytes(BIDI, [&b""[..]])).await;
    open.push(framed(&text("before")));
    let (mut body, mut answers) = open.head().await;
    let address = address(&mount);
    let stopping = tokio::spawn({
        let mount = mount.clone();
        async move { mount.stop().await }
    });
    closed(address).await;
    assert!(!stopping.is_finished(), "a call is in flight");
    body.send_data(framed(&text("after")), true).unwrap();
    let mut count = 0;
    while let Some(data) = soon(answers.data()).await {
        count += data.unwrap().len();
    }
    assert_eq!(count, framed(&text("before")).len() + framed(&text("after")).len());
    soon(stopping).await.unwrap().unwrap();
}

#[tokio::test]
async fn what_outlives_the_grace_of_a_stop_is_cut_off() {
    let mount = builder().build().unwrap();
    for grace in [Duration::ZERO, Duration::from_millis(300)] {
        mount.start().await.unwrap();
        let peer = connect(&mount).await;
        let mut open = peer.open(Ask::empty(WAIT)).await;
        open.body.send_data(vec![0; 5].into(), true).unwrap();
        sleep(Duration::from_millis(50)).await;
        let began = Instant::now();
        soon(mount.stop_within(grace)).await.unwrap();
        assert!(began.elapsed() >= grace && began.elapsed() < grace + Duration::from_secs(2));
        assert_ne!(soon(open.answer()).await.code(), Some(0));
    }
}

#[tokio::test]
async fn the_grace_of_a_stop_is_that_of_the_mount_and_not_of_the_limits() {
    let mount = builder().grace(Duration::from_millis(200)).start().await.unwrap();
    let peer = connect(&mount).await;
    let mut open = peer.open(Ask::empty(WAIT)).await;
    open.body.send_data(vec![0; 5].into(), true).unwrap();
    sleep(Duration::from_millis(50)).await;
    let began = Instant::now();
    soon(mount.stop()).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_stop_waits_five_seconds_unless_told_otherwise() {
    let mount = builder().start().await.unwrap();
    let peer = connect(&mount).await;
    let mut open = peer.open(Ask::empty(WAIT)).await;
    open.body.send_data(vec![0; 5].into(), true).unwrap();
    sleep(Duration::from_millis(50)).await;
    let began = Instant::now();
    soon(mount.stop()).await.unwrap();
    let took = began.elapsed().as_secs_f64();
    assert!((4.9..8.0).contains(&took), "{took} s");
}

#[tokio::test]
async fn dropped_without_a_stop_it_ends() {
    let mount = builder().start().await.unwrap();
    let clone = mount.clone();
    let peer = connect(&mount).await;
    let mut open = peer.open(Ask::empty(WAIT)).await;
    open.body.send_data(vec![0; 5].into(), true).unwrap();
    let address = address(&mount);
    drop(mount);
    assert!(answers(&clone).await, "a clone is the same mount");
    drop(clone);
    closed(address).await;
    assert_ne!(soon(open.answer()).await.code(), Some(0));
}

#[tokio::test]
async fn where_one_was_dropped_another_can_start_at_once() {
    let first = builder().start().await.unwrap();
    let port = first.port().unwrap();
    drop(first);
    for _ in 0..5 {
        let next = builder().port(port).start().await.unwrap();
        assert!(answers(&next).await);
    }
}

#[tokio::test]
async fn run_serves_until_its_future_is_ready() {
    let mount = builder().build().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn({
        let mount = mount.clone();
        async move { mount.run(stopped).await }
    });
    started(&mount).await;
    assert!(answers(&mount).await);
    stop.send(()).unwrap();
    soon(running).await.unwrap().unwrap();
    assert!(!mount.is_running());
}

#[tokio::test]
async fn run_ends_when_somebody_else_stops_the_mount() {
    let mount = builder().build().unwrap();
    let running = tokio::spawn({
        let mount = mount.clone();
        async move { mount.run(pending::<()>()).await }
    });
    started(&mount).await;
    mount.stop().await.unwrap();
    soon(running).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_run_that_is_dropped_ends_the_mount() {
    let mount = builder().build().unwrap();
    let running = tokio::spawn({
        let mount = mount.clone();
        async move { mount.run(pending::<()>()).await }
    });
    started(&mount).await;
    let address = address(&mount);
    running.abort();
    closed(address).await;
    assert!(!mount.is_running());
}

async fn started(mount: &descant::Mount) {
    let started = async {
        while !mount.is_running() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    soon(started).await;
}

#[tokio::test]
async fn a_port_that_is_taken_is_an_error_that_passes() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let mount = builder().port(port).build().unwrap();
    let error = mount.start().await.unwrap_err();
    assert!(error.is_bind(), "{error}");
    assert!(error.to_string().contains(&format!("port {port} is taken")), "{error}");
    assert!(!mount.is_running());
    drop(taken);
    mount.start().await.unwrap();
    assert_eq!(mount.port(), Some(port));
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

#[test]
fn a_host_that_shuts_down_first_takes_the_server_with_it() {
    let mount = builder().build().unwrap();
    let host = runtime();
    let at = host.block_on(async {
        mount.start().await.unwrap();
        assert!(answers(&mount).await);
        address(&mount)
    });
    drop(host);
    assert_eq!((mount.is_running(), mount.port()), (false, None));
    let next = runtime();
    next.block_on(async {
        closed(at).await;
        soon(mount.stop()).await.unwrap();
        mount.start().await.unwrap();
        assert!(answers(&mount).await);
        mount.stop().await.unwrap();
    });
}

#[test]
fn a_host_that_stands_still_holds_nobody_up() {
    let mount = builder().build().unwrap();
    let host = runtime();
    host.block_on(mount.start()).unwrap();
    runtime().block_on(async {
        soon(mount.stop_within(Duration::ZERO)).await.unwrap();
        assert!(!mount.is_running());
        builder().start().await.unwrap();
    });
    drop(host);
}

#[test]
fn outside_of_a_runtime_it_says_so() {
    let mount = builder().name("here").build().unwrap();
    let mut starting = pin!(mount.start());
    let Poll::Ready(Err(error)) = starting.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("it neither waits nor starts");
    };
    assert!(
        error
            .to_string()
            .starts_with("mount `here` was started outside of a tokio runtime"),
        "{error}"
    );
}

#[tokio::test]
async fn a_handler_that_panics_fails_its_call_only() {
    let panics = from_fn(|_| async { panic!("a handler's mistake") });
    let mount = builder().route(format!("{SHAPES}/Fail"), panics);
    let mount = mount.start().await.unwrap();
    let peer = connect(&mount).await;
    let mut waiting = peer.open(Ask::bytes(BIDI, [&b""[..]])).await;
    waiting.push(framed(&text("before")));
    let answer = peer.send(Ask::empty(FAIL)).await;
    assert_eq!(answer.code(), Some(13), "{answer:?}");
    assert_eq!(peer.send(Ask::one(UNARY, &text("hi"))).await.code(), Some(0));
    waiting.body.send_data(framed(&text("after")), true).unwrap();
    let answer = soon(waiting.answer()).await;
    assert_eq!((answer.code(), answer.envelopes().len()), (Some(0), 2));
    assert_eq!(call(&mount, Ask::empty(FAIL)).await.code(), Some(13));
}

#[cfg(unix)]
#[tokio::test]
async fn on_a_unix_socket_it_starts_stops_and_starts_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.sock");
    let text_of = path.to_str().unwrap();
    let mount = builder().unix(text_of).build().unwrap();
    assert_eq!(mount.unix_path(), None);
    for _ in 0..2 {
        mount.start().await.unwrap();
        assert_eq!((mount.unix_path(), mount.port()), (Some(path.clone()), None));
        let server = mount.server().unwrap();
        assert!(server.addresses().is_empty() && server.unix_paths().eq([&*path]));
        assert!(answers_at(&path).await);
        mount.stop().await.unwrap();
        assert!(!path.exists());
    }
    // Dropped without a stop it leaves room for the next at once.
    drop(builder().unix(text_of).start().await.unwrap());
    let next = builder().unix(text_of).start().await.unwrap();
    assert!(answers_at(&path).await);
    // Another that shares it serves with it; one with other options does not.
    let beside = bare(super::BOOKSHOP).unix(text_of).start().await.unwrap();
    assert_eq!(beside.server().unwrap().mounts().len(), 2);
    let other = bare(super::BOOKSHOP)
        .unix(text_of)
        .workers(2)
        .start()
        .await
        .unwrap_err();
    assert!(other.is_clash() && other.to_string().contains(text_of), "{other}");
    next.stop().await.unwrap();
    assert!(path.exists());
    beside.stop().await.unwrap();
    assert!(!path.exists());
    // What is there and no socket stays.
    std::fs::write(&path, "kept").unwrap();
    let refused = builder().unix(text_of).start().await.unwrap_err();
    assert!(refused.is_bind(), "{refused}");
    assert_eq!(std::fs::read(&path).unwrap(), b"kept");
}

#[cfg(unix)]
async fn answers_at(path: &std::path::Path) -> bool {
    let peer = Peer::over(tokio::net::UnixStream::connect(path).await.unwrap()).await;
    peer.send(Ask::one(UNARY, &text("hi"))).await.code() == Some(0)
}
