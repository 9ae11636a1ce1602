//! The envelopes of a request, each within its time.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use descant_handlers::envelope::{Envelope, EnvelopeError, Envelopes, Run};
use tokio::time::{Instant, Sleep, sleep_until};

use super::text::Body;
use crate::transport::{InboundError, Share};

/// Splits a body into envelopes as it arrives.
#[derive(Debug)]
pub(super) struct TimedEnvelopes {
    body: Body,
    envelopes: Envelopes<BodyError>,
    /// From a message's first byte to its last.
    time: Duration,
    /// Whether a message is overdue even if not a byte of it came.
    expected: bool,
    /// When what is waited for has to be there. Set only once it is waited for: most messages are there at once.
    due: Option<Pin<Box<Sleep>>>,
}

/// Why a body cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BodyError {
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    #[error("a message was not finished within {} s", .0.as_secs_f64())]
    Late(Duration),
    #[error("the body is not base64, as the content type says: {0}")]
    Text(String),
    #[error(transparent)]
    Inbound(#[from] InboundError),
}

impl TimedEnvelopes {
    /// For messages of so many bytes, as they are sent, and this time.
    pub(super) fn new(body: Body, bytes: usize, time: Duration) -> Self {
        Self {
            body,
            envelopes: Envelopes::new(bytes),
            time,
            expected: false,
            due: None,
        }
    }

    /// What was taken still counts until this is dropped.
    pub(super) fn take_share(&mut self) -> Option<Share> {
        self.body.take_share()
    }

    /// From now on the time of a message runs before its first byte came, and goes on to the end of the body: for
    /// bodies that must hold one message.
    pub(super) fn expect_one(&mut self) {
        self.expected = true;
    }

    /// The next envelope; `None` at the end of the body. Not to be polled again after an error.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Envelope, BodyError>>> {
        self.body.keep(self.envelopes.held());
        let body = &mut self.body;
        let next = self.envelopes.poll_next(cx, |cx| body.poll_data(cx));
        self.in_time(next, cx)
    }

    /// As many envelopes as are there, or the next one: see [`Envelopes::poll_run`].
    pub(super) fn poll_run(
        &mut self,
        cx: &mut Context<'_>,
        compressed: bool,
    ) -> Poll<Option<Result<Result<Run, Envelope>, BodyError>>> {
        // What was handed on before is somebody else's by now.
        self.body.keep(self.envelopes.held());
        let body = &mut self.body;
        let next = self.envelopes.poll_run(cx, compressed, |cx| body.poll_data(cx));
        self.in_time(next, cx)
    }

    /// Waits for the end of the body. `false`: something else came.
    pub(super) fn poll_ends(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, BodyError>> {
        let body = &mut self.body;
        match self.envelopes.poll_ends(cx, |cx| body.poll_data(cx)) {
            Poll::Pending => self.poll_late(cx).map(Err),
            ends @ Poll::Ready(_) => ends,
        }
    }

    fn in_time<T>(
        &mut self,
        next: Poll<Option<Result<T, BodyError>>>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<T, BodyError>>> {
        match next {
            Poll::Pending => self.poll_late(cx).map(|late| Some(Err(late))),
            next @ Poll::Ready(_) => {
                if !self.expected {
                    self.due = None;
                }
                next
            }
        }
    }

    /// Ready once what is waited for has had its time.
    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<BodyError> {
        if !self.envelopes.is_within() && !self.expected {
            return Poll::Pending;
        }
        let time = self.time;
        let due = self
            .due
            .get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + time)));
        ready!(due.as_mut().poll(cx));
        Poll::Ready(BodyError::Late(time))
    }
}
