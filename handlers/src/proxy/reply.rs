//! An upstream's reply.

use std::{
    future::poll_fn,
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use http::{Response, StatusCode, response::Parts};

use super::{
    Terms, codings, connect,
    exchange::Fault,
    lease::Lease,
    request::Pump,
    speech::Speech,
    status,
    stream::{Broken, Stream},
};
use crate::{
    Code, Coding, Compressed, Encoding, Message, MessageStream, Messages, Metadata, Reply, Status,
    envelope::{Batch, COMPRESSED, Envelope, EnvelopeError, Envelopes, PLAIN},
};

/// The head of a reply, and what comes behind it.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) metadata: Metadata,
    pub(super) encoding: Option<Encoding>,
    pub(super) body: Incoming,
}

/// What comes first of the body of a reply.
#[derive(Debug)]
pub(super) enum First {
    /// Nobody knows yet.
    Unknown,
    /// Nothing.
    End,
    Data(Bytes),
}

/// Whether a reply of gRPC-Web whose head says how the call went has a body too, for then the head does not count.
pub(super) async fn peek(response: &mut Response<Stream>, lease: &mut Lease) -> Result<First, Status> {
    while let Some(data) = poll_fn(|cx| response.body_mut().poll_data(cx)).await {
        let data = data.map_err(|broken| lease.broken(&broken))?;
        if !data.is_empty() {
            return Ok(First::Data(data));
        }
    }
    lease.came_whole();
    Ok(First::End)
}

/// Reads the head of a reply.
pub(super) fn head(response: Response<Stream>, first: First, terms: &Terms) -> Result<Head, Status> {
    let (parts, body) = response.into_parts();
    let speech = terms.speech;
    // Trailers-only: the one header block of a reply.
    if speech.has_trailers()
        && status::is_said(&parts.headers)
        && (matches!(first, First::End) || body.is_end_stream() || parts.status != StatusCode::OK)
        && !matches!(first, First::Data(_))
    {
        let trailers = status::said(parts.headers)?;
        return Ok(Head {
            metadata: Metadata::new(),
            encoding: None,
            body: Incoming::Ended(trailers),
        });
    }
    if parts.status != StatusCode::OK || !speech.fits(terms.codec, &parts.headers) {
        return Err(status::of_http(parts.status, &parts.headers, speech));
    }
    Ok(Head {
        encoding: codings::of_reply(&parts.headers, speech, terms.offered)?,
        metadata: status::own(parts.headers, speech),
        body: match first {
            First::Data(first) => Incoming::Begun(first, body),
            First::Unknown | First::End => Incoming::Body(body),
        },
    })
}

/// The reply of a unary call of Connect, whose body is the message, or the error.
pub(super) async fn unary(response: Response<Stream>, lease: Lease, terms: &Terms) -> Result<Reply, Status> {
    let (parts, body) = response.into_parts();
    let mut source = Source {
        body: Incoming::Body(body),
        lease,
        fault: None,
    };
    if parts.status != StatusCode::OK {
        let http = parts.status;
        return Err(match source.refusal(parts, terms).await {
            Ok(told) => {
                went_wrong(&source.lease, http, &told);
                told
            }
            Err(broken) => {
                source.lease.went_wrong(&broken);
                broken
            }
        });
    }
    let read = source.unary(parts, terms).await;
    match &read {
        Ok(_) => source.lease.went_well(),
        Err(status) => source.lease.went_wrong(status),
    }
    let (metadata, trailers, message) = read?;
    whole(metadata, Ok((message, trailers)))
}

/// Tells the address of a call that was answered with this status of HTTP, as `told`. That nothing has changed, that a condition does not hold, or
/// only a part, the caller has asked for: it says nothing of the server.
pub(super) fn went_wrong(lease: &Lease, http: StatusCode, told: &Status) {
    match http {
        StatusCode::PARTIAL_CONTENT | StatusCode::NOT_MODIFIED | StatusCode::PRECONDITION_FAILED => lease.was_refused(),
        _ => lease.went_wrong(told),
    }
}

/// A reply of one message, once all of it is there.
pub(super) fn whole(metadata: Metadata, only: Result<(Message, Metadata), Status>) -> Result<Reply, Status> {
    match only {
        Ok((message, trailers)) => {
            let coding = Coding::AsCame(message.encoding());
            let messages = Messages::one(message).with_trailers(trailers);
            let mut reply = Reply::new(messages).with_metadata(metadata);
            reply.coding = coding;
            Ok(reply)
        }
        Err(status) => Err(status.with_head(metadata)),
    }
}

