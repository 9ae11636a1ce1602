//! What an upstream speaks, and where that makes a difference.
//!
//! | | gRPC | gRPC-Web | Connect, streams | Connect, unary | REST |
//! |---|---|---|---|---|---|
//! | body | envelopes | envelopes | envelopes | the message | what the HTTP rule says: `rest/` |
//! | end | trailers | an envelope of trailers | an envelope of JSON | status, or JSON; `trailer-` headers | the same |
//!
//! Sources: gRPC over HTTP/2; gRPC-Web, <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md>; Connect,
//! <https://connectrpc.com/docs/protocol>.

use std::{fmt, time::Duration};

use descant_descriptors::Shape;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use crate::{Encoding, Metadata, Status, envelope::COMPRESSED};

/// A protocol that an upstream speaks. All have the same calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UpstreamProtocol {
    /// gRPC.
    #[default]
    Grpc,
    /// gRPC-Web, in its binary form.
    GrpcWeb,
    /// Connect; see [`ProxyOptions::codec`](super::ProxyOptions::codec) and [`connect_get`](super::ProxyOptions::connect_get).
    Connect,
    /// HTTP and JSON, along the HTTP rules of methods (`google.api.http`): a server of REST as Descant, grpc-gateway, Envoy's transcoder and
    /// Google's APIs are. Methods without a rule cannot be called. Messages are JSON in any case.
    Rest,
}

/// How messages are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UpstreamCodec {
    /// Protobuf's wire format.
    #[default]
    Proto,
    /// ProtoJSON. Every message is converted on its way.
    Json,
}

/// How one call is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speech {
    Grpc,
    GrpcWeb,
    ConnectStream,
    ConnectUnary,
    Rest,
}

const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
const CONNECT_TIMEOUT: HeaderName = HeaderName::from_static("connect-timeout-ms");
/// Seconds. Google's servers know it, and others pass over it.
const SERVER_TIMEOUT: HeaderName = HeaderName::from_static("x-server-timeout");
pub(super) const CONNECT_VERSION: HeaderName = HeaderName::from_static("connect-protocol-version");

impl UpstreamProtocol {
    /// How a call of this shape is spoken.
    pub(super) fn speech(self, shape: Shape) -> Speech {
        match (self, shape) {
            (Self::Grpc, _) => Speech::Grpc,
            (Self::GrpcWeb, _) => Speech::GrpcWeb,
            (Self::Connect, Shape::Unary) => Speech::ConnectUnary,
            (Self::Connect, _) => Speech::ConnectStream,
            (Self::Rest, _) => Speech::Rest,
        }
    }
}

/// What a reply says of its body, which callers get in another form: RFC 9530, section 2; RFC 9110, section 14.
const OF_BODY: [&str; 6] = [
    "content-digest",
    "content-md5",
    "content-range",
    "repr-digest",
    "digest",
    "accept-ranges",
];

impl Speech {
    /// The headers of metadata that goes to an upstream, without what belongs to HTTP or to this protocol.
    pub(super) fn request_headers(self, metadata: Metadata) -> HeaderMap {
        match self {
            Self::Grpc | Self::GrpcWeb => metadata.into_grpc_request_headers(),
            Self::ConnectStream | Self::ConnectUnary | Self::Rest => metadata.into_headers(),
        }
    }

    /// The same of metadata that comes from one.
    pub(super) fn headers(self, metadata: Metadata) -> HeaderMap {
        match self {
            Self::Grpc | Self::GrpcWeb => metadata.into_grpc_headers(),
            Self::ConnectStream => metadata.into_headers(),
            Self::ConnectUnary | Self::Rest => {
                let mut headers = metadata.into_headers();
                for name in OF_BODY {
                    headers.remove(name);
                }
                headers
            }
        }
    }

    /// The header that says how messages are compressed.
    pub(super) fn encoding(self) -> HeaderName {
        match self {
            Self::Grpc | Self::GrpcWeb => HeaderName::from_static("grpc-encoding"),
            Self::ConnectStream => HeaderName::from_static("connect-content-encoding"),
            Self::ConnectUnary | Self::Rest => header::CONTENT_ENCODING,
        }
    }

    /// The header that says how they may be.
    pub(super) fn accept(self) -> HeaderName {
        match self {
            Self::Grpc | Self::GrpcWeb => HeaderName::from_static("grpc-accept-encoding"),
            Self::ConnectStream => HeaderName::from_static("connect-accept-encoding"),
            Self::ConnectUnary | Self::Rest => header::ACCEPT_ENCODING,
        }
    }

    /// The coding of that name. Where HTTP's own header has it, its case means nothing.
    pub(super) fn coding(self, name: &str) -> Option<Encoding> {
        match self {
            Self::Grpc | Self::GrpcWeb | Self::ConnectStream => Encoding::named(name),
            Self::ConnectUnary | Self::Rest => Encoding::of_http(name),
        }
    }

