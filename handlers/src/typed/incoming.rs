//! Requests of many messages.

use std::{
    fmt,
    future::poll_fn,
    pin::Pin,
    task::{self, Poll, ready},
};

use descant_descriptors::Method;
use futures_core::Stream;

use super::{Codec, Payload};
use crate::{Message, Messages, Status};

/// The messages of a streaming request, decoded as they come.
pub struct Incoming<M> {
    messages: Messages,
    method: Method,
    decode: fn(Message, &Method) -> Result<M, Status>,
}

impl<M> Incoming<M> {
    pub(super) fn new<C: Codec>(messages: Messages, method: Method) -> Self
    where
        M: Payload<C>,
    {
        Self {
            messages,
            method,
            decode: M::decode,
        }
    }

    /// The next message; `None` is the end. There is nothing after an error.
    pub async fn next(&mut self) -> Option<Result<M, Status>> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// Asks for the next message; `None` is the end.
    pub fn poll_next(&mut self, cx: &mut task::Context<'_>) -> Poll<Option<Result<M, Status>>> {
        let next = ready!(self.messages.poll_next(cx));
        let next = next.map(|message| (self.decode)(message?, &self.method));
        if matches!(next, Some(Err(_))) {
            self.messages = Messages::empty();
        }
        Poll::Ready(next)
    }
}

impl<M> Stream for Incoming<M> {
    type Item = Result<M, Status>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_next(cx)
    }
}

impl<M> fmt::Debug for Incoming<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming")
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}
