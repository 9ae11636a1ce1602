//! Names with several addresses, that come and go; lists of servers.

use std::{io, net::SocketAddr, time::Duration};

use bytes::Bytes;
use descant_handlers::{
    Proxy, UpstreamProtocol, async_trait,
    proxy::{HealthCheck, Misfit, ProxyOptions, Resolve},
};
use tokio::{net::TcpListener, time::Instant};

use super::{
    proxy,
    replica::{Names, Replica, call, failures, quick, until},
    upstream::Asked,
};
use crate::support::{Ask, BIDI, UNARY, envelope, soon};

/// An address that nothing listens on.
pub(super) async fn nowhere() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

/// An address that takes connections, and says nothing.
pub(super) async fn silence() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((socket, _)) = listener.accept().await {
            held.push(socket);
        }
    });
    address
}

#[tokio::test]
async fn all_addresses_of_a_name_get_calls_and_one_that_is_down_costs_none() {
    let (one, other) = (Replica::start().await, Replica::start().await);
    let names = Names::of([one.address(), nowhere().await, other.address()]);
    let front = proxy(names.proxy(quick())).await;
    let peer = front.connect().await;
    assert_eq!(failures(&peer, 200).await, 0);
    assert!(
        one.calls() > 40 && other.calls() > 40,
        "{} {}",
        one.calls(),
        other.calls()
    );
    assert_eq!((one.upstream.connections(), other.upstream.connections()), (1, 1));
}

#[tokio::test]
async fn a_list_of_servers_is_one_upstream() {
    let (one, other) = (Replica::start().await, Replica::start().await);
    let urls = [&one, &other].map(|replica| format!("http://{}", replica.address()));
    let to = Proxy::to_each(&urls).unwrap();
    assert_eq!(to.to_string(), urls.join(", "));
    let front = proxy(to).await;
    let peer = front.connect().await;
    assert_eq!(failures(&peer, 100).await, 0);
    assert!(
        one.calls() > 10 && other.calls() > 10,
        "{} {}",
        one.calls(),
        other.calls()
    );
    let nothing = Proxy::to_each(Vec::<String>::new()).unwrap_err();
    assert!(nothing.to_string().starts_with("no upstream is given"), "{nothing}");
}

#[tokio::test]
async fn both_kinds_of_addresses_are_used() {
    let one = Replica::start().await;
    let gateway = descant_tests::gateway(&descant_handlers::Health::new());
    let server = descant::Server::builder(gateway)
        .listen("[::1]:0")
        .bind()
        .await
        .unwrap();
    let other = server.addresses()[0];
    let _served = tokio::spawn(server.serve(std::future::pending::<()>()));
    let names = Names::of([one.address(), other]);
    let front = proxy(names.proxy(quick())).await;
    let peer = front.connect().await;
    assert_eq!(failures(&peer, 100).await, 0);
    assert!((10..90).contains(&one.calls()), "{}", one.calls());
}

