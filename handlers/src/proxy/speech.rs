//! What an upstream speaks, and where that makes a difference.
//!
//! | | gRPC | gRPC-Web | Connect, streams | Connect, unary |
//! |---|---|---|---|---|
//! | body | envelopes | envelopes | envelopes | the message |
//! | end | trailers | an envelope of trailers | an envelope of JSON | status, or JSON; `trailer-` headers |
//!
//! Sources: gRPC over HTTP/2; gRPC-Web, <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md>; Connect,
//! <https://connectrpc.com/docs/protocol>.

use std::{fmt, time::Duration};

use descant_descriptors::Shape;
use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::Status;

/// A protocol that an upstream speaks. All three have the same calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UpstreamProtocol {
    /// gRPC.
    #[default]
    Grpc,
    /// gRPC-Web, in its binary form.
    GrpcWeb,
    /// Connect, with messages as protobuf; unary calls by POST.
    Connect,
}

/// How one call is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speech {
    Grpc,
    GrpcWeb,
    ConnectStream,
    ConnectUnary,
}

const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
const CONNECT_TIMEOUT: HeaderName = HeaderName::from_static("connect-timeout-ms");
const CONNECT_VERSION: HeaderName = HeaderName::from_static("connect-protocol-version");

impl UpstreamProtocol {
    /// How a call of this shape is spoken.
    pub(super) fn speech(self, shape: Shape) -> Speech {
        match (self, shape) {
            (Self::Grpc, _) => Speech::Grpc,
            (Self::GrpcWeb, _) => Speech::GrpcWeb,
            (Self::Connect, Shape::Unary) => Speech::ConnectUnary,
            (Self::Connect, _) => Speech::ConnectStream,
        }
    }
}

impl Speech {
    /// The header that says how messages are compressed.
    pub(super) fn encoding(self) -> HeaderName {
        match self {
            Self::Grpc | Self::GrpcWeb => HeaderName::from_static("grpc-encoding"),
            Self::ConnectStream => HeaderName::from_static("connect-content-encoding"),
            Self::ConnectUnary => header::CONTENT_ENCODING,
        }
    }

    /// The header that says how they may be.
    pub(super) fn accept(self) -> HeaderName {
        match self {
            Self::Grpc | Self::GrpcWeb => HeaderName::from_static("grpc-accept-encoding"),
            Self::ConnectStream => HeaderName::from_static("connect-accept-encoding"),
            Self::ConnectUnary => header::ACCEPT_ENCODING,
        }
    }

