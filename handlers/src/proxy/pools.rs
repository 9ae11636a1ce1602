//! The pools of an upstream: one for each runtime, and what they share.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, atomic::Ordering};

use tokio::runtime::{Handle, Id};

use super::{gauge::Gauge, ledger::Ledger, pool::Pool, retry::Throttle, upstream::Upstream};
use crate::upstreams::UpstreamStatistics;

/// A pool for each runtime that calls: a connection lives and dies with the runtime that drives it.
#[derive(Debug)]
pub(super) struct Pools {
    by_runtime: Mutex<Vec<Local>>,
    gauge: Arc<Gauge>,
    throttle: OnceLock<Option<Arc<Throttle>>>,
    ledger: Arc<Ledger>,
}

/// What a runtime has.
#[derive(Clone, Debug)]
struct Local {
    runtime: Id,
    pool: Arc<Pool>,
    /// For how many it has begun, and not ended. 0: calls came without that, and it stays as long as its runtime.
    begun: usize,
}

impl Pools {
    pub(super) fn new(upstream: &Upstream) -> Arc<Self> {
        Arc::new_cyclic(|pools| Self {
            by_runtime: Mutex::default(),
            gauge: Arc::default(),
            throttle: OnceLock::new(),
            ledger: Arc::new(Ledger::new(upstream.to_string(), pools)),
        })
    }

    /// The pool of the runtime that asks.
    pub(super) fn here(&self, upstream: &Arc<Upstream>) -> Arc<Pool> {
        self.local(upstream, 0)
    }

    /// The same for someone who will [end](Self::end) it.
    pub(super) fn begin(&self, upstream: &Arc<Upstream>) -> Arc<Pool> {
        self.local(upstream, 1)
    }

    fn local(&self, upstream: &Arc<Upstream>, begun: usize) -> Arc<Pool> {
        let here = Handle::current().id();
        let mut locals = self.locals();
        if let Some(local) = locals.iter_mut().find(|local| local.runtime == here) {
            local.begun += begun;
            return Arc::clone(&local.pool);
        }
        // Those of runtimes that are no more.
        locals.retain(|local| local.pool.alive.load(Ordering::Relaxed));
        let throttle = self.throttle(upstream).cloned();
        let pool = Pool::start(upstream, &self.gauge, throttle, self.ledger.tally());
        locals.push(Local {
            runtime: here,
            pool: Arc::clone(&pool),
            begun,
        });
        pool
    }

    /// One is gone for whom the pool of the runtime that says so was begun. With the last one the pool goes, but for the calls that it has.
    pub(super) fn end(&self) {
        let Ok(here) = Handle::try_current() else { return };
        let mut locals = self.locals();
        let mut all = locals.iter_mut().enumerate();
        let Some((at, local)) = all.find(|(_, local)| local.runtime == here.id() && local.begun > 0) else {
            return;
        };
        local.begun -= 1;
        let ended = (local.begun == 0).then(|| locals.swap_remove(at));
        drop(locals);
        if let Some(ended) = ended {
            ended.pool.end();
        }
    }

    fn locals(&self) -> MutexGuard<'_, Vec<Local>> {
        self.by_runtime.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What holds attempts back that are made again, for all runtimes, if something does.
    pub(super) fn throttle(&self, upstream: &Upstream) -> Option<&Arc<Throttle>> {
        let new = || upstream.options.service_config.throttling().map(Throttle::new);
        self.throttle.get_or_init(|| new().map(Arc::new)).as_ref()
    }

    pub(super) fn ledger(&self) -> Arc<Ledger> {
        Arc::clone(&self.ledger)
    }

