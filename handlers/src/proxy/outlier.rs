//! Addresses whose calls fail get none for a while.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

use super::{backoff::LONGEST, endpoint::Endpoint, ledger::Entry, options::Outlier, pool::Pool, silence::Doubt};
use crate::Code;

/// More failures than are ever counted.
const ON_TRIAL: u32 = 1 << 31;

/// How the calls of an address went.
#[derive(Debug, Default)]
pub(super) struct Record {
    ejected: AtomicBool,
    /// Failures, one behind the other; [`ON_TRIAL`] and more: the address was ejected, and no call has gone well since.
    row: AtomicU32,
    /// Of this interval.
    good: AtomicU32,
    bad: AtomicU32,
    /// How often it was ejected lately.
    times: AtomicU32,
    pub(super) doubt: Doubt,
}

/// Whether a call that ends like this says something of the server, not of the call.
pub(super) fn is_failure(code: Code) -> bool {
    matches!(
        code,
        Code::Unavailable | Code::Internal | Code::Unknown | Code::DataLoss
    )
}

impl Record {
    pub(super) fn is_ejected(&self) -> bool {
        self.ejected.load(Ordering::Relaxed)
    }

    /// A call went well, or could have.
    pub(super) fn went_well(&self) {
        self.good.fetch_add(1, Ordering::Relaxed);
        self.row.store(0, Ordering::Relaxed);
    }

    /// A call failed, as it may at each address.
    pub(super) fn went_oddly(&self) {
        self.bad.fetch_add(1, Ordering::Relaxed);
    }

    /// What the interval brought, good and bad; the next one begins.
    fn turn(&self) -> (u32, u32) {
        (
            self.good.swap(0, Ordering::Relaxed),
            self.bad.swap(0, Ordering::Relaxed),
        )
    }
}

impl Pool {
    /// A call failed, or a connection.
    pub(super) fn went_wrong(self: &Arc<Self>, endpoint: &Arc<Endpoint>) {
        let Some(outlier) = &self.upstream.options.outlier else {
            return;
        };
        endpoint.record.bad.fetch_add(1, Ordering::Relaxed);
        let row = endpoint.record.row.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        if row > ON_TRIAL {
            self.eject(endpoint, outlier, &"it failed again, on trial");
        } else if row >= outlier.consecutive.max(1) {
            self.eject(endpoint, outlier, &format_args!("{row} failures in a row"));
        }
    }

    /// Compares the addresses with each other, at the end of an interval.
    pub(super) fn compare(self: &Arc<Self>, outlier: &Outlier) {
        let endpoints = self.endpoints();
        let turns: Vec<_> = endpoints.list.iter().map(|endpoint| endpoint.record.turn()).collect();
        let (good, bad) = turns.iter().fold((0, 0), |(all_good, all_bad), (good, bad)| {
            (all_good + u64::from(*good), all_bad + u64::from(*bad))
        });
        for (endpoint, (own_good, own_bad)) in endpoints.list.iter().zip(turns) {
            let (own_good, own_bad) = (u64::from(own_good), u64::from(own_bad));
            let (own, others) = (own_good + own_bad, good + bad - own_good - own_bad);
            let many =
                own >= u64::from(outlier.volume.max(1)) && own_bad * 100 >= own * u64::from(outlier.failure_percent);
            // Where all fail alike, it is the calls.
            if many && own_bad * others >= 2 * (bad - own_bad) * own {
                self.eject(endpoint, outlier, &format_args!("{own_bad} of {own} calls failed"));
            } else if own > 0 && !endpoint.record.is_ejected() {
                let lately = endpoint.record.times.load(Ordering::Relaxed);
                endpoint.record.times.store(lately.saturating_sub(1), Ordering::Relaxed);
            }
        }
    }

    pub(super) fn eject(self: &Arc<Self>, endpoint: &Arc<Endpoint>, outlier: &Outlier, why: &dyn fmt::Display) {
        let endpoints = self.endpoints();
        let all = endpoints.list.len();
        let ejected = endpoints
            .list
            .iter()
            .filter(|endpoint| endpoint.record.is_ejected())
            .count();
        let most = (all * usize::from(outlier.max_percent) / 100).max(1);
        if all < 2 || ejected >= most || endpoint.record.ejected.swap(true, Ordering::Relaxed) {
            return;
        }
        self.tally.count(Entry::Ejected);
        let times = endpoint.record.times.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        let time = outlier
            .ejection
            .saturating_mul(times)
            .min(outlier.max_ejection)
            .min(LONGEST);
        tracing::warn!(
            target: "descant.proxy",
            upstream = %endpoint,
            "ejected for {} s: {why}",
            time.as_secs_f64()
        );
        let back = Arc::downgrade(endpoint);
        tokio::spawn(async move {
            tokio::time::sleep(time).await;
            if let Some(endpoint) = back.upgrade() {
                // On trial: the next failure ejects it again.
                endpoint.record.row.store(ON_TRIAL, Ordering::Relaxed);
                endpoint.record.ejected.store(false, Ordering::Relaxed);
                tracing::info!(target: "descant.proxy", upstream = %endpoint, "gets calls again");
            }
        });
    }
}