    fn content_type(self) -> &'static str {
        match self {
            Self::Grpc => "application/grpc",
            Self::GrpcWeb => "application/grpc-web+proto",
            Self::ConnectStream => "application/connect+proto",
            Self::ConnectUnary => "application/proto",
        }
    }

    /// What the head of a request has to say beside its metadata.
    pub(super) fn dress(self, headers: &mut HeaderMap) {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type()));
        match self {
            Self::Grpc => {
                headers.insert(header::TE, HeaderValue::from_static("trailers"));
            }
            Self::GrpcWeb => {}
            Self::ConnectStream | Self::ConnectUnary => {
                headers.insert(CONNECT_VERSION, HeaderValue::from_static("1"));
            }
        }
    }

    /// What is left of the time.
    pub(super) fn set_timeout(self, headers: &mut HeaderMap, left: Duration) -> Result<(), Status> {
        let (name, text) = match self {
            Self::Grpc | Self::GrpcWeb => (GRPC_TIMEOUT, grpc_timeout(left)),
            // "Timeout-Milliseconds": ten digits at most.
            Self::ConnectStream | Self::ConnectUnary => {
                (CONNECT_TIMEOUT, left.as_millis().clamp(1, 9_999_999_999).to_string())
            }
        };
        let value = HeaderValue::try_from(text).map_err(|error| Status::internal(error.to_string()))?;
        headers.insert(name, value);
        Ok(())
    }

    /// Whether a reply is of this protocol, as its content type says.
    pub(super) fn fits(self, headers: &HeaderMap) -> bool {
        let kind = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
        let Some(kind) = kind else { return false };
        let (wanted, formats) = match self {
            Self::Grpc => ("application/grpc", true),
            Self::GrpcWeb => ("application/grpc-web", true),
            Self::ConnectStream => ("application/connect+proto", false),
            Self::ConnectUnary => ("application/proto", false),
        };
        let rest = kind
            .get(..wanted.len())
            .filter(|start| start.eq_ignore_ascii_case(wanted.as_bytes()))
            .and_then(|_| kind.get(wanted.len()..));
        match rest {
            Some([] | [b';', ..]) => true,
            Some([b'+', format @ ..]) if formats => {
                let format = format.split(|byte| *byte == b';').next().unwrap_or_default();
                format.eq_ignore_ascii_case(b"proto")
            }
            _ => false,
        }
    }

    /// Whether a reply that is nothing but a head may say there how the call went.
    pub(super) fn has_trailers(self) -> bool {
        matches!(self, Self::Grpc | Self::GrpcWeb)
    }

    /// Whether a body is the message, without an envelope.
    pub(super) fn is_bare(self) -> bool {
        self == Self::ConnectUnary
    }

    /// The flag of the envelope that ends a body, where there is one. It may be compressed like any other.
    pub(super) fn end_flag(self) -> Option<u8> {
        match self {
            Self::Grpc | Self::ConnectUnary => None,
            Self::GrpcWeb => Some(0x80),
            Self::ConnectStream => Some(0x02),
        }
    }
}

/// As people know it.
impl fmt::Display for Speech {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Grpc => "gRPC",
            Self::GrpcWeb => "gRPC-Web",
            Self::ConnectStream | Self::ConnectUnary => "Connect",
        })
    }
}

/// At most eight digits and a unit, rounded down: gRPC over HTTP/2, "Timeout".
fn grpc_timeout(left: Duration) -> String {
    const MOST: u128 = 99_999_999;
    let units = [
        (left.as_micros().max(1), 'u'),
        (left.as_millis(), 'm'),
        (u128::from(left.as_secs()), 'S'),
    ];
    let (count, unit) = units
        .into_iter()
        .find(|(count, _)| *count <= MOST)
        // Three years and more.
        .unwrap_or((MOST, 'S'));
    format!("{count}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_have_eight_digits_at_most() {
        for (left, expected) in [
            (Duration::from_nanos(1), "1u"),
            (Duration::from_millis(5), "5000u"),
            (Duration::from_secs(99), "99000000u"),
            (Duration::from_secs(100), "100000m"),
            (Duration::from_secs(100_000), "100000S"),
            (Duration::from_secs(u64::MAX), "99999999S"),
        ] {
            assert_eq!(grpc_timeout(left), expected);
        }
    }

    #[test]
    fn a_protocol_is_known_by_its_content_type() {
        for (speech, kind, fits) in [
            (Speech::Grpc, "application/grpc", true),
            (Speech::Grpc, "application/grpc+proto; charset=utf-8", true),
            (Speech::Grpc, "application/grpc-web", false),
            (Speech::GrpcWeb, "Application/gRPC-Web+proto", true),
            (Speech::GrpcWeb, "application/grpc-web-text", false),
            (Speech::ConnectStream, "application/connect+proto", true),
            (Speech::ConnectStream, "application/connect+json", false),
            (Speech::ConnectUnary, "application/proto;x=y", true),
            (Speech::ConnectUnary, "application/json", false),
        ] {
            let headers = [(header::CONTENT_TYPE, HeaderValue::from_static(kind))];
            assert_eq!(speech.fits(&headers.into_iter().collect()), fits, "{kind}");
        }
        assert!(!Speech::Grpc.fits(&HeaderMap::new()));
    }
}
