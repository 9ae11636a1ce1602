//! Beginning to answer requests.

use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker, ready},
};

use h2::{RecvStream, server::SendResponse};
use http::Request;
use tokio::runtime::{Handle, RuntimeFlavor};

use super::{
    super::{Dismissal, Payload},
    Asked, Shared,
};

/// Begins to answer each request.
///
/// On a current-thread runtime an answer is polled once where it began. Most are ready then: what a unary call needs
/// has come with its first packet, and the handler waits for nothing. Only those that are not get a task, which takes a
/// fifth of such a call's time. Where several in a row had to wait, as behind a proxy, the next ones get theirs at once, and are
/// polled there only, until one does not wait. On a multi-thread runtime each gets one at once, for another thread may be free.
pub(super) struct Launcher<S, A, F> {
    shared: Arc<Shared<S>>,
    /// What answers one request. No pointer to a function: so its future is made where it will stay.
    answer: A,
    inline: bool,
    /// Room for the next answer.
    spare: Option<Slot<F>>,
    /// How many answers in a row had to wait.
    waiting: Arc<AtomicUsize>,
}

/// After so many in a row that wait, the next answer is taken for one that will.
const IN_A_ROW: usize = 4;

/// An answer that can be told that it is to end.
pub(super) trait Answer: Future<Output = ()> {
    /// It is polled in a task of its own, with this waker, and has to wait.
    fn stands_by(self: Pin<&mut Self>, waker: &Waker);
}

/// An answer under way, where it will not move.
type Slot<F> = Pin<Box<Option<F>>>;

impl<S, A, F> Launcher<S, A, F>
where
    A: Fn(Arc<Shared<S>>, Request<RecvStream>, SendResponse<Payload>) -> F,
    F: Answer + Send + 'static,
{
    pub(super) fn new(shared: Shared<S>, answer: A) -> Self {
        Self {
            shared: Arc::new(shared),
            answer,
            inline: Handle::current().runtime_flavor() == RuntimeFlavor::CurrentThread,
            spare: None,
            waiting: Arc::default(),
        }
    }

    /// Answers a request, if there is one.
    pub(super) fn begin(&mut self, asked: &mut Asked, cx: &mut Context<'_>) {
        let shared = self.shared.clone();
        let mut slot = self.spare.take().unwrap_or_else(|| Box::pin(None));
        // A task of its own would keep a panic to itself as well. What remains of the answer has seen it and is not used.
        let begun = catch_unwind(AssertUnwindSafe(|| {
            if let Some((request, respond)) = asked.take() {
                slot.set(Some((self.answer)(shared, request, respond)));
            }
        }));
        if begun.is_err() {
            return;
        }
        if !self.inline {
            tokio::spawn(Started { slot, waiting: None });
            return;
        }
        if self.waiting.load(Ordering::Relaxed) >= IN_A_ROW {
            let waiting = Some(Arc::clone(&self.waiting));
            tokio::spawn(Started { slot, waiting });
            return;
        }
        let polled = catch_unwind(AssertUnwindSafe(|| poll(&mut slot, cx)));
        match polled {
            Ok(Poll::Pending) => {
                self.waiting.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(Started { slot, waiting: None });
            }
            Ok(Poll::Ready(())) => {
                self.waiting.store(0, Ordering::Relaxed);
                self.spare = Some(slot);
            }
            Err(_) => {}
        }
    }

    /// Whether the answers are to end.
    pub(super) fn dismissal(&self) -> &Arc<Dismissal> {
        self.shared.connection.dismissal()
    }

    /// Lets go of what only a busy connection has a use for.
    pub(super) fn rest(&mut self) {
        self.spare = None;
        self.dismissal().rest();
    }
}

/// An answer that has to wait, as a task.
struct Started<F> {
    slot: Slot<F>,
    /// Told if it does not wait, where it was only taken to.
    waiting: Option<Arc<AtomicUsize>>,
}

impl<F: Answer> Future for Started<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let first = self.waiting.take();
        let polled = poll(&mut self.slot, cx);
        if let (Poll::Ready(()), Some(waiting)) = (polled, first) {
            waiting.store(0, Ordering::Relaxed);
        }
        if polled.is_pending()
            && let Some(answer) = self.slot.as_mut().as_pin_mut()
        {
            answer.stands_by(cx.waker());
        }
        polled
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
