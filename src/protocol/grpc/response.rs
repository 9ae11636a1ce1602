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
    Exchange,
};
use crate::{
    gateway::Deadline,
    transport::{Frame, Outbound, OutboundStream, Payload},
};

const ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");
/// What `grpc-message` escapes beside what is not ASCII. gRPC-over-HTTP/2, "Responses".
const ESCAPED: &AsciiSet = &CONTROLS.add(b'%');

impl Exchange {
    /// Turns what the handler answered into a response. Where the one message of a reply is not there yet, it has to be
    /// [collected](Unfinished::collect) first.
    pub(crate) fn respond(&self, answer: Result<Reply, Status>) -> Result<Response<Outbound>, Box<Unfinished>> {
        let Reply { metadata, messages, .. } = match answer {
            Ok(reply) => reply,
            Err(status) => return Ok(self.refuse(status)),
        };
        match messages.try_one() {
            Ok((message, trailers)) => Ok(self.whole(metadata, message, trailers)),
            Err(messages) if self.server_streaming => {
                let replies = Replies {
                    messages,
                    encoding: self.encoding,
                    deadline: Deadline::at(self.deadline),
                };
                Ok(self.head(metadata, Outbound::Stream(Box::pin(replies))))
            }
            Err(messages) => Err(Box::new(Unfinished { metadata, messages })),
        }
    }

    /// As [`respond`](Self::respond), once the one message was collected.
    pub(crate) fn finish(&self, collected: Result<Collected, Status>) -> Response<Outbound> {
        match collected {
            Ok(Collected {
                metadata,
                message,
                trailers,
            }) => self.whole(metadata, message, trailers),
            Err(status) => self.refuse(status),
        }
    }

    fn refuse(&self, status: Status) -> Response<Outbound> {
        trailers_only(self.content_type, status)
    }

    fn whole(&self, metadata: Metadata, message: Message, trailers: Metadata) -> Response<Outbound> {
        match frame(message, self.encoding) {
            Ok(payload) => {
                let trailers = ok(trailers);
                self.head(metadata, Outbound::Whole { payload, trailers })
            }
            Err(status) => self.refuse(status),
        }
    }

    fn head(&self, metadata: Metadata, body: Outbound) -> Response<Outbound> {
        let mut headers = metadata.into_headers();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        if let Some(coding) = self.encoding {
            headers.insert(ENCODING, HeaderValue::from_static(coding.name()));
        }
        let mut response = Response::new(body);
        *response.headers_mut() = headers;
        response
    }
}

/// A reply of which the one message is not there yet.
#[derive(Debug)]
pub(crate) struct Unfinished {
    metadata: Metadata,
    messages: Messages,
}

/// A reply with its one message.
#[derive(Debug)]
pub(crate) struct Collected {
    metadata: Metadata,
    message: Message,
    trailers: Metadata,
}

impl Unfinished {
    /// Waits for the one message, and for its trailers.
    pub(crate) async fn collect(&mut self) -> Result<Collected, Status> {
        let cardinality = |count| Status::internal(format!("the handler of a method with one reply gave {count}"));
        let message = self.next().await.unwrap_or_else(|| Err(cardinality("none")))?;
        match self.next().await {
            None => Ok(Collected {
                metadata: mem::take(&mut self.metadata),
                message,
                trailers: self.messages.take_trailers(),
            }),
            Some(Ok(_)) => Err(cardinality("more")),
            Some(Err(status)) => Err(status),
        }
    }

    async fn next(&mut self) -> Option<Result<Message, Status>> {
        let next = poll_fn(|cx| caught(|| self.messages.poll_next(cx))).await;
        next.unwrap_or_else(|panicked| Some(Err(panicked)))
    }
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
        // Asked for each message: a stream that always has one at hand never gets to wait for the timer.
        if let Some(late) = replies.deadline.exceeded() {
            return Poll::Ready(Some(Frame::Trailers(trailers(late))));
        }
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
