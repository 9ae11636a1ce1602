//! gzip: RFC 1952.

use std::io::{self, Read, Write};

use bytes::Bytes;
use descant_descriptors::GzipMembers;
use flate2::{Compression, write::GzEncoder};

use super::Out;

const LEVEL: u32 = 3;
/// Clients send one.
const MOST_MEMBERS: usize = 1000;

pub(super) fn deflate(message: &[u8], out: Out) -> io::Result<Bytes> {
    let mut encoder = GzEncoder::new(out, Compression::new(LEVEL));
    encoder.write_all(message)?;
    Ok(encoder.finish()?.into_inner().freeze())
}

pub(super) fn inflate(message: &[u8]) -> io::Result<Box<dyn Read + '_>> {
    Ok(Box::new(GzipMembers::new(message, MOST_MEMBERS)))
}

#[cfg(test)]
mod tests {
    use bytes::{BufMut, BytesMut};

    use super::{
        super::{Encoding, InflateError},
        *,
    };

    #[test]
    fn a_message_has_some_members_but_not_any_number() {
        let gzip = Encoding::named("gzip").unwrap();
        let member = deflate(b"hi", BytesMut::new().writer()).unwrap();
        assert_eq!(gzip.inflate(&member.repeat(3), 100).unwrap(), b"hihihi"[..]);
        let empty = deflate(b"", BytesMut::new().writer()).unwrap();
        let error = gzip.inflate(&empty.repeat(100_000), 100).unwrap_err();
        assert!(error.to_string().ends_with("more than 1000 gzip members"), "{error}");
        let after = [&member[..], b"more"].concat();
        assert!(matches!(gzip.inflate(&after, 100), Err(InflateError::Broken { .. })));
    }
}
