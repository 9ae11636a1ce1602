//! Servers that do the same, and names that stand for them.

use std::{
    fmt, io,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use descant_handlers::{
    Proxy, async_trait,
    proxy::{ProxyOptions, Resolve},
};

use super::upstream::{Asked, Upstream, upstream};
use crate::support::{Answer, Ask, Peer, UNARY, envelope};

/// One of several servers.
pub(super) struct Replica {
    pub(super) upstream: Upstream,
    calls: Arc<AtomicUsize>,
}

impl Replica {
    /// Answers every call, and says that it is well.
    pub(super) async fn start() -> Self {
        Self::answering(|mut asked: Asked| async move {
            let health = asked.request.uri().path().starts_with("/grpc.health");
            asked.answer(envelope(0, if health { &[8, 1] } else { b"" }), "0");
        })
        .await
    }

    /// Says `code` to every call.
    pub(super) async fn failing(code: &'static str) -> Self {
        Self::answering(move |mut asked| async move { asked.answer(envelope(0, b""), code) }).await
    }

    /// Says UNAVAILABLE until it is told that it is well.
    pub(super) async fn recovering() -> (Self, Arc<AtomicBool>) {
        let ill = Arc::new(AtomicBool::new(true));
        let told = Arc::clone(&ill);
        let replica = Self::answering(move |mut asked: Asked| {
            let code = if told.load(Ordering::SeqCst) { "14" } else { "0" };
            async move { asked.answer(envelope(0, b""), code) }
        });
        (replica.await, ill)
    }

    /// Says UNAVAILABLE, and nothing else, to the calls of which this holds.
    pub(super) async fn refusing(refuses: impl Fn(&Asked) -> bool + Clone + Send + 'static) -> Self {
        Self::answering(move |mut asked: Asked| {
            let refuses = refuses(&asked);
            async move {
                if refuses {
                    asked.refuse("14", &[]);
                } else {
                    asked.answer(envelope(0, b""), "0");
                }
            }
        })
        .await
    }

    pub(super) async fn answering<F, Fut>(answer: F) -> Self
    where
        F: Fn(Asked) -> Fut + Clone + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let calls = Arc::<AtomicUsize>::default();
        let counted = Arc::clone(&calls);
        let upstream = upstream(move |asked: Asked| {
            if !asked.request.uri().path().starts_with("/grpc.health") {
                counted.fetch_add(1, Ordering::SeqCst);
            }
            answer(asked)
        })
        .await;
        Self { upstream, calls }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.upstream.address
    }

    pub(super) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

/// What a name stands for.
#[derive(Clone)]
pub(super) struct Names(Arc<Mutex<io::Result<Vec<SocketAddr>>>>);

impl Names {
    pub(super) fn of(addresses: impl IntoIterator<Item = SocketAddr>) -> Self {
        Self(Arc::new(Mutex::new(Ok(addresses.into_iter().collect()))))
    }

    pub(super) fn set(&self, addresses: impl IntoIterator<Item = SocketAddr>) {
        *self.0.lock().unwrap() = Ok(addresses.into_iter().collect());
    }

    pub(super) fn fail(&self, why: &str) {
        *self.0.lock().unwrap() = Err(io::Error::other(why.to_owned()));
    }

    /// A proxy to this name.
    pub(super) fn proxy(&self, options: ProxyOptions) -> Proxy {
        let proxy = Proxy::to("http://orders.test:9000").unwrap();
        proxy.resolver(self.clone()).options(options)
    }
}

#[async_trait]
impl Resolve for Names {
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        assert_eq!((host, port), ("orders.test", 9000));
        match &*self.0.lock().unwrap() {
            Ok(addresses) => Ok(addresses.clone()),
            Err(error) => Err(io::Error::other(error.to_string())),
        }
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Names")
    }
}

/// Options that look at names often.
pub(super) fn quick() -> ProxyOptions {
    let mut options = ProxyOptions::default();
    options.resolve_every = Duration::from_millis(50);
    options
}

pub(super) async fn call(peer: &Peer) -> Answer {
    peer.send(Ask::empty(UNARY)).await
}

/// So many calls, one behind the other; says how many failed.
pub(super) async fn failures(peer: &Peer, calls: usize) -> usize {
    let mut failed = 0;
    for _ in 0..calls {
        failed += usize::from(call(peer).await.code() != Some(0));
    }
    failed
}

/// Calls until this holds.
pub(super) async fn until(peer: &Peer, mut holds: impl FnMut(&Answer) -> bool) {
    let held = async {
        while !holds(&call(peer).await) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    crate::support::soon(held).await;
}
