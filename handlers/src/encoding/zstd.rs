//! Zstandard: RFC 8878.

use std::io::{self, Read, Write};

use bytes::Bytes;
use zstd::stream::{read::Decoder, write::Encoder};

use super::Out;

const LEVEL: i32 = 1;
/// A frame may ask for a window of gigabytes; 2^23 bytes is what RFC 8878, section 3.1.1.1.2, recommends to support.
const WINDOW_LOG: u32 = 23;

pub(super) fn deflate(message: &[u8], out: Out) -> io::Result<Bytes> {
    let mut encoder = Encoder::new(out, LEVEL)?;
    encoder.set_pledged_src_size(Some(message.len() as u64))?;
    encoder.write_all(message)?;
    Ok(encoder.finish()?.into_inner().freeze())
}

pub(super) fn inflate(message: &[u8]) -> io::Result<Box<dyn Read + '_>> {
    // No frame at all is how Go's library writes nothing.
    if message.is_empty() {
        return Ok(Box::new(io::empty()));
    }
    let mut decoder = Decoder::with_buffer(message)?;
    decoder.window_log_max(WINDOW_LOG)?;
    Ok(Box::new(decoder))
}