    /// How things stand now.
    pub(super) fn tell(&self, told: &mut UpstreamStatistics) {
        told.waiting = self.gauge.pending() as u64;
        let locals = self.locals().clone();
        let pools = locals.iter().map(|local| &local.pool);
        for pool in pools.filter(|pool| pool.alive.load(Ordering::Relaxed)) {
            for endpoint in &pool.endpoints().list {
                let state = endpoint.state();
                let known = told.addresses.entry(endpoint.to_string()).or_insert(state);
                *known = state.max(*known);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::proxy::{endpoint::Growth, gauge::Pending, target::Target};

    fn upstream() -> Arc<Upstream> {
        Arc::new(Upstream::new(vec![Target::parse("http://127.0.0.1:1").unwrap()]))
    }

    #[tokio::test]
    async fn a_pool_ends_as_often_as_it_began() {
        let upstream = upstream();
        let pools = Pools::new(&upstream);
        let pool = pools.begin(&upstream);
        assert!(Arc::ptr_eq(&pool, &pools.begin(&upstream)) && Arc::ptr_eq(&pool, &pools.here(&upstream)));
        pools.end();
        assert!(!pool.has_ended() && Arc::ptr_eq(&pool, &pools.here(&upstream)));
        pools.end();
        assert!(pool.has_ended() && pools.locals().is_empty());
        // Who calls all the same gets another one, and so does who begins again.
        let next = pools.here(&upstream);
        assert!(!next.has_ended() && !Arc::ptr_eq(&pool, &next));
        assert!(Arc::ptr_eq(&next, &pools.begin(&upstream)));
        pools.end();
        assert!(next.has_ended());
    }

    #[tokio::test]
    async fn a_pool_that_did_not_begin_does_not_end() {
        let upstream = upstream();
        let pools = Pools::new(&upstream);
        pools.end();
        let pool = pools.here(&upstream);
        pools.end();
        assert!(!pool.has_ended() && Arc::ptr_eq(&pool, &pools.here(&upstream)));
    }

    #[tokio::test]
    async fn each_runtime_ends_for_itself() {
        let upstream = upstream();
        let pools = Pools::new(&upstream);
        let pool = pools.begin(&upstream);
        let other = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let other = other.unwrap();
        let there = {
            let _within = other.enter();
            pools.begin(&upstream)
        };
        let handle = other.handle().clone();
        thread::spawn(move || drop(other)).join().unwrap();
        // Though it has been shut down.
        let _within = handle.enter();
        pools.end();
        assert!(there.has_ended() && !pool.has_ended());
    }

    #[test]
    fn a_connection_that_is_given_up_is_made_no_more() {
        let upstream = upstream();
        let pools = Pools::new(&upstream);
        let runtime = || {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap()
        };
        let first = runtime();
        let pool = first.block_on(async { pools.here(&upstream) });
        let endpoint = Arc::clone(&pool.endpoints().list[0]);
        let grow = |runtime: &tokio::runtime::Runtime| {
            let _within = runtime.enter();
            pool.grow(&endpoint)
        };
        assert!(matches!(grow(&first), Growth::Dial));
        assert!(matches!(grow(&first), Growth::Dialling));
        // With the task that was to connect.
        drop(first);
        assert!(matches!(grow(&runtime()), Growth::Dial));
    }

    #[tokio::test]
    async fn nobody_connects_for_those_who_wait_elsewhere() {
        let mut upstream = upstream();
        Arc::get_mut(&mut upstream).unwrap().options.http1 = true;
        let pools = Pools::new(&upstream);
        let pool = pools.here(&upstream);
        let endpoint = Arc::clone(&pool.endpoints().list[0]);
        let _elsewhere: Vec<_> = (0..4).map(|_| Pending::among(&pools.gauge, 9)).collect();
        assert!(matches!(pool.grow(&endpoint), Growth::Dial));
        assert!(matches!(pool.grow(&endpoint), Growth::Dialling));
        let _here = [pool.waiting.line.wait(), pool.waiting.apart.wait()];
        assert!(matches!(pool.grow(&endpoint), Growth::Dial));
        assert!(matches!(pool.grow(&endpoint), Growth::Dialling));
    }

    #[test]
    fn outside_of_runtimes_nothing_ends() {
        Pools::new(&upstream()).end();
    }
}
