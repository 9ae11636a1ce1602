//! Nearest names for whoever calls what is not there.
//!
//! A search takes about a quarter of the CPU of such a call, more with a large schema, and peers choose the names. To remember answers would bound
//! nothing, since whoever makes up a new name for each call never meets one that was remembered. A bucket bounds the work whatever
//! is asked for, in one word: who mistypes a name is told the nearest, and a flood is told only what it called.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use descant_descriptors::Schema;

use crate::error::hint;

/// Searches that may be made at once.
const BURST: u64 = 50;
/// Nanoseconds until there may be another one.
const EVERY: u64 = 1_000_000_000 / 20;

/// A bucket of searches, which fills by itself.
#[derive(Debug)]
pub(super) struct Suggestions {
    begun: Instant,
    /// When it will be full again, in nanoseconds since then. One that is empty is read, and not written: threads do not
    /// contend for it.
    full: AtomicU64,
}

impl Suggestions {
    pub(super) fn new() -> Self {
        Self {
            begun: Instant::now(),
            full: AtomicU64::new(0),
        }
    }

    /// `; did you mean ...?`; nothing if no method resembles the path, or too many were asked for lately.
    pub(super) fn of(&self, schema: &Schema, path: &str) -> String {
        if self.take(self.begun.elapsed()) {
            hint(&schema.nearest_methods(path))
        } else {
            String::new()
        }
    }

    fn take(&self, now: Duration) -> bool {
        // Enough for five hundred years.
        let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        let taken = self.full.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |full| {
            let full = full.max(now).saturating_add(EVERY);
            (full - now <= BURST * EVERY).then_some(full)
        });
        taken.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(suggestions: &Suggestions, millis: u64) -> usize {
        let now = Duration::from_millis(millis);
        (0..1000).filter(|_| suggestions.take(now)).count()
    }

    #[test]
    fn a_flood_gets_what_is_there_and_then_what_comes_in() {
        let suggestions = Suggestions::new();
        assert_eq!(taken(&suggestions, 0), 50);
        assert_eq!(taken(&suggestions, 49), 0);
        assert_eq!(taken(&suggestions, 50), 1);
        assert_eq!(taken(&suggestions, 1050), 20);
        assert_eq!(taken(&suggestions, 3_600_000), 50);
    }

    #[test]
    fn threads_take_no_more_together() {
        let suggestions = Suggestions::new();
        let all: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| taken(&suggestions, 0))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(all, 50);
    }
}
