//! Compressed descriptor sets.

use std::io::{self, Read};

use flate2::bufread::GzDecoder;

use super::{ReadError, content::Compression, read_up_to};

/// Each member costs several microseconds, however little is in it: megabytes of empty ones would take seconds. What
/// cuts files into members makes one for 64 KiB.
const MOST_MEMBERS: usize = 10_000;

/// Inflates `bytes`, but not beyond `limit`: a bomb stops there.
pub(super) fn inflate(compression: Compression, bytes: &[u8], limit: usize) -> Result<Vec<u8>, ReadError> {
    match compression {
        Compression::Gzip => read_up_to(Members::of(bytes), limit),
        Compression::Zstd => read_up_to(zstd::Decoder::with_buffer(bytes).map_err(io::Error::other)?, limit),
    }
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
