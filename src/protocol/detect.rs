//! Which protocol a request speaks: decided here and nowhere else.
//!
//! | method | content type, or query | speaks |
//! |---|---|---|
//! | any | `application/grpc`, `+proto`, `+json` | gRPC |
//! | any | `application/grpc-web`, `application/grpc-web-text`, with `+proto` or `+json` too; `application/grpc-web-text-base64` | gRPC-Web |
//! | any | `application/connect+proto`, `+json` | Connect, streaming |
//! | POST | `application/proto`, `application/json` | Connect, unary: if the path names a method, or the request says `connect-protocol-version` |
//! | GET, HEAD | any other or none; `?connect=v1`, or both `encoding` and `message` | Connect, unary by GET: if the path names a method, or the query says `connect=v1` |
//! | | anything else | REST |
//!
//! Content types are compared without their parameters and whatever their case (RFC 9110, section 8.3.1).

use http::{HeaderMap, HeaderValue, Method, Uri, header::CONTENT_TYPE, request::Parts};

use super::{connect::VERSION, query};

/// What a request speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Grpc(Media),
    GrpcWeb {
        media: Media,
        /// All of the body in base64, for clients that can read nothing but text.
        text: bool,
    },
    Connect(Connect),
    /// What is left: HTTP and JSON, along the HTTP rules of the schema.
    Rest,
}

/// The three ways of Connect. <https://connectrpc.com/docs/protocol>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Connect {
    /// The body is the message, bare.
    Unary(Media),
    /// Messages in envelopes.
    Stream(Media),
    /// The message stands in the query.
    Get,
}

/// A content type that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Media {
    /// As the reply repeats it.
    pub(crate) name: &'static str,
    pub(crate) notation: Notation,
}

/// How messages are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notation {
    Proto,
    Json,
}

/// Every content type of the protocols. The first are looked at first.
static KNOWN: [Protocol; 14] = [
    Protocol::Grpc(Media::proto("application/grpc")),
    Protocol::Grpc(Media::proto("application/grpc+proto")),
    Protocol::Connect(Connect::Unary(Media::json("application/json"))),
    Protocol::Connect(Connect::Unary(Media::proto("application/proto"))),
    Protocol::Connect(Connect::Stream(Media::proto("application/connect+proto"))),
    Protocol::Connect(Connect::Stream(Media::json("application/connect+json"))),
    web(Media::proto("application/grpc-web+proto"), false),
    web(Media::proto("application/grpc-web"), false),
    web(Media::proto("application/grpc-web-text"), true),
    web(Media::proto("application/grpc-web-text+proto"), true),
    web(Media::proto("application/grpc-web-text-base64"), true),
    web(Media::json("application/grpc-web+json"), false),
    web(Media::json("application/grpc-web-text+json"), true),
    Protocol::Grpc(Media::json("application/grpc+json")),
];

/// What a request speaks. `names` says whether a path names a method; it is asked only where REST could be meant too.
pub(crate) fn detect(parts: &Parts, names: impl FnOnce(&str) -> bool) -> Protocol {
    let known = content_type(&parts.headers).and_then(by_content_type);
    let connects = match known {
        // Some clients say of each request that it is JSON, though it has no body.
        None | Some(Protocol::Connect(Connect::Unary(_))) if matches!(parts.method, Method::GET | Method::HEAD) => {
            return by_query(&parts.uri, names);
        }
        Some(Protocol::Connect(Connect::Unary(_))) => {
            parts.method == Method::POST && (parts.headers.contains_key(VERSION) || names(parts.uri.path()))
        }
        Some(_) => true,
        None => false,
    };
    known.filter(|_| connects).unwrap_or(Protocol::Rest)
}

/// The protocol of a content type alone.
pub(crate) fn by_content_type(content_type: &[u8]) -> Option<Protocol> {
    let exactly = |protocol: &&Protocol| {
        protocol
            .media()
            .is_some_and(|media| media.name.as_bytes() == content_type)
    };
    if let Some(known) = KNOWN.iter().find(exactly) {
        return Some(*known);
    }
    let mut parts = content_type.split(|byte| *byte == b';');
    let essence = parts.next().unwrap_or_default().trim_ascii();
    let known = |protocol: &&Protocol| {
        let media = protocol.media();
        media.is_some_and(|media| media.name.as_bytes().eq_ignore_ascii_case(essence))
    };
    KNOWN.iter().find(known).copied()
}

fn content_type(headers: &HeaderMap) -> Option<&[u8]> {
    headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes)
}

fn by_query(uri: &Uri, names: impl FnOnce(&str) -> bool) -> Protocol {
    let pairs = || query::pairs(uri.query().unwrap_or_default());
    let has = |name| pairs().any(|(found, _)| found == name);
    // A field of a message may have any of these names.
    let is_said = pairs().any(|(name, value)| name == "connect" && value == "v1");
    let connects = is_said || ((has("connect") || has("encoding") && has("message")) && names(uri.path()));
    if connects {
        Protocol::Connect(Connect::Get)
    } else {
        Protocol::Rest
    }
}

impl Protocol {
    /// For people.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Grpc(_) => "gRPC",
            Self::GrpcWeb { .. } => "gRPC-Web",
            Self::Connect(_) => "Connect",
            Self::Rest => "REST",
        }
    }

    /// For metrics and logs.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::Grpc(_) => "grpc",
            Self::GrpcWeb { .. } => "grpc-web",
            Self::Connect(_) => "connect",
            Self::Rest => "rest",
        }
    }

    fn media(&self) -> Option<Media> {
        match *self {
            Self::Grpc(media)
            | Self::GrpcWeb { media, .. }
            | Self::Connect(Connect::Unary(media) | Connect::Stream(media)) => Some(media),
            Self::Connect(Connect::Get) | Self::Rest => None,
        }
    }
}

/// A content type as the value of a header. `from_static` looks at each byte unless it runs while the program is compiled,
/// so the common ones are made then.
pub(super) fn media_type(name: &'static str) -> HeaderValue {
    const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");
    const JSON: HeaderValue = HeaderValue::from_static("application/json");
    match name {
        "application/grpc" => GRPC,
        "application/json" => JSON,
        name => HeaderValue::from_static(name),
    }
}

impl Media {
    const fn proto(name: &'static str) -> Self {
        let notation = Notation::Proto;
        Self { name, notation }
    }

    const fn json(name: &'static str) -> Self {
        let notation = Notation::Json;
        Self { name, notation }
    }
}

const fn web(media: Media, text: bool) -> Protocol {
    Protocol::GrpcWeb { media, text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_of_a_message_may_be_called_as_connect_calls_its_own() {
        let method = |path: &str| path == "/a.B/C";
        for (target, is_connect) in [
            ("/a.B/C?connect=v1&encoding=json&message=%7B%7D", true),
            ("/a.B/C?connect=v2", true),
            ("/a.B/C?encoding=json&message=%7B%7D", true),
            ("/a.B/None?connect=v1&encoding=json&message=%7B%7D", true),
            ("/v1/devices?connect=true", false),
            ("/v1/devices?encoding=a&message=b", false),
            ("/a.B/C?message=b", false),
        ] {
            let found = by_query(&target.parse().unwrap(), method);
            assert_eq!(matches!(found, Protocol::Connect(_)), is_connect, "{target}");
        }
    }
}
