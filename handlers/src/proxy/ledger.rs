//! What is counted of an upstream. Each runtime counts for itself, so that none waits for another; whoever reads adds.

use std::{
    array,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{misfit::Misfit, pool::Refusal, pools::Pools};
use crate::upstreams::{
    Attempts, Connections, Outcomes, Refused, Unconnected, UpstreamCounts, UpstreamStatistics, Withheld,
};

/// What is counted. What each call does comes first, and shares a cache line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// An attempt at a call begins: the first.
    First,
    /// It ends, and so do the next ones.
    Ok,
    Error,
    Late,
    Cancelled,
    Unreachable,
    Unseen,
    Lost,
    /// Another attempt begins.
    Retry,
    Hedge,
    Resent,
    /// A limit refuses a call.
    FullInFlight,
    FullWaiting,
    /// Another attempt is not made.
    Throttled,
    Exhausted,
    Pushback,
    TooLate,
    /// A connection.
    Opened,
    Closed,
    ConnectRefused,
    ConnectLate,
    ConnectHungUp,
    ConnectTls,
    ConnectHttp,
    ConnectOther,
    Ejected,
    Unhealthy,
    NotFound,
}

const ENTRIES: usize = Entry::NotFound as usize + 1;

/// The counts of one runtime.
#[derive(Debug)]
#[repr(align(64))]
pub(super) struct Tally([AtomicU64; ENTRIES]);

impl Default for Tally {
    fn default() -> Self {
        Self(array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl Tally {
    pub(super) fn count(&self, entry: Entry) {
        self.count_of(entry as u8);
    }

    /// The same of an entry's number.
    pub(super) fn count_of(&self, entry: u8) {
        if let Some(counter) = self.0.get(usize::from(entry)) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A connection could not be made.
    pub(super) fn unconnected(&self, misfit: Misfit) {
        self.count(match misfit {
            Misfit::Connection => Entry::ConnectRefused,
            Misfit::Time => Entry::ConnectLate,
            Misfit::HungUp => Entry::ConnectHungUp,
            Misfit::Tls | Misfit::PlainText | Misfit::Certificate | Misfit::ClientCertificate | Misfit::Handshake => {
                Entry::ConnectTls
            }
            Misfit::Http1 | Misfit::Http2 => Entry::ConnectHttp,
            Misfit::Host | Misfit::Other => Entry::ConnectOther,
        });
    }

    fn of(&self, entry: Entry) -> u64 {
        self.0
            .get(entry as usize)
            .map_or(0, |counter| counter.load(Ordering::Relaxed))
    }

    /// What ends is read before what begins: there is never more of it.
    fn read(&self) -> UpstreamStatistics {
        let outcomes = self.outcomes();
        let closed = self.of(Entry::Closed);
        UpstreamStatistics {
            attempts: self.attempts(),
            outcomes,
            refused: Refused {
                in_flight: self.of(Entry::FullInFlight),
                waiting: self.of(Entry::FullWaiting),
            },
            withheld: Withheld {
                throttled: self.of(Entry::Throttled),
                exhausted: self.of(Entry::Exhausted),
                pushback: self.of(Entry::Pushback),
                late: self.of(Entry::TooLate),
            },
            connections: Connections {
                opened: self.of(Entry::Opened),
                closed,
            },
            unconnected: self.failures(),
            ejections: self.of(Entry::Ejected),
            health_failures: self.of(Entry::Unhealthy),
            lookup_failures: self.of(Entry::NotFound),
            ..UpstreamStatistics::default()
        }
    }

    fn attempts(&self) -> Attempts {
        Attempts {
            first: self.of(Entry::First),
            retries: self.of(Entry::Retry),
            hedges: self.of(Entry::Hedge),
            resent: self.of(Entry::Resent),
        }
    }

    fn outcomes(&self) -> Outcomes {
        Outcomes {
            ok: self.of(Entry::Ok),
            error: self.of(Entry::Error),
            unreachable: self.of(Entry::Unreachable),
            unseen: self.of(Entry::Unseen),
            lost: self.of(Entry::Lost),
            late: self.of(Entry::Late),
            cancelled: self.of(Entry::Cancelled),
        }
    }

    fn failures(&self) -> Unconnected {
        Unconnected {
            refused: self.of(Entry::ConnectRefused),
            late: self.of(Entry::ConnectLate),
            hung_up: self.of(Entry::ConnectHungUp),
            tls: self.of(Entry::ConnectTls),
            http: self.of(Entry::ConnectHttp),
            other: self.of(Entry::ConnectOther),
        }
    }
}

/// A connection, as long as it is open.
#[derive(Debug)]
pub(super) struct Open(Arc<Tally>);

impl Open {
    pub(super) fn new(tally: &Arc<Tally>) -> Self {
        tally.count(Entry::Opened);
        Self(Arc::clone(tally))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.count(Entry::Closed);
    }
}

/// An attempt that has no place yet: it is unreachable, if it gets none.
#[derive(Debug)]
pub(super) struct Placeless<'t>(Option<(&'t Tally, Entry)>);

impl<'t> Placeless<'t> {
    /// `attempt`: as what it counts.
    pub(super) fn new(tally: &'t Tally, attempt: Entry) -> Self {
        Self(Some((tally, attempt)))
    }

    /// It has one.
    pub(super) fn placed(&mut self) {
        self.0 = None;
    }

    /// It gets none.
    pub(super) fn refused(&mut self, refusal: &Refusal) {
        if let Refusal::Full(..) = refusal {
            // A limit of ours; there is no attempt.
            self.0 = None;
        }
    }
}

impl Drop for Placeless<'_> {
    fn drop(&mut self) {
        if let Some((tally, attempt)) = self.0 {
            tally.count(attempt);
            tally.count(Entry::Unreachable);
        }
    }
}

/// The counts of all runtimes, those that are gone too.
#[derive(Debug)]
pub(super) struct Ledger {
    name: String,
    pools: Weak<Pools>,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    tallies: Vec<Arc<Tally>>,
    /// What those had that nobody counts in any more.
    past: UpstreamStatistics,
}

impl Ledger {
    pub(super) fn new(name: String, pools: &Weak<Pools>) -> Self {
        Self {
            name,
            pools: Weak::clone(pools),
            kept: Mutex::default(),
        }
    }

