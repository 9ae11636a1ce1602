//! The messages of an upstream's reply.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use super::{
    codings, connect,
    exchange::Terms,
    header_list,
    reply::{Source, Unread},
    request::Pump,
    speech::Speech,
    status,
    stream::Broken,
};
use crate::{
    Code, Compressed, Encoding, Message, MessageStream, Metadata, Status,
    envelope::{Batch, COMPRESSED, Envelope, EnvelopeError, Envelopes, PLAIN},
};

/// Bytes of what ends a body.
const MOST_AT_END: usize = connect::MOST;

/// The messages of a reply, then its trailers. Pulled: the upstream may send more as the caller takes what there is.
#[derive(Debug)]
pub(super) struct Replies {
    pub(super) source: Source,
    envelopes: Envelopes<Unread>,
    /// How compressed messages are compressed.
    encoding: Option<Encoding>,
    speech: Speech,
    /// What the envelope says that ends the body, where there is one.
    said: Option<Box<Result<Metadata, Status>>>,
    /// That envelope came, and is no larger than it may be.
    told: bool,
    trailers: Option<Metadata>,
    /// What is wrong with the body's end. What the upstream says of the call comes before it.
    cut: Option<Status>,
    /// What only has to live as long as the call.
    pub(super) pump: Option<Pump>,
    /// The first message of a reply that has one only.
    first: Option<Message>,
}

impl Replies {
    pub(super) fn new(source: Source, encoding: Option<Encoding>, terms: &Terms, pump: Option<Pump>) -> Self {
        Self {
            envelopes: Envelopes::new(source.lease.message_bytes()),
            source,
            encoding,
            speech: terms.speech,
            said: None,
            told: false,
            trailers: None,
            cut: None,
            pump,
            first: None,
        }
    }

    /// How a call went whose reply has no messages. The address is told of it if it failed; else it is told by whoever reads on.
    pub(super) fn poll_outcome(&mut self, cx: &mut Context<'_>) -> Poll<Result<Metadata, Status>> {
        let status = match ready!(self.poll_one(cx)) {
            None => return Poll::Ready(Ok(self.trailers.take().unwrap_or_default())),
            Some(Ok(_)) => behind_the_end(),
            Some(Err(status)) => status,
        };
        self.judge(Some(Err(&status)));
        Poll::Ready(Err(status))
    }

    /// Whether the upstream said in the body how the call went.
    pub(super) fn is_told(&self) -> bool {
        self.told
    }

    /// The one message, with the trailers behind it. Another number of them is UNIMPLEMENTED: gRPC core, `doc/statuscodes.md`.
    pub(super) fn poll_only(&mut self, cx: &mut Context<'_>) -> Poll<Result<(Message, Metadata), Status>> {
        let only = ready!(self.poll_whole(cx));
        self.judge(only.as_ref().err().map(Err));
        Poll::Ready(only)
    }

