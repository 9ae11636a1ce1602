//! What gzip holds.

use std::io::{self, Read};

use flate2::bufread::GzDecoder;

/// Inflates gzip's members, one after another: RFC 1952, section 2.2.
///
/// Each costs several microseconds, however little is in it: megabytes of empty ones would take seconds. So their number
/// is bounded.
#[derive(Debug)]
pub struct GzipMembers<'a> {
    member: GzDecoder<&'a [u8]>,
    most: usize,
    left: usize,
}

impl<'a> GzipMembers<'a> {
    /// The members of `bytes`, of which there may be `most` after the first.
    pub fn new(bytes: &'a [u8], most: usize) -> Self {
        Self {
            member: GzDecoder::new(bytes),
            most,
            left: most,
        }
    }
}

impl Read for GzipMembers<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.member.read(into)?;
            let rest: &[u8] = self.member.get_ref();
            if read > 0 || into.is_empty() || rest.is_empty() {
                return Ok(read);
            }
            let Some(left) = self.left.checked_sub(1) else {
                let most = self.most;
                return Err(io::Error::other(format!("it has more than {most} gzip members")));
            };
            self.left = left;
            self.member = GzDecoder::new(rest);
        }
    }
}