/// All of a body, of which this polls for the next bytes; `None` if that is more than the limit.
pub(super) async fn all(
    limit: usize,
    mut next: impl FnMut(&mut Context<'_>) -> Poll<Option<Result<Bytes, Status>>>,
) -> Result<Option<Bytes>, Status> {
    let (mut first, mut whole) = (Bytes::new(), BytesMut::new());
    while let Some(data) = poll_fn(&mut next).await {
        let data = data?;
        if first.len() + whole.len() + data.len() > limit {
            return Ok(None);
        }
        // Mostly one piece is all.
        if first.is_empty() && whole.is_empty() {
            first = data;
            continue;
        }
        whole.extend_from_slice(&mem::take(&mut first));
        whole.extend_from_slice(&data);
    }
    Ok(Some(if whole.is_empty() { first } else { whole.freeze() }))
}

/// A message of a reply that is larger than it may be, where nobody knows how large.
pub(super) fn too_large(limit: usize) -> Status {
    Status::resource_exhausted(format!(
        "the upstream sent a message that is larger than the limit of {limit} bytes"
    ))
}

/// What is still to come of a reply.
#[derive(Debug)]
pub(super) enum Incoming {
    Body(Stream),
    /// The first of a body came already.
    Begun(Bytes, Stream),
    /// The head was all.
    Ended(Metadata),
}

/// Bytes of what ends a body.
const MOST_AT_END: usize = connect::MOST;

/// Where a reply comes from.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) body: Incoming,
    pub(super) lease: Lease,
    pub(super) fault: Fault,
}

/// Why a reply cannot be read.
#[derive(Debug)]
pub(super) enum Unread {
    Envelope(EnvelopeError),
    Status(Status),
}

impl From<EnvelopeError> for Unread {
    fn from(error: EnvelopeError) -> Self {
        Self::Envelope(error)
    }
}

impl Source {
    /// Metadata, trailers and message of a unary reply of Connect.
    async fn unary(&mut self, parts: Parts, terms: &Terms) -> Result<(Metadata, Metadata, Message), Status> {
        let Parts { status, headers, .. } = parts;
        let limit = terms.message_bytes;
        let speech = terms.speech;
        if !speech.fits(terms.codec, &headers) {
            return Err(status::of_http(status, &headers, speech));
        }
        let encoding = codings::of_reply(&headers, speech, terms.offered)?;
        let whole = all(limit, |cx| self.poll_data(cx)).await?;
        let whole = whole.ok_or_else(|| too_large(limit))?;
        let message = match encoding.filter(|_| !whole.is_empty()) {
            Some(encoding) => Message::from_compressed(Compressed {
                bytes: whole,
                encoding,
                limit,
                broken: Code::Internal,
            }),
            None => Message::from_wire(whole),
        };
        let (metadata, trailers) = connect::metadata(headers);
        Ok((metadata, trailers, message))
    }

    /// What a unary reply of Connect says that is an error; else why it cannot be read.
    async fn refusal(&mut self, parts: Parts, terms: &Terms) -> Result<Status, Status> {
        let Parts { status, headers, .. } = parts;
        let encoding = codings::of_reply(&headers, terms.speech, terms.offered)?;
        let whole = all(connect::MOST, |cx| self.poll_data(cx)).await?.unwrap_or_default();
        let json = match encoding {
            Some(encoding) => encoding.inflate(&whole, connect::MOST).unwrap_or_default(),
            None => whole,
        };
        Ok(connect::error(status, headers, &json))
    }

    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Status>>> {
        let body = match &mut self.body {
            Incoming::Body(body) => body,
            Incoming::Ended(_) => return Poll::Ready(None),
            begun @ Incoming::Begun(..) => {
                let Incoming::Begun(first, body) = mem::replace(begun, Incoming::Ended(Metadata::new())) else {
                    return Poll::Ready(None);
                };
                *begun = Incoming::Body(body);
                return Poll::Ready(Some(Ok(first)));
            }
        };
        Poll::Ready(match ready!(body.poll_data(cx)) {
            Some(Ok(data)) => Some(Ok(data)),
            Some(Err(broken)) => Some(Err(self.broken(&broken))),
            None => {
                self.lease.came_whole();
                None
            }
        })
    }

