//! Streams from loops.
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
    fmt,
    future::poll_fn,
    mem,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use futures_core::Stream;
use pin_project_lite::pin_project;

use super::MessageStream;
use crate::{Message, Metadata, Status};

/// A stream of what a loop sends: a future that runs inside the stream, without a task or a channel.
///
/// The future runs only while the stream is polled, and is dropped with it. [`Sender::send`] returns
/// when the item was taken. The stream ends when the future is done and the item that it sent last is
/// taken; an error of the future is the stream's last item.
///
/// A sender may move to another task; the future should then await that task, since a sender that
/// outlives the future, or the stream, gets [`Closed`].
pub fn generate<T, P, F>(producer: P) -> Generate<T, F>
where
    P: FnOnce(Sender<T>) -> F,
    F: Future<Output = Result<(), Status>>,
{
    let table = Arc::new(Table::default());
    let sender = Sender {
        table: Arc::clone(&table),
    };
    Generate {
        producer: Some(producer(sender)),
        outcome: Ok(()),
        seat: Seat { table },
    }
}

pin_project! {
    /// A stream of what a loop sends; made by [`generate()`].
    pub struct Generate<T, F> {
        #[pin]
        producer: Option<F>,
        outcome: Result<(), Status>,
        seat: Seat<T>,
    }
}

impl<T, F: Future<Output = Result<(), Status>>> Stream for Generate<T, F> {
    type Item = Result<T, Status>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        let table = &this.seat.table;
        if let Some(item) = table.sit(cx.waker()) {
            return Poll::Ready(Some(Ok(item)));
        }
        if let Some(producer) = this.producer.as_mut().as_pin_mut()
            && let Poll::Ready(outcome) = producer.poll(cx)
        {
            this.producer.set(None);
            *this.outcome = outcome;
        }
        let done = this.producer.is_none();
        match table.rise(done) {
            Some(item) => Poll::Ready(Some(Ok(item))),
            None if done => Poll::Ready(mem::replace(this.outcome, Ok(())).err().map(Err)),
            None => Poll::Pending,
        }
    }
}

impl<F: Future<Output = Result<(), Status>> + Send> MessageStream for Generate<Message, F> {
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Message, Status>>> {
        Stream::poll_next(self, cx)
    }

    fn take_trailers(self: Pin<&mut Self>) -> Metadata {
        mem::take(&mut self.seat.table.state().trailers)
    }
}

impl<T, F> fmt::Debug for Generate<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Generate")
            .field("done", &self.producer.is_none())
            .finish_non_exhaustive()
    }
}

/// What a loop sends its items to; given by [`generate()`]. Cheap to clone.
pub struct Sender<T> {
    table: Arc<Table<T>>,
}

impl<T> Sender<T> {
    /// Gives an item to the stream and waits until it is taken. If this future is dropped before
    /// that, the item may still arrive.
    pub async fn send(&self, item: T) -> Result<(), Closed> {
        let mut sending = Sending::Holding(item);
        poll_fn(|cx| self.table.poll_send(&mut sending, cx)).await
    }

    /// Sets the trailers that follow the last message. They count for [`Messages::generate`]; a
    /// stream of other items has no place for them.
    ///
    /// [`Messages::generate`]: crate::Messages::generate
    pub fn set_trailers(&self, trailers: Metadata) {
        self.table.state().trailers = trailers;
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self {
            table: Arc::clone(&self.table),
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").finish_non_exhaustive()
    }
}

/// The stream has ended, or is gone: nobody takes what is sent. As a [`Status`] it is CANCELLED.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed(());

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nobody takes what is sent any more")
    }
}

impl std::error::Error for Closed {}

impl From<Closed> for Status {
    fn from(closed: Closed) -> Self {
        Status::cancelled(closed.to_string())
    }
}

/// Where an item is on its way to the stream.
enum Sending<T> {
    Holding(T),
    /// On the table, as the item with this number.
    Put(u64),
    Gone,
}

/// Where consumer and producers meet.
struct Table<T>(Mutex<State<T>>);

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
    fn sit(&self, waker: &Waker) -> Option<T> {
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
    fn rise(&self, done: bool) -> Option<T> {
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

    fn poll_send(&self, sending: &mut Sending<T>, cx: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        let mut state = self.state();
        let inside = state.is_inside(cx.waker());
        let mut woken = None;
        match mem::replace(sending, Sending::Gone) {
            Sending::Holding(_) if state.closed => return Poll::Ready(Err(Closed(()))),
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

    /// The stream is dropped.
    fn leave(&self) {
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

/// The consumer's place: leaves the table when the stream is dropped.
struct Seat<T> {
    table: Arc<Table<T>>,
}

impl<T> Drop for Seat<T> {
    fn drop(&mut self) {
        self.table.leave();
    }
}
