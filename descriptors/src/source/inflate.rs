//! Compressed descriptor sets.

use std::io;

use flate2::read::MultiGzDecoder;

use super::{ReadError, content::Compression, read_up_to};

/// Inflates `bytes`, but not beyond `limit`: a bomb stops there.
pub(super) fn inflate(compression: Compression, bytes: &[u8], limit: usize) -> Result<Vec<u8>, ReadError> {
    match compression {
        Compression::Gzip => read_up_to(MultiGzDecoder::new(bytes), limit),
        Compression::Zstd => read_up_to(zstd::Decoder::with_buffer(bytes).map_err(io::Error::other)?, limit),
    }
}
