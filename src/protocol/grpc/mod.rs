//! gRPC over HTTP/2. <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>
//!
//! ```text
//! request  = headers *envelope
//! response = headers *envelope trailers | trailers-only
//! ```

mod head;
mod refusal;
mod request;
mod response;
mod timeout;

use std::time::Instant;

use descant_descriptors::Method;
use descant_handlers::{Call, Messages, Peer};
use http::request::Parts;

use self::head::Head;
use super::{
    Encoding,
    envelope::{EnvelopeLimits, Envelopes},
};
use crate::transport::{Connection, Inbound};

pub(crate) use self::{head::detect, refusal::Refusal, request::RequestMessages};

/// A request whose head is understood.
#[derive(Debug)]
pub(crate) struct Accepted {
    /// The call; where it takes one message, that is still to be read.
    pub(crate) call: Call,
    /// What brings that one message.
    pub(crate) only: Option<RequestMessages>,
    pub(crate) exchange: Exchange,
}

/// What of a request is needed to answer it.
#[derive(Debug)]
pub(crate) struct Exchange {
    /// When the call must be over.
    pub(crate) deadline: Option<Instant>,
    server_streaming: bool,
    content_type: &'static str,
    /// How the messages of the reply may be compressed.
    encoding: Option<Encoding>,
}

/// Reads the head of a request for `method`.
pub(crate) fn accept(
    parts: Parts,
    body: Inbound,
    method: Method,
    connection: &Connection,
) -> Result<Accepted, Refusal> {
    let head = Head::read(&parts)?;
    let limits = EnvelopeLimits {
        bytes: connection.limits().message_bytes,
        time: connection.limits().message,
    };
    let messages = RequestMessages::new(Envelopes::new(body, limits), head.received, limits.bytes);
    let exchange = Exchange {
        deadline: head.deadline(),
        server_streaming: method.server_streaming(),
        content_type: head.content_type,
        encoding: head.received.filter(|coding| head.accepted.has(*coding)),
    };
    let (messages, only) = if method.client_streaming() {
        (Messages::stream(messages), None)
    } else {
        (Messages::empty(), Some(messages))
    };
    let mut call = Call::new(method, messages);
    call.metadata = head.metadata(parts.headers)?;
    call.deadline = exchange.deadline;
    call.peer = connection.address().map_or_else(Peer::default, Peer::at);
    Ok(Accepted { call, only, exchange })
}
