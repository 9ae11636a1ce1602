//! What typed handlers give back.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_core::Stream;
use pin_project_lite::pin_project;
use prost_reflect::DynamicMessage;

use super::{Codec, Dynamic, Many, One, Payload, Prost, Raw, Side};
use crate::{Message, MessageStream, Messages, Metadata, Reply, Status};

/// What a handler gives back when it has metadata or trailers to add: `message` is the message, or
/// the stream of messages.
///
/// ```
/// use descant_handlers::{Metadata, Status, typed::{self, Response}};
///
/// let handler = typed::unary(|name: String, _| async move {
///     let mut shelf = Metadata::new();
///     shelf.insert("shelf", "poetry")?;
///     Ok(Response::new(name).with_metadata(shelf))
/// });
/// # let _: &dyn descant_handlers::Handler = &handler;
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Response<M> {
    /// The message, or the stream of messages.
    pub message: M,
    /// What goes out before the first message.
    pub metadata: Metadata,
    /// What goes out after the last message.
    pub trailers: Metadata,
}

impl<M> Response<M> {
    /// A response with neither metadata nor trailers.
    pub fn new(message: M) -> Self {
        Self {
            message,
            metadata: Metadata::new(),
            trailers: Metadata::new(),
        }
    }

    /// The same response, with this metadata in the place of its own.
    #[must_use]
    pub fn with_metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = metadata;
        self
    }

    /// The same response, with these trailers in the place of its own.
    #[must_use]
    pub fn with_trailers(mut self, trailers: Metadata) -> Self {
        self.trailers = trailers;
        self
    }
}

/// What a handler may give back where its method sends [`One`] message, or [`Many`]: the message or
/// the stream itself, or a [`Response`] of it.
pub trait IntoReply<S: Side> {
    /// The messages, encoded.
    fn into_reply(self, output: &<S::Codec as Codec>::Output) -> Result<Reply, Status>;
}

/// One message of each codec. A single impl for all codecs would overlap with that for [`Response`].
macro_rules! one {
    ($codec:ty, $message:ty $(, $generic:ident)?) => {
        impl $(<$generic: prost::Message + Default + 'static>)? IntoReply<One<$codec>> for $message {
            fn into_reply(self, output: &<$codec as Codec>::Output) -> Result<Reply, Status> {
                Payload::<$codec>::encode(self, output).map(Reply::from)
            }
        }
    };
}

one!(Prost, M, M);
one!(Dynamic, DynamicMessage);
one!(Raw, Bytes);

impl<C: Codec, M: Payload<C>> IntoReply<One<C>> for Response<M> {
    fn into_reply(self, output: &C::Output) -> Result<Reply, Status> {
        let messages = Messages::one(self.message.encode(output)?);
        Ok(Reply::new(messages.with_trailers(self.trailers)).with_metadata(self.metadata))
    }
}

impl<C, M, S> IntoReply<Many<C>> for S
where
    C: Codec,
    M: Payload<C>,
    S: Stream<Item = Result<M, Status>> + Send + 'static,
{
    fn into_reply(self, output: &C::Output) -> Result<Reply, Status> {
        Response::new(self).into_reply(output)
    }
}

impl<C, M, S> IntoReply<Many<C>> for Response<S>
where
    C: Codec,
    M: Payload<C>,
    S: Stream<Item = Result<M, Status>> + Send + 'static,
{
    fn into_reply(self, output: &C::Output) -> Result<Reply, Status> {
        let messages = Messages::stream(Encoded::<C, S> {
            stream: self.message,
            output: output.clone(),
        });
        Ok(Reply::new(messages.with_trailers(self.trailers)).with_metadata(self.metadata))
    }
}

pin_project! {
    /// A stream of replies, each encoded when it is asked for.
    struct Encoded<C: Codec, S> {
        #[pin]
        stream: S,
        output: C::Output,
    }
}

impl<C, M, S> MessageStream for Encoded<C, S>
where
    C: Codec,
    M: Payload<C>,
    S: Stream<Item = Result<M, Status>> + Send,
{
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Message, Status>>> {
        let this = self.project();
        let next = ready!(this.stream.poll_next(cx));
        Poll::Ready(next.map(|message| message?.encode(this.output)))
    }
}
