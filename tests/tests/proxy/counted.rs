//! What metrics tell of upstreams.

use std::{future::pending, net::SocketAddr, time::Duration};

use descant::Gateway;
use descant_handlers::{
    Health, Proxy, UpstreamProtocol,
    proxy::{HealthCheck, ProxyOptions},
};
use h2::Reason;

use super::{
    WAYS,
    addresses::{nowhere, silence},
    builder, caller,
    ends::{cut_off, end},
    hedge::hedging,
    http1::{CONNECT, EMPTY, heads, once},
    replica::{Names, Replica, call, failures, quick},
    script::{End, Scripted, ending, retrying, throttled},
    upstream::Asked,
};
use crate::support::{Ask, FAIL, Open, Peer, Running, SERVER, UNARY, WAIT, envelope, serve, serve_gateway, soon};

/// A metric, the value of a label that is not `upstream` if there is one, and what is wanted.
type Wanted<'w> = (&'w str, &'w str, u64);

/// Descant before an upstream.
struct Front {
    gateway: Gateway,
    _server: Running,
    peer: Peer,
}

impl Front {
    async fn of(proxy: Proxy) -> Self {
        let gateway = builder(proxy).build().unwrap();
        let server = serve_gateway(gateway.clone(), |_| {}).await;
        let peer = server.connect().await;
        Self {
            gateway,
            _server: server,
            peer,
        }
    }

    async fn before(upstream: SocketAddr, options: ProxyOptions) -> Self {
        Self::of(to(upstream).options(options)).await
    }

    /// A call that is under way, all of its request sent.
    async fn hold(&self, path: &'static str) -> Open {
        let mut open = self.peer.open(Ask::empty(path)).await;
        open.body.send_data(envelope(0, b""), true).unwrap();
        open
    }

    fn scrape(&self) -> String {
        let text = self.gateway.metrics().unwrap().to_text().unwrap();
        let lines = text.lines().filter(|line| line.starts_with("descant_upstream_"));
        lines.collect::<Vec<_>>().join("\n")
    }

    fn value(&self, metric: &str, label: &str) -> Option<u64> {
        let scraped = self.scrape();
        let mut lines = scraped.lines().filter(|line| {
            let labels = line.strip_prefix(&format!("descant_upstream_{metric}{{"));
            labels.is_some_and(|labels| label.is_empty() || labels.contains(&format!("=\"{label}\"")))
        });
        let (_, value) = lines.next()?.rsplit_once(' ')?;
        assert_eq!(lines.next(), None, "one upstream alone");
        Some(value.parse().unwrap())
    }

