//! Compression of messages: one small table of codings, each a feature of this crate.

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
    fmt,
    io::{self, Read},
    sync::LazyLock,
};

use bytes::{BufMut, Bytes, BytesMut, buf::Writer};
use descant_handlers::Status;
use http::HeaderValue;

use super::weight::weight;

/// How a message is compressed.
#[derive(Clone, Copy)]
pub(crate) struct Encoding(&'static Coding);

/// The codings that a client takes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Encodings {
    /// A bit for each.
    among: u8,
    /// The one that it likes best, and how much, in thousandths.
    best: Option<(Encoding, u32)>,
}

/// Why a message cannot be inflated.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InflateError {
    /// It would be larger than allowed; inflation stopped there.
    #[error("the message is larger than the limit of {0} bytes after inflation")]
    TooLarge(usize),
    /// The bytes are no compressed data.
    #[error("the message does not inflate as {}: {error}", .coding.name())]
    Broken {
        coding: Encoding,
        #[source]
        error: io::Error,
    },
}

/// A line of the table.
struct Coding {
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
static ALL: &[Coding] = &[
    #[cfg(feature = "gzip")]
    Coding {
        name: "gzip",
        bit: 1,
        deflate: gzip::deflate,
        inflate: gzip::inflate,
    },
    #[cfg(feature = "zstd")]
    Coding {
        name: "zstd",
        bit: 1 << 1,
        deflate: zstd::deflate,
        inflate: zstd::inflate,
    },
    #[cfg(feature = "br")]
    Coding {
        name: "br",
        bit: 1 << 2,
        deflate: brotli::deflate,
        inflate: brotli::inflate,
    },
    #[cfg(feature = "deflate")]
    Coding {
        name: "deflate",
        bit: 1 << 3,
        deflate: deflate::deflate,
        inflate: deflate::inflate,
    },
    #[cfg(feature = "snappy")]
    Coding {
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

/// The names of all codings.
pub(crate) fn accepted() -> &'static str {
    &ACCEPTED
}

/// The same as the value of a header.
pub(crate) fn accepted_header() -> HeaderValue {
    HeaderValue::from_static(&ACCEPTED)
}

impl Encoding {
    /// The coding of that name; `None` if it is unknown. `identity` is no coding.
    pub(crate) fn named(name: &str) -> Option<Self> {
        ALL.iter().find(|coding| coding.name == name).map(Self)
    }

    /// The coding of that name in a header of HTTP, whatever its case. RFC 9110, section 8.4.1.3: `x-gzip` is gzip.
    pub(crate) fn of_http(name: &str) -> Option<Self> {
        let name = if name.eq_ignore_ascii_case("x-gzip") {
            "gzip"
        } else {
            name
        };
        let found = ALL.iter().find(|coding| coding.name.eq_ignore_ascii_case(name));
        found.map(Self)
    }

    /// Its name in headers.
    pub(crate) fn name(self) -> &'static str {
        self.0.name
    }

    /// Compresses a message; `None` if that is not worth it.
    pub(crate) fn deflate(self, message: &[u8]) -> Option<Bytes> {
        if message.len() < WORTHWHILE {
            return None;
        }
        let out = BytesMut::with_capacity(message.len() / 2).writer();
        // Writing to memory does not fail; if it ever did, the message goes out as it is.
        let deflated = (self.0.deflate)(message, out).ok();
        deflated.filter(|smaller| smaller.len() < message.len())
    }

    /// Inflates a message of at most `limit` bytes.
    pub(crate) fn inflate(self, message: &[u8], limit: usize) -> Result<Bytes, InflateError> {
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

impl Encodings {
    /// Adds the codings of a list as `accept-encoding` and its like have it; unknown ones are passed over, and those of
    /// which the client says `q=0` (RFC 9110, section 12.4.2).
    ///
    /// Of those that the client likes equally, the one that it names first is the best if the list is `ordered`, else the one
    /// that we like best.
    pub(crate) fn add(&mut self, list: &[u8], ordered: bool) {
        // What is no text names no coding.
        let list = str::from_utf8(list).unwrap_or_default();
        for item in list.split(',') {
            let name = item.split(';').next().unwrap_or_default().trim_ascii();
            let weight = weight(item);
            let Some(coding) = Encoding::of_http(name).filter(|_| weight > 0) else {
                continue;
            };
            self.among |= coding.0.bit;
            let better = |(best, most): (Encoding, u32)| {
                weight > most || weight == most && !ordered && coding.0.bit < best.0.bit
            };
            if self.best.is_none_or(better) {
                self.best = Some((coding, weight));
            }
        }
    }

    /// The best of them.
    pub(crate) fn best(self) -> Option<Encoding> {
        self.best.map(|(coding, _)| coding)
    }

    /// Whether a coding is among them.
    pub(crate) fn has(self, coding: Encoding) -> bool {
        self.among & coding.0.bit != 0
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

#[cfg(all(test, feature = "compression"))]
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
            let empty = (coding.0.deflate)(b"", BytesMut::new().writer()).unwrap();
            assert_eq!(coding.inflate(&empty, 10).unwrap(), b""[..], "{coding:?}");
        }
    }

    #[test]
    fn the_client_says_what_it_takes() {
        let mut taken = Encodings::default();
        taken.add(b"br;q=1.0, rot13,deflate ; q=0.000", false);
        taken.add(b"identity , zstd;q=0.1,snappy;q=0", false);
        let names: Vec<_> = all().filter(|coding| taken.has(*coding)).map(Encoding::name).collect();
        assert_eq!(names, ["zstd", "br"]);
    }

    #[test]
    fn the_client_says_what_it_likes_best() {
        for (list, ordered, best) in [
            ("gzip, br", true, Some("gzip")),
            ("br, gzip", true, Some("br")),
            ("br, gzip", false, Some("gzip")),
            ("zstd;q=0.1, br;q=0.9", false, Some("br")),
            ("br;q=0, X-GZip;q=0.001", true, Some("gzip")),
            ("identity, rot13, *", false, None),
            ("", true, None),
        ] {
            let mut taken = Encodings::default();
            taken.add(list.as_bytes(), ordered);
            assert_eq!(taken.best().map(Encoding::name), best, "{list}");
        }
    }

    #[test]
    fn all_are_named() {
        assert_eq!(accepted(), "identity,gzip,zstd,br,deflate,snappy");
    }
}
