//! Connect. <https://connectrpc.com/docs/protocol>
//!
//! ```text
//! unary   request = headers message            response = headers ( message / error )
//! get     request = query headers              response = headers ( message / error )
//! stream  request = headers *envelope          response = headers *envelope end-of-stream
//! ```
//!
//! Streams have envelopes, as gRPC has: see [`framed`](super::framed).

mod body;
mod error;
mod get;
mod unary;

use bytes::Bytes;
use descant_descriptors::RequestBody;
use descant_handlers::{Metadata, Status};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header::CONTENT_TYPE};

use self::error::Json;
use super::{Context, refusal::Fault, trailers};

pub(super) use self::unary::{accept, accept_get};
pub(crate) use self::{error::Details, unary::Unary};

const ACCEPT_POST: HeaderName = HeaderName::from_static("accept-post");
pub(super) const VERSION: HeaderName = HeaderName::from_static("connect-protocol-version");
/// The content types of calls that take and give one message.
pub(super) const UNARY_TYPES: &str = "application/json, application/proto";
/// The content types of the others.
pub(super) const STREAM_TYPES: &str = "application/connect+json, application/connect+proto";

/// A call came with a content type that its method does not take; these it takes.
pub(super) fn accept_post(types: &'static str, why: &str) -> Fault {
    Fault {
        http: StatusCode::UNSUPPORTED_MEDIA_TYPE,
        of_http: true,
        header: Some((ACCEPT_POST, HeaderValue::from_static(types))),
        ..Fault::of(Status::unknown(format!("{why}: its content type is one of {types}")))
    }
}

/// A call whose messages are JSON comes in UTF-8.
pub(super) fn check_charset(headers: &HeaderMap, types: &'static str) -> Result<(), Fault> {
    let content_type = headers.get(CONTENT_TYPE).and_then(|named| named.to_str().ok());
    let json = content_type.filter(|named| RequestBody::is_json(named));
    match json.map(RequestBody::check_charset) {
        Some(Err(foreign)) => Err(accept_post(types, &format!("the body: {foreign}"))),
        _ => Ok(()),
    }
}

/// "Servers may require" that requests name the version of the protocol; another version than 1 there is not.
pub(super) fn check_version(headers: &HeaderMap, context: &Context<'_>) -> Result<(), Fault> {
    match headers.get(VERSION) {
        Some(version) if version == "1" => Ok(()),
        Some(_) => Err(Fault::bad_request(
            &"connect-protocol-version is not 1, the one version that is known",
        )),
        None if context.settings.connect_version => Err(Fault::bad_request(
            &"the request has no connect-protocol-version: 1, and this server asks for it",
        )),
        None => Ok(()),
    }
}

/// The last message of a stream. Connect, "Streaming-Response": `EndStreamResponse`.
pub(super) fn end_of_stream(outcome: Result<Metadata, Status>, details: &Details) -> Bytes {
    let mut json = Json::default();
    json.text("{");
    let metadata = match outcome {
        Ok(metadata) => metadata,
        Err(mut status) => {
            json.text("\"error\":");
            json.error(&status, details);
            status.take_metadata()
        }
    };
    let metadata = trailers::own(metadata.into_headers());
    if !metadata.is_empty() {
        json.metadata(&metadata);
    }
    json.text("}");
    json.into()
}
