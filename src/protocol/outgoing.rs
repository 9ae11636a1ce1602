//! The messages of a streamed reply, on their way out.

use std::task::{Context, Poll, ready};

use descant_handlers::{Code, Message, Messages, Metadata, Status, envelope::Batch};
use http::StatusCode;

use super::caught;
use crate::{gateway::Deadline, observe::Watch};

/// Messages as they go out, whatever they are written as: within the call's time, and watched.
pub(super) struct Outgoing {
    messages: Messages,
    deadline: Deadline,
    watch: Watch,
}

impl Outgoing {
    pub(super) fn new(messages: Messages, deadline: Deadline, watch: Watch) -> Self {
        Self {
            messages,
            deadline,
            watch,
        }
    }

    /// The next message as `write` has it, or how the call fails; `None` is its end.
    pub(super) fn poll_next<T>(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(Message) -> Result<T, Status>,
    ) -> Poll<Option<Result<T, Status>>> {
        let next = ready!(self.poll(cx, Messages::poll_next));
        let sends = |watch: &Watch, message: &Message| (1, watch.sends(message));
        Poll::Ready(self.written(next, sends, write))
    }

    /// As [`poll_next`](Self::poll_next), for as many messages as are there.
    pub(super) fn poll_batch<T>(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(Batch) -> Result<T, Status>,
    ) -> Poll<Option<Result<T, Status>>> {
        if self.watch.tells_payloads() {
            return self.poll_next(cx, |message| write(Batch::One(message)));
        }
        let next = ready!(self.poll(cx, Messages::poll_batch));
        Poll::Ready(self.written(next, Watch::sends_batch, write))
    }

    fn written<M, T>(
        &mut self,
        next: Option<Result<M, Status>>,
        sends: impl FnOnce(&Watch, &M) -> (usize, usize),
        write: impl FnOnce(M) -> Result<T, Status>,
    ) -> Option<Result<T, Status>> {
        let written = next.map(|next| {
            let next = next?;
            let (messages, bytes) = sends(&self.watch, &next);
            let written = write(next)?;
            self.watch.sent(messages, bytes);
            Ok(written)
        });
        match &written {
            Some(Ok(_)) => {}
            Some(Err(status)) => self.fails(status),
            None => self.ends(Code::Ok),
        }
        written
    }

    fn poll<M>(
        &mut self,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Messages, &mut Context<'_>) -> Poll<Option<Result<M, Status>>>,
    ) -> Poll<Option<Result<M, Status>>> {
        // Asked for each message: a stream that always has one at hand never gets to wait for the timer.
        if let Some(late) = self.deadline.exceeded() {
            return Poll::Ready(Some(Err(late)));
        }
        match caught(|| poll(&mut self.messages, cx)) {
            Poll::Ready(Ok(next)) => Poll::Ready(next),
            Poll::Ready(Err(panicked)) => Poll::Ready(Some(Err(panicked))),
            Poll::Pending => self.deadline.poll_exceeded(cx).map(|late| Some(Err(late))),
        }
    }

    /// The call ends so, whether or not its messages have.
    pub(super) fn ends(&mut self, code: Code) {
        self.watch.ended(code);
    }

    /// The call fails so.
    pub(super) fn fails(&mut self, status: &Status) {
        self.watch.failed(status);
    }

    /// Nothing of it has gone out, and HTTP calls the answer so.
    pub(super) fn answered(&mut self, status: StatusCode) {
        self.watch.answered(status);
    }

    /// The trailers that are known before the end.
    pub(super) fn trailers(&self) -> Option<&Metadata> {
        self.messages.trailers()
    }

    pub(super) fn take_trailers(&mut self) -> Metadata {
        let trailers = self.messages.take_trailers();
        self.watch.trailed(&trailers);
        trailers
    }
}

impl Drop for Outgoing {
    /// What could not go out in time goes with its connection, and the caller has not left.
    fn drop(&mut self) {
        if let Some(status) = self.deadline.dismissed() {
            self.watch.cut_off(&status);
        }
    }
}
