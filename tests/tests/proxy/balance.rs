//! Which of several servers answers.

use std::{collections::HashMap, net::SocketAddr, time::Duration};

use descant_handlers::proxy::{Balance, ProxyOptions};
use tokio::task::JoinSet;

use super::{
    addresses::silence,
    proxy,
    replica::{Names, Replica, call, failures, quick, until},
    upstream::Asked,
};
use crate::support::{Ask, Peer, UNARY, envelope, soon};

fn options(balance: &str) -> ProxyOptions {
    let mut options = quick();
    options.balance = balance.parse().unwrap();
    options
}

async fn three() -> [Replica; 3] {
    [Replica::start().await, Replica::start().await, Replica::start().await]
}

/// Calls until each replica has had some, which then are all connected to.
async fn warmed(peer: &Peer, replicas: &[Replica]) {
    until(peer, |_| replicas.iter().all(|replica| replica.calls() > 0)).await;
}

/// An address where nobody listens.
async fn nobodys() -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

#[tokio::test]
async fn in_turn_each_gets_as_many() {
    let replicas = three().await;
    let names = Names::of(replicas.each_ref().map(Replica::address));
    let front = proxy(names.proxy(options("round-robin"))).await;
    let peer = front.connect().await;
    warmed(&peer, &replicas).await;
    let before = replicas.each_ref().map(Replica::calls);
    assert_eq!(failures(&peer, 99).await, 0);
    for (replica, before) in replicas.iter().zip(before) {
        assert_eq!(replica.calls() - before, 33);
    }
}

#[tokio::test]
async fn in_turn_what_is_down_is_passed_over_evenly() {
    let replicas = three().await;
    let down = nobodys().await;
    let names = Names::of(replicas.each_ref().map(Replica::address).into_iter().chain([down]));
    let front = proxy(names.proxy(options("round-robin"))).await;
    let peer = front.connect().await;
    warmed(&peer, &replicas).await;
    let before = replicas.each_ref().map(Replica::calls);
    assert_eq!(failures(&peer, 300).await, 0);
    for (replica, before) in replicas.iter().zip(before) {
        let share = replica.calls() - before;
        assert!((90..=110).contains(&share), "{share}");
    }
}

#[tokio::test]
async fn the_less_busy_of_two_spares_the_slow() {
    let slow = |mut asked: Asked| async move {
        tokio::time::sleep(Duration::from_millis(100)).await;
        asked.answer(envelope(0, b""), "0");
    };
    let replicas = [
        Replica::answering(slow).await,
        Replica::start().await,
        Replica::start().await,
    ];
    let names = Names::of(replicas.each_ref().map(Replica::address));
    let front = proxy(names.proxy(options("power-of-two"))).await;
    warmed(&front.connect().await, &replicas).await;
    let before = replicas.each_ref().map(Replica::calls);
    let mut callers = JoinSet::new();
    for _ in 0..10 {
        let peer = front.connect().await;
        callers.spawn(async move { failures(&peer, 60).await });
    }
    let failed: usize = callers.join_all().await.into_iter().sum();
    assert_eq!(failed, 0);
    let [slow, one, other] = [0, 1, 2].map(|index| replicas[index].calls() - before[index]);
    assert!(slow * 2 < one && slow * 2 < other, "{slow} {one} {other}");
}

/// Which replica answers calls with each key.
async fn owners(peer: &Peer, replicas: &[Replica]) -> HashMap<usize, usize> {
    let mut owners = HashMap::new();
    for key in 0..60 {
        let before: Vec<_> = replicas.iter().map(Replica::calls).collect();
        let ask = Ask::empty(UNARY).header("user", format!("user {key}"));
        assert_eq!(peer.send(ask).await.code(), Some(0));
        let owner = replicas
            .iter()
            .zip(before)
            .position(|(replica, before)| replica.calls() > before);
        owners.insert(key, owner.unwrap());
    }
    owners
}

#[tokio::test]
async fn a_header_names_its_server_and_few_move_when_one_goes() {
    let replicas = three().await;
    let names = Names::of(replicas.each_ref().map(Replica::address));
    let front = proxy(names.proxy(options("ring-hash:user"))).await;
    let peer = front.connect().await;
    let before = owners(&peer, &replicas).await;
    assert_eq!(before, owners(&peer, &replicas).await);
    for index in 0..3 {
        assert!(before.values().any(|owner| *owner == index), "{before:?}");
    }
    // Another gateway chooses the same.
    let beside = proxy(names.proxy(options("ring-hash:user"))).await;
    let other = beside.connect().await;
    assert_eq!(before, owners(&other, &replicas).await);
    names.set([replicas[0].address(), replicas[2].address()]);
    let moved = async {
        loop {
            let after = owners(&peer, &replicas).await;
            if after.values().all(|owner| *owner != 1) {
                return after;
            }
        }
    };
    for (key, owner) in soon(moved).await {
        assert!(before[&key] == owner || before[&key] == 1, "{key}");
    }
    // Without the header any will do.
    let calls = [replicas[0].calls(), replicas[2].calls()];
    for _ in 0..30 {
        assert_eq!(call(&peer).await.code(), Some(0));
    }
    assert!(replicas[0].calls() > calls[0] && replicas[2].calls() > calls[1]);
}

#[tokio::test]
async fn a_header_whose_server_is_down_goes_to_the_next() {
    let replicas = three().await;
    let down = nobodys().await;
    let names = Names::of(replicas.each_ref().map(Replica::address).into_iter().chain([down]));
    let front = proxy(names.proxy(options("ring-hash:user"))).await;
    let peer = front.connect().await;
    let first = owners(&peer, &replicas).await;
    assert_eq!(first, owners(&peer, &replicas).await);
    assert_eq!(Balance::default(), Balance::PowerOfTwo);
}

#[tokio::test]
async fn a_header_whose_server_says_nothing_soon_goes_to_the_next() {
    let replicas = three().await;
    let addresses = replicas.each_ref().map(Replica::address);
    let names = Names::of(addresses.into_iter().chain([silence().await]));
    let front = proxy(names.proxy(options("ring-hash:user"))).await;
    let mut callers = JoinSet::new();
    for key in 0..40 {
        let peer = front.connect().await;
        callers.spawn(async move {
            let ask = Ask::empty(UNARY).header("user", format!("user {key}"));
            peer.send(ask.header("grpc-timeout", "5S")).await.code()
        });
    }
    let codes = callers.join_all().await;
    assert!(codes.iter().all(|code| *code == Some(0)), "{codes:?}");
}
