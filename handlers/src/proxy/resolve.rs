//! From names to addresses, again and again.

use std::{
    collections::BTreeSet,
    fmt, io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Weak},
    time::Duration,
};

use async_trait::async_trait;
use tokio::{
    sync::Notify,
    time::{Instant, timeout},
};

use super::{
    backoff::{Backoff, jittered},
    endpoint::{Address, Endpoint},
    ledger::Entry,
    misfit::{Misfit, Unfit},
    pool::Pool,
    target::{Place, Target},
};
use crate::Status;

/// Addresses of one name that are used.
const MOST_ADDRESSES: usize = 256;
/// Names are not looked up more often because something failed.
const LEAST_PAUSE: Duration = Duration::from_secs(1);
/// Nor more often than this, whatever is set.
const SHORTEST: Duration = Duration::from_millis(10);

/// Finds the addresses of a name: DNS, a registry of services, a list in a test.
///
/// ```
/// use std::{io, net::SocketAddr};
/// use descant_handlers::{Proxy, async_trait, proxy::Resolve};
///
/// #[derive(Debug)]
/// struct Fixed;
///
/// #[async_trait]
/// impl Resolve for Fixed {
///     async fn resolve(&self, _host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
///         Ok(vec![([127, 0, 0, 1], port).into(), ([127, 0, 0, 2], port).into()])
///     }
/// }
///
/// let orders = Proxy::to("http://orders:9000")?.resolver(Fixed);
/// # Ok::<(), descant_handlers::ProxyError>(())
/// ```
#[async_trait]
pub trait Resolve: fmt::Debug + Send + Sync + 'static {
    /// Every address of this host, with this port unless the answer has another one. Asked again from time to time; as long as
    /// it fails, or finds nothing, the addresses of before stay.
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>>;
}

/// The system's own resolver: hosts file, DNS, whatever else it is set up for.
#[derive(Debug)]
pub(super) struct System;

#[async_trait]
impl Resolve for System {
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(tokio::net::lookup_host((host, port)).await?.collect())
    }
}

/// The address that a target names itself; `None`: it has a name to look up.
pub(super) fn literal(target: &Target) -> Option<Address> {
    match &target.place {
        Place::Tcp(host, port) => {
            let ip: IpAddr = host.parse().ok()?;
            Some(Address::Tcp(SocketAddr::new(ip, *port)))
        }
        #[cfg(unix)]
        Place::Unix(path) => Some(Address::Unix(path.clone())),
    }
}

/// Looks up a name, until the pool is gone. Of one that has ended only where a call asks for it.
pub(super) async fn keep(pool: Weak<Pool>, target: Arc<Target>, stale: Arc<Notify>) {
    let (mut backoff, mut many) = (Backoff::default(), 0);
    while let Some(held) = pool.upgrade() {
        let asked = Instant::now();
        let upstream = Arc::clone(&held.upstream);
        let pause = match look_up(&*upstream.resolver, &target, upstream.options.connect_timeout).await {
            Ok((addresses, count)) => {
                if count > MOST_ADDRESSES && count != many {
                    tracing::warn!(target: "descant.proxy", upstream = %target, "{count} addresses: {MOST_ADDRESSES} of them are used");
                }
                many = count;
                if backoff.failures() > 0 {
                    tracing::info!(target: "descant.proxy", upstream = %target, "its name is found again");
                }
                backoff.succeeded();
                held.found(&target, &addresses);
                None
            }
            Err(unfit) => {
                held.tally.count(Entry::NotFound);
                let status = Status::unavailable(format!("cannot find the address of {target}: {}", unfit.what));
                if backoff.failures() == 0 {
                    tracing::warn!(target: "descant.proxy", upstream = %target, "{}", status.message());
                }
                let pause = backoff.failed(status.clone());
                held.not_found(&target, status);
                Some(pause)
            }
        };
        drop(held);
        let has_ended = || pool.upgrade().is_some_and(|pool| pool.has_ended());
        if let Some(pause) = pause {
            tokio::time::sleep(pause).await;
            if has_ended() {
                // Calls that it still has ask again if they need an address.
                stale.notified().await;
            }
            continue;
        }
        // Somebody could not connect, or lacks an address: it is time, if not right after the last look.
        let every = jittered(upstream.options.resolve_every.max(SHORTEST));
        let mut is_asked = timeout(every, stale.notified()).await.is_ok();
        if !is_asked && has_ended() {
            stale.notified().await;
            is_asked = true;
        }
        if is_asked {
            tokio::time::sleep_until(asked + LEAST_PAUSE).await;
        }
    }
}

