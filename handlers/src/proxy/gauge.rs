//! How many calls there are, and how many there may be.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// How many calls an upstream has, from all runtimes.
#[derive(Debug, Default)]
pub(super) struct Gauge {
    /// Counted only where there is a limit.
    calls: AtomicUsize,
    pending: AtomicUsize,
}

impl Gauge {
    /// How many wait for a place.
    pub(super) fn pending(&self) -> usize {
        self.pending.load(Ordering::Relaxed)
    }
}

/// One of a number of things of which there may be so many.
#[derive(Debug)]
struct Counted {
    gauge: Arc<Gauge>,
    which: fn(&Gauge) -> &AtomicUsize,
}

impl Counted {
    fn among(gauge: &Arc<Gauge>, which: fn(&Gauge) -> &AtomicUsize, most: usize) -> Option<Self> {
        let counted = Self {
            gauge: Arc::clone(gauge),
            which,
        };
        let before = which(gauge).fetch_add(1, Ordering::Relaxed);
        (before < most).then_some(counted)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        (self.which)(&self.gauge).fetch_sub(1, Ordering::Relaxed);
    }
}

/// A call in flight.
#[derive(Debug)]
pub(super) struct Admitted(#[allow(dead_code, reason = "its drop counts")] Counted);

impl Admitted {
    pub(super) fn among(gauge: &Arc<Gauge>, most: usize) -> Option<Self> {
        Counted::among(gauge, |gauge| &gauge.calls, most).map(Self)
    }
}

/// A call that waits for a connection.
#[derive(Debug)]
pub(super) struct Pending(#[allow(dead_code, reason = "its drop counts")] Counted);

impl Pending {
    pub(super) fn among(gauge: &Arc<Gauge>, most: usize) -> Option<Self> {
        Counted::among(gauge, |gauge| &gauge.pending, most).map(Self)
    }
}
