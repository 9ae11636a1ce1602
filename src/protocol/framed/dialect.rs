//! Where the protocols differ whose messages stand in envelopes.

use std::mem;

use bytes::{BufMut, Bytes, BytesMut};
use descant_descriptors::Shape;
use descant_handlers::{Code, Encodings, Metadata, Status, envelope};
use http::{HeaderMap, Response, header};

use super::{
    super::{
        Context,
        connect::{self, Details},
        detect::media_type,
        grpc,
        head::{self, Head, Names},
        refusal::Fault,
        trailers,
    },
    text,
};
use crate::transport::{Outbound, Payload};

/// A protocol whose messages stand in envelopes.
#[derive(Clone, Debug)]
pub(crate) enum Dialect {
    Grpc,
    GrpcWeb {
        /// The reply goes out in base64.
        text: bool,
    },
    Connect(Details),
}

/// How a call ends.
pub(super) enum End {
    Trailers(HeaderMap),
    /// The last envelope of the body.
    Data(Payload),
}

/// The flag of the envelope that holds trailers. gRPC-Web, "Message framing".
const TRAILERS: u8 = 0x80;
/// The flag of the last envelope of a stream. Connect, "Streaming-Response".
const END_STREAM: u8 = 0x02;

impl Dialect {
    pub(super) fn names(&self) -> &'static Names {
        match self {
            Self::Grpc | Self::GrpcWeb { .. } => &head::GRPC,
            Self::Connect(_) => &head::CONNECT,
        }
    }

    /// What is to be said against a call of this shape, or against its head.
    pub(super) fn check(&self, shape: Shape, headers: &HeaderMap, context: &Context<'_>) -> Result<(), Fault> {
        match (self, shape) {
            (Self::Connect(_), Shape::Unary) => Err(connect::accept_post(
                connect::UNARY_TYPES,
                "this method takes and gives one message",
            )),
            (Self::Connect(_), _) => {
                connect::check_charset(headers, connect::STREAM_TYPES)?;
                connect::check_version(headers, context)
            }
            _ => Ok(()),
        }
    }

    /// Whether a refusal has the status that HTTP has for it, beside the one that it has in the protocol.
    pub(super) fn says_http(&self, fault: &Fault) -> bool {
        match self {
            Self::Grpc => true,
            // Clients look into no other answers than those with status 200.
            Self::GrpcWeb { .. } | Self::Connect(_) => fault.of_http,
        }
    }

    /// Whether a client is told which codings are taken: one that may compress, and has to be, one that does. gRPC core,
    /// `doc/compression.md`, "Compression Method Asymmetry Between Peers".
    pub(super) fn tells_codings(&self, head: &Head, accepted: Encodings) -> bool {
        match self {
            Self::Grpc => accepted != Encodings::default() || head.received.is_some(),
            Self::GrpcWeb { .. } => head.received.is_some(),
            Self::Connect(_) => false,
        }
    }

    /// What a message is called that does not inflate. gRPC core, `doc/statuscodes.md`.
    pub(super) fn broken(&self) -> Code {
        match self {
            Self::Grpc | Self::GrpcWeb { .. } => Code::Internal,
            Self::Connect(_) => Code::InvalidArgument,
        }
    }

    /// The end of a call, and how it went.
    pub(super) fn end(&self, outcome: Result<Metadata, Status>) -> End {
        let (flag, data) = match self {
            Self::Grpc => return End::Trailers(grpc::trailers(outcome)),
            Self::GrpcWeb { .. } => (TRAILERS, lines(&trailers::own(grpc::trailers(outcome)))),
            Self::Connect(details) => (END_STREAM, connect::end_of_stream(outcome, details)),
        };
        // Headers and errors of 4 GiB there are none.
        let head = envelope::head(flag, data.len()).unwrap_or_default();
        End::Data(self.pack(Payload::framed(head, data.into())))
    }

    /// An envelope as it goes out. "The server runtime will always base64-encode and flush gRPC messages atomically":
    /// gRPC-Web, "HTTP response".
    pub(super) fn pack(&self, envelope: Payload) -> Payload {
        match self {
            Self::GrpcWeb { text: true } => text::encode(envelope),
            _ => envelope,
        }
    }

    /// Metadata as headers of a response.
    pub(super) fn head(&self, metadata: Metadata) -> HeaderMap {
        match self {
            Self::Connect(_) => metadata.into_headers(),
            Self::Grpc | Self::GrpcWeb { .. } => metadata.into_grpc_headers(),
        }
    }

    /// An answer that says nothing but how the call went.
    pub(super) fn refuse(&self, content_type: &'static str, mut status: Status) -> Response<Outbound> {
        let begun = status.has_begun();
        let mut headers = self.head(mem::take(status.head_mut()));
        let body = match self.end(Err(status)) {
            // Trailers-only: the one header block of the response.
            End::Trailers(trailers) if !begun && headers.is_empty() => {
                headers = trailers;
                Outbound::Empty
            }
            End::Trailers(trailers) => Outbound::Whole {
                payload: Payload::default(),
                trailers,
            },
            End::Data(payload) => Outbound::Whole {
                payload,
                trailers: HeaderMap::new(),
            },
        };
        headers.insert(header::CONTENT_TYPE, media_type(content_type));
        let mut response = Response::new(body);
        *response.headers_mut() = headers;
        response
    }
}

/// Trailers as gRPC-Web puts them into the body: "Key-value pairs encoded as a HTTP/1 headers block", names in lower case.
fn lines(trailers: &HeaderMap) -> Bytes {
    let mut lines = BytesMut::new();
    for (name, value) in trailers {
        lines.put_slice(name.as_str().as_bytes());
        lines.put_slice(b": ");
        lines.put_slice(value.as_bytes());
        lines.put_slice(b"\r\n");
    }
    lines.freeze()
}
