//! Where streamed messages come from.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use futures_core::Stream;
use pin_project_lite::pin_project;

use crate::{Message, Metadata, Status, envelope::Batch};

/// A source of messages that knows its own trailers, such as the reply of an upstream server.
///
/// ```text
/// Source = *Some(Ok) ( None Trailers / Some(Err) )
/// ```
///
/// A source without trailers is a plain [`Stream`]; [`Messages::from_stream`](crate::Messages::from_stream) takes it.
pub trait MessageStream: Send {
    /// Asks for the next message. Not called again after an error or after the end.
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Message, Status>>>;

    /// Asks for as many messages as are there, in the envelopes that they came in: for who hands them on and looks into none.
    /// A source that has no envelopes gives one message. What stands in a run is compressed, if at all, as the call's or the
    /// reply's [`Coding`](crate::Coding) says. Called in the place of `poll_next`, as that is.
    fn poll_batch(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Batch, Status>>> {
        self.poll_next(cx)
            .map(|next| next.map(|message| message.map(Batch::One)))
    }

    /// Takes the trailers; called once, after the end and not after an error, which brings metadata of its own.
    fn take_trailers(self: Pin<&mut Self>) -> Metadata {
        Metadata::new()
    }
}

pin_project! {
    /// A stream, as a source without trailers.
    pub(super) struct FromStream<S> {
        #[pin]
        stream: S,
    }
}

impl<S> FromStream<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream }
    }
}

impl<S: Stream<Item = Result<Message, Status>> + Send> MessageStream for FromStream<S> {
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Message, Status>>> {
        self.project().stream.poll_next(cx)
    }
}
