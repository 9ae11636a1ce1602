//! A reply of one message that comes as a stream.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use descant_handlers::{Message, MessageStream, Messages, Metadata, Status};

/// The messages of a reply that may have one only. Another number of them is the handler's fault: INTERNAL.
pub(super) struct Only {
    messages: Messages,
    given: bool,
}

impl Only {
    pub(super) fn of(messages: Messages) -> Self {
        Self { messages, given: false }
    }
}

impl MessageStream for Only {
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Message, Status>>> {
        let next = ready!(self.messages.poll_next(cx));
        Poll::Ready(match next {
            Some(Ok(_)) if self.given => Some(Err(cardinality("more"))),
            Some(Ok(message)) => {
                self.given = true;
                Some(Ok(message))
            }
            None if !self.given => Some(Err(none())),
            end => end,
        })
    }

    fn take_trailers(mut self: Pin<&mut Self>) -> Metadata {
        self.messages.take_trailers()
    }
}

/// The handler gave no message.
pub(super) fn none() -> Status {
    cardinality("none")
}

fn cardinality(count: &str) -> Status {
    Status::internal(format!("the handler of a method with one reply gave {count}"))
}