#[tokio::test]
async fn an_address_that_says_nothing_is_not_waited_for() {
    let one = Replica::start().await;
    let names = Names::of([silence().await, one.address(), silence().await]);
    let began = Instant::now();
    let front = proxy(names.proxy(quick())).await;
    let peer = front.connect().await;
    assert_eq!(failures(&peer, 100).await, 0);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[tokio::test]
async fn nor_is_it_where_a_connection_alone_is_asked_for() {
    let one = Replica::start().await;
    for down in [silence().await, nowhere().await] {
        let names = Names::of([down, down, one.address()]);
        let to = names.proxy(ProxyOptions::default());
        let connected = tokio::time::timeout(Duration::from_secs(5), to.connect());
        connected.await.unwrap().unwrap();
    }
    let names = Names::of([nowhere().await]);
    let failed = names.proxy(ProxyOptions::default()).connect().await;
    assert_eq!(failed.unwrap_err().misfit(), Misfit::Connection);
}

#[tokio::test]
async fn a_name_that_changes_moves_the_calls_and_fails_none() {
    let slow = |mut asked: Asked| async move {
        tokio::time::sleep(Duration::from_millis(300)).await;
        asked.answer(envelope(0, b""), "0");
    };
    let (old, new) = (Replica::answering(slow).await, Replica::start().await);
    let names = Names::of([old.address()]);
    let front = proxy(names.proxy(quick())).await;
    let peer = front.connect().await;
    assert_eq!(call(&peer).await.code(), Some(0));
    let open = tokio::spawn(peer.open(Ask::empty(UNARY)).await.finish());
    names.set([new.address()]);
    until(&peer, |answer| {
        assert_eq!(answer.code(), Some(0), "{answer:?}");
        new.calls() > 0
    })
    .await;
    // What was there before ends where it is.
    assert_eq!(soon(open).await.unwrap().code(), Some(0));
    let before = old.calls();
    assert_eq!(failures(&peer, 50).await, 0);
    assert_eq!(old.calls(), before);
    let closed = async {
        while old.upstream.open() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    soon(closed).await;
}

#[tokio::test]
async fn a_name_that_is_not_found_is_told_and_looked_up_again() {
    let one = Replica::start().await;
    let names = Names::of([]);
    names.fail("no such host");
    let front = proxy(names.proxy(quick())).await;
    let peer = front.connect().await;
    let answer = call(&peer).await;
    let expected = "cannot find the address of http://orders.test:9000: no such host";
    assert_eq!((answer.code(), answer.reason()), (Some(14), expected));
    names.set([]);
    until(&peer, |answer| answer.reason().ends_with(": it has none")).await;
    names.set([one.address()]);
    until(&peer, |answer| answer.code() == Some(0)).await;
    // Once known, addresses stay until others are found.
    names.fail("no such host");
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(failures(&peer, 20).await, 0);
}

#[tokio::test]
async fn a_failure_to_connect_has_the_name_looked_up() {
    let (old, new) = (nowhere().await, Replica::start().await);
    let names = Names::of([old]);
    // The time of looks has not come for long.
    let front = proxy(names.proxy(descant_handlers::proxy::ProxyOptions::default())).await;
    let peer = front.connect().await;
    let answer = call(&peer).await;
    assert_eq!(answer.code(), Some(14), "{answer:?}");
    let expected = format!("cannot connect to http://orders.test:9000 ({old}): ");
    assert!(answer.reason().starts_with(&expected), "{answer:?}");
    names.set([new.address()]);
    until(&peer, |answer| answer.code() == Some(0)).await;
}

#[tokio::test]
async fn a_name_that_is_found_late_is_known_before_the_next_call() {
    let one = Replica::start().await;
    let names = Names::of([]);
    names.fail("no such host");
    let mut options = quick();
    options.resolve_every = Duration::from_secs(3600);
    let front = proxy(names.proxy(options)).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    names.set([one.address()]);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(call(&front.connect().await).await.code(), Some(0));
}

#[tokio::test]
async fn an_address_that_is_gone_is_not_connected_to() {
    let (old, new) = (Replica::start().await, Replica::start().await);
    let names = Names::of([old.address()]);
    let mut options = quick();
    let mut check = HealthCheck::default();
    check.interval = Duration::from_millis(20);
    options.health = Some(check);
    let front = proxy(names.proxy(options)).await;
    let peer = front.connect().await;
    let open = peer.open(Ask::bytes(BIDI, [Bytes::new()])).await;
    names.set([new.address()]);
    until(&peer, |_| new.calls() > 0).await;
    let before = old.upstream.connections();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(old.upstream.connections(), before);
    drop(open);
}

/// Finds one name after a while, and the other never.
#[derive(Debug)]
struct Slowly(SocketAddr);

#[async_trait]
impl Resolve for Slowly {
    async fn resolve(&self, host: &str, _: u16) -> io::Result<Vec<SocketAddr>> {
        if host == "gone.test" {
            return Err(io::Error::other("no such host"));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        Ok(vec![self.0])
    }
}

#[tokio::test]
async fn a_name_that_is_not_found_does_not_speak_for_another_one() {
    let one = Replica::start().await;
    let mut options = ProxyOptions::default();
    options.warm_up = false;
    let to = Proxy::to_each(["http://gone.test:1", "http://here.test:1"]).unwrap();
    let front = proxy(to.resolver(Slowly(one.address())).options(options)).await;
    let peer = front.connect().await;
    assert_eq!(failures(&peer, 5).await, 0);
}

/// What is to be done without calls begins with the gateway, however its servers are spoken to.
#[tokio::test]
async fn connections_are_kept_over_http_1_before_the_first_call() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut options = ProxyOptions::default();
    options.protocol = UpstreamProtocol::Connect;
    options.http1 = true;
    options.min_connections = 1;
    let to = Proxy::to(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let _front = proxy(to.options(options)).await;
    crate::support::soon(listener.accept()).await.unwrap();
}
