//! How connections come and go.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use descant_handlers::{Misfit, Proxy, proxy::ProxyOptions};
use tokio::{net::TcpListener, task::JoinSet, time::sleep};

use super::{
    proxy,
    replica::{Replica, call, failures},
    upstream::Asked,
};
use crate::support::{Ask, UNARY, envelope, eventually};

fn to(address: SocketAddr, change: impl FnOnce(&mut ProxyOptions)) -> Proxy {
    let mut options = ProxyOptions::default();
    change(&mut options);
    Proxy::to(&format!("http://{address}")).unwrap().options(options)
}

#[tokio::test]
async fn an_idle_connection_is_closed_and_the_next_call_makes_another() {
    let one = Replica::start().await;
    let idle = to(one.address(), |options| options.idle = Some(Duration::from_millis(200)));
    let front = proxy(idle).await;
    let peer = front.connect().await;
    // Not while there are calls.
    for _ in 0..10 {
        assert_eq!(call(&peer).await.code(), Some(0));
        sleep(Duration::from_millis(50)).await;
    }
    assert_eq!((one.upstream.connections(), one.upstream.open()), (1, 1));
    eventually(|| one.upstream.open() == 0).await;
    assert_eq!(call(&peer).await.code(), Some(0));
    assert_eq!((one.upstream.connections(), one.upstream.open()), (2, 1));
}

#[tokio::test]
async fn the_first_call_finds_a_connection_to_each_address() {
    let (one, other) = (Replica::start().await, Replica::start().await);
    let urls = [&one, &other].map(|replica| format!("http://{}", replica.address()));
    let front = proxy(Proxy::to_each(&urls).unwrap()).await;
    eventually(|| one.upstream.open() == 1 && other.upstream.open() == 1).await;
    let peer = front.connect().await;
    for _ in 0..8 {
        assert_eq!(call(&peer).await.code(), Some(0));
    }
    assert_eq!((one.upstream.connections(), other.upstream.connections()), (1, 1));
}

#[tokio::test]
async fn without_a_warm_up_the_first_call_connects() {
    let one = Replica::start().await;
    let front = proxy(to(one.address(), |options| options.warm_up = false)).await;
    let peer = front.connect().await;
    assert_eq!(one.upstream.connections(), 0);
    assert_eq!(call(&peer).await.code(), Some(0));
    assert_eq!(one.upstream.connections(), 1);
}

#[tokio::test]
async fn a_warm_up_that_fails_stops_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let front = proxy(to(address, |_| {})).await;
    let peer = front.connect().await;
    assert_eq!(call(&peer).await.code(), Some(14));
}

#[tokio::test]
async fn a_long_call_is_not_idle() {
    let slow = Replica::answering(|mut asked: Asked| async move {
        sleep(Duration::from_millis(600)).await;
        asked.answer(envelope(0, b""), "0");
    })
    .await;
    let idle = to(slow.address(), |options| {
        options.idle = Some(Duration::from_millis(100));
    });
    let front = proxy(idle).await;
    let peer = front.connect().await;
    assert_eq!(call(&peer).await.code(), Some(0));
}

#[tokio::test]
async fn an_old_connection_is_replaced_and_its_calls_end() {
    let slow = Replica::answering(|mut asked: Asked| async move {
        sleep(Duration::from_millis(100)).await;
        asked.answer(envelope(0, b""), "0");
    })
    .await;
    let old = to(slow.address(), |options| options.age = Some(Duration::from_millis(200)));
    let front = proxy(old).await;
    let peer = front.connect().await;
    assert_eq!(failures(&peer, 12).await, 0);
    assert!(
        (3..=7).contains(&slow.upstream.connections()),
        "{}",
        slow.upstream.connections()
    );
    assert!(slow.upstream.open() <= 2);
}

#[tokio::test]
async fn connections_are_there_before_they_are_needed() {
    let one = Replica::start().await;
    let warm = to(one.address(), |options| {
        options.min_connections = 3;
        options.idle = Some(Duration::from_millis(100));
    });
    warm.connect().await.unwrap();
    eventually(|| one.upstream.open() == 3).await;
    sleep(Duration::from_millis(500)).await;
    assert_eq!(
        (one.upstream.open(), one.upstream.connections(), one.calls()),
        (3, 3, 0)
    );
    let front = proxy(warm).await;
    let peer = front.connect().await;
    assert_eq!(call(&peer).await.code(), Some(0));
    assert_eq!(one.upstream.connections(), 3);
    let nowhere = Proxy::to("http://127.0.0.1:1").unwrap();
    assert_eq!(nowhere.connect().await.unwrap_err().misfit(), Misfit::Connection);
}

#[tokio::test]
async fn a_dropped_proxy_leaves_no_connection() {
    let one = Replica::start().await;
    let gone = to(one.address(), |options| options.min_connections = 2);
    gone.connect().await.unwrap();
    drop(gone);
    eventually(|| one.upstream.open() == 0).await;
}

/// A server that is there and then not: hangs up on everybody, and counts them.
async fn slammed() -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let count = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    (address, count)
}

#[tokio::test]
async fn a_server_that_restarts_is_not_stormed() {
    let (address, attempts) = slammed().await;
    let front = proxy(to(address, |_| {})).await;
    let mut callers = JoinSet::new();
    for _ in 0..50 {
        let peer = front.connect().await;
        callers.spawn(async move {
            let calling = async {
                loop {
                    assert_eq!(call(&peer).await.code(), Some(14));
                    sleep(Duration::from_millis(5)).await;
                }
            };
            let _: Result<(), _> = tokio::time::timeout(Duration::from_secs(3), calling).await;
        });
    }
    callers.join_all().await;
    // 0.1 s, 0.16 s, 0.26 s and so on are seven or eight waits.
    let attempts = attempts.load(Ordering::SeqCst);
    assert!((3..=12).contains(&attempts), "{attempts}");
}

#[tokio::test]
async fn a_silent_server_is_asked_for_a_sign_of_life() {
    let held = Replica::answering(|asked: Asked| async move {
        let _asked = asked;
        std::future::pending::<()>().await;
    })
    .await;
    let lively = to(held.address(), |options| {
        let keepalive = options.keepalive.as_mut().unwrap();
        keepalive.every = Duration::from_millis(100);
        keepalive.timeout = Duration::from_millis(200);
    });
    let front = proxy(lively).await;
    let peer = front.connect().await;
    // It answers PINGs, though not the call.
    let open = peer.open(Ask::empty(UNARY)).await.finish();
    assert!(tokio::time::timeout(Duration::from_secs(1), open).await.is_err());
    assert_eq!((held.upstream.open(), held.upstream.connections()), (1, 1));
}
