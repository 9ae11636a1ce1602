//! From what a handler answered to an HTTP response.

use std::{
    future::poll_fn,
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD as BASE64};
use descant_handlers::{Message, Messages, Metadata, Reply, Status};
use http::{HeaderMap, HeaderName, HeaderValue, Response, header};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::{
    super::{
        Encoding, caught,
        envelope::{self, COMPRESSED},
    },
    ENCODING, Exchange,
};
use crate::{
    gateway::Deadline,
    transport::{Frame, Outbound, OutboundStream, Payload},
};

const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");
/// What `grpc-message` escapes beside what is not ASCII. gRPC-over-HTTP/2, "Responses".
const ESCAPED: &AsciiSet = &CONTROLS.add(b'%');

impl Exchange {
    /// Turns what the handler answered into a response.
    pub(crate) async fn respond(self, answer: Result<Reply, Status>) -> Response<Outbound> {
        let answer = match answer {
            Ok(Reply { metadata, messages, .. }) => self.body(messages).await.map(|body| (metadata, body)),
            Err(status) => Err(status),
        };
        match answer {
            Ok((metadata, body)) => self.head(metadata.into_headers(), body),
            Err(status) => trailers_only(self.content_type, status),
        }
    }

    async fn body(&self, messages: Messages) -> Result<Outbound, Status> {
        match messages.try_one() {
            Ok((message, trailers)) => self.whole(message, trailers),
            Err(messages) if self.method.server_streaming() => Ok(Outbound::Stream(Box::pin(Replies {
                messages,
                encoding: self.sent,
                deadline: Deadline::at(self.deadline),
            }))),
            Err(messages) => {
                let (message, trailers) = Deadline::at(self.deadline).bound(only(messages)).await?;
                self.whole(message, trailers)
            }
        }
    }

    fn whole(&self, message: Message, trailers: Metadata) -> Result<Outbound, Status> {
        Ok(Outbound::Whole {
            payload: frame(message, self.sent)?,
            trailers: ok(trailers),
        })
    }

    fn head(&self, mut headers: HeaderMap, body: Outbound) -> Response<Outbound> {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        if let Some(coding) = self.sent {
            headers.insert(ENCODING, HeaderValue::from_static(coding.name()));
        }
        let mut response = Response::new(body);
        *response.headers_mut() = headers;
        response
    }
}

/// The one message of a reply that must have one, with its trailers.
async fn only(mut messages: Messages) -> Result<(Message, Metadata), Status> {
    let cardinality = |count| Status::internal(format!("the handler of a method with one reply gave {count}"));
    let message = next(&mut messages).await.unwrap_or_else(|| Err(cardinality("none")))?;
    match next(&mut messages).await {
        None => Ok((message, messages.take_trailers())),
        Some(Ok(_)) => Err(cardinality("more")),
        Some(Err(status)) => Err(status),
    }
}

async fn next(messages: &mut Messages) -> Option<Result<Message, Status>> {
    let next = poll_fn(|cx| caught(|| messages.poll_next(cx))).await;
    next.unwrap_or_else(|panicked| Some(Err(panicked)))
}

/// A streamed reply: its messages, each in an envelope, then its trailers.
struct Replies {
    messages: Messages,
    encoding: Option<Encoding>,
    deadline: Deadline,
}

impl OutboundStream for Replies {
    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Frame>> {
        let replies = &mut *self;
        let next = match caught(|| replies.messages.poll_next(cx)) {
            Poll::Ready(Ok(next)) => next,
            Poll::Ready(Err(panicked)) => Some(Err(panicked)),
            Poll::Pending => Some(Err(ready!(replies.deadline.poll_exceeded(cx)))),
        };
        let framed = match next {
            Some(Ok(message)) => frame(message, replies.encoding).map(Frame::Data),
            Some(Err(status)) => Err(status),
            None => Ok(Frame::Trailers(ok(replies.messages.take_trailers()))),
        };
        Poll::Ready(Some(framed.unwrap_or_else(|status| Frame::Trailers(trailers(status)))))
    }
}

/// A message in its envelope.
fn frame(message: Message, encoding: Option<Encoding>) -> Result<Payload, Status> {
    let wire = message.into_wire();
    let (flag, wire) = match encoding.and_then(|coding| coding.deflate(&wire)) {
        Some(smaller) => (COMPRESSED, smaller),
        None => (0, wire),
    };
    let head = envelope::head(flag, &wire).ok_or_else(|| Status::resource_exhausted("a reply of 4 GiB or more"))?;
    Ok(Payload::framed(head, wire))
}

/// The trailers of a call that went well.
fn ok(metadata: Metadata) -> HeaderMap {
    let mut trailers = metadata.into_headers();
    trailers.insert(STATUS, HeaderValue::from_static("0"));
    trailers
}

/// The trailers of one that did not.
fn trailers(mut status: Status) -> HeaderMap {
    let details = status
        .to_details_bin()
        .and_then(|details| HeaderValue::try_from(BASE64.encode(details)).ok());
    let code = HeaderValue::from(status.code().number());
    let message = escaped(status.message());
    let mut trailers = mem::take(status.metadata_mut()).into_headers();
    trailers.insert(STATUS, code);
    if let Some(message) = message {
        trailers.insert(MESSAGE, message);
    }
    if let Some(details) = details {
        trailers.insert(DETAILS, details);
    }
    trailers
}

/// A status alone, in the one header block of the response.
pub(super) fn trailers_only(content_type: &'static str, status: Status) -> Response<Outbound> {
    let mut headers = trailers(status);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    let mut response = Response::new(Outbound::Empty);
    *response.headers_mut() = headers;
    response
}

/// The message as `grpc-message` has it; none if it is empty.
fn escaped(message: &str) -> Option<HeaderValue> {
    let escaped = utf8_percent_encode(message, ESCAPED).to_string();
    // Only visible characters and blanks are left, which every header value may hold.
    HeaderValue::try_from(escaped).ok().filter(|value| !value.is_empty())
}
