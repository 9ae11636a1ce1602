//! Streams from loops.
//!
//! The producer is a future that lives inside the stream and meets the consumer at a [`Table`].

use std::{
    fmt,
    future::poll_fn,
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_core::Stream;
use pin_project_lite::pin_project;

use super::{
    MessageStream,
    table::{Sending, Table},
};
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
        self.seat.table.take_trailers()
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
        self.table.set_trailers(trailers);
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
pub struct Closed(pub(super) ());

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

/// The consumer's place: leaves the table when the stream is dropped.
struct Seat<T> {
    table: Arc<Table<T>>,
}

impl<T> Drop for Seat<T> {
    fn drop(&mut self) {
        self.table.leave();
    }
}
