//! "deflate": DEFLATE in zlib's format, RFC 1950. RFC 9110, section 8.4.1.2: some send it bare, RFC 1951, so that is read too.

use std::io::{self, Read, Write};

use bytes::Bytes;
use flate2::{Compression, Decompress, FlushDecompress, Status, write::ZlibEncoder};

use super::Out;

const LEVEL: u32 = 3;

pub(super) fn deflate(message: &[u8], out: Out) -> io::Result<Bytes> {
    let mut encoder = ZlibEncoder::new(out, Compression::new(LEVEL));
    encoder.write_all(message)?;
    Ok(encoder.finish()?.into_inner().freeze())
}

pub(super) fn inflate(message: &[u8]) -> io::Result<Box<dyn Read + '_>> {
    Ok(Box::new(Inflater {
        input: message,
        state: Decompress::new(has_zlib_header(message)),
        ended: false,
    }))
}

/// RFC 1950, section 2.2: the method is 8, and the first two bytes are a multiple of 31.
fn has_zlib_header(message: &[u8]) -> bool {
    match message {
        [first, second, ..] => first & 0x0f == 8 && u16::from_be_bytes([*first, *second]) % 31 == 0,
        _ => false,
    }
}

/// Inflates one stream, which has to end and to be all there is: flate2's own readers take a part for the whole.
struct Inflater<'a> {
    input: &'a [u8],
    state: Decompress,
    ended: bool,
}

impl Read for Inflater<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.ended || into.is_empty() {
            return Ok(0);
        }
        let (taken, given) = (self.state.total_in(), self.state.total_out());
        let status = self.state.decompress(self.input, into, FlushDecompress::None)?;
        // Both are lengths of slices.
        let count = |after: u64, before: u64| usize::try_from(after - before).unwrap_or(0);
        let (taken, given) = (
            count(self.state.total_in(), taken),
            count(self.state.total_out(), given),
        );
        self.input = self.input.get(taken..).unwrap_or_default();
        self.ended = status == Status::StreamEnd;
        match (self.ended, self.input) {
            (true, [_, ..]) => Err(io::Error::other("something follows the compressed data")),
            (false, []) if given == 0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(given),
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::{BufMut, BytesMut};
    use flate2::write::DeflateEncoder;

    use super::{
        super::{Encoding, InflateError},
        *,
    };

    #[test]
    fn bare_deflate_is_read_too() {
        let message = b"All work and no play makes a dull gateway. ".repeat(100);
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&message).unwrap();
        let coding = Encoding::named("deflate").unwrap();
        assert_eq!(coding.inflate(&encoder.finish().unwrap(), 10_000).unwrap(), message);
    }

    #[test]
    fn nothing_may_follow() {
        let coding = Encoding::named("deflate").unwrap();
        let message = deflate(b"hi", BytesMut::new().writer()).unwrap();
        assert_eq!(coding.inflate(&message, 100).unwrap(), b"hi"[..]);
        let after = [&message[..], b"more"].concat();
        assert!(matches!(coding.inflate(&after, 100), Err(InflateError::Broken { .. })));
    }
}
