//! Messages of a reply, out of the envelopes that they come in: "Length-Prefixed-Message" of gRPC over HTTP/2.

use bytes::{Buf, Bytes, BytesMut};

use crate::Status;

/// A flag, and a length of four bytes.
pub(super) const HEAD: usize = 5;
/// For each byte of a message that came, so many are set aside at most.
const AHEAD: usize = 4;

/// Splits a body as it arrives.
#[derive(Debug)]
pub(super) struct Envelopes {
    /// What came and was not looked at yet.
    chunk: Bytes,
    head: [u8; HEAD],
    /// How much of `head` came.
    have: usize,
    message: BytesMut,
    limit: usize,
}

impl Envelopes {
    /// For messages of up to `limit` bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            chunk: Bytes::new(),
            head: [0; HEAD],
            have: 0,
            message: BytesMut::new(),
            limit,
        }
    }

    /// Takes the next piece of the body, once [`split`](Self::split) found nothing more in the last one.
    pub(super) fn push(&mut self, chunk: Bytes) {
        self.chunk = chunk;
    }

    /// Takes the next message out of what came; `None`: it is not whole yet.
    pub(super) fn split(&mut self) -> Result<Option<Bytes>, Status> {
        if self.have < HEAD && !self.take_head()? {
            return Ok(None);
        }
        let length = self.length();
        if self.message.is_empty() && self.chunk.len() >= length {
            self.have = 0;
            return Ok(Some(self.chunk.split_to(length)));
        }
        let missing = length - self.message.len();
        let part = self.chunk.split_to(missing.min(self.chunk.len()));
        if self.message.capacity() - self.message.len() < part.len() {
            // Memory is set aside for bytes that came, not for a declared length.
            let wanted = (self.message.len() + part.len()).saturating_mul(AHEAD);
            self.message.reserve(wanted.min(missing).max(part.len()));
        }
        self.message.extend_from_slice(&part);
        if self.message.len() < length {
            return Ok(None);
        }
        self.have = 0;
        Ok(Some(std::mem::take(&mut self.message).freeze()))
    }

    /// Whether a body may end here.
    pub(super) fn check_end(&self) -> Result<(), Status> {
        match self.have {
            0 => Ok(()),
            HEAD => Err(Status::internal(format!(
                "the upstream's reply ends within a message: {} of {} bytes came",
                self.message.len(),
                self.length()
            ))),
            _ => Err(Status::internal(
                "the upstream's reply ends within the five bytes before a message",
            )),
        }
    }

    /// `false`: it is not whole yet.
    fn take_head(&mut self) -> Result<bool, Status> {
        let missing = self.head.get_mut(self.have..).unwrap_or_default();
        let count = missing.len().min(self.chunk.len());
        let (missing, _) = missing.split_at_mut(count);
        self.chunk.copy_to_slice(missing);
        self.have += count;
        if self.have < HEAD {
            return Ok(false);
        }
        let [flag, ..] = self.head;
        match flag {
            0 => {}
            // gRPC core, `doc/compression.md`: a coding that was not offered is INTERNAL.
            1 => {
                return Err(Status::internal(
                    "the upstream sent a compressed message, and was told to send none",
                ));
            }
            flag => {
                return Err(Status::internal(format!(
                    "the upstream sent a message with the flag {flag}, which gRPC does not know"
                )));
            }
        }
        let (length, limit) = (self.length(), self.limit);
        if length > limit {
            return Err(Status::resource_exhausted(format!(
                "the upstream sent a message of {length} bytes, larger than the limit of {limit} bytes"
            )));
        }
        Ok(true)
    }

    fn length(&self) -> usize {
        let [_, length @ ..] = self.head;
        usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Code;

    fn all(limit: usize, chunks: &[&[u8]]) -> Result<Vec<Bytes>, Status> {
        let mut envelopes = Envelopes::new(limit);
        let mut found = Vec::new();
        for chunk in chunks {
            envelopes.push(Bytes::copy_from_slice(chunk));
            while let Some(message) = envelopes.split()? {
                found.push(message);
            }
        }
        envelopes.check_end()?;
        Ok(found)
    }

    #[test]
    fn messages_are_split_wherever_the_chunks_end() {
        let body = b"\0\0\0\0\x02hi\0\0\0\0\0\0\0\0\0\x03abc";
        for first in 0..body.len() {
            for second in first..body.len() {
                let chunks = [&body[..first], &body[first..second], &body[second..]];
                assert_eq!(all(3, &chunks).unwrap(), ["hi", "", "abc"]);
            }
        }
    }

    #[test]
    fn what_is_no_message_is_an_error() {
        for (body, code, what) in [
            (&b"\0\0"[..], Code::Internal, "within the five bytes"),
            (b"\0\0\0\0\x02h", Code::Internal, "1 of 2 bytes came"),
            (b"\x01\0\0\0\0", Code::Internal, "compressed"),
            (b"\x80\0\0\0\0", Code::Internal, "the flag 128"),
            (b"\0\0\0\0\x65", Code::ResourceExhausted, "a message of 101 bytes"),
        ] {
            let status = all(100, &[body]).unwrap_err();
            assert_eq!(status.code(), code);
            assert!(status.message().contains(what), "{status}");
        }
    }

    #[test]
    fn memory_follows_what_came() {
        let mut envelopes = Envelopes::new(usize::MAX);
        envelopes.push(Bytes::from_static(b"\0\x40\0\0\0abc"));
        assert_eq!(envelopes.split().unwrap(), None);
        assert!(envelopes.message.capacity() < 1000);
    }
}