impl Pool {
    /// A name has these addresses.
    pub(super) fn found(self: &Arc<Self>, target: &Arc<Target>, addresses: &BTreeSet<SocketAddr>) {
        self.tell_lost(target, None);
        let own = |endpoint: &Endpoint| Arc::ptr_eq(&endpoint.target, target);
        let stays = |endpoint: &Endpoint| match &endpoint.address {
            Address::Tcp(address) => addresses.contains(address),
            #[cfg(unix)]
            Address::Unix(_) => true,
        };
        let new = |list: &[Arc<Endpoint>]| {
            let known = list.iter().filter(|endpoint| own(endpoint));
            let known: BTreeSet<_> = known.filter_map(|endpoint| endpoint.socket()).collect();
            let new = addresses.difference(&known);
            new.map(|address| (Arc::clone(target), Address::Tcp(*address)))
                .collect()
        };
        self.update(|endpoint| own(endpoint) && !stays(endpoint), new);
    }

    /// A name has no address. Those of before stay.
    pub(super) fn not_found(&self, target: &Arc<Target>, status: Status) {
        self.tell_lost(target, Some(status));
        self.waiting.tell_all();
    }

    fn tell_lost(&self, target: &Arc<Target>, why: Option<Status>) {
        let mut lost = self.lost();
        let mut names = self.names.iter().zip(&mut *lost);
        if let Some((_, lost)) = names.find(|((named, _), _)| Arc::ptr_eq(named, target)) {
            *lost = why;
        }
    }
}

/// The addresses of a name, one at least, as far as they are used; and how many there are.
pub(super) async fn look_up(
    resolver: &dyn Resolve,
    target: &Target,
    time: Duration,
) -> Result<(BTreeSet<SocketAddr>, usize), Unfit> {
    let Place::Tcp(host, port) = &target.place else {
        return Ok((BTreeSet::new(), 0));
    };
    let found = timeout(time, resolver.resolve(host, *port)).await;
    let found = found.map_err(|_| Unfit::late(time))?;
    let found: BTreeSet<_> = found.map_err(|error| Unfit::host(&error))?.into_iter().collect();
    match found.len() {
        0 => Err(Unfit::new(Misfit::Host, "it has none")),
        count => Ok((found.into_iter().take(MOST_ADDRESSES).collect(), count)),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use tokio::time::advance;

    use super::*;
    use crate::proxy::{pools::Pools, upstream::Upstream};

    /// Counts how often it is asked, and says what it is told to.
    #[derive(Debug, Default)]
    struct Counting {
        asked: AtomicUsize,
        fails: AtomicBool,
    }

    #[async_trait]
    impl Resolve for Arc<Counting> {
        async fn resolve(&self, _: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
            self.asked.fetch_add(1, Ordering::Relaxed);
            if self.fails.load(Ordering::Relaxed) {
                return Err(io::Error::other("lost"));
            }
            Ok(vec![([127, 0, 0, 1], port).into()])
        }
    }

    impl Counting {
        /// How often it is asked within an hour.
        async fn hourly(&self) -> usize {
            let before = self.asked.load(Ordering::Relaxed);
            for _ in 0..3600 {
                advance(Duration::from_secs(1)).await;
                tokio::task::yield_now().await;
            }
            self.asked.load(Ordering::Relaxed) - before
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_pool_that_has_ended_asks_only_where_a_call_needs_it() {
        let counting = Arc::<Counting>::default();
        let mut upstream = Upstream::new(vec![Target::parse("http://orders:1").unwrap()]);
        upstream.resolver = Arc::new(Arc::clone(&counting));
        let upstream = Arc::new(upstream);
        let pools = Pools::new(&upstream);
        // As a call does.
        let pool = pools.begin(&upstream);
        assert!(counting.hourly().await > 1);
        pools.end();
        // What it waited for when it ended goes by.
        counting.hourly().await;
        for fails in [false, true] {
            counting.fails.store(fails, Ordering::Relaxed);
            assert_eq!(counting.hourly().await, 0);
            pool.names[0].1.notify_one();
            assert_eq!(counting.hourly().await, 1);
        }
        drop(pool);
        pools.begin(&upstream);
        assert!(counting.hourly().await > 1);
    }
}