    fn content_type(self, codec: UpstreamCodec) -> &'static str {
        match (self, codec) {
            (Self::Grpc, UpstreamCodec::Proto) => "application/grpc",
            (Self::Grpc, UpstreamCodec::Json) => "application/grpc+json",
            (Self::GrpcWeb, UpstreamCodec::Proto) => "application/grpc-web+proto",
            (Self::GrpcWeb, UpstreamCodec::Json) => "application/grpc-web+json",
            (Self::ConnectStream, UpstreamCodec::Proto) => "application/connect+proto",
            (Self::ConnectStream, UpstreamCodec::Json) => "application/connect+json",
            (Self::ConnectUnary, UpstreamCodec::Proto) => "application/proto",
            (Self::ConnectUnary, UpstreamCodec::Json) | (Self::Rest, _) => "application/json",
        }
    }

    /// What the head of a request has to say beside its metadata.
    ///
    /// Which types a caller takes says nothing of those that are taken here: its own protocol, or gRPC-Web in base64, which is not read.
    /// RFC 9110, section 12.5.1. To gRPC that is metadata like any other, and of REST it is said where the rule is known.
    pub(super) fn dress(self, codec: UpstreamCodec, headers: &mut HeaderMap) {
        let kind = HeaderValue::from_static(self.content_type(codec));
        match self {
            Self::Grpc => {
                headers.insert(header::TE, HeaderValue::from_static("trailers"));
            }
            Self::GrpcWeb => {
                headers.insert(header::ACCEPT, kind.clone());
            }
            Self::Rest => {}
            Self::ConnectStream | Self::ConnectUnary => {
                // The type of a request decides that of its reply.
                headers.remove(header::ACCEPT);
                headers.insert(CONNECT_VERSION, HeaderValue::from_static("1"));
            }
        }
        headers.insert(header::CONTENT_TYPE, kind);
    }

    /// What is left of the time.
    pub(super) fn set_timeout(self, headers: &mut HeaderMap, left: Duration) -> Result<(), Status> {
        let (name, text) = match self {
            Self::Grpc | Self::GrpcWeb => (GRPC_TIMEOUT, grpc_timeout(left)),
            // "Timeout-Milliseconds": ten digits at most.
            Self::ConnectStream | Self::ConnectUnary => {
                (CONNECT_TIMEOUT, left.as_millis().clamp(1, 9_999_999_999).to_string())
            }
            Self::Rest => (SERVER_TIMEOUT, seconds(left)),
        };
        let value = HeaderValue::try_from(text).map_err(|error| Status::internal(error.to_string()))?;
        headers.insert(name, value);
        Ok(())
    }

    /// Whether a reply is of this protocol, as its content type says.
    pub(super) fn fits(self, codec: UpstreamCodec, headers: &HeaderMap) -> bool {
        let wanted = match self {
            Self::Grpc => "application/grpc",
            Self::GrpcWeb => "application/grpc-web",
            Self::ConnectStream | Self::ConnectUnary | Self::Rest => self.content_type(codec),
        };
        let format = match codec {
            UpstreamCodec::Proto => b"proto".as_slice(),
            UpstreamCodec::Json => b"json",
        };
        match behind(wanted, headers) {
            Some([]) => self.is_bare_type() || codec == UpstreamCodec::Proto,
            Some([b'+', written @ ..]) if !self.is_bare_type() => written.eq_ignore_ascii_case(format),
            _ => false,
        }
    }

    /// Whether the content type of a reply is of this protocol, with whatever format of messages: servers have others beside these.
    pub(super) fn is_near(self, headers: &HeaderMap) -> bool {
        let wanted = match self {
            Self::Grpc => "application/grpc",
            Self::GrpcWeb => "application/grpc-web",
            Self::ConnectStream => "application/connect",
            Self::ConnectUnary | Self::Rest => {
                let mut codecs = [UpstreamCodec::Proto, UpstreamCodec::Json].into_iter();
                return codecs.any(|codec| self.fits(codec, headers));
            }
        };
        matches!(behind(wanted, headers), Some([] | [b'+', ..]))
    }

    /// Whether its content types are whole, without a `+` and the format behind it.
    fn is_bare_type(self) -> bool {
        matches!(self, Self::ConnectStream | Self::ConnectUnary | Self::Rest)
    }

    /// Whether a reply without envelopes is an error.
    pub(super) fn is_refusal(self, status: StatusCode) -> bool {
        match self {
            // A part of an answer, which nobody asked for, is none.
            Self::Rest => !status.is_success() || status == StatusCode::PARTIAL_CONTENT,
            _ => status != StatusCode::OK,
        }
    }

    /// Whether a reply that is nothing but a head may say there how the call went.
    pub(super) fn has_trailers(self) -> bool {
        matches!(self, Self::Grpc | Self::GrpcWeb)
    }

    /// Whether a body is the message, without an envelope.
    pub(super) fn is_bare(self) -> bool {
        matches!(self, Self::ConnectUnary | Self::Rest)
    }

    /// Whether an envelope with this flag is the one that ends a body.
    pub(super) fn is_end(self, flag: u8) -> bool {
        self.end_flag().is_some_and(|end| flag & !COMPRESSED == end)
    }

    /// The flag of the envelope that ends a body, where there is one. It may be compressed like any other.
    pub(super) fn end_flag(self) -> Option<u8> {
        match self {
            Self::Grpc | Self::ConnectUnary | Self::Rest => None,
            Self::GrpcWeb => Some(0x80),
            Self::ConnectStream => Some(0x02),
        }
    }
}

