//! Where consumer and producers of a generated stream meet.
//!
//! The producer is a future that lives inside the stream. It meets the consumer at a table for one
//! item: the sender puts an item down and waits until it is taken. So nothing is made before it is asked for.
//!
//! ```text
//!   consumer                     table                         producer
//!   poll_next ── nothing there ── runs the future ───────────> ... send(item)
//!        <────────── takes it ──── item lies there <────────── waits
//!   poll_next ─────────────────── runs the future ───────────> send is done, goes on
//! ```
//!
//! Each side has wakers of its own: a sender may move to a task of its own, and then two tasks wait
//! at one table. With a single place for a waker, each would overwrite the other's, and both would sleep.

use std::{
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use super::Closed;
use crate::Metadata;

/// Where an item is on its way to the stream.
pub(super) enum Sending<T> {
    Holding(T),
    /// On the table, as the item with this number.
    Put(u64),
    Gone,
}

/// Where consumer and producers meet.
pub(super) struct Table<T>(Mutex<State<T>>);

struct State<T> {
    item: Option<T>,
    /// How many items were put down and taken so far; a sender waits for its own number.
    put: u64,
    taken: u64,
    /// No more items are accepted.
    closed: bool,
    /// The future is being polled right now, by the task of `consumer`.
    inside: bool,
    consumer: Option<Waker>,
    producers: Vec<Waker>,
    trailers: Metadata,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self(Mutex::new(State {
            item: None,
            put: 0,
            taken: 0,
            closed: false,
            inside: false,
            consumer: None,
            producers: Vec::new(),
            trailers: Metadata::new(),
        }))
    }
}

/// Nobody is woken, and nothing of a caller is dropped, under the lock: both may run code that
/// comes back here.
impl<T> Table<T> {
    fn state(&self) -> MutexGuard<'_, State<T>> {
        // No code of a caller runs under the lock but `Waker::clone`; the state is whole even if that panics.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The consumer comes for an item. If there is none, the future is polled next.
    pub(super) fn sit(&self, waker: &Waker) -> Option<T> {
        let mut state = self.state();
        if let Some(item) = state.take() {
            let producers = mem::take(&mut state.producers);
            drop(state);
            producers.into_iter().for_each(Waker::wake);
            return Some(item);
        }
        state.inside = true;
        if !state.consumer.as_ref().is_some_and(|known| known.will_wake(waker)) {
            let known = state.consumer.replace(waker.clone());
            drop(state);
            drop(known);
        }
        None
    }

    /// The future was polled; when it is `done`, nothing is accepted after what lies there.
    pub(super) fn rise(&self, done: bool) -> Option<T> {
        let mut state = self.state();
        state.inside = false;
        state.closed |= done;
        let item = state.take();
        if item.is_none() && !done {
            return None;
        }
        let producers = mem::take(&mut state.producers);
        drop(state);
        producers.into_iter().for_each(Waker::wake);
        item
    }

    pub(super) fn poll_send(&self, sending: &mut Sending<T>, cx: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        let mut state = self.state();
        let inside = state.is_inside(cx.waker());
        let mut woken = None;
        match mem::replace(sending, Sending::Gone) {
            refused @ Sending::Holding(_) if state.closed => {
                *sending = refused;
                return Poll::Ready(Err(Closed(())));
            }
            Sending::Holding(item) if state.item.is_none() => {
                *sending = Sending::Put(state.put(item));
                if !inside {
                    woken = state.consumer.take();
                }
            }
            Sending::Put(number) if state.taken >= number => return Poll::Ready(Ok(())),
            Sending::Put(_) | Sending::Gone if state.item.is_none() => return Poll::Ready(Err(Closed(()))),
            waiting => *sending = waiting,
        }
        if !inside && !state.producers.iter().any(|known| known.will_wake(cx.waker())) {
            state.producers.push(cx.waker().clone());
        }
        drop(state);
        if let Some(waker) = woken {
            waker.wake();
        }
        Poll::Pending
    }

    pub(super) fn set_trailers(&self, trailers: Metadata) {
        self.state().trailers = trailers;
    }

    pub(super) fn take_trailers(&self) -> Metadata {
        mem::take(&mut self.state().trailers)
    }

    /// The stream is dropped.
    pub(super) fn leave(&self) {
        let mut state = self.state();
        state.closed = true;
        let item = state.item.take();
        let producers = mem::take(&mut state.producers);
        drop(state);
        drop(item);
        producers.into_iter().for_each(Waker::wake);
    }
}

impl<T> State<T> {
    fn put(&mut self, item: T) -> u64 {
        self.item = Some(item);
        self.put += 1;
        self.put
    }

    fn take(&mut self) -> Option<T> {
        let item = self.item.take()?;
        self.taken += 1;
        Some(item)
    }

    /// Whether whoever has this waker is polled by the stream itself. It needs no waking then: the
    /// stream looks at the table after the future, and polls the future again after the next item.
    fn is_inside(&self, waker: &Waker) -> bool {
        self.inside && self.consumer.as_ref().is_some_and(|consumer| consumer.will_wake(waker))
    }
}
