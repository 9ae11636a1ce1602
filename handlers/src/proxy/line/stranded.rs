//! Requests that were given up, and still wait to be written on a connection that takes nothing.
//!
//! h2 keeps what a call was to send until the turn of its stream comes, also if the call was given up: on a connection that is written to that is
//! soon. A server that hangs takes nothing, and the calls that it does not answer would add up.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// So many bytes that nobody wants any more may wait
const MOST: usize = 16 << 20;
/// on a connection that takes fewer bytes than this
const MOVES: u64 = 64 << 10;
/// in this time.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);

/// What of a connection may still wait.
#[derive(Debug, Default)]
pub(super) struct Stranded(Mutex<Heap>);

#[derive(Debug, Default)]
struct Heap {
    bytes: usize,
    /// How much the connection had taken when the first of it was given up.
    taken: u64,
    /// And when it began to be watched, if it is.
    watched: Option<u64>,
}

impl Stranded {
    /// A request of so many bytes was given up; `taken`: what the connection has by now. Whether [`is_stuck`](Self::is_stuck) is to be asked in a
    /// while.
    pub(super) fn add(&self, bytes: usize, taken: u64) -> bool {
        let mut heap = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if heap.has_moved(taken) {
            (heap.bytes, heap.taken) = (0, taken);
        }
        heap.bytes = heap.bytes.saturating_add(bytes);
        let begins = heap.bytes > MOST && heap.watched.is_none();
        if begins {
            heap.watched = Some(taken);
        }
        begins
    }

    /// Whether the connection has taken nothing since then: how many bytes wait there.
    pub(super) fn is_stuck(&self, taken: u64) -> Option<usize> {
        let mut heap = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let since = heap.watched.take().unwrap_or(taken);
        let moves = heap.has_moved(taken) || taken.saturating_sub(since) >= MOVES;
        (heap.bytes > MOST && !moves).then_some(heap.bytes)
    }
}

impl Heap {
    fn has_moved(&self, taken: u64) -> bool {
        taken.saturating_sub(self.taken) >= MOVES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_adds_up_until_the_connection_moves() {
        let stranded = Stranded::default();
        assert!(!stranded.add(MOST, 0));
        assert!(!stranded.add(MOST, MOVES));
        assert!(stranded.add(1, MOVES + 1));
        // Once.
        assert!(!stranded.add(1, MOVES + 2));
        assert_eq!(stranded.is_stuck(2 * MOVES - 1), Some(MOST + 2));
        assert!(stranded.add(1, 2 * MOVES - 1));
        assert_eq!(stranded.is_stuck(2 * MOVES), None);
        assert!(!stranded.add(1, 2 * MOVES));
        // It moves, and less waits than before as it is looked at.
        let stranded = Stranded::default();
        assert!(stranded.add(MOST + 1, 0));
        assert!(!stranded.add(1, MOVES));
        assert_eq!(stranded.is_stuck(MOVES), None);
        assert!(stranded.add(MOST + 1, MOVES + 1));
    }
}
