//! Compressed descriptor sets.

use std::io;

use super::{ReadError, content::Compression, read_up_to};
use crate::GzipMembers;

/// What cuts files into members makes one for 64 KiB.
const MOST_MEMBERS: usize = 10_000;

/// Inflates `bytes`, but not beyond `limit`: a bomb stops there.
pub(super) fn inflate(compression: Compression, bytes: &[u8], limit: usize) -> Result<Vec<u8>, ReadError> {
    match compression {
        Compression::Gzip => read_up_to(GzipMembers::new(bytes, MOST_MEMBERS), limit),
        Compression::Zstd => read_up_to(zstd::Decoder::with_buffer(bytes).map_err(io::Error::other)?, limit),
    }
}
