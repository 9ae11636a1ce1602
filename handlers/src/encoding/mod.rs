//! Compression of messages: one small table of codings, each a feature of this crate.

#![cfg_attr(
    not(any(
        feature = "br",
        feature = "deflate",
        feature = "gzip",
        feature = "snappy",
        feature = "zstd"
    )),
    allow(dead_code, reason = "without a coding nothing is compressed")
)]
#![allow(clippy::unnecessary_wraps, reason = "the functions of a table have one signature")]

#[cfg(feature = "br")]
mod brotli;
#[cfg(feature = "deflate")]
mod deflate;
#[cfg(feature = "gzip")]
mod gzip;
#[cfg(feature = "snappy")]
mod snappy;
#[cfg(feature = "zstd")]
mod zstd;

use std::{
    cmp::Ordering,
    fmt,
    io::{self, Read},
    sync::LazyLock,
};

use bytes::{BufMut, Bytes, BytesMut, buf::Writer};
use http::HeaderValue;

use crate::Status;

/// How a message is compressed: one of those that this build knows, each a feature of this crate.
#[derive(Clone, Copy)]
pub struct Encoding(&'static Entry);

/// Some of the codings: those that a peer takes.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Encodings(u8);

/// How the messages of one direction of a call are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Coding {
    /// As whoever sends them on likes.
    #[default]
    Free,
    /// As they came from another peer: those that it has compressed in this coding, and those that it has left plain.
    AsCame(Option<Encoding>),
}

/// Why a message cannot be inflated.
#[derive(Debug, thiserror::Error)]
pub enum InflateError {
    /// It would be larger than allowed; inflation stopped there.
    #[error("the message is larger than the limit of {0} bytes after inflation")]
    TooLarge(usize),
    /// The bytes are no compressed data.
    #[error("the message does not inflate as {}: {error}", .coding.name())]
    Broken {
        /// What it should be.
        coding: Encoding,
        /// What the decoder says.
        #[source]
        error: io::Error,
    },
}

/// A line of the table.
struct Entry {
    /// In headers: the gRPC compression specification, RFC 9110, section 8.4.1, and RFC 8878 for zstd.
    name: &'static str,
    /// Of its own, in [`Encodings`].
    bit: u8,
    /// Fast rather than small: a gateway spends its own time, not the client's.
    deflate: fn(&[u8], Out) -> io::Result<Bytes>,
    inflate: for<'a> fn(&'a [u8]) -> io::Result<Box<dyn Read + 'a>>,
}

type Out = Writer<BytesMut>;

/// Every coding; what we like to send stands first.
static ALL: &[Entry] = &[
    #[cfg(feature = "gzip")]
    Entry {
        name: "gzip",
        bit: 1,
        deflate: gzip::deflate,
        inflate: gzip::inflate,
    },
    #[cfg(feature = "zstd")]
    Entry {
        name: "zstd",
        bit: 1 << 1,
        deflate: zstd::deflate,
        inflate: zstd::inflate,
    },
    #[cfg(feature = "br")]
    Entry {
        name: "br",
        bit: 1 << 2,
        deflate: brotli::deflate,
        inflate: brotli::inflate,
    },
    #[cfg(feature = "deflate")]
    Entry {
        name: "deflate",
        bit: 1 << 3,
        deflate: deflate::deflate,
        inflate: deflate::inflate,
    },
    #[cfg(feature = "snappy")]
    Entry {
        name: "snappy",
        bit: 1 << 4,
        deflate: snappy::deflate,
        inflate: snappy::inflate,
    },
];

/// Every name, as a header that says what is accepted: `identity,gzip,...`.
static ACCEPTED: LazyLock<String> = LazyLock::new(|| {
    let names = ALL.iter().map(|coding| coding.name);
    std::iter::once("identity").chain(names).collect::<Vec<_>>().join(",")
});

/// Below this many bytes compression costs more than it saves.
const WORTHWHILE: usize = 256;
/// As much is set aside at once for bytes that may come.
const CHUNK: usize = 16 << 10;

impl Encoding {
    /// The coding of that name; `None` if it is unknown. `identity` is no coding.
    pub fn named(name: &str) -> Option<Self> {
        ALL.iter().find(|coding| coding.name == name).map(Self)
    }

    /// The coding of that name in a header of HTTP, whatever its case. RFC 9110, section 8.4.1.3: `x-gzip` is gzip.
    pub fn of_http(name: &str) -> Option<Self> {
        let name = if name.eq_ignore_ascii_case("x-gzip") {
            "gzip"
        } else {
            name
        };
        let found = ALL.iter().find(|coding| coding.name.eq_ignore_ascii_case(name));
        found.map(Self)
    }

    /// Its name in headers.
    pub fn name(self) -> &'static str {
        self.0.name
    }

    /// Compresses a message; `None` if that is not worth it.
    pub fn deflate(self, message: &[u8]) -> Option<Bytes> {
        if message.len() < WORTHWHILE {
            return None;
        }
        let out = BytesMut::with_capacity(message.len() / 2).writer();
        // Writing to memory does not fail; if it ever did, the message goes out as it is.
        let deflated = (self.0.deflate)(message, out).ok();
        deflated.filter(|smaller| smaller.len() < message.len())
    }

    /// Compresses a message, though it may not be worth it: for a peer that is to get it so. `None`: it cannot be compressed.
    pub fn compress(self, message: &[u8]) -> Option<Bytes> {
        (self.0.deflate)(message, BytesMut::new().writer()).ok()
    }

    /// Inflates a message of at most `limit` bytes.
    pub fn inflate(self, message: &[u8], limit: usize) -> Result<Bytes, InflateError> {
        let broken = |error| InflateError::Broken { coding: self, error };
        let mut from = (self.0.inflate)(message).map_err(broken)?;
        let mut out = BytesMut::new();
        loop {
            // Memory is set aside for bytes that came, never for a declared length.
            let start = out.len();
            // One byte past the limit tells "exactly as much" from "more".
            let room = (limit.saturating_add(1) - start).min(CHUNK.max(start));
            out.resize(start + room, 0);
            let read = from.read(out.get_mut(start..).unwrap_or_default()).map_err(broken)?;
            out.truncate(start + read);
            if read == 0 {
                break;
            }
            if out.len() > limit {
                return Err(InflateError::TooLarge(limit));
            }
        }
        // Brotli's decoder says on the next read that something follows the message.
        from.read(&mut [0]).map_err(broken)?;
        Ok(out.freeze())
    }
}

