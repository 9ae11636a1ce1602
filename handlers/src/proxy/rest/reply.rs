//! Answers.

use std::task::{Context, Poll, ready};

use bytes::Bytes;
use descant_descriptors::{Codec, Elements, HttpBody, RequestBody, Shape};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header, response::Parts};

use super::{
    Reading, element, error,
    events::Events,
    json,
    replies::{Framing, Replies},
};
use crate::{
    Message, Messages, Metadata, Reply, Status,
    proxy::{
        codings, connect,
        exchange::{Fault, Terms},
        lease::Lease,
        reply::{self, all, too_large},
        request::Pump,
        speech::Speech,
        status::{self, Stage},
        stream::Stream,
    },
};

/// Types of lines, one a message.
const LINES: [&str; 4] = [
    "application/x-ndjson",
    "application/ndjson",
    "application/jsonl",
    "application/x-jsonlines",
];
const EVENTS: &str = "text/event-stream";

/// A body on its way, then its trailers.
#[derive(Debug)]
pub(super) struct Arriving {
    stream: Stream,
    pub(super) lease: Lease,
    fault: Fault,
    pub(super) trailers: HeaderMap,
}

impl Arriving {
    /// The next bytes.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Status>>> {
        Poll::Ready(match ready!(self.stream.poll_all(&mut self.trailers, cx)) {
            Some(Ok(data)) => Some(Ok(data)),
            Some(Err(broken)) => {
                let fault = self.own_fault();
                Some(Err(fault.unwrap_or_else(|| self.lease.broken(&broken, Stage::Begun))))
            }
            None => {
                self.lease.came_whole();
                None
            }
        })
    }

    /// What trailers say, once they came. Those of Envoy's transcoder have the status of gRPC in them.
    pub(super) fn said(&mut self) -> Result<Metadata, Status> {
        let trailers = std::mem::take(&mut self.trailers);
        if status::is_said(&trailers) {
            return status::said(trailers);
        }
        Ok(status::own(trailers, Speech::Rest))
    }

    /// Why the request ended the call, if it did.
    pub(super) fn own_fault(&self) -> Option<Status> {
        self.fault.as_ref().and_then(|fault| fault.get()).cloned()
    }

    /// A failure that stood in the body.
    pub(super) fn bounded(&self, status: Status) -> Status {
        status.with_grpc_room(self.lease.header_bytes())
    }

    /// Tells the address of a call that failed. Of a request that broke the upstream knows nothing.
    pub(super) fn went_wrong(&self, status: &Status) {
        if self.own_fault().is_none() {
            self.lease.went_wrong(status);
        }
    }
}

/// What an answer that is no success says.
pub(in crate::proxy) async fn refusal(
    response: Response<Stream>,
    lease: Lease,
    reading: &Reading,
    depth: u32,
) -> Status {
    let (parts, mut arriving) = arriving(response, lease, None);
    // What is longer is no error of any form that is known.
    let came = all(connect::MOST, |cx| arriving.poll(cx)).await;
    let came = came.and_then(|body| codings::inflate(&parts.headers, body.unwrap_or_default(), connect::MOST));
    let (body, broken) = match came {
        Ok(body) => (body, None),
        Err(broken) => (Bytes::new(), Some(broken)),
    };
    let is_of_server = error::is_of_server(parts.status);
    let status = error::status(parts, &body, reading, depth);
    match broken {
        _ if is_of_server => arriving.lease.went_wrong(&status),
        Some(broken) => arriving.lease.went_wrong(&broken),
        None => arriving.lease.was_refused(),
    }
    status
}

/// The reply that an answer is.
pub(in crate::proxy) async fn reply(
    response: Response<Stream>,
    lease: Lease,
    pump: Option<Pump>,
    fault: Fault,
    terms: Terms,
    reading: Reading,
) -> Result<Reply, Status> {
    let (parts, mut arriving) = arriving(response, lease, fault);
    if matches!(terms.shape, Shape::ServerStreaming | Shape::Bidi) {
        let framing = framing(&parts, &reading, arriving.lease.message_bytes());
        let framing = framing.inspect_err(|status| arriving.went_wrong(status))?;
        let metadata = status::own(parts.headers, Speech::Rest);
        let replies = Replies::new(arriving, framing, reading, &terms, pump);
        return Ok(Reply::new(Messages::stream(replies)).with_metadata(metadata));
    }
    let message = only(&parts, &mut arriving, &terms, &reading).await;
    let (metadata, mut trailers) = connect::metadata(parts.headers);
    let only = message.and_then(|message| Ok((message, arriving.said()?)));
    match &only {
        Ok(_) => arriving.lease.went_well(),
        Err(status) => arriving.went_wrong(status),
    }
    let only = only.and_then(|(message, behind)| {
        trailers.extend(behind)?;
        Ok((message, trailers))
    });
    reply::only(metadata, only, Speech::Rest)
}

fn arriving(response: Response<Stream>, lease: Lease, fault: Fault) -> (Parts, Arriving) {
    let (parts, stream) = response.into_parts();
    tracing::debug!(target: "descant.proxy.rest", answer = %parts.status);
    let arriving = Arriving {
        stream,
        lease,
        fault,
        trailers: HeaderMap::new(),
    };
    (parts, arriving)
}