    /// Counts of one more runtime.
    pub(super) fn tally(&self) -> Arc<Tally> {
        let tally = Arc::<Tally>::default();
        self.settled().tallies.push(Arc::clone(&tally));
        tally
    }

    /// What there is, once what nobody counts in any more is added up.
    fn settled(&self) -> MutexGuard<'_, Kept> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        for tally in std::mem::take(&mut kept.tallies) {
            match Arc::try_unwrap(tally) {
                Ok(tally) => kept.past += tally.read(),
                Err(tally) => kept.tallies.push(tally),
            }
        }
        kept
    }
}

impl UpstreamCounts for Ledger {
    fn name(&self) -> &str {
        &self.name
    }

    fn read(&self) -> UpstreamStatistics {
        let kept = self.settled();
        let mut all = kept.past.clone();
        for tally in &kept.tallies {
            all += tally.read();
        }
        drop(kept);
        if let Some(pools) = self.pools.upgrade() {
            pools.tell(&mut all);
        }
        all
    }

    fn is_over(&self) -> bool {
        self.pools.strong_count() == 0 && self.settled().tallies.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_outlast_those_who_count() {
        let ledger = Ledger::new("http://orders".to_owned(), &Weak::new());
        let [one, other] = [ledger.tally(), ledger.tally()];
        one.count(Entry::First);
        other.count(Entry::Hedge);
        let open = Open::new(&other);
        drop((one, other));
        let read = ledger.read();
        assert_eq!((read.attempts.first, read.attempts.hedges), (1, 1));
        assert_eq!((read.in_flight(), read.open_connections()), (2, 1));
        assert!(!ledger.is_over());
        drop(open);
        assert!(ledger.is_over());
        let read = ledger.read();
        assert_eq!((read.attempts.sum(), read.open_connections()), (2, 0));
        assert_eq!((read.connections.opened, read.connections.closed), (1, 1));
    }

    #[test]
    fn who_gets_no_place_is_unreachable_unless_a_limit_refuses() {
        let tally = Tally::default();
        Placeless::new(&tally, Entry::First).placed();
        let status = || crate::Status::unavailable("no");
        Placeless::new(&tally, Entry::First).refused(&Refusal::Full(status()));
        assert_eq!(tally.read(), UpstreamStatistics::default());
        Placeless::new(&tally, Entry::Retry).refused(&Refusal::Unreachable(status()));
        drop(Placeless::new(&tally, Entry::First));
        let read = tally.read();
        assert_eq!(
            (read.attempts.first, read.attempts.retries, read.outcomes.unreachable),
            (1, 1, 2)
        );
    }

    #[test]
    fn each_misfit_has_its_reason() {
        let tally = Tally::default();
        for misfit in [
            Misfit::Connection,
            Misfit::Time,
            Misfit::Certificate,
            Misfit::Tls,
            Misfit::Http1,
        ] {
            tally.unconnected(misfit);
        }
        let read = tally.read().unconnected;
        assert_eq!(
            (read.refused, read.late, read.tls, read.http, read.sum()),
            (1, 1, 2, 1, 5)
        );
    }
}
