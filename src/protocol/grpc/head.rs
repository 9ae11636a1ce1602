//! The head of a request: what its headers say, read in one pass.

use std::time::{Duration, Instant};

use descant_handlers::Metadata;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header, request::Parts};

use super::{
    super::{Encoding, encoding::Encodings, target},
    Refusal, timeout,
};

pub(super) const GRPC: &str = "application/grpc";
const GRPC_PROTO: &str = "application/grpc+proto";

/// Headers that are HTTP's or gRPC's own. What is left is the client's metadata.
static OWN: [HeaderName; 7] = [
    header::CONTENT_TYPE,
    header::TE,
    header::CONTENT_LENGTH,
    header::HOST,
    HeaderName::from_static("grpc-timeout"),
    HeaderName::from_static("grpc-encoding"),
    HeaderName::from_static("grpc-accept-encoding"),
];

/// The place of `host` in [`OWN`].
const HOST: usize = 3;

/// What the headers of a request say.
#[derive(Debug, Default)]
pub(super) struct Head {
    /// As the reply repeats it.
    pub(super) content_type: &'static str,
    timeout: Option<Duration>,
    /// How the messages of the request are compressed.
    pub(super) received: Option<Encoding>,
    /// How those of the reply may be.
    pub(super) accepted: Encodings,
    /// Which of [`OWN`] are there, a bit for each.
    own: u8,
    /// Whether some name ends in `-bin`.
    binary: bool,
}

/// Whether a request is gRPC's at all, and its target can be read in one way only.
pub(crate) fn detect(parts: &Parts) -> Result<(), Refusal> {
    if content_type(parts.headers.get(header::CONTENT_TYPE)).is_none() {
        return Err(Refusal::not_grpc(&parts.method));
    }
    if parts.method != Method::POST {
        return Err(Refusal::not_post(&parts.method));
    }
    target::check_path(parts.uri.path()).map_err(|error| Refusal::bad_request(&error))
}

impl Head {
    pub(super) fn read(parts: &Parts) -> Result<Self, Refusal> {
        let mut head = Self::default();
        for (name, value) in &parts.headers {
            head.header(name.as_str(), value)?;
        }
        if head.own >> HOST & 1 == 1 {
            let one = target::check_authority(parts.uri.authority(), &parts.headers);
            one.map_err(|error| Refusal::bad_request(&error))?;
        }
        Ok(head)
    }

    fn header(&mut self, name: &str, value: &HeaderValue) -> Result<(), Refusal> {
        let own = match name {
            "content-type" => {
                self.content_type = content_type(Some(value)).unwrap_or(GRPC);
                0
            }
            "te" => 1,
            "content-length" => 2,
            "host" => HOST,
            "grpc-timeout" => {
                let parsed = timeout::parse(value.as_bytes(), self.timeout);
                self.timeout = Some(parsed.map_err(|error| Refusal::bad_request(&error))?);
                4
            }
            "grpc-encoding" => {
                self.received = received(value)?;
                5
            }
            "grpc-accept-encoding" => {
                self.accepted.add(value.as_bytes());
                6
            }
            other => {
                self.binary |= other.ends_with("-bin");
                return Ok(());
            }
        };
        self.own |= 1 << own;
        Ok(())
    }

    /// When the call must be over, by the clock of the timers; `None`: not in this age of the world.
    pub(super) fn deadline(&self) -> Option<Instant> {
        tokio::time::Instant::now().into_std().checked_add(self.timeout?)
    }

    /// What neither HTTP nor gRPC itself has a use for. Values of `-bin` names have to be base64.
    pub(super) fn metadata(&self, mut headers: HeaderMap) -> Result<Metadata, Refusal> {
        for (index, own) in OWN.iter().enumerate() {
            if self.own >> index & 1 == 1 {
                headers.remove(own);
            }
        }
        let metadata = Metadata::from_headers(headers);
        if self.binary {
            for (name, _) in metadata.iter().filter(|(name, _)| name.ends_with("-bin")) {
                let sound = metadata.get_all_bin(name).try_for_each(|value| value.map(drop));
                sound.map_err(|error| Refusal::bad_request(&format_args!("{name}: {error}")))?;
            }
        }
        Ok(metadata)
    }
}

/// The content type of a gRPC request, as its reply repeats it. Names are case-insensitive (RFC 9110, section 8.3.1).
fn content_type(value: Option<&HeaderValue>) -> Option<&'static str> {
    let value = value?.as_bytes();
    let essence = value
        .split(|byte| *byte == b';')
        .next()
        .unwrap_or_default()
        .trim_ascii_end();
    let mut known = [GRPC, GRPC_PROTO].into_iter();
    known.find(|known| essence.eq_ignore_ascii_case(known.as_bytes()))
}

/// How the messages are compressed; an unknown coding is refused, with those that are known.
fn received(value: &HeaderValue) -> Result<Option<Encoding>, Refusal> {
    if value == "identity" {
        return Ok(None);
    }
    let coding = value.to_str().ok().and_then(Encoding::named);
    coding.map(Some).ok_or_else(Refusal::unknown_encoding)
}
