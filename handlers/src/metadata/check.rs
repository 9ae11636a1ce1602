//! Which names and values handlers may set.

use std::{error::Error, fmt};

use http::{HeaderName, HeaderValue};

/// Names that belong to HTTP. A handler that sets one would contradict what the transport says, and in HTTP/2 the
/// connection-specific ones make a message malformed. RFC 9113, section 8.2.2.
const RESERVED: [&str; 12] = [
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// A name of up to this length is shown in errors.
const SHOWN: usize = 100;

/// How the names of gRPC begin: gRPC over HTTP/2, "Call-Definition".
const GRPC: &str = "grpc-";

/// Names of gRPC's that clients send to servers, and that mean nothing between them.
pub(super) const END_TO_END: [&str; 3] = ["grpc-previous-rpc-attempts", "grpc-trace-bin", "grpc-tags-bin"];

/// How the names of Connect begin, and the trailers in the headers of its unary replies: Connect, "Unary-Response".
const CONNECT: [&str; 2] = ["connect-", "trailer-"];

/// Whether a name belongs to HTTP or to gRPC.
pub(crate) fn is_reserved(name: &str) -> bool {
    name.starts_with(GRPC) || RESERVED.contains(&name)
}

/// Whether a name belongs to HTTP, or to gRPC between two peers.
pub(super) fn is_reserved_on_the_way(name: &str) -> bool {
    is_reserved(name) && !END_TO_END.contains(&name)
}

/// Whether a name belongs to Connect.
pub(super) fn is_connects(name: &str) -> bool {
    CONNECT.iter().any(|prefix| name.starts_with(prefix))
}

pub(super) fn text_name(name: &str) -> Result<HeaderName, MetadataError> {
    if name.ends_with("-bin") {
        return Err(MetadataError(What::BytesExpected(shown(name))));
    }
    any_name(name)
}

pub(super) fn bin_name(name: &str) -> Result<HeaderName, MetadataError> {
    if !name.ends_with("-bin") {
        return Err(MetadataError(What::TextExpected(shown(name))));
    }
    any_name(name)
}

fn any_name(name: &str) -> Result<HeaderName, MetadataError> {
    let plain = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'z' | b'_' | b'-' | b'.');
    if name.is_empty() || !name.bytes().all(plain) {
        return Err(MetadataError(What::Name(shown(name))));
    }
    // Which protocol a reply goes out by is not known here.
    if is_reserved(name) || is_connects(name) {
        return Err(MetadataError(What::Reserved(shown(name))));
    }
    HeaderName::try_from(name).map_err(|_| MetadataError(What::Name(shown(name))))
}

/// The text without spaces at its ends: HTTP/2 libraries differ in whether they carry those.
pub(super) fn text(name: &str, value: &str) -> Result<HeaderValue, MetadataError> {
    let trimmed = value.trim_ascii();
    match trimmed.chars().find(|character| !matches!(character, ' '..='~')) {
        Some(character) => Err(MetadataError(What::Text(shown(name), character))),
        None => HeaderValue::from_str(trimmed).map_err(|_| MetadataError::too_many()),
    }
}

fn shown(name: &str) -> Box<str> {
    match name.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", name.get(..end).unwrap_or_default()).into(),
        None => name.into(),
    }
}

/// Why a name or a value cannot be metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetadataError(What);

#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    Name(Box<str>),
    Reserved(Box<str>),
    BytesExpected(Box<str>),
    TextExpected(Box<str>),
    Text(Box<str>, char),
    Base64(Box<str>),
    TooMany,
}

impl MetadataError {
    pub(super) fn too_many() -> Self {
        Self(What::TooMany)
    }

    /// Whether a value that was received is wrong, rather than one that is set.
    pub(crate) fn is_received(&self) -> bool {
        matches!(self.0, What::Base64(_))
    }

    pub(super) fn base64(error: &base64::DecodeError) -> Self {
        Self(What::Base64(error.to_string().into()))
    }
}

impl fmt::Display for MetadataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            What::Name(name) => {
                write!(
                    f,
                    "metadata name {name:?}: only lower-case letters, digits, '_', '-' and '.' are allowed"
                )
            }
            What::Reserved(name) => write!(f, "metadata name {name:?} belongs to the protocol; choose another one"),
            What::BytesExpected(name) => {
                write!(
                    f,
                    "metadata name {name:?} ends in \"-bin\" and so holds bytes; use insert_bin or append_bin"
                )
            }
            What::TextExpected(name) => {
                write!(
                    f,
                    "metadata name {name:?} does not end in \"-bin\" and so holds text; use insert or append"
                )
            }
            What::Text(name, character) => write!(
                f,
                "metadata value of {name:?} has {character:?}: only visible ASCII and spaces are allowed; \
                 put other text into a name that ends in \"-bin\""
            ),
            What::Base64(error) => write!(f, "a -bin value is not base64: {error}"),
            What::TooMany => f.write_str("too many metadata values for one call"),
        }
    }
}

impl Error for MetadataError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_lower_case() {
        for name in ["a", "x-request.id_2", "0"] {
            assert_eq!(text_name(name).unwrap().as_str(), name);
        }
        for name in ["", "Upper", "sp ace", ":path", "ünlaut", "a/b"] {
            let error = text_name(name).unwrap_err().to_string();
            assert!(error.contains(&format!("{name:?}: only lower-case")), "{error}");
        }
    }

    #[test]
    fn the_protocols_names_are_refused() {
        for name in [
            "grpc-status",
            "grpc-anything",
            "connect-timeout-ms",
            "trailer-note",
            "te",
            "content-type",
            "content-encoding",
            "connection",
        ] {
            let error = text_name(name).unwrap_err().to_string();
            assert!(error.contains("belongs to the protocol"), "{error}");
        }
        assert!(bin_name("grpc-status-details-bin").is_err());
    }

    #[test]
    fn bytes_and_text_have_names_of_their_own() {
        assert!(
            text_name("key-bin")
                .unwrap_err()
                .to_string()
                .ends_with("use insert_bin or append_bin")
        );
        assert!(
            bin_name("key")
                .unwrap_err()
                .to_string()
                .ends_with("use insert or append")
        );
        assert_eq!(bin_name("key-bin").unwrap().as_str(), "key-bin");
    }

    #[test]
    fn texts_are_trimmed() {
        assert_eq!(text("name", " \t two words\r\n").unwrap(), "two words");
        assert_eq!(text("name", "  ").unwrap(), "");
    }

    #[test]
    fn texts_are_visible_ascii() {
        for value in ["line\nbreak", "tab\tbed", "naïve", "\u{7f}", "nul\0"] {
            let error = text("name", value).unwrap_err().to_string();
            assert!(error.contains("only visible ASCII and spaces"), "{error}");
        }
    }

    #[test]
    fn long_names_are_cut_in_errors() {
        let error = text_name(&"É".repeat(5000)).unwrap_err().to_string();
        assert!(error.len() < 400, "{error}");
    }
}
