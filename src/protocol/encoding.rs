//! Compression of messages: one small table of codings.

use std::io::{self, Read, Write};

use bytes::{BufMut, Bytes, BytesMut};
use descant_handlers::Status;
use flate2::bufread::GzDecoder;

/// How a message is compressed. Names: the gRPC compression specification, and RFC 8878 for zstd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Gzip,
    Zstd,
}

/// A set of codings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Encodings(u8);

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

/// Every coding.
const ALL: [Encoding; 2] = [Encoding::Gzip, Encoding::Zstd];
/// What `grpc-accept-encoding` says.
pub(crate) const ACCEPTED: &str = "identity,gzip,zstd";
/// Below this many bytes compression costs more than it saves.
const WORTHWHILE: usize = 256;
/// Fast ones: a gateway spends its own time, not the client's.
const GZIP_LEVEL: u32 = 3;
const ZSTD_LEVEL: i32 = 1;
/// A zstd frame may ask for a window of gigabytes; 2^23 bytes is what RFC 8878, section 3.1.1.1.2, recommends to support.
const ZSTD_WINDOW_LOG: u32 = 23;
/// Each gzip member costs several microseconds, however little is in it: a message full of empty ones would stop a worker
/// for seconds. Clients send one.
const MOST_MEMBERS: usize = 1000;
/// As much is set aside at once for bytes that may come.
const CHUNK: usize = 16 << 10;

impl Encoding {
    /// The coding of that name; `None` if it is unknown. `identity` is no coding.
    pub(crate) fn named(name: &str) -> Option<Self> {
        ALL.into_iter().find(|coding| coding.name() == name)
    }

    /// Its name in headers.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    /// Compresses a message; `None` if that is not worth it.
    pub(crate) fn deflate(self, message: &[u8]) -> Option<Bytes> {
        if message.len() < WORTHWHILE {
            return None;
        }
        let out = BytesMut::with_capacity(message.len() / 2).writer();
        let deflated = match self {
            Self::Gzip => gzip(message, out),
            Self::Zstd => zstd(message, out),
        };
        // Writing to memory does not fail; if it ever did, the message goes out as it is.
        deflated.ok().filter(|smaller| smaller.len() < message.len())
    }

    /// Inflates a message of at most `limit` bytes.
    pub(crate) fn inflate(self, message: &[u8], limit: usize) -> Result<Bytes, InflateError> {
        let coding = self;
        let broken = |error| InflateError::Broken { coding, error };
        match self {
            Self::Gzip => self.read(Members::of(message), limit),
            Self::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(message).map_err(broken)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG).map_err(broken)?;
                self.read(decoder, limit)
            }
        }
    }

    /// Memory is set aside for bytes that came, never for a declared length.
    fn read(self, mut from: impl Read, limit: usize) -> Result<Bytes, InflateError> {
        let mut out = BytesMut::new();
        loop {
            let start = out.len();
            // One byte past the limit tells "exactly as much" from "more".
            let room = (limit.saturating_add(1) - start).min(CHUNK.max(start));
            out.resize(start + room, 0);
            let read = from.read(out.get_mut(start..).unwrap_or_default());
            let read = read.map_err(|error| InflateError::Broken { coding: self, error })?;
            out.truncate(start + read);
            if read == 0 {
                return Ok(out.freeze());
            }
            if out.len() > limit {
                return Err(InflateError::TooLarge(limit));
            }
        }
    }
}

impl Encodings {
    /// Adds the codings of a list as `grpc-accept-encoding` has it; unknown ones are passed over.
    pub(crate) fn add(&mut self, list: &[u8]) {
        for name in list.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            let known = ALL.into_iter().filter(|coding| coding.name().as_bytes() == name);
            known.for_each(|coding| self.0 |= 1 << coding as u8);
        }
    }

    /// The one that we like best.
    pub(crate) fn first(self) -> Option<Encoding> {
        ALL.into_iter().find(|coding| self.has(*coding))
    }

    /// Whether a coding is among them.
    pub(crate) fn has(self, coding: Encoding) -> bool {
        self.0 >> coding as u8 & 1 == 1
    }
}

impl From<InflateError> for Status {
    fn from(error: InflateError) -> Self {
        match error {
            InflateError::TooLarge(_) => Self::resource_exhausted(error.to_string()),
            InflateError::Broken { .. } => Self::internal(error.to_string()),
        }
    }
}