    /// A call ends in its own time, and so does what it leads to.
    async fn becomes(&self, wanted: &[Wanted<'_>]) {
        let all = |(metric, label, value): &Wanted<'_>| self.value(metric, label) == Some(*value);
        let told = async {
            while !wanted.iter().all(all) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let told = tokio::time::timeout(Duration::from_secs(10), told).await;
        assert!(told.is_ok(), "not {wanted:?}:\n{}", self.scrape());
        let ended: u64 = ["ok", "error", "unreachable", "unseen", "lost", "timeout", "cancelled"]
            .map(|outcome| self.value("attempts_ended_total", outcome).unwrap())
            .iter()
            .sum();
        let begun: u64 = ["first", "retry", "hedge", "resent"]
            .map(|kind| self.value("attempts_total", kind).unwrap())
            .iter()
            .sum();
        assert_eq!(self.value("attempts_in_flight", ""), Some(begun - ended));
    }
}

fn to(upstream: SocketAddr) -> Proxy {
    Proxy::to(&format!("http://{upstream}")).unwrap()
}

/// A replica that never answers.
async fn idler() -> Replica {
    Replica::answering(|asked: Asked| async move {
        let _asked = asked;
        pending::<()>().await;
    })
    .await
}

#[tokio::test]
async fn what_was_said_before_a_reply_broke_counts() {
    for (code, outcome) in [(0, "ok"), (5, "error")] {
        let protocol = UpstreamProtocol::GrpcWeb;
        let body = [envelope(0, b""), end(protocol, code)].concat();
        let (address, _) = heads(cut_off(protocol, &body)).await;
        let front = Front::of(caller((protocol, true), &format!("http://{address}"))).await;
        let answer = soon(front.peer.send(Ask::empty(UNARY))).await;
        assert_eq!(answer.code(), Some(code), "{answer:?}");
        let wanted = [
            ("attempts_ended_total", outcome, 1),
            ("attempts_ended_total", "lost", 0),
        ];
        front.becomes(&wanted).await;
    }
}

#[tokio::test]
async fn calls_are_counted_by_how_they_end_in_each_way_to_call() {
    let upstream = serve(|_| {}).await;
    for way in WAYS {
        let front = Front::of(caller(way, &format!("http://{}", upstream.address))).await;
        front.becomes(&[("attempts_total", "first", 0)]).await;
        let failure = descant_tests::messages::Failure {
            code: 5,
            ..Default::default()
        };
        for ask in [Ask::empty(UNARY), Ask::empty(SERVER), Ask::one(FAIL, &failure)] {
            front.peer.send(ask).await;
        }
        front
            .becomes(&[
                ("attempts_total", "first", 3),
                ("attempts_ended_total", "ok", 2),
                ("attempts_ended_total", "error", 1),
                ("attempts_in_flight", "", 0),
                ("connections_total", "", 1),
                ("open_connections", "", 1),
                ("addresses", "ready", 1),
            ])
            .await;
    }
}

#[tokio::test]
async fn retries_are_told_apart_from_first_attempts() {
    let scripted = Scripted::failing(&["14", "14"]).await;
    let front = Front::before(scripted.upstream.address, retrying(4)).await;
    assert_eq!(call(&front.peer).await.code(), Some(0));
    front
        .becomes(&[
            ("attempts_total", "first", 1),
            ("attempts_total", "retry", 2),
            ("attempts_ended_total", "error", 2),
            ("attempts_ended_total", "ok", 1),
            ("retries_withheld_total", "max_attempts", 0),
        ])
        .await;
}

#[tokio::test]
async fn retries_that_are_not_made_are_told_with_the_reason() {
    let scripted = Scripted::failing(&["14"; 100]).await;
    let front = Front::before(scripted.upstream.address, throttled()).await;
    assert_eq!(failures(&front.peer, 10).await, 10);
    front
        .becomes(&[
            ("attempts_total", "first", 10),
            ("attempts_total", "retry", 4),
            ("retries_withheld_total", "max_attempts", 1),
            ("retries_withheld_total", "throttled", 9),
        ])
        .await;
    let never = Scripted::start(|_, mut asked| async move {
        asked.refuse("14", &[("grpc-retry-pushback-ms", "-1")]);
    })
    .await;
    let front = Front::before(never.upstream.address, retrying(3)).await;
    assert_eq!(call(&front.peer).await.code(), Some(14));
    front.becomes(&[("retries_withheld_total", "pushback", 1)]).await;
}

#[tokio::test]
async fn what_the_upstream_has_not_seen_is_told_apart_from_what_is_lost() {
    let (address, _) = ending(&[End::Goaway(0)]).await;
    let front = Front::before(address, ProxyOptions::default()).await;
    assert_eq!(call(&front.peer).await.code(), Some(0));
    front
        .becomes(&[
            ("attempts_total", "first", 1),
            ("attempts_total", "resent", 1),
            ("attempts_ended_total", "unseen", 1),
            ("attempts_ended_total", "ok", 1),
            ("connections_total", "", 2),
            ("open_connections", "", 1),
        ])
        .await;
    let (address, _) = ending(&[End::Cut]).await;
    let front = Front::before(address, ProxyOptions::default()).await;
    assert_eq!(call(&front.peer).await.code(), Some(14));
    front
        .becomes(&[("attempts_ended_total", "lost", 1), ("attempts_total", "resent", 0)])
        .await;
}

#[tokio::test]
async fn hedges_that_lose_are_cancelled() {
    let scripted = Scripted::start(|call, mut asked| async move {
        if call < 2 {
            pending::<()>().await;
        }
        asked.answer(envelope(0, b""), "0");
    })
    .await;
    let front = Front::before(scripted.upstream.address, hedging(3, "0.02s")).await;
    assert_eq!(call(&front.peer).await.code(), Some(0));
    front
        .becomes(&[
            ("attempts_total", "first", 1),
            ("attempts_total", "hedge", 2),
            ("attempts_ended_total", "ok", 1),
            ("attempts_ended_total", "cancelled", 2),
        ])
        .await;
}

#[tokio::test]
async fn a_deadline_that_passes_is_told_apart_from_a_caller_that_goes() {
    let idler = idler().await;
    let front = Front::before(idler.address(), ProxyOptions::default()).await;
    let ask = Ask::empty(UNARY).header("grpc-timeout", "50m");
    assert_eq!(front.peer.send(ask).await.code(), Some(4));
    front.becomes(&[("attempts_ended_total", "timeout", 1)]).await;
    let mut open = front.hold(UNARY).await;
    front.becomes(&[("attempts_in_flight", "", 1)]).await;
    open.body.send_reset(Reason::CANCEL);
    front
        .becomes(&[("attempts_ended_total", "cancelled", 1), ("attempts_in_flight", "", 0)])
        .await;
    // Clients may round up what they tell, and go when their own time is over.
    let ask = Ask::empty(UNARY).header("grpc-timeout", "2S");
    let mut open = front.peer.open(ask).await;
    open.body.send_data(envelope(0, b""), true).unwrap();
    front.becomes(&[("attempts_in_flight", "", 1)]).await;
    tokio::time::sleep(Duration::from_millis(1980)).await;
    open.body.send_reset(Reason::CANCEL);
    front.becomes(&[("attempts_ended_total", "timeout", 2)]).await;
}

#[tokio::test]
async fn an_address_that_is_ejected_shows() {
    let (one, other) = (Replica::start().await, Replica::start().await);
    let bad = Replica::failing("14").await;
    let names = Names::of([one.address(), bad.address(), other.address()]);
    let front = Front::of(names.proxy(quick())).await;
    assert_eq!(failures(&front.peer, 100).await, 5);
    front
        .becomes(&[
            ("addresses", "ejected", 1),
            ("addresses", "ready", 2),
            ("ejections_total", "", 1),
            ("attempts_ended_total", "error", 5),
        ])
        .await;
}

#[tokio::test]
async fn calls_that_a_limit_refuses_are_no_attempts() {
    let idler = idler().await;
    let mut few = quick();
    few.max_calls = Some(2);
    let front = Front::before(idler.address(), few).await;
    let _held = [front.hold(UNARY).await, front.hold(UNARY).await];
    front.becomes(&[("attempts_in_flight", "", 2)]).await;
    assert_eq!(failures(&front.peer, 3).await, 3);
    front
        .becomes(&[
            ("calls_refused_total", "max_calls", 3),
            ("calls_refused_total", "max_pending", 0),
            ("attempts_total", "first", 2),
        ])
        .await;
}

#[tokio::test]
async fn calls_that_wait_show_and_those_that_may_not() {
    let mut few = quick();
    few.http1 = true;
    few.protocol = descant_handlers::UpstreamProtocol::Connect;
    few.connections = Some(1);
    few.max_pending = 1;
    let front = Front::before(silence().await, few).await;
    let _first = front.hold(UNARY).await;
    front.becomes(&[("attempts_in_flight", "", 1)]).await;
    let mut second = front.hold(UNARY).await;
    front.becomes(&[("calls_waiting", "", 1)]).await;
    assert_eq!(failures(&front.peer, 1).await, 1);
    second.body.send_reset(Reason::CANCEL);
    front
        .becomes(&[
            ("calls_refused_total", "max_pending", 1),
            ("calls_waiting", "", 0),
            // It never had a connection.
            ("attempts_ended_total", "unreachable", 1),
            ("attempts_total", "first", 2),
        ])
        .await;
}

#[tokio::test]
async fn a_server_of_http1_that_closes_each_connection_shows() {
    let upstream = once(EMPTY).await;
    let front = Front::of(caller(CONNECT, &format!("http://{upstream}"))).await;
    for calls in 1..=3 {
        assert_eq!(call(&front.peer).await.code(), Some(0));
        front
            .becomes(&[
                ("attempts_total", "first", calls),
                ("attempts_total", "resent", 0),
                ("attempts_ended_total", "ok", calls),
                ("connections_total", "", calls),
                ("open_connections", "", 0),
            ])
            .await;
    }
}

#[tokio::test]
async fn connections_that_fail_are_told_with_the_reason() {
    let mut short = ProxyOptions::default();
    short.connect_timeout = Duration::from_millis(200);
    let plain = serve(|_| {}).await;
    let tls = Proxy::to(&format!("https://{}", plain.address)).unwrap();
    for (proxy, reason) in [
        (to(nowhere().await), "refused"),
        (to(silence().await).options(short), "timeout"),
        (to(super::babbler(b"").await), "closed"),
        (tls, "tls"),
        (to(super::babbler(b"HTTP/1.1 400 Bad Request\r\n\r\n").await), "http"),
    ] {
        let front = Front::of(proxy).await;
        let code = soon(call(&front.peer)).await.code();
        assert_eq!(code, Some(14), "{reason}");
        front
            .becomes(&[
                ("attempts_total", "first", 1),
                ("attempts_ended_total", "unreachable", 1),
                ("addresses", "unreachable", 1),
                ("addresses", "ready", 0),
                ("open_connections", "", 0),
            ])
            .await;
        assert!(
            front.value("connections_failed_total", reason) >= Some(1),
            "{reason}:\n{}",
            front.scrape()
        );
    }
}

#[tokio::test]
async fn names_and_health_that_fail_show() {
    let names = Names::of([]);
    names.fail("no such name");
    let front = Front::of(names.proxy(quick())).await;
    assert_eq!(call(&front.peer).await.code(), Some(14));
    assert!(front.value("lookups_failed_total", "") >= Some(1), "{}", front.scrape());
    front.becomes(&[("attempts_ended_total", "unreachable", 1)]).await;

    let unwell = Replica::failing("14").await;
    let mut options = quick();
    let mut check = HealthCheck::default();
    check.interval = Duration::from_millis(20);
    options.health = Some(check);
    let front = Front::before(unwell.address(), options).await;
    front
        .becomes(&[
            ("addresses", "unhealthy", 1),
            // Nobody has called.
            ("attempts_total", "first", 0),
        ])
        .await;
    assert!(
        front.value("health_checks_failed_total", "") >= Some(2),
        "{}",
        front.scrape()
    );
}

#[tokio::test]
async fn what_was_counted_stays_with_an_upstream_until_it_is_gone() {
    let upstream = descant_tests::gateway(&Health::new());
    let upstream = serve_gateway(upstream, |_| {}).await;
    let front = Front::of(to(upstream.address)).await;
    assert_eq!(failures(&front.peer, 3).await, 0);
    let mut open = front.hold(WAIT).await;
    front.becomes(&[("attempts_total", "first", 4)]).await;
    // Another proxy, that has counted nothing yet.
    let other = to(upstream.address).connect_timeout(Duration::from_secs(1));
    front.gateway.replace(builder(other.clone())).unwrap();
    front
        .becomes(&[
            ("attempts_total", "first", 4),
            ("attempts_in_flight", "", 1),
            ("addresses", "ready", 1),
        ])
        .await;
    open.body.send_reset(Reason::CANCEL);
    front
        .becomes(&[("attempts_ended_total", "cancelled", 1), ("attempts_in_flight", "", 0)])
        .await;
    assert_eq!(failures(&front.peer, 2).await, 0);
    front
        .becomes(&[("attempts_total", "first", 6), ("open_connections", "", 1)])
        .await;
    assert_eq!(other.statistics().attempts.first, 2);
    let elsewhere = Proxy::to("http://127.0.0.1:1").unwrap();
    front.gateway.replace(builder(elsewhere)).unwrap();
    let scraped = front.scrape();
    assert!(scraped.contains("upstream=\"http://127.0.0.1:1\""), "{scraped}");
    assert!(!scraped.contains(&upstream.address.to_string()), "{scraped}");
}
