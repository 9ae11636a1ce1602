//! An upstream's reply.

use std::{
    future::poll_fn,
    mem,
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use http::{Response, StatusCode, response::Parts};

use super::{
    Terms, codings, connect,
    exchange::Fault,
    lease::Lease,
    speech::Speech,
    status::{self, Stage},
    stream::{Broken, Stream},
};
use crate::{Code, Coding, Compressed, Encoding, Message, Messages, Metadata, Reply, Status, envelope::EnvelopeError};

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

/// What comes first of a body. Of a reply of gRPC-Web whose head says how the call went, for with a body the head does not count; and of one that
/// may have no messages.
pub(super) async fn peek(response: &mut Response<Stream>, lease: &mut Lease) -> Result<First, Broken> {
    while let Some(data) = poll_fn(|cx| response.body_mut().poll_data(cx)).await {
        let data = data?;
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
        && match first {
            // With a body the head does not count; unless that is a page, which says nothing of the call.
            First::Data(_) => parts.status != StatusCode::OK,
            First::End => true,
            First::Unknown => body.is_end_stream() || parts.status != StatusCode::OK,
        }
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
    let encoding = codings::of_reply(&parts.headers, speech)?;
    Ok(Head {
        encoding,
        body: match first {
            First::Data(first) => Incoming::Begun(first, body),
            First::Unknown if speech == Speech::GrpcWeb && status::is_well(&parts.headers) => Incoming::Well(body),
            First::Unknown | First::End => Incoming::Body(body),
        },
        metadata: status::own(parts.headers, speech),
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
        let told = source.refusal(parts).await;
        went_wrong(&source.lease, http, &told);
        return Err(told);
    }
    let read = source.unary(parts, terms).await;
    match &read {
        Ok(_) => source.lease.went_well(),
        Err(status) => source.lease.went_wrong(status),
    }
    let (metadata, trailers, message) = read?;
    Ok(whole(metadata, message, trailers))
}

/// Tells the address of a call that was answered with this status of HTTP, as `told`. That nothing has changed, that a condition does not hold, or
/// only a part, the caller has asked for: it says nothing of the server.
pub(super) fn went_wrong(lease: &Lease, http: StatusCode, told: &Status) {
    match http {
        StatusCode::PARTIAL_CONTENT | StatusCode::NOT_MODIFIED | StatusCode::PRECONDITION_FAILED => lease.was_refused(),
        // Some servers say so of methods that they do not have: then a caller shall not have them ejected, one after the other.
        StatusCode::NOT_FOUND if told.is_presumed() => lease.went_oddly(),
        _ => lease.went_wrong(told),
    }
}

/// A reply of one message, once all of it is there.
fn whole(metadata: Metadata, message: Message, trailers: Metadata) -> Reply {
    let coding = Coding::AsCame(message.encoding());
    let messages = Messages::one(message).with_trailers(trailers);
    let mut reply = Reply::new(messages).with_metadata(metadata);
    reply.coding = coding;
    reply
}

/// What came of the one message of a reply in envelopes, whose head had this metadata.
pub(super) fn only(
    metadata: Metadata,
    only: Result<(Message, Metadata), Status>,
    speech: Speech,
) -> Result<Reply, Status> {
    match only {
        Ok((message, trailers)) => Ok(whole(metadata, message, trailers)),
        Err(status) => Err(behind(metadata, status, speech)),
    }
}

/// An error that came behind a head with this metadata. That the call had begun only gRPC says so: the others have a head before each error.
pub(super) fn behind(metadata: Metadata, mut status: Status, speech: Speech) -> Status {
    if speech == Speech::Grpc {
        return status.with_head(metadata);
    }
    *status.head_mut() = metadata;
    status
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
        "the upstream sent a message that is larger than the limit of {limit} bytes (`message_bytes`)"
    ))
}

/// What is still to come of a reply.
#[derive(Debug)]
pub(super) enum Incoming {
    Body(Stream),
    /// The first of a body came already.
    Begun(Bytes, Stream),
    /// The head says that the call went well, which counts if there is nothing in the body.
    Well(Stream),
    /// The head was all.
    Ended(Metadata),
}

impl Incoming {
    /// The first byte of the body, if that came already.
    pub(super) fn begins(&self) -> Option<u8> {
        match self {
            Self::Begun(first, _) => first.first().copied(),
            Self::Body(_) | Self::Well(_) | Self::Ended(_) => None,
        }
    }
}

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
        let limit = self.lease.message_bytes();
        let speech = terms.speech;
        if !speech.fits(terms.codec, &headers) {
            return Err(status::of_http(status, &headers, speech));
        }
        let encoding = codings::of_reply(&headers, speech)?;
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

    /// What a unary reply of Connect says that is an error.
    async fn refusal(&mut self, parts: Parts) -> Status {
        let Parts { status, headers, .. } = parts;
        // One that is cut off, or cannot be inflated, says no more than its status of HTTP does.
        let whole = all(connect::MOST, |cx| self.poll_data(cx)).await;
        let whole = whole.ok().flatten().unwrap_or_default();
        let json = codings::inflate(&headers, whole, connect::MOST).unwrap_or_default();
        connect::error(status, headers, &json)
    }

    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Status>>> {
        let body = match &mut self.body {
            Incoming::Body(body) => body,
            Incoming::Ended(_) => return Poll::Ready(None),
            Incoming::Well(body) => {
                let data = ready!(body.poll_data(cx));
                if matches!(&data, Some(Ok(data)) if !data.is_empty())
                    && let Incoming::Well(body) = mem::replace(&mut self.body, Incoming::Ended(Metadata::new()))
                {
                    self.body = Incoming::Body(body);
                }
                return Poll::Ready(self.came(data));
            }
            begun @ Incoming::Begun(..) => {
                let Incoming::Begun(first, body) = mem::replace(begun, Incoming::Ended(Metadata::new())) else {
                    return Poll::Ready(None);
                };
                *begun = Incoming::Body(body);
                return Poll::Ready(Some(Ok(first)));
            }
        };
        let data = ready!(body.poll_data(cx));
        Poll::Ready(self.came(data))
    }

    fn came(&mut self, data: Option<Result<Bytes, Broken>>) -> Option<Result<Bytes, Status>> {
        match data {
            Some(Ok(data)) => Some(Ok(data)),
            Some(Err(broken)) => Some(Err(self.broken(&broken))),
            None => {
                self.lease.came_whole();
                None
            }
        }
    }

    /// The same for those who split it.
    pub(super) fn poll_envelopes(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Unread>>> {
        self.poll_data(cx).map_err(Unread::Status)
    }

    /// How the call went, once there is no more data.
    pub(super) fn poll_end(&mut self, speech: Speech, cx: &mut Context<'_>) -> Poll<Result<Metadata, Status>> {
        let body = match &mut self.body {
            Incoming::Body(_) | Incoming::Begun(..) if speech.end_flag().is_some() => {
                let what = "the upstream's reply does not say how the call went";
                return Poll::Ready(Err(Status::internal(what)));
            }
            Incoming::Body(body) | Incoming::Begun(_, body) => body,
            Incoming::Well(_) => return Poll::Ready(Ok(Metadata::new())),
            Incoming::Ended(trailers) => return Poll::Ready(Ok(mem::take(trailers))),
        };
        Poll::Ready(match ready!(body.poll_trailers(cx)) {
            Ok(Some(trailers)) => status::said(trailers),
            Ok(None) => Err(Status::internal("the upstream's reply ends without trailers")),
            Err(broken) => Err(self.broken(&broken)),
        })
    }

    /// It was the request that ended the call.
    pub(super) fn is_at_fault(&self) -> bool {
        self.fault.as_ref().is_some_and(|fault| fault.get().is_some())
    }

    pub(super) fn broken(&self, broken: &Broken) -> Status {
        let fault = self.fault.as_ref().and_then(|fault| fault.get());
        fault
            .cloned()
            .unwrap_or_else(|| self.lease.broken(broken, Stage::Begun))
    }
}
