//! What servers hold for their peers.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use prometheus::{
    IntGauge,
    core::{Collector, Desc},
    proto::MetricFamily,
};

use super::metrics::MetricsError;
use crate::transport::Memory;

/// Families of metrics that are read from servers whenever they are asked for.
pub(super) struct Holdings {
    bytes: IntGauge,
    limit: IntGauge,
    watched: Mutex<Vec<Weak<Memory>>>,
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

    pub(super) fn watch(&self, memory: &Arc<Memory>) {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        watched.retain(|one| one.strong_count() > 0);
        watched.push(Arc::downgrade(memory));
    }
}

impl Collector for Holdings {
    fn desc(&self) -> Vec<&Desc> {
        [self.bytes.desc(), self.limit.desc()].concat()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut bytes, mut limit) = (0, 0usize);
        for memory in watched.iter().filter_map(Weak::upgrade) {
            bytes += memory.used();
            limit = limit.saturating_add(memory.limit());
        }
        let shown = |bytes| i64::try_from(bytes).unwrap_or(i64::MAX);
        self.bytes.set(shown(bytes));
        self.limit.set(shown(limit));
        [self.bytes.collect(), self.limit.collect()].concat()
    }
}
