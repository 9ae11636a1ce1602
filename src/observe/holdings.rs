//! What servers hold for their peers.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use prometheus::{
    IntGauge,
    core::{Collector, Desc},
    proto::MetricFamily,
};

use super::{Metrics, metrics::MetricsError};
use crate::transport::Memory;

/// Families of metrics that are read from servers whenever they are asked for.
pub(super) struct Holdings {
    bytes: IntGauge,
    limit: IntGauge,
    watched: Mutex<Vec<Watched>>,
}

/// What a server holds, and how often it is watched.
struct Watched {
    memory: Weak<Memory>,
    watches: usize,
}

/// What a server holds is shown until the last of these is dropped, or the server is gone.
#[must_use = "it is shown no more once this is dropped"]
pub(crate) struct MemoryWatch {
    metrics: Metrics,
    memory: Weak<Memory>,
}

impl Holdings {
    pub(super) fn new() -> Result<Self, MetricsError> {
        Ok(Self {
            bytes: IntGauge::new(
                "descant_memory_bytes",
                "Bytes held for connections, calls and messages.",
            )?,
            limit: IntGauge::new(
                "descant_memory_limit_bytes",
                "How many of them there may be before calls are refused.",
            )?,
            watched: Mutex::default(),
        })
    }

    /// One that is watched already is shown once.
    fn watch(&self, memory: &Weak<Memory>) {
        let mut watched = self.watched();
        if let Some(one) = watched.iter_mut().find(|one| one.memory.ptr_eq(memory)) {
            one.watches += 1;
            return;
        }
        watched.push(Watched {
            memory: Weak::clone(memory),
            watches: 1,
        });
    }

    fn forget(&self, memory: &Weak<Memory>) {
        let mut watched = self.watched();
        if let Some(one) = watched.iter_mut().find(|one| one.memory.ptr_eq(memory)) {
            one.watches -= 1;
        }
        watched.retain(|one| one.watches > 0);
    }

    fn watched(&self) -> MutexGuard<'_, Vec<Watched>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Collector for Holdings {
    fn desc(&self) -> Vec<&Desc> {
        [self.bytes.desc(), self.limit.desc()].concat()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let watched = self.watched();
        let (mut bytes, mut limit) = (0, 0usize);
        for memory in watched.iter().filter_map(|one| one.memory.upgrade()) {
            bytes += memory.used();
            limit = limit.saturating_add(memory.limit());
        }
        let shown = |bytes| i64::try_from(bytes).unwrap_or(i64::MAX);
        self.bytes.set(shown(bytes));
        self.limit.set(shown(limit));
        [self.bytes.collect(), self.limit.collect()].concat()
    }
}

impl Metrics {
    /// Shows what the connections of a server hold until the answer is dropped.
    pub(crate) fn watch_memory(&self, memory: &Arc<Memory>) -> MemoryWatch {
        let memory = Arc::downgrade(memory);
        self.families().memory.watch(&memory);
        MemoryWatch {
            metrics: self.clone(),
            memory,
        }
    }
}

impl Drop for MemoryWatch {
    fn drop(&mut self) {
        self.metrics.families().memory.forget(&self.memory);
    }
}

impl fmt::Debug for MemoryWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryWatch").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_holds_is_shown_once_and_as_long_as_it_is_watched() {
        let metrics = Metrics::own().unwrap();
        let (one, other) = (Memory::new(7), Memory::new(100));
        let limit = || {
            let text = metrics.to_text().unwrap();
            let mut lines = text.lines();
            let shown = lines.find_map(|line| line.strip_prefix("descant_memory_limit_bytes "));
            shown.unwrap().parse::<usize>().unwrap()
        };
        let watches = [&one, &one, &other].map(|memory| metrics.watch_memory(memory));
        assert_eq!(limit(), 107);
        drop(other);
        assert_eq!(limit(), 7);
        let [first, again, _] = watches;
        drop(first);
        assert_eq!(limit(), 7);
        drop(again);
        assert_eq!(limit(), 0);
    }
}