    /// The same for those who split it.
    fn poll_envelopes(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Unread>>> {
        self.poll_data(cx).map_err(Unread::Status)
    }

    /// How the call went, once there is no more data.
    fn poll_end(&mut self, speech: Speech, cx: &mut Context<'_>) -> Poll<Result<Metadata, Status>> {
        let body = match &mut self.body {
            Incoming::Body(_) | Incoming::Begun(..) if speech.end_flag().is_some() => {
                let what = "the upstream's reply does not say how the call went";
                return Poll::Ready(Err(Status::internal(what)));
            }
            Incoming::Body(body) | Incoming::Begun(_, body) => body,
            Incoming::Ended(trailers) => return Poll::Ready(Ok(mem::take(trailers))),
        };
        Poll::Ready(match ready!(body.poll_trailers(cx)) {
            Ok(Some(trailers)) => status::said(trailers),
            Ok(None) => Err(Status::internal("the upstream's reply ends without trailers")),
            Err(broken) => Err(self.broken(&broken)),
        })
    }

    /// It was the request that ended the call.
    fn is_at_fault(&self) -> bool {
        self.fault.as_ref().is_some_and(|fault| fault.get().is_some())
    }

    fn broken(&self, broken: &Broken) -> Status {
        let fault = self.fault.as_ref().and_then(|fault| fault.get());
        fault.cloned().unwrap_or_else(|| self.lease.broken(broken))
    }
}

/// The messages of a reply, then its trailers. Pulled: the upstream may send more as the caller takes what there is.
#[derive(Debug)]
pub(super) struct Replies {
    pub(super) source: Source,
    pub(super) envelopes: Envelopes<Unread>,
    /// How compressed messages are compressed.
    pub(super) encoding: Option<Encoding>,
    pub(super) speech: Speech,
    /// Bytes of a message, as it came and inflated.
    pub(super) limit: usize,
    /// What the envelope says that ends the body, where there is one.
    pub(super) said: Option<Box<Result<Metadata, Status>>>,
    pub(super) trailers: Option<Metadata>,
    /// What is wrong with the body's end. What the upstream says of the call comes before it.
    pub(super) cut: Option<Status>,
    /// What only has to live as long as the call.
    pub(super) _pump: Option<Pump>,
    /// The first message of a reply that has one only.
    pub(super) first: Option<Message>,
}

impl Replies {
    /// The one message, with the trailers behind it. Another number of them is UNIMPLEMENTED: gRPC core, `doc/statuscodes.md`.
    pub(super) fn poll_only(&mut self, cx: &mut Context<'_>) -> Poll<Result<(Message, Metadata), Status>> {
        let only = ready!(self.poll_whole(cx));
        self.judge(only.as_ref().err().map(Err));
        Poll::Ready(only)
    }

    fn poll_whole(&mut self, cx: &mut Context<'_>) -> Poll<Result<(Message, Metadata), Status>> {
        let cardinality = |count| Status::unimplemented(format!("the upstream sent {count}, where one message is due"));
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
                Some(Ok(envelope)) if self.is_end(envelope.flag) => self.end(envelope)?,
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
                Some(Ok(Err(envelope))) if self.is_end(envelope.flag) => self.end(envelope)?,
                next => {
                    return self.opened(next, cx, |replies, next| match next {
                        Ok(run) => Ok(Batch::Run(run)),
                        Err(envelope) => replies.message(envelope).map(Batch::One),
                    });
                }
            }
        }
    }

    /// Whether an envelope is the one that ends the body.
    fn is_end(&self, flag: u8) -> bool {
        self.speech.end_flag().is_some_and(|end| flag & !COMPRESSED == end)
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
            return Err(Status::resource_exhausted(format!(
                "what ends the upstream's reply has {} bytes, more than {MOST_AT_END}",
                message.len()
            )));
        }
        let message = message.into_bytes();
        self.said = Some(Box::new(match self.speech {
            Speech::ConnectStream => connect::end(&message),
            _ => status::lines(&message).and_then(status::said),
        }));
        Ok(())
    }

    /// What was found next; at the end how the call went.
    fn opened<N, T>(
        &mut self,
        next: Option<Result<N, Unread>>,
        cx: &mut Context<'_>,
        open: impl FnOnce(&Self, N) -> Result<T, Status>,
    ) -> Poll<Option<Result<T, Status>>> {
        match next {
            Some(Ok(_)) if self.said.is_some() => {
                let what = "the upstream sent messages behind the end of its reply";
                return Poll::Ready(Some(Err(Status::internal(what))));
            }
            Some(Ok(next)) => return Poll::Ready(Some(open(self, next))),
            Some(Err(Unread::Status(status))) => return Poll::Ready(Some(Err(status))),
            Some(Err(Unread::Envelope(EnvelopeError::TooLarge { length, limit }))) => {
                let what =
                    format!("the upstream sent a message of {length} bytes, larger than the limit of {limit} bytes");
                return Poll::Ready(Some(Err(Status::resource_exhausted(what))));
            }
            Some(Err(Unread::Envelope(error))) => {
                self.cut = Some(Status::internal(format!("the upstream's reply is cut off: {error}")));
            }
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
            (COMPRESSED, Some(encoding)) => Ok(Message::from_compressed(Compressed {
                bytes: message.into_bytes(),
                encoding,
                limit: self.limit,
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

/// gRPC core, `doc/compression.md`: a coding that was not offered is INTERNAL.
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
