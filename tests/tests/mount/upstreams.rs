//! What handlers do by themselves, as long as a mount serves them: a proxy connects to its upstream and asks after it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use descant::{Gateway, Limits, Metrics, Mount, MountBuilder, prometheus::Registry};
use descant_handlers::{
    Proxy,
    proxy::{HealthCheck, ProxyOptions},
};
use tokio::{sync::Notify, task::JoinHandle};

use super::{
    BOOKSHOP, CATALOG, SHAPES, SUITE, bare, call, connect, schema,
    two::{GET_BOOK, free},
};
use crate::{
    proxy::upstream::{Asked, Upstream, trailers, upstream},
    support::{Ask, UNARY, WAIT, envelope, eventually, soon},
};

/// More than a test takes.
const LONG: Duration = Duration::from_secs(15);
/// Connections that a proxy keeps.
const KEPT: usize = 2;

/// A server that says that it is well, and answers all calls, but `Wait` only once it is told to.
struct Behind {
    upstream: Upstream,
    checks: Arc<AtomicUsize>,
    waiting: Arc<AtomicUsize>,
    go: Arc<Notify>,
}

impl Behind {
    async fn start() -> Self {
        let (checks, waiting) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let go = Arc::<Notify>::default();
        let told = (checks.clone(), waiting.clone(), go.clone());
        let upstream = upstream(move |mut asked: Asked| {
            let (checks, waiting, go) = told.clone();
            async move {
                match asked.request.uri().path() {
                    "/grpc.health.v1.Health/Check" => {
                        checks.fetch_add(1, Ordering::SeqCst);
                        asked.answer(envelope(0, &[8, 1]), "0");
                    }
                    WAIT => {
                        let mut stream = asked.begin();
                        waiting.fetch_add(1, Ordering::SeqCst);
                        go.notified().await;
                        stream.send_data(envelope(0, b""), false).unwrap();
                        stream.send_trailers(trailers("0")).unwrap();
                    }
                    _ => asked.answer(envelope(0, b""), "0"),
                }
            }
        });
        Self {
            upstream: upstream.await,
            checks,
            waiting,
            go,
        }
    }

    fn checks(&self) -> usize {
        self.checks.load(Ordering::SeqCst)
    }

    fn open(&self) -> usize {
        self.upstream.open()
    }

    fn connections(&self) -> usize {
        self.upstream.connections()
    }

    /// A proxy that connects to it before the first call, and does nothing else by itself.
    fn quiet(&self) -> Proxy {
        Proxy::to(&format!("http://{}", self.upstream.address)).unwrap()
    }

    /// One that keeps connections, and asks after its health many times a second.
    fn eager(&self) -> Proxy {
        let mut options = ProxyOptions::default();
        options.min_connections = KEPT;
        let mut check = HealthCheck::default();
        check.interval = Duration::from_millis(20);
        options.health = Some(check);
        self.quiet().options(options)
    }

    /// Waits until a proxy does what it does by itself.
    async fn expect_asked(&self) {
        let before = self.checks();
        eventually(|| self.checks() > before && self.open() >= KEPT).await;
    }

    /// Nobody asks after it any more, though the other one is asked.
    async fn expect_left_alone(&self, other: &Self) {
        let (checks, connections) = (self.checks(), self.connections());
        let others = other.checks();
        eventually(|| other.checks() > others + 20).await;
        assert_eq!((self.checks(), self.connections()), (checks, connections));
    }
}

fn shapes(port: u16, to: Proxy) -> MountBuilder {
    bare(SUITE).port(port).name("shapes").route(SHAPES, to)
}

fn books(port: u16, to: Proxy) -> MountBuilder {
    bare(BOOKSHOP).port(port).name("books").route(CATALOG, to)
}

/// A call that waits upstream.
async fn waits(mount: &Mount, behind: &Behind) -> JoinHandle<Option<i32>> {
    let peer = connect(mount).await;
    let waits = tokio::spawn(async move { peer.send(Ask::empty(WAIT)).await.code() });
    eventually(|| behind.waiting.load(Ordering::SeqCst) > 0).await;
    waits
}

