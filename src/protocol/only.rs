//! A reply of one message that comes as a stream.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use descant_handlers::{Message, MessageStream, Messages, Metadata, Status};

/// The messages of a reply that may have one only, which comes once the reply has ended well. Another number of them is the
/// handler's fault: INTERNAL.
pub(super) struct Only {
    messages: Messages,
    first: Option<Message>,
    given: bool,
}

impl Only {
    pub(super) fn of(messages: Messages) -> Self {
        Self {
            messages,
            first: None,
            given: false,
        }
    }
}

impl MessageStream for Only {
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Message, Status>>> {
        let only = &mut *self;
        Poll::Ready(loop {
            match (ready!(only.messages.poll_next(cx)), only.first.take()) {
                (Some(Err(status)), _) => break Some(Err(status)),
                (Some(Ok(message)), None) => only.first = Some(message),
                (Some(Ok(_)), Some(_)) => break Some(Err(cardinality("more"))),
                (None, Some(message)) => {
                    only.given = true;
                    break Some(Ok(message));
                }
                (None, None) => break (!only.given).then(|| Err(none())),
            }
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
