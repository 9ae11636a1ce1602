//! Calls that are told that their connection ends.

use std::{
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    task::Waker,
};

use descant_handlers::Status;
use slab::Slab;

/// Why the calls of a connection get no more time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// The server stops.
    Stop,
    /// The connection is old.
    Age,
    /// The connection had no calls for long, until this came.
    Idle,
}

/// What the calls of one connection share: whether their time is over because the connection's is.
#[derive(Debug, Default)]
pub(crate) struct Dismissal {
    cause: OnceLock<Cause>,
    /// The tasks of the answers that are under way.
    waiting: Mutex<Slab<Waker>>,
}

impl Dismissal {
    /// What a call ends with, if it is to end now.
    pub(crate) fn status(&self) -> Option<Status> {
        self.cause.get().copied().map(Cause::status)
    }

    /// From now on it is so, and all that wait are woken to see it.
    pub(super) fn give(&self, cause: Cause) {
        let _ = self.cause.set(cause);
        self.waiting().iter().for_each(|(_, waker)| waker.wake_by_ref());
    }

    /// Nothing is under way: lets go of the room for what was.
    pub(super) fn rest(&self) {
        let mut waiting = self.waiting();
        if waiting.is_empty() && waiting.capacity() > 0 {
            *waiting = Slab::new();
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Slab<Waker>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cause {
    fn status(self) -> Status {
        Status::unavailable(match self {
            Self::Stop => "the server stops, and the call took longer than calls are given then (`limits.grace`)",
            Self::Idle => {
                "the connection was to be closed, idle as it was (`limits.idle`), and the call took longer than calls are given then \
                 (`limits.grace`): make it anew"
            }
            Self::Age => {
                "the connection is older than connections become (`limits.age`), and the call took longer than calls are given then \
                 (`limits.grace`): make it anew"
            }
        })
    }
}

/// A task that is woken when its connection's calls are dismissed, from when it first waited until this is dropped.
#[derive(Debug, Default)]
pub(super) struct Standby(Option<(Arc<Dismissal>, usize)>);

impl Standby {
    /// The task waits, and always has this waker.
    pub(super) fn wait(&mut self, dismissal: &Arc<Dismissal>, waker: &Waker) {
        if self.0.is_some() {
            return;
        }
        let place = dismissal.waiting().insert(waker.clone());
        self.0 = Some((dismissal.clone(), place));
        // Whoever was told before the waker stood there woke nobody.
        if dismissal.cause.get().is_some() {
            waker.wake_by_ref();
        }
    }
}

impl Drop for Standby {
    fn drop(&mut self) {
        if let Some((dismissal, place)) = &self.0 {
            let waker = dismissal.waiting().try_remove(*place);
            drop(waker);
        }
    }
}
