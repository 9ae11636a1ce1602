//! Who wakes a connection, and when that is news to it.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
    task::{Wake, Waker},
};

/// The connection waits: whoever rings wakes its task.
const WAITING: u8 = 0;
/// It is being polled, and will look at everything again.
const LOOKING: u8 = 1;
/// It was being polled, and has been rung since it began to look.
const RUNG: u8 = 2;

/// The waker that h2 gets, between it and the connection's task.
///
/// h2 wakes the connection whenever a stream has something to send. Most answers are begun, and ready, while the connection is
/// being polled, which looks for what they sent anyway; each of them would have it polled once more for nothing.
#[derive(Debug)]
pub(super) struct Bell {
    state: AtomicU8,
    task: Mutex<Waker>,
}

impl Bell {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            state: AtomicU8::new(WAITING),
            task: Mutex::new(Waker::noop().clone()),
        })
    }

    /// From here to [`rest`](Self::rest) the connection, of this task, is polled.
    pub(super) fn begin(&self, task: &Waker) {
        self.task().clone_from(task);
        self.look();
    }

    /// Everything is looked at from here on: what has rung so far is no news.
    pub(super) fn look(&self) {
        // Not a mere store, which might be seen only after what is looked at: who rang before is to have been heard.
        self.state.swap(LOOKING, Ordering::AcqRel);
    }

    /// Nothing more is looked at. What rang meanwhile wakes the task.
    pub(super) fn rest(&self) {
        if self.state.swap(WAITING, Ordering::AcqRel) == RUNG {
            self.task().wake_by_ref();
        }
    }

    fn ring(&self) {
        let heard = self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, |state| {
            (state != WAITING).then_some(RUNG)
        });
        if heard.is_err() {
            self.task().wake_by_ref();
        }
    }

    /// No user code runs under the lock.
    fn task(&self) -> MutexGuard<'_, Waker> {
        self.task.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.ring();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ring();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn only_news_wakes_the_task() {
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(woken.clone());
        let times = || woken.0.load(Ordering::Relaxed);
        let bell = Bell::new();
        let rings = Waker::from(bell.clone());
        bell.begin(&waker);
        rings.wake_by_ref();
        bell.look();
        bell.rest();
        assert_eq!(times(), 0, "looked at after it rang");
        rings.wake_by_ref();
        assert_eq!(times(), 1, "nobody looks");
        bell.begin(&waker);
        rings.wake_by_ref();
        rings.wake_by_ref();
        assert_eq!(times(), 1, "still looking");
        bell.rest();
        assert_eq!(times(), 2, "it rang after the last look");
    }
}
