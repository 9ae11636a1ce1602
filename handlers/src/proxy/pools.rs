//! The pools of an upstream: one for each runtime, and what they share.

use std::sync::{Arc, Mutex, OnceLock, PoisonError, atomic::Ordering};

use tokio::runtime::{Handle, Id};

use super::{
    lease::Gauge, ledger::Ledger, pool::Pool, retry::Throttle, service_config::RetryThrottling, upstream::Upstream,
};
use crate::upstreams::UpstreamStatistics;

/// A pool for each runtime that calls: a connection lives and dies with the runtime that drives it.
#[derive(Debug)]
pub(super) struct Pools {
    by_runtime: Mutex<Vec<(Id, Arc<Pool>)>>,
    gauge: Arc<Gauge>,
    throttle: OnceLock<Throttle>,
    ledger: Arc<Ledger>,
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
        let here = Handle::current().id();
        let mut pools = self.by_runtime.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, pool)) = pools.iter().find(|(id, _)| *id == here) {
            return Arc::clone(pool);
        }
        // Those of runtimes that are no more.
        pools.retain(|(_, pool)| pool.alive.load(Ordering::Relaxed));
        let pool = Pool::start(upstream, &self.gauge, self.ledger.tally());
        pools.push((here, Arc::clone(&pool)));
        pool
    }

    /// What holds attempts back that are made again, for all runtimes.
    pub(super) fn throttle(&self, settings: &RetryThrottling) -> &Throttle {
        self.throttle.get_or_init(|| Throttle::new(settings))
    }

    pub(super) fn ledger(&self) -> Arc<Ledger> {
        Arc::clone(&self.ledger)
    }

    /// How things stand now.
    pub(super) fn tell(&self, told: &mut UpstreamStatistics) {
        told.waiting = self.gauge.pending() as u64;
        let pools = self.by_runtime.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let alive = pools.iter().filter(|(_, pool)| pool.alive.load(Ordering::Relaxed));
        for (_, pool) in alive {
            for endpoint in &pool.endpoints().list {
                let state = endpoint.state();
                let known = told.addresses.entry(endpoint.to_string()).or_insert(state);
                *known = state.max(*known);
            }
        }
    }
}
