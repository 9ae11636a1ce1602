//! The most time that a call may take upstream, whatever its caller gives it.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep_until, timeout_at};

use super::backoff::LONGEST;
use crate::{Call, Message, MessageStream, Messages, Metadata, Reply, Status, envelope::Batch};

/// When a call has to be over, and how long that was when it came.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimeLimit {
    at: Instant,
    time: Duration,
}

impl TimeLimit {
    /// The shorter of two, as the call's deadline; `None`: neither is set, or the call has to be over before, which somebody else
    /// sees to.
    pub(super) fn from_now(one: Option<Duration>, other: Option<Duration>, call: &mut Call) -> Option<Self> {
        let time = one.into_iter().chain(other).min()?.min(LONGEST);
        let at = Instant::now() + time;
        if call.deadline.is_some_and(|deadline| Instant::from(deadline) <= at) {
            return None;
        }
        call.deadline = Some(at.into_std());
        Some(Self { at, time })
    }

    /// Ends an answer that takes longer, its stream too.
    pub(super) async fn bound(self, answer: impl Future<Output = Result<Reply, Status>>) -> Result<Reply, Status> {
        let answer = timeout_at(self.at, answer).await;
        let mut reply = answer.unwrap_or_else(|_| Err(self.passed()))?;
        reply.messages = match reply.messages.try_one() {
            Ok((message, trailers)) => Messages::one(message).with_trailers(trailers),
            Err(messages) => Messages::stream(Bounded {
                messages,
                end: Box::pin(sleep_until(self.at)),
                limit: self,
            }),
        };
        Ok(reply)
    }

    fn passed(self) -> Status {
        let time = self.time.as_secs_f64();
        Status::deadline_exceeded(format!("the upstream has not answered within {time} s, its timeout"))
    }
}

/// The messages of an answer that has to be over in time.
struct Bounded {
    messages: Messages,
    end: Pin<Box<Sleep>>,
    limit: TimeLimit,
}

impl Bounded {
    fn poll<T>(
        &mut self,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Messages, &mut Context<'_>) -> Poll<Option<Result<T, Status>>>,
    ) -> Poll<Option<Result<T, Status>>> {
        // Also of a stream that never pauses.
        if self.end.as_mut().poll(cx).is_ready() {
            self.messages = Messages::empty();
            return Poll::Ready(Some(Err(self.limit.passed())));
        }
        poll(&mut self.messages, cx)
    }
}

impl MessageStream for Bounded {
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Message, Status>>> {
        self.poll(cx, Messages::poll_next)
    }

    fn poll_batch(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Batch, Status>>> {
        self.poll(cx, Messages::poll_batch)
    }

    fn take_trailers(mut self: Pin<&mut Self>) -> Metadata {
        self.messages.take_trailers()
    }
}