#[tokio::test]
async fn one_that_joins_connects_before_its_first_call() {
    for workers in [1, 2] {
        let (port, one, other) = (free(), Behind::start().await, Behind::start().await);
        let _shapes = shapes(port, one.quiet()).workers(workers).start().await.unwrap();
        eventually(|| one.open() == workers).await;
        let books = books(port, other.quiet()).workers(workers).start().await.unwrap();
        eventually(|| other.open() == workers).await;
        // Nor does it when it comes back.
        books.stop().await.unwrap();
        eventually(|| other.open() == 0).await;
        books.start().await.unwrap();
        eventually(|| other.open() == workers).await;
        assert_eq!((one.connections(), other.connections()), (workers, 2 * workers));
    }
}

/// Whichever was first, and however it goes.
#[tokio::test]
async fn one_that_has_left_asks_its_upstream_no_more() {
    for (is_first, is_dropped) in [(true, false), (false, false), (true, true), (false, true)] {
        let (port, one, other) = (free(), Behind::start().await, Behind::start().await);
        let leaves = shapes(port, one.eager()).build().unwrap();
        let stays = books(port, other.eager()).build().unwrap();
        let order = if is_first { [&leaves, &stays] } else { [&stays, &leaves] };
        for mount in order {
            mount.start().await.unwrap();
        }
        one.expect_asked().await;
        other.expect_asked().await;
        assert_eq!(call(&stays, Ask::empty(UNARY)).await.code(), Some(0));
        // The gateway goes on.
        let gateway = leaves.gateway().clone();
        if is_dropped {
            drop(leaves);
        } else {
            leaves.stop().await.unwrap();
        }
        eventually(|| one.open() == 0).await;
        one.expect_left_alone(&other).await;
        assert_eq!(other.open(), KEPT);
        assert_eq!(call(&stays, Ask::empty(GET_BOOK)).await.code(), Some(0));
        drop(gateway);
    }
}

#[tokio::test]
async fn the_last_one_asks_no_more_either() {
    for workers in [1, 2] {
        let behind = Behind::start().await;
        let mount = shapes(0, behind.eager()).workers(workers).start().await.unwrap();
        eventually(|| behind.open() == KEPT * workers).await;
        mount.stop().await.unwrap();
        eventually(|| behind.open() == 0).await;
        mount.start().await.unwrap();
        behind.expect_asked().await;
        // Without anybody who waits for it.
        let gateway = mount.gateway().clone();
        drop(mount);
        eventually(|| behind.open() == 0).await;
        drop(gateway);
    }
}

#[tokio::test]
async fn mounts_that_share_a_proxy_end_it_together() {
    let (port, behind) = (free(), Behind::start().await);
    let proxy = behind.eager();
    let shapes = shapes(port, proxy.clone()).start().await.unwrap();
    let books = books(port, proxy.clone()).start().await.unwrap();
    behind.expect_asked().await;
    shapes.stop().await.unwrap();
    behind.expect_asked().await;
    assert_eq!((behind.open(), behind.connections()), (KEPT, KEPT));
    books.stop().await.unwrap();
    eventually(|| behind.open() == 0).await;
}

#[tokio::test]
async fn a_call_of_one_that_leaves_keeps_its_connection() {
    let (port, one, other) = (free(), Behind::start().await, Behind::start().await);
    let shapes = shapes(port, one.eager()).start().await.unwrap();
    let _books = books(port, other.eager()).start().await.unwrap();
    one.expect_asked().await;
    let waits = waits(&shapes, &one).await;
    let stop = tokio::spawn({
        let shapes = shapes.clone();
        async move { shapes.stop_within(LONG).await }
    });
    eventually(|| !shapes.is_running()).await;
    // It has left, and others have their turn.
    other.expect_asked().await;
    assert!(!waits.is_finished() && one.open() > 0);
    one.go.notify_one();
    assert_eq!(soon(waits).await.unwrap(), Some(0));
    soon(stop).await.unwrap().unwrap();
    eventually(|| one.open() == 0).await;
    one.expect_left_alone(&other).await;
}