type Out = bytes::buf::Writer<BytesMut>;

fn gzip(message: &[u8], out: Out) -> io::Result<Bytes> {
    let mut encoder = flate2::write::GzEncoder::new(out, flate2::Compression::new(GZIP_LEVEL));
    encoder.write_all(message)?;
    Ok(encoder.finish()?.into_inner().freeze())
}

fn zstd(message: &[u8], out: Out) -> io::Result<Bytes> {
    let mut encoder = zstd::stream::write::Encoder::new(out, ZSTD_LEVEL)?;
    encoder.set_pledged_src_size(Some(message.len() as u64))?;
    encoder.write_all(message)?;
    Ok(encoder.finish()?.into_inner().freeze())
}

/// The members of a gzip file, one after another: RFC 1952, section 2.2.
struct Members<'a> {
    member: GzDecoder<&'a [u8]>,
    left: usize,
}

impl<'a> Members<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        Self {
            member: GzDecoder::new(bytes),
            left: MOST_MEMBERS,
        }
    }
}

impl Read for Members<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.member.read(into)?;
            let rest: &[u8] = self.member.get_ref();
            if read > 0 || into.is_empty() || rest.is_empty() {
                return Ok(read);
            }
            let Some(left) = self.left.checked_sub(1) else {
                return Err(io::Error::other(format!(
                    "it has more than {MOST_MEMBERS} gzip members"
                )));
            };
            *self = Self {
                member: GzDecoder::new(rest),
                left,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_deflated_inflates() {
        let message = b"All work and no play makes a dull gateway. ".repeat(100);
        for coding in ALL {
            let small = coding.deflate(&message).unwrap();
            assert!(small.len() < message.len() / 5);
            assert_eq!(coding.inflate(&small, message.len()).unwrap(), message);
        }
    }

    #[test]
    fn small_and_random_messages_stay_as_they_are() {
        let random: Vec<u8> = (0..4096).map(|_| fastrand::u8(..)).collect();
        for coding in ALL {
            assert!(coding.deflate(b"short").is_none());
            assert!(coding.deflate(&random).is_none());
        }
    }

    #[test]
    fn inflation_stops_at_the_limit() {
        let bomb = vec![0; 8 << 20];
        for coding in ALL {
            let small = coding.deflate(&bomb).unwrap();
            let inflated = coding.inflate(&small, 1 << 20);
            assert!(matches!(inflated, Err(InflateError::TooLarge(limit)) if limit == 1 << 20));
            assert_eq!(coding.inflate(&small, bomb.len()).unwrap().len(), bomb.len());
        }
    }

    #[test]
    fn a_limit_may_be_none_at_all() {
        let message = b"All work and no play makes a dull gateway. ".repeat(1000);
        for coding in ALL {
            let small = coding.deflate(&message).unwrap();
            assert_eq!(coding.inflate(&small, usize::MAX).unwrap(), message);
        }
    }

    #[test]
    fn what_is_no_compressed_data_is_told_apart() {
        let message = b"All work and no play makes a dull gateway. ".repeat(100);
        for coding in ALL {
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
    fn a_message_has_some_gzip_members_but_not_any_number() {
        let member = gzip(b"hi", BytesMut::new().writer()).unwrap();
        assert_eq!(Encoding::Gzip.inflate(&member.repeat(3), 100).unwrap(), b"hihihi"[..]);
        let empty = gzip(b"", BytesMut::new().writer()).unwrap();
        let error = Encoding::Gzip.inflate(&empty.repeat(100_000), 100).unwrap_err();
        assert!(error.to_string().ends_with("more than 1000 gzip members"), "{error}");
        let after = [&member[..], b"more"].concat();
        assert!(matches!(
            Encoding::Gzip.inflate(&after, 100),
            Err(InflateError::Broken { .. })
        ));
    }

    #[test]
    fn an_empty_message_inflates_to_nothing() {
        // What clients send that compress everything: a whole frame around no bytes.
        let empty = gzip(b"", BytesMut::new().writer()).unwrap();
        assert_eq!(Encoding::Gzip.inflate(&empty, 10).unwrap(), b""[..]);
        let empty = zstd(b"", BytesMut::new().writer()).unwrap();
        assert_eq!(Encoding::Zstd.inflate(&empty, 10).unwrap(), b""[..]);
    }
}
