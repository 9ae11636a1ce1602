//! gRPC over HTTP/2. <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>
//!
//! ```text
//! request  = headers *envelope
//! response = headers *envelope trailers | trailers-only
//! ```

mod refusal;
mod request;
mod response;
mod timeout;

use std::time::{Duration, Instant};

use descant_descriptors::Method;
use descant_handlers::{Call, Messages, Metadata, Peer, RequestId, Status};
use http::{HeaderMap, HeaderValue, header, request::Parts};

use self::request::RequestMessages;
use super::{
    Encoding,
    envelope::{EnvelopeLimits, Envelopes},
};
use crate::transport::{Connection, Inbound};

pub(crate) use self::refusal::Refusal;

const ENCODING: &str = "grpc-encoding";
const ACCEPT_ENCODING: &str = "grpc-accept-encoding";
const GRPC: &str = "application/grpc";
const GRPC_PROTO: &str = "application/grpc+proto";

/// What of a request is needed to read it on, and to answer it.
#[derive(Debug)]
pub(crate) struct Exchange {
    method: Method,
    metadata: Metadata,
    /// When the call must be over.
    pub(crate) deadline: Option<Instant>,
    content_type: &'static str,
    /// How the request's messages are compressed.
    received: Option<Encoding>,
    /// How those of the reply may be.
    sent: Option<Encoding>,
    limits: EnvelopeLimits,
}

/// Whether a request is gRPC's at all; if not, how it is refused.
pub(crate) fn detect(parts: &Parts) -> Result<(), Refusal> {
    let content_type = parts
        .headers
        .get(header::CONTENT_TYPE)
        .map_or(&b""[..], HeaderValue::as_bytes);
    if subtype(content_type).is_none() {
        return Err(Refusal::not_grpc(&parts.method));
    }
    if parts.method != http::Method::POST {
        return Err(Refusal::not_post(&parts.method));
    }
    super::check(&parts.uri, &parts.headers).map_err(|error| Refusal::bad_request(&error))
}

/// The content type of a gRPC request as its reply repeats it. Names are case-insensitive (RFC 9110, section 8.3.1).
fn subtype(content_type: &[u8]) -> Option<&'static str> {
    let essence = content_type
        .split(|byte| *byte == b';')
        .next()
        .unwrap_or_default()
        .trim_ascii_end();
    [GRPC, GRPC_PROTO]
        .into_iter()
        .find(|known| essence.eq_ignore_ascii_case(known.as_bytes()))
}

impl Exchange {
    /// Reads the head of a request for `method`.
    pub(crate) fn open(headers: HeaderMap, method: Method, connection: &Connection) -> Result<Self, Refusal> {
        let timeout = timeout::of(&headers).map_err(|error| Refusal::bad_request(&error))?;
        let content_type = headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| subtype(value.as_bytes()));
        let received = received(&headers)?;
        let sent = received.filter(|coding| accepts(&headers, *coding));
        Ok(Self {
            method,
            metadata: metadata(headers)?,
            deadline: timeout.and_then(after),
            content_type: content_type.unwrap_or(GRPC),
            received,
            sent,
            limits: EnvelopeLimits {
                bytes: connection.limits().message_bytes,
                time: connection.limits().message,
            },
        })
    }

    /// Turns the request into a call. Where one message is due it is read to its end first.
    pub(crate) async fn accept(&mut self, body: Inbound, connection: &Connection) -> Result<Call, Status> {
        let envelopes = Envelopes::new(body, self.limits);
        let mut messages = RequestMessages::new(envelopes, self.received, self.limits.bytes);
        let messages = if self.method.client_streaming() {
            Messages::stream(messages)
        } else {
            Messages::one(messages.only().await?)
        };
        let mut call = Call::new(self.method.clone(), messages);
        call.metadata = std::mem::take(&mut self.metadata);
        call.deadline = self.deadline;
        call.peer = connection.address().map_or_else(Peer::default, Peer::at);
        call.request_id = RequestId::random();
        Ok(call)
    }
}

/// When that time from now is over, by the clock of the timers; `None`: not in this age of the world.
fn after(timeout: Duration) -> Option<Instant> {
    tokio::time::Instant::now().into_std().checked_add(timeout)
}

/// How the messages are compressed; an unknown coding is refused, with those that are known.
fn received(headers: &HeaderMap) -> Result<Option<Encoding>, Refusal> {
    let Some(value) = headers
        .get(ENCODING)
        .map(HeaderValue::as_bytes)
        .filter(|value| *value != b"identity")
    else {
        return Ok(None);
    };
    let coding = std::str::from_utf8(value).ok().and_then(Encoding::named);
    coding.map(Some).ok_or_else(Refusal::unknown_encoding)
}

/// Whether the client takes replies in that coding.
fn accepts(headers: &HeaderMap, coding: Encoding) -> bool {
    let lists = headers.get_all(ACCEPT_ENCODING).iter();
    let mut names = lists.flat_map(|list| list.as_bytes().split(|byte| *byte == b','));
    names.any(|name| name.trim_ascii() == coding.name().as_bytes())
}

/// The client's metadata: what neither HTTP nor gRPC itself has a use for. Values of `-bin` names have to be base64.
fn metadata(mut headers: HeaderMap) -> Result<Metadata, Refusal> {
    for name in [header::CONTENT_TYPE, header::TE, header::CONTENT_LENGTH, header::HOST] {
        headers.remove(name);
    }
    for name in ["grpc-timeout", ENCODING, ACCEPT_ENCODING] {
        headers.remove(name);
    }
    let metadata = Metadata::from_headers(headers);
    for (name, _) in metadata.iter().filter(|(name, _)| name.ends_with("-bin")) {
        let sound = metadata.get_all_bin(name).try_for_each(|value| value.map(drop));
        sound.map_err(|error| Refusal::bad_request(&format_args!("{name}: {error}")))?;
    }
    Ok(metadata)
}
