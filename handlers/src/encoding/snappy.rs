//! Snappy, in its frame format: <https://github.com/google/snappy/blob/main/framing_format.txt>

use std::io::{self, Read, Write};

use bytes::Bytes;
use snap::{read::FrameDecoder, write::FrameEncoder};

use super::Out;

pub(super) fn deflate(message: &[u8], out: Out) -> io::Result<Bytes> {
    let mut encoder = FrameEncoder::new(out);
    encoder.write_all(message)?;
    let out = encoder.into_inner().map_err(snap::write::IntoInnerError::into_error)?;
    Ok(out.into_inner().freeze())
}

pub(super) fn inflate(message: &[u8]) -> io::Result<Box<dyn Read + '_>> {
    Ok(Box::new(FrameDecoder::new(message)))
}
