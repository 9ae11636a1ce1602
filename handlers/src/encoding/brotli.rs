//! Brotli: RFC 7932.

use std::io::{self, Read};

use brotli::{BrotliCompress, Decompressor, enc::BrotliEncoderParams};
use bytes::Bytes;

use super::Out;

const QUALITY: i32 = 3;
/// 256 KiB: a wider window takes more memory, and most messages are smaller.
const WINDOW_LOG: i32 = 18;
/// Bytes that the decoder takes at a time.
const BUFFER: usize = 4 << 10;

pub(super) fn deflate(message: &[u8], mut out: Out) -> io::Result<Bytes> {
    let settings = BrotliEncoderParams {
        quality: QUALITY,
        lgwin: WINDOW_LOG,
        size_hint: message.len(),
        ..BrotliEncoderParams::default()
    };
    BrotliCompress(&mut &*message, &mut out, &settings)?;
    Ok(out.into_inner().freeze())
}

pub(super) fn inflate(message: &[u8]) -> io::Result<Box<dyn Read + '_>> {
    Ok(Box::new(Decompressor::new(message, BUFFER)))
}