    fn poll_whole(&mut self, cx: &mut Context<'_>) -> Poll<Result<(Message, Metadata), Status>> {
        let cardinality =
            |count| Status::unimplemented(format!("the upstream sent {count}, where one message is due")).presumed();
        loop {
            match (ready!(self.poll_one(cx)), self.first.take()) {
                (Some(Err(status)), _) => return Poll::Ready(Err(status)),
                (Some(Ok(message)), None) => self.first = Some(message),
                (Some(Ok(_)), Some(_)) => return Poll::Ready(Err(cardinality("several"))),
                (None, None) => return Poll::Ready(Err(cardinality("none"))),
                (None, Some(message)) => {
                    let trailers = self.trailers.take().unwrap_or_default();
                    return Poll::Ready(Ok((message, trailers)));
                }
            }
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Message, Status>>> {
        let polled = ready!(self.poll_one(cx));
        self.judge(polled.as_ref().map(|found| found.as_ref().map(drop)));
        Poll::Ready(polled)
    }

    fn poll_run(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Batch, Status>>> {
        let polled = ready!(self.poll_several(cx));
        self.judge(polled.as_ref().map(|found| found.as_ref().map(drop)));
        Poll::Ready(polled)
    }

    /// Tells the address what came of the call, once that is known.
    fn judge(&self, polled: Option<Result<(), &Status>>) {
        match polled {
            Some(Ok(())) => {}
            None => self.source.lease.went_well(),
            // Of a request that broke the upstream knows nothing.
            Some(Err(_)) if self.source.is_at_fault() => {}
            Some(Err(status)) => self.source.lease.went_wrong(status),
        }
    }

    fn poll_one(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Message, Status>>> {
        loop {
            let source = &mut self.source;
            let next = match self.cut {
                Some(_) => None,
                None => ready!(self.envelopes.poll_next(cx, |cx| source.poll_envelopes(cx))),
            };
            match next {
                Some(Ok(envelope)) if self.speech.is_end(envelope.flag) => self.end(envelope)?,
                Some(Err(Unread::Envelope(error))) if self.takes_as_end(&error) => {}
                next => return self.opened(next, cx, Self::message),
            }
        }
    }

    fn poll_several(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Batch, Status>>> {
        loop {
            let (source, compressed) = (&mut self.source, self.encoding.is_some());
            let next = match self.cut {
                Some(_) => None,
                None => ready!(self.envelopes.poll_run(cx, compressed, |cx| source.poll_envelopes(cx))),
            };
            match next {
                Some(Ok(Err(envelope))) if self.speech.is_end(envelope.flag) => self.end(envelope)?,
                Some(Err(Unread::Envelope(error))) if self.takes_as_end(&error) => {}
                next => {
                    return self.opened(next, cx, |replies, next| match next {
                        Ok(run) => Ok(Batch::Run(run)),
                        Err(envelope) => replies.message(envelope).map(Batch::One),
                    });
                }
            }
        }
    }

    /// Whether what is too large for a message is what ends the body, and no larger than that may be: then it is read on.
    fn takes_as_end(&mut self, error: &EnvelopeError) -> bool {
        let EnvelopeError::TooLarge { length, .. } = *error else {
            return false;
        };
        let takes = self.is_at_end() && length <= MOST_AT_END;
        if takes {
            self.envelopes.allow(MOST_AT_END);
        }
        takes
    }

    /// Whether the envelope that is not whole is the one that ends the body.
    fn is_at_end(&self) -> bool {
        self.envelopes.pending().is_some_and(|flag| self.speech.is_end(flag))
    }

    /// Notes what the last envelope says.
    fn end(&mut self, Envelope { flag, mut message }: Envelope) -> Result<(), Status> {
        if self.said.is_some() {
            return Err(Status::internal("the upstream's reply ends twice"));
        }
        if flag & COMPRESSED != 0 {
            let encoding = self.encoding.ok_or_else(unannounced)?;
            message = encoding
                .inflate(&message.into_bytes(), MOST_AT_END)
                .map_err(|error| codings::broken(&error))?
                .into();
        }
        if message.len() > MOST_AT_END {
            return Err(too_much_at_end(message.len()));
        }
        self.said = Some(Box::new(self.outcome(&message.into_bytes())));
        self.told = !self.source.lease.is_broken();
        Ok(())
    }

    /// How the call went, by what the last envelope says. Callers may get its fields as a block of headers, which is bounded as any other.
    fn outcome(&self, end: &[u8]) -> Result<Metadata, Status> {
        let most = self.source.lease.header_bytes();
        let too_large = || self.source.broken(&Broken::TooLarge(most));
        match self.speech {
            Speech::ConnectStream => match connect::End::read(end)? {
                end if header_list::is_too_large(&end.fields, most) => Err(too_large()),
                end => end.outcome().map_err(|status| status.with_grpc_room(most)),
            },
            _ => match status::lines(end)? {
                trailers if header_list::is_too_large(&trailers, most) => Err(too_large()),
                trailers => status::said(trailers),
            },
        }
    }

    /// What was found next; at the end how the call went.
    fn opened<N, T>(
        &mut self,
        next: Option<Result<N, Unread>>,
        cx: &mut Context<'_>,
        open: impl FnOnce(&Self, N) -> Result<T, Status>,
    ) -> Poll<Option<Result<T, Status>>> {
        match next {
            Some(Ok(_)) if self.said.is_some() => return Poll::Ready(Some(Err(behind_the_end()))),
            Some(Ok(next)) => return Poll::Ready(Some(open(self, next))),
            Some(Err(Unread::Status(status))) if self.said.is_none() => return Poll::Ready(Some(Err(status))),
            Some(Err(Unread::Envelope(EnvelopeError::TooLarge { length, .. }))) if self.is_at_end() => {
                return Poll::Ready(Some(Err(too_much_at_end(length))));
            }
            Some(Err(Unread::Envelope(EnvelopeError::TooLarge { length, limit }))) => {
                let what = format!(
                    "the upstream sent a message of {length} bytes, larger than the limit of {limit} bytes (`message_bytes`)"
                );
                return Poll::Ready(Some(Err(Status::resource_exhausted(what))));
            }
            Some(Err(Unread::Envelope(error))) => {
                self.cut = Some(Status::internal(format!("the upstream's reply is cut off: {error}")));
            }
            // The call was over, whatever became of its stream or connection behind that.
            Some(Err(Unread::Status(_))) => self.source.lease.was_told(),
            None => {}
        }
        let ended = match self.said.take() {
            Some(said) => *said,
            None => ready!(self.source.poll_end(self.speech, cx)),
        };
        match ended.and_then(|trailers| self.cut.take().map_or(Ok(trailers), Err)) {
            Ok(trailers) => {
                self.trailers = Some(trailers);
                Poll::Ready(None)
            }
            Err(status) => Poll::Ready(Some(Err(status))),
        }
    }

    fn message(&self, Envelope { flag, message }: Envelope) -> Result<Message, Status> {
        match (flag, self.encoding) {
            (PLAIN, _) => Ok(Message::from_pieces(message)),
            // Connect leaves what is empty as it is, whatever its flag says. In gRPC there are no such messages.
            (COMPRESSED, Some(_)) if message.is_empty() && self.speech == Speech::ConnectStream => {
                Ok(Message::from_pieces(message))
            }
            (COMPRESSED, Some(encoding)) => Ok(Message::from_compressed(Compressed {
                bytes: message.into_bytes(),
                encoding,
                limit: self.source.lease.message_bytes(),
                broken: Code::Internal,
            })),
            (COMPRESSED, None) => Err(unannounced()),
            (flag, _) => Err(Status::internal(format!(
                "the upstream sent a message with the flag {flag}, which {} does not know",
                self.speech
            ))),
        }
    }
}

fn too_much_at_end(length: usize) -> Status {
    Status::resource_exhausted(format!(
        "what ends the upstream's reply has {length} bytes, more than {MOST_AT_END}"
    ))
}

fn behind_the_end() -> Status {
    Status::internal("the upstream sent messages behind the end of its reply")
}

fn unannounced() -> Status {
    Status::internal("the upstream sent a compressed message, and no header of the reply says how it is compressed")
}

impl MessageStream for Replies {
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Message, Status>>> {
        self.get_mut().poll(cx)
    }

    fn poll_batch(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Batch, Status>>> {
        self.get_mut().poll_run(cx)
    }

    fn take_trailers(self: Pin<&mut Self>) -> Metadata {
        self.get_mut().trailers.take().unwrap_or_default()
    }
}

/// A reply of one message whose head goes on before that is there.
#[derive(Debug)]
pub(super) struct OnlyReply {
    replies: Replies,
    given: bool,
}

impl OnlyReply {
    pub(super) fn of(replies: Replies) -> Self {
        Self { replies, given: false }
    }
}

impl MessageStream for OnlyReply {
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Message, Status>>> {
        if self.given {
            return Poll::Ready(None);
        }
        // Of a call that fails there is no message.
        let (message, trailers) = ready!(self.replies.poll_only(cx))?;
        self.replies.trailers = Some(trailers);
        self.given = true;
        Poll::Ready(Some(Ok(message)))
    }

    fn take_trailers(mut self: Pin<&mut Self>) -> Metadata {
        self.replies.trailers.take().unwrap_or_default()
    }
}
