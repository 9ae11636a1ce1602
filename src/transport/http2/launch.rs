//! Beginning to answer requests.

use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use h2::{RecvStream, server::SendResponse};
use http::Request;
use tokio::runtime::{Handle, RuntimeFlavor};

use super::{super::Payload, Shared};

/// What answers one request.
pub(super) type Answer<S, F> = fn(Arc<Shared<S>>, Request<RecvStream>, SendResponse<Payload>) -> F;

/// Begins to answer each request.
///
/// On a current-thread runtime an answer is polled once where it began. Most are ready then: what a unary call needs
/// has come with its first packet, and the handler waits for nothing. Only those that are not get a task, which takes a
/// fifth of such a call's time. On a multi-thread runtime each gets one at once, for another thread may be free.
pub(super) struct Launcher<S, F> {
    shared: Arc<Shared<S>>,
    answer: Answer<S, F>,
    inline: bool,
    /// Room for the next answer.
    spare: Option<Slot<F>>,
}

/// An answer under way, where it will not move.
type Slot<F> = Pin<Box<Option<F>>>;

impl<S, F> Launcher<S, F>
where
    F: Future<Output = ()> + Send + 'static,
{
    pub(super) fn new(shared: Shared<S>, answer: Answer<S, F>) -> Self {
        Self {
            shared: Arc::new(shared),
            answer,
            inline: Handle::current().runtime_flavor() == RuntimeFlavor::CurrentThread,
            spare: None,
        }
    }

    /// Answers a request.
    pub(super) fn begin(&mut self, request: Request<RecvStream>, respond: SendResponse<Payload>, cx: &mut Context<'_>) {
        let answer = (self.answer)(self.shared.clone(), request, respond);
        if !self.inline {
            tokio::spawn(answer);
            return;
        }
        let mut slot = self.place(answer);
        // A task of its own would keep a panic to itself as well. What remains of the answer has seen it and is not used.
        let polled = catch_unwind(AssertUnwindSafe(|| poll(&mut slot, cx)));
        match polled {
            Ok(Poll::Pending) => drop(tokio::spawn(Started(slot))),
            Ok(Poll::Ready(())) => self.spare = Some(slot),
            Err(_) => {}
        }
    }

    /// Lets go of what only a busy connection has a use for.
    pub(super) fn rest(&mut self) {
        self.spare = None;
    }

    fn place(&mut self, answer: F) -> Slot<F> {
        match self.spare.take() {
            None => Box::pin(Some(answer)),
            Some(mut slot) => {
                slot.set(Some(answer));
                slot
            }
        }
    }
}

/// An answer that has to wait, as a task.
struct Started<F>(Slot<F>);

impl<F: Future<Output = ()>> Future for Started<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        poll(&mut self.0, cx)
    }
}

/// Polls an answer, and drops it once it is given.
fn poll<F: Future<Output = ()>>(slot: &mut Slot<F>, cx: &mut Context<'_>) -> Poll<()> {
    if let Some(answer) = slot.as_mut().as_pin_mut() {
        ready!(answer.poll(cx));
    }
    slot.set(None);
    Poll::Ready(())
}
