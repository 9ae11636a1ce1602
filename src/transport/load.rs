//! How much there is to do: connections of a worker, calls of a mount.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::Notify;

/// Counts what is under way.
#[derive(Debug, Default)]
pub(crate) struct Load {
    count: AtomicUsize,
    empty: Notify,
}

/// One place in the count, until it is dropped.
#[derive(Debug)]
pub(crate) struct Seat(Arc<Load>);

impl Load {
    pub(super) fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Waits until there is nothing.
    pub(crate) async fn empty(&self) {
        loop {
            // Made before the count is looked at, it misses no notice.
            let notice = self.empty.notified();
            if self.count.load(Ordering::Acquire) == 0 {
                return;
            }
            notice.await;
        }
    }
}

impl Seat {
    pub(crate) fn take(load: &Arc<Load>) -> Self {
        load.count.fetch_add(1, Ordering::Relaxed);
        Self(load.clone())
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if self.0.count.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.empty.notify_waiters();
        }
    }
}