impl fmt::Debug for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl PartialEq for Encoding {
    fn eq(&self, other: &Self) -> bool {
        self.0.bit == other.0.bit
    }
}

impl Eq for Encoding {}

/// What is liked best stands first.
impl Ord for Encoding {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.bit.cmp(&other.0.bit)
    }
}

impl PartialOrd for Encoding {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Encodings {
    /// The names of all codings there are, as a header that says what is accepted has them.
    pub fn all() -> &'static str {
        &ACCEPTED
    }

    /// The same as the value of a header.
    pub fn all_header() -> HeaderValue {
        HeaderValue::from_static(&ACCEPTED)
    }

    /// All that there are.
    pub fn every() -> Self {
        ALL.iter().map(Encoding).collect()
    }

    /// Adds one.
    pub fn insert(&mut self, coding: Encoding) {
        self.0 |= coding.0.bit;
    }

    /// Whether a coding is among them.
    pub fn has(self, coding: Encoding) -> bool {
        self.0 & coding.0.bit != 0
    }

    /// A bit for each.
    #[cfg(feature = "proxy")]
    pub(crate) fn bits(self) -> u8 {
        self.0
    }

    /// The same again.
    #[cfg(feature = "proxy")]
    pub(crate) fn from_bits(bits: u8) -> Self {
        Self(bits)
    }

    /// Each of them, what is liked best first.
    pub fn iter(self) -> impl Iterator<Item = Encoding> {
        ALL.iter().map(Encoding).filter(move |coding| self.has(*coding))
    }
}

impl FromIterator<Encoding> for Encodings {
    fn from_iter<I: IntoIterator<Item = Encoding>>(codings: I) -> Self {
        let mut all = Self::default();
        codings.into_iter().for_each(|coding| all.insert(coding));
        all
    }
}

impl fmt::Debug for Encodings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// A request that is wrong is not the server's fault, except in gRPC.
impl From<InflateError> for Status {
    fn from(error: InflateError) -> Self {
        match error {
            InflateError::TooLarge(_) => Self::resource_exhausted(error.to_string()),
            InflateError::Broken { .. } => Self::invalid_argument(error.to_string()),
        }
    }
}

#[cfg(all(
    test,
    feature = "br",
    feature = "deflate",
    feature = "gzip",
    feature = "snappy",
    feature = "zstd"
))]
mod tests {
    use super::*;

    fn all() -> impl Iterator<Item = Encoding> {
        ALL.iter().map(Encoding)
    }

    #[test]
    fn what_was_deflated_inflates() {
        let message = b"All work and no play makes a dull gateway. ".repeat(100);
        for coding in all() {
            let small = coding.deflate(&message).unwrap();
            assert!(small.len() < message.len() / 5);
            assert_eq!(coding.inflate(&small, message.len()).unwrap(), message);
        }
    }

    #[test]
    fn small_and_random_messages_stay_as_they_are() {
        let random: Vec<u8> = (0..4096).map(|_| fastrand::u8(..)).collect();
        for coding in all() {
            assert!(coding.deflate(b"short").is_none());
            assert!(coding.deflate(&random).is_none());
        }
    }

    #[test]
    fn inflation_stops_at_the_limit() {
        let bomb = vec![0; 8 << 20];
        for coding in all() {
            let small = coding.deflate(&bomb).unwrap();
            let inflated = coding.inflate(&small, 1 << 20);
            assert!(matches!(inflated, Err(InflateError::TooLarge(limit)) if limit == 1 << 20));
            assert_eq!(coding.inflate(&small, bomb.len()).unwrap().len(), bomb.len());
        }
    }

    #[test]
    fn a_limit_may_be_none_at_all() {
        let message = b"All work and no play makes a dull gateway. ".repeat(1000);
        for coding in all() {
            let small = coding.deflate(&message).unwrap();
            assert_eq!(coding.inflate(&small, usize::MAX).unwrap(), message);
        }
    }

    #[test]
    fn what_is_no_compressed_data_is_told_apart() {
        let message = b"All work and no play makes a dull gateway. ".repeat(100);
        for coding in all() {
            assert!(matches!(
                coding.inflate(b"nonsense", 100),
                Err(InflateError::Broken { .. })
            ));
            let small = coding.deflate(&message).unwrap();
            let cut = &small[..small.len() / 2];
            assert!(
                matches!(coding.inflate(cut, 1 << 20), Err(InflateError::Broken { .. })),
                "{coding:?}"
            );
        }
    }

    #[test]
    fn an_empty_message_inflates_to_nothing() {
        // What clients send that compress everything: a whole frame around no bytes.
        for coding in all() {
            let empty = coding.compress(b"").unwrap();
            assert_eq!(coding.inflate(&empty, 10).unwrap(), b""[..], "{coding:?}");
        }
    }

    #[test]
    fn all_are_named() {
        assert_eq!(Encodings::all(), "identity,gzip,zstd,br,deflate,snappy");
    }
}
