//! Connect. <https://connectrpc.com/docs/protocol>
//!
//! Streams have envelopes, as gRPC has: see [`framed`](super::framed).

mod error;

use bytes::Bytes;
use descant_descriptors::Schema;
use descant_handlers::{Metadata, Status};
use http::{HeaderName, HeaderValue, StatusCode};

use self::error::Json;
use super::refusal::Fault;

const ACCEPT_POST: HeaderName = HeaderName::from_static("accept-post");
/// The content types of calls that take and give one message.
const UNARY_TYPES: &str = "application/json, application/proto";

/// A call that takes and gives one message came as a stream.
pub(super) fn unary_only() -> Fault {
    let status = Status::unimplemented(format!(
        "this method takes and gives one message: its calls are {UNARY_TYPES}"
    ));
    Fault {
        http: StatusCode::UNSUPPORTED_MEDIA_TYPE,
        header: Some((ACCEPT_POST, HeaderValue::from_static(UNARY_TYPES))),
        ..Fault::of(status)
    }
}

/// The last message of a stream. Connect, "Streaming-Response": `EndStreamResponse`.
pub(super) fn end_of_stream(outcome: Result<Metadata, Status>, schema: &Schema) -> Bytes {
    let mut json = Json::default();
    json.text("{");
    let metadata = match outcome {
        Ok(metadata) => metadata,
        Err(mut status) => {
            json.text("\"error\":");
            json.error(&status, schema);
            std::mem::take(status.metadata_mut())
        }
    };
    if !metadata.is_empty() {
        json.metadata(&metadata.into_headers());
    }
    json.text("}");
    json.into()
}
