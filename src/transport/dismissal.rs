//! Calls that are told that their connection ends.

use std::{
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
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

/// A task that is woken when its connection's calls are dismissed, from when it first waits until it leaves. Small, for there is one for each
/// request that is being answered: it does not know whose it is.
#[derive(Debug)]
pub(super) struct Standby(u32);

impl Standby {
    const NOWHERE: Self = Self(u32::MAX);

    /// The task waits, and always has this waker.
    pub(super) fn wait(&mut self, dismissal: &Dismissal, waker: &Waker) {
        if self.0 != Self::NOWHERE.0 {
            return;
        }
        let place = dismissal.waiting().insert(waker.clone());
        // There are no more streams on a connection.
        self.0 = u32::try_from(place).unwrap_or(Self::NOWHERE.0);
        // Whoever was told before the waker stood there woke nobody.
        if dismissal.cause.get().is_some() {
            waker.wake_by_ref();
        }
    }

    /// The task has ended.
    pub(super) fn leave(&mut self, dismissal: &Dismissal) {
        let Self(place) = std::mem::take(self);
        if place != Self::NOWHERE.0 {
            let waker = dismissal.waiting().try_remove(place as usize);
            drop(waker);
        }
    }
}

impl Default for Standby {
    fn default() -> Self {
        Self::NOWHERE
    }
}
