//! gRPC's own: how a call went, as trailers, and what it needs of HTTP.
//! <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>

use descant_handlers::{Metadata, Status};
use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");
/// gRFC A6, "Pushback".
const PUSHBACK: HeaderName = HeaderName::from_static("grpc-retry-pushback-ms");
/// What `grpc-message` escapes beside what is not ASCII. gRPC-over-HTTP/2, "Responses".
const ESCAPED: &AsciiSet = &CONTROLS.add(b'%');

/// What a peer is told that speaks gRPC over HTTP/1.1.
pub(super) const NEEDS_HTTP2: &str = "\
This is a gRPC call over HTTP/1.1, which has no room for gRPC's trailers: it has to come over HTTP/2.
A client that has only HTTP/1.1 can call the same method by gRPC-Web (application/grpc-web) or Connect (application/json).
";

/// The trailers of a call.
pub(super) fn trailers(outcome: Result<Metadata, Status>) -> HeaderMap {
    match outcome {
        Ok(metadata) => {
            let mut trailers = metadata.into_grpc_headers();
            if trailers.capacity() == 0 {
                // As small as it can be: there is one for each call in flight.
                trailers.reserve(1);
            }
            trailers.insert(STATUS, HeaderValue::from_static("0"));
            trailers
        }
        Err(status) => failed(status),
    }
}

fn failed(status: Status) -> HeaderMap {
    let mut status = status.within_grpc_room();
    let details = status.grpc_details();
    let pushback = status.grpc_pushback().cloned();
    let code = HeaderValue::from(status.grpc_number());
    let message = escaped(status.message());
    let mut trailers = status.take_metadata().into_grpc_headers();
    trailers.insert(STATUS, code);
    if let Some(message) = message {
        trailers.insert(MESSAGE, message);
    }
    if let Some(details) = details {
        trailers.insert(DETAILS, details);
    }
    if let Some(pushback) = pushback {
        trailers.insert(PUSHBACK, pushback);
    }
    trailers
}

/// The message as `grpc-message` has it; none if it is empty.
fn escaped(message: &str) -> Option<HeaderValue> {
    let mut escaped = utf8_percent_encode(message, ESCAPED).to_string();
    // A field may not begin or end with one: RFC 9113, section 8.2.1.
    if escaped.starts_with(' ') {
        escaped.replace_range(..1, "%20");
    }
    if escaped.ends_with(' ') {
        escaped.replace_range(escaped.len() - 1.., "%20");
    }
    // Only visible characters and blanks are left, which every header value may hold.
    HeaderValue::try_from(escaped).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_neither_begins_nor_ends_with_a_blank() {
        for (message, wire) in [
            ("cannot parse: ", "cannot parse:%20"),
            ("  a b", "%20 a b"),
            (" ", "%20"),
            ("  ", "%20%20"),
            ("a\n", "a%0A"),
        ] {
            assert_eq!(escaped(message).unwrap(), wire);
        }
        assert_eq!(escaped(""), None);
    }
}
