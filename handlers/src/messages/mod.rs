//! Zero or more messages, then trailers.

mod generate;
mod source;
mod table;

use std::{
    fmt,
    future::poll_fn,
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_core::Stream;

use self::source::FromStream;
pub use self::{
    generate::{Closed, Generate, Sender, generate},
    source::MessageStream,
};
use crate::{Message, Metadata, Status, envelope::Batch};

/// Zero or more messages, then trailers: one direction of a call.
///
/// ```text
/// Messages = *Message ( Trailers / Status )
/// ```
///
/// Pulled: nothing is produced before someone asks for it, and a transport asks once the peer has
/// taken what came before. Dropping it is cancellation. After a [`Status`], or after the end, it stays at its end.
///
/// One message that is there already, as in nearly every unary call, costs no allocation.
pub struct Messages(Source);

enum Source {
    Done(Trailers),
    One(Message, Trailers),
    Stream(Pin<Box<dyn MessageStream>>, Trailers),
}

/// Mostly there are none; then they cost one word and no box.
type Trailers = Option<Box<Metadata>>;

impl Messages {
    /// No message, no trailers.
    pub const fn empty() -> Self {
        Self(Source::Done(None))
    }

    /// No message, only trailers.
    pub fn trailers_only(trailers: Metadata) -> Self {
        Self::empty().with_trailers(trailers)
    }

    /// One message that is there already.
    pub const fn one(message: Message) -> Self {
        Self(Source::One(message, None))
    }

    /// Messages from a source that knows its own trailers.
    pub fn stream(stream: impl MessageStream + 'static) -> Self {
        Self(Source::Stream(Box::pin(stream), None))
    }

    /// Messages from any stream.
    pub fn from_stream(stream: impl Stream<Item = Result<Message, Status>> + Send + 'static) -> Self {
        Self::stream(FromStream::new(stream))
    }

    /// Messages from a loop that sends them, as if to a channel: a future that runs inside the
    /// stream. See [`generate()`].
    ///
    /// ```
    /// use descant_handlers::{Message, Messages};
    ///
    /// let messages = Messages::generate(|sender| async move {
    ///     for word in ["one", "two"] {
    ///         sender.send(Message::from_prost(&String::from(word))).await?;
    ///     }
    ///     Ok(())
    /// });
    /// ```
    pub fn generate<P, F>(producer: P) -> Self
    where
        P: FnOnce(Sender<Message>) -> F,
        F: Future<Output = Result<(), Status>> + Send + 'static,
    {
        Self::stream(generate(producer))
    }

    /// The same messages, with these trailers in the place of what this function set before. Trailers
    /// that a stream brings of its own are added to them.
    #[must_use]
    pub fn with_trailers(self, trailers: Metadata) -> Self {
        let trailers = (!trailers.is_empty()).then(|| Box::new(trailers));
        Self(match self.0 {
            Source::Done(_) => Source::Done(trailers),
            Source::One(message, _) => Source::One(message, trailers),
            Source::Stream(stream, _) => Source::Stream(stream, trailers),
        })
    }

    /// Whether it is known that there are none any more.
    #[cfg(feature = "proxy")]
    pub(crate) fn is_done(&self) -> bool {
        matches!(self.0, Source::Done(_))
    }

    /// Asks for the next message; `None` is the end, and the time to take the trailers.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Message, Status>>> {
        self.poll(|message| message, |stream| stream.poll_next(cx))
    }

    /// As [`poll_next`](Self::poll_next), for as many messages as are there: see [`MessageStream::poll_batch`].
    pub fn poll_batch(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Batch, Status>>> {
        self.poll(Batch::One, |stream| stream.poll_batch(cx))
    }

    fn poll<T>(
        &mut self,
        one: impl FnOnce(Message) -> T,
        poll: impl FnOnce(Pin<&mut dyn MessageStream>) -> Poll<Option<Result<T, Status>>>,
    ) -> Poll<Option<Result<T, Status>>> {
        let Source::Stream(stream, trailers) = &mut self.0 else {
            return Poll::Ready(self.take_one().map(|message| Ok(one(message))));
        };
        let next = ready!(poll(stream.as_mut()));
        // The end of a stream frees what it holds, and makes polling on harmless.
        self.0 = match &next {
            Some(Ok(_)) => return Poll::Ready(next),
            Some(Err(_)) => Source::Done(None),
            None => match merge(trailers.take(), stream.as_mut().take_trailers()) {
                Ok(trailers) => Source::Done(trailers),
                Err(status) => {
                    self.0 = Source::Done(None);
                    return Poll::Ready(Some(Err(status)));
                }
            },
        };
        Poll::Ready(next)
    }

    /// The next message; `None` is the end.
    pub async fn next(&mut self) -> Option<Result<Message, Status>> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// The one message that there is. None, or more than one, is UNIMPLEMENTED.
    ///
    /// Source: gRPC core, `doc/statuscodes.md`: "Request cardinality violation", and Connect's
    /// conformance suite, which checks it. (Some implementations, such as grpc-java, answer INTERNAL.)
    pub async fn only(self) -> Result<Message, Status> {
        let mut messages = match self.try_one() {
            Ok((message, _)) => return Ok(message),
            Err(messages) => messages,
        };
        let cardinality = |count| Status::unimplemented(format!("this call takes exactly one message, but {count}"));
        let only = messages.next().await.unwrap_or_else(|| Err(cardinality("none came")))?;
        match messages.next().await {
            None => Ok(only),
            Some(Ok(_)) => Err(cardinality("more came")),
            Some(Err(status)) => Err(status),
        }
    }

    /// The trailers that are known by now: those that [`with_trailers`](Self::with_trailers) set.
    pub fn trailers(&self) -> Option<&Metadata> {
        let (Source::Done(trailers) | Source::One(_, trailers) | Source::Stream(_, trailers)) = &self.0;
        trailers.as_deref()
    }

    /// Takes the trailers, once the end is reached.
    pub fn take_trailers(&mut self) -> Metadata {
        let (Source::Done(trailers) | Source::One(_, trailers) | Source::Stream(_, trailers)) = &mut self.0;
        unboxed(trailers.take())
    }

    /// One message that is there already, with its trailers; or the messages as they were.
    pub fn try_one(self) -> Result<(Message, Metadata), Messages> {
        match self.0 {
            Source::One(message, trailers) => Ok((message, unboxed(trailers))),
            other => Err(Self(other)),
        }
    }

    fn take_one(&mut self) -> Option<Message> {
        if !matches!(self.0, Source::One(..)) {
            return None;
        }
        match mem::replace(&mut self.0, Source::Done(None)) {
            Source::One(message, trailers) => {
                self.0 = Source::Done(trailers);
                Some(message)
            }
            Source::Done(_) | Source::Stream(..) => None,
        }
    }
}

fn unboxed(trailers: Trailers) -> Metadata {
    trailers.map_or_else(Metadata::new, |trailers| *trailers)
}

fn merge(set: Trailers, brought: Metadata) -> Result<Trailers, Status> {
    let Some(mut set) = set else {
        return Ok((!brought.is_empty()).then(|| Box::new(brought)));
    };
    set.extend(brought)?;
    Ok(Some(set))
}

impl From<Message> for Messages {
    fn from(message: Message) -> Self {
        Self::one(message)
    }
}

impl Stream for Messages {
    type Item = Result<Message, Status>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_next(cx)
    }
}

impl fmt::Debug for Messages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::Done(_) => f.write_str("Messages(none)"),
            Source::One(message, _) => write!(f, "Messages({message:?})"),
            Source::Stream(..) => f.write_str("Messages(stream)"),
        }
    }
}

#[cfg(test)]
mod tests;