/// The one message of an answer.
async fn only(parts: &Parts, arriving: &mut Arriving, terms: &Terms, reading: &Reading) -> Result<Message, Status> {
    let limit = arriving.lease.message_bytes();
    let body = all(limit, |cx| arriving.poll(cx)).await?;
    let body = body.ok_or_else(|| too_large(limit))?;
    let body = codings::inflate(&parts.headers, body, limit)?;
    if reading.is_bytes() {
        return Ok(piece(kind(&parts.headers), body, reading));
    }
    if body.is_empty() || parts.status == StatusCode::NO_CONTENT {
        return Ok(Message::from_wire(Bytes::new()));
    }
    let kind = kind(&parts.headers);
    let is_json = kind
        .as_ref()
        .is_none_or(|kind| kind.to_str().is_ok_and(RequestBody::is_json));
    if !is_json {
        return Err(error::foreign(parts, reading));
    }
    element::message(&body, reading, &mut Codec::new(json(terms.depth)))
}

/// How an answer has many messages.
fn framing(parts: &Parts, reading: &Reading, limit: usize) -> Result<Framing, Status> {
    let Parts { headers, .. } = parts;
    if let Some(coding) = headers
        .get(header::CONTENT_ENCODING)
        .filter(|coding| !codings::is_none(coding))
    {
        return Err(Status::internal(format!(
            "the upstream compresses its stream as {coding:?}, which it was not told to"
        )));
    }
    let kind = kind(headers);
    if reading.is_bytes() {
        return Ok(Framing::Pieces {
            kind,
            left: Bytes::new(),
        });
    }
    let Some(kind) = kind else {
        return Ok(Framing::Elements(Elements::new(false, limit)));
    };
    let essence = essence(kind.as_bytes());
    if LINES.iter().any(|lines| essence.eq_ignore_ascii_case(lines.as_bytes())) {
        Ok(Framing::Elements(Elements::new(true, limit)))
    } else if essence.eq_ignore_ascii_case(EVENTS.as_bytes()) {
        Ok(Framing::Events(Events::new(limit)))
    } else if kind.to_str().is_ok_and(RequestBody::is_json) {
        Ok(Framing::Elements(Elements::new(false, limit)))
    } else {
        Err(error::foreign(parts, reading))
    }
}

/// Whether answers of all the types that `accept` lists can be read.
pub(super) fn can_read(accept: &HeaderValue) -> bool {
    let known = |range: &[u8]| {
        let names = LINES.iter().chain([&EVENTS, &"application/json"]);
        let essence = essence(range);
        names
            .into_iter()
            .any(|name| essence.eq_ignore_ascii_case(name.as_bytes()))
    };
    accept.as_bytes().split(|byte| *byte == b',').all(known)
}

/// Whether an `Accept` names a type in which callers speak to Descant, and not the server to anybody.
pub(super) fn is_of_calls(accept: &HeaderValue) -> bool {
    let is_one = |range: &[u8]| {
        let essence = essence(range).to_ascii_lowercase();
        let of_grpc = essence.strip_prefix(b"application/grpc");
        of_grpc.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"+") || rest.starts_with(b"-web"))
            || essence.starts_with(b"application/connect+")
            || essence == b"application/proto"
    };
    accept.as_bytes().split(|byte| *byte == b',').any(is_one)
}

/// A type without its parameters.
fn essence(kind: &[u8]) -> &[u8] {
    kind.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii()
}

pub(super) fn kind(headers: &HeaderMap) -> Option<HeaderValue> {
    headers
        .get(header::CONTENT_TYPE)
        .filter(|kind| !kind.is_empty())
        .cloned()
}

/// A message that is a `google.api.HttpBody`.
pub(super) fn piece(kind: Option<HeaderValue>, data: Bytes, reading: &Reading) -> Message {
    let body = HttpBody {
        content_type: kind.map_or_else(Bytes::new, |kind| Bytes::copy_from_slice(kind.as_bytes())),
        data,
    };
    let mut wire = Vec::new();
    body.write(reading.field(), &mut wire);
    Message::from_wire(wire.into())
}

impl Reading {
    /// The metadata of a call that failed: what came before the failure, and trailers.
    pub(super) fn metadata(headers: HeaderMap) -> Metadata {
        let (mut metadata, trailers) = connect::metadata(headers);
        // What cannot be added is too much of it, and what came first counts.
        let _ = metadata.extend(trailers);
        metadata
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_of_calls_are_not_asked_for() {
        for (accept, is_one) in [
            ("application/grpc-web-text", true),
            ("image/png, Application/GRPC-Web+proto;q=0.5", true),
            ("application/connect+json", true),
            ("application/proto", true),
            ("image/png, */*;q=0.1", false),
            ("application/json", false),
            ("application/protobuf", false),
        ] {
            assert_eq!(is_of_calls(&HeaderValue::from_static(accept)), is_one, "{accept}");
        }
    }
}