/// What the content type has behind this, if it begins so. Without parameters, before which there may be blanks: RFC 9110, section 8.3.1.
fn behind<'h>(wanted: &str, headers: &'h HeaderMap) -> Option<&'h [u8]> {
    let kind = headers.get(header::CONTENT_TYPE)?.as_bytes();
    let (start, rest) = kind.split_at_checked(wanted.len())?;
    let rest = rest.split(|byte| *byte == b';').next()?;
    start
        .eq_ignore_ascii_case(wanted.as_bytes())
        .then(|| rest.trim_ascii_end())
}

/// As people know it.
impl fmt::Display for Speech {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Grpc => "gRPC",
            Self::GrpcWeb => "gRPC-Web",
            Self::ConnectStream | Self::ConnectUnary => "Connect",
            Self::Rest => "REST",
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

/// Up to ten digits, and milliseconds, of which there is one at least.
fn seconds(left: Duration) -> String {
    let left = left.max(Duration::from_millis(1));
    format!("{}.{:03}", left.as_secs().min(9_999_999_999), left.subsec_millis())
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
    fn seconds_have_milliseconds() {
        for (left, expected) in [
            (Duration::from_nanos(1), "0.001"),
            (Duration::from_millis(2500), "2.500"),
            (Duration::from_secs(u64::MAX), "9999999999.000"),
        ] {
            assert_eq!(seconds(left), expected);
        }
    }

    #[test]
    fn a_protocol_is_known_by_its_content_type() {
        use UpstreamCodec::{Json, Proto};
        for (speech, codec, kind, fits) in [
            (Speech::Grpc, Proto, "application/grpc", true),
            (Speech::Grpc, Proto, "application/grpc+proto; charset=utf-8", true),
            (Speech::Grpc, Proto, "application/grpc ; charset=utf-8", true),
            (Speech::Grpc, Proto, "application/grpc+proto ;charset=utf-8", true),
            (Speech::Grpc, Proto, "application/grpc +proto", false),
            (Speech::Grpc, Proto, "application/grpc-web", false),
            (Speech::Grpc, Proto, "application/grpc+json", false),
            (Speech::Grpc, Json, "application/grpc+json", true),
            (Speech::Grpc, Json, "application/grpc", false),
            (Speech::GrpcWeb, Proto, "Application/gRPC-Web+proto", true),
            (Speech::GrpcWeb, Proto, "application/grpc-web-text", false),
            (Speech::ConnectStream, Proto, "application/connect+proto", true),
            (Speech::ConnectStream, Proto, "application/connect+json", false),
            (Speech::ConnectUnary, Proto, "application/proto;x=y", true),
            (Speech::ConnectUnary, Proto, "application/json", false),
            (Speech::ConnectUnary, Json, "application/json; charset=utf-8", true),
            (Speech::ConnectUnary, Json, "Application/JSON ; charset=utf-8", true),
            (Speech::ConnectStream, Json, "application/connect+json\t;x=y", true),
        ] {
            let headers = [(header::CONTENT_TYPE, HeaderValue::from_static(kind))];
            assert_eq!(speech.fits(codec, &headers.into_iter().collect()), fits, "{kind}");
        }
        assert!(!Speech::Grpc.fits(Proto, &HeaderMap::new()));
    }

    #[test]
    fn a_format_of_ones_own_is_of_the_protocol_too() {
        for (speech, kind, is_near) in [
            (Speech::Grpc, "application/grpc", true),
            (Speech::Grpc, "application/grpc+thrift", true),
            (Speech::Grpc, "Application/gRPC+msgpack ; v=1", true),
            (Speech::Grpc, "application/grpc-web+proto", false),
            (Speech::Grpc, "application/grpcs", false),
            (Speech::Grpc, "application/json", false),
            (Speech::GrpcWeb, "application/grpc-web+thrift", true),
            (Speech::GrpcWeb, "application/grpc-web-text", false),
            (Speech::GrpcWeb, "application/grpc", false),
            (Speech::ConnectStream, "application/connect+json", true),
            (Speech::ConnectStream, "application/connect+thrift", true),
            (Speech::ConnectStream, "application/json", false),
            (Speech::ConnectUnary, "application/json", true),
            (Speech::ConnectUnary, "application/connect+json", false),
        ] {
            let headers = [(header::CONTENT_TYPE, HeaderValue::from_static(kind))];
            assert_eq!(speech.is_near(&headers.into_iter().collect()), is_near, "{kind}");
        }
        assert!(!Speech::Grpc.is_near(&HeaderMap::new()));
    }
}