/// Its port stays for the calls of the one that left before.
#[tokio::test]
async fn the_last_one_does_not_ask_for_as_long_as_another_ones_calls_take() {
    let (port, one, other) = (free(), Behind::start().await, Behind::start().await);
    let shapes = shapes(port, one.eager()).start().await.unwrap();
    let books = books(port, other.eager()).start().await.unwrap();
    one.expect_asked().await;
    other.expect_asked().await;
    let waits = waits(&shapes, &one).await;
    let stop = tokio::spawn({
        let shapes = shapes.clone();
        async move { shapes.stop_within(LONG).await }
    });
    eventually(|| !shapes.is_running()).await;
    soon(books.stop_within(Duration::ZERO)).await.unwrap();
    eventually(|| other.open() == 0).await;
    other.expect_left_alone(&one).await;
    one.go.notify_one();
    assert_eq!(soon(waits).await.unwrap(), Some(0));
    soon(stop).await.unwrap().unwrap();
    eventually(|| one.open() == 0).await;
}

#[tokio::test]
async fn a_reload_that_drops_an_upstream_ends_what_asked_it() {
    let (one, other) = (Behind::start().await, Behind::start().await);
    // The program keeps it.
    let proxy = one.eager();
    let mount = shapes(0, proxy.clone()).start().await.unwrap();
    one.expect_asked().await;
    let waits = waits(&mount, &one).await;
    let next = Gateway::builder(schema(SUITE)).route(SHAPES, other.eager());
    mount.gateway().replace(next).unwrap();
    other.expect_asked().await;
    // That of the call.
    eventually(|| one.open() == 1).await;
    one.expect_left_alone(&other).await;
    assert!(!waits.is_finished());
    one.go.notify_one();
    assert_eq!(soon(waits).await.unwrap(), Some(0));
    eventually(|| one.open() == 0).await;
    // What both have goes on as it was.
    let kept = other.quiet();
    let before = other.connections();
    for route in [SHAPES, "*"] {
        let next = Gateway::builder(schema(SUITE)).route(route, kept.clone());
        mount.gateway().replace(next).unwrap();
        assert_eq!(call(&mount, Ask::empty(UNARY)).await.code(), Some(0));
    }
    eventually(|| other.open() == 1).await;
    assert_eq!(other.connections(), before + 1);
}

/// How many runtimes a mount's metrics show, and which limit of memory.
fn shown(mount: &Mount) -> (usize, usize) {
    let text = mount.gateway().metrics().unwrap().to_text().unwrap();
    let workers = text.lines().filter(|line| line.starts_with("descant_runtime_workers{"));
    let mut limit = text
        .lines()
        .filter_map(|line| line.strip_prefix("descant_memory_limit_bytes "));
    (workers.count(), limit.next().unwrap().parse().unwrap())
}

#[tokio::test]
async fn runtimes_and_memory_stand_in_the_metrics_of_whoever_is_there() {
    let (port, behind) = (free(), Behind::start().await);
    let limits = || {
        let mut limits = Limits::default();
        limits.memory = 1 << 20;
        limits
    };
    let shapes = shapes(port, behind.quiet()).workers(2).limits(limits());
    let books = books(port, behind.quiet()).workers(2).limits(limits());
    let (shapes, books) = (shapes.start().await.unwrap(), books.start().await.unwrap());
    let [all, nothing] = [(2, 1 << 20), (0, 0)];
    eventually(|| shown(&shapes) == all).await;
    assert_eq!(shown(&books), nothing);
    shapes.stop().await.unwrap();
    assert_eq!((shown(&shapes), shown(&books)), (nothing, all));
    // Whoever comes now is not first.
    shapes.start().await.unwrap();
    assert_eq!((shown(&shapes), shown(&books)), (nothing, all));
    drop(books);
    assert_eq!(shown(&shapes), all);
    shapes.stop().await.unwrap();
    assert_eq!(shown(&shapes), nothing);
}

#[tokio::test]
async fn in_metrics_that_mounts_share_they_stand_once() {
    let (port, behind) = (free(), Behind::start().await);
    let metrics = Metrics::in_registry(&Registry::new()).unwrap();
    let sharing = |builder: MountBuilder| {
        let mut limits = Limits::default();
        limits.memory = 1 << 20;
        builder
            .limits(limits)
            .gateway(|gateway| gateway.metrics(metrics.clone()))
    };
    let shapes = sharing(shapes(port, behind.quiet())).start().await.unwrap();
    let books = sharing(books(port, behind.quiet())).start().await.unwrap();
    eventually(|| shown(&books) == (1, 1 << 20)).await;
    shapes.stop().await.unwrap();
    assert_eq!(shown(&books), (1, 1 << 20));
    books.stop().await.unwrap();
    assert_eq!(shown(&books), (0, 0));
}
