//! Envelopes: a flag, a length of four bytes, a message.
//!
//! ```text
//! body = *envelope        envelope = flag(1) length(4, big endian) message(length)
//! ```
//! "Length-Prefixed-Message" of the gRPC-over-HTTP/2 specification; gRPC-Web and Connect frame streams alike.

use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Buf, Bytes, BytesMut};
use tokio::time::{Instant, Sleep, sleep_until};

use super::text::Body;
use crate::transport::InboundError;

/// The length of an envelope's head.
pub(super) const HEAD: usize = 5;
/// For each byte of a message that came, so many are set aside. A message of 64 KiB, whose first frame has 16 KiB less an
/// envelope's head, so is gathered without moving.
const AHEAD: usize = 5;
/// The flag of a compressed message.
pub(super) const COMPRESSED: u8 = 1;

/// Splits a body into envelopes as it arrives.
#[derive(Debug)]
pub(super) struct Envelopes {
    body: Body,
    /// Bytes that came and were not taken yet.
    chunk: Bytes,
    partial: Partial,
    limits: EnvelopeLimits,
    /// Whether a message is overdue even if not a byte of it came.
    expected: bool,
    /// When what is waited for has to be there. Set only once it is waited for: most messages are there at once.
    due: Option<Pin<Box<Sleep>>>,
}

/// What a message may cost.
#[derive(Clone, Copy, Debug)]
pub(super) struct EnvelopeLimits {
    /// Bytes of a message as it is sent.
    pub(super) bytes: usize,
    /// From a message's first byte to its last.
    pub(super) time: Duration,
}

/// One message as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Envelope {
    pub(super) flag: u8,
    pub(super) message: Bytes,
}

/// Why a body cannot be split.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum EnvelopeError {
    #[error("the body ends within a message: {came} of {length} bytes came")]
    Truncated { came: usize, length: usize },
    #[error("the body ends within the five bytes before a message")]
    TruncatedHead,
    #[error("a message of {length} bytes is larger than the limit of {limit} bytes")]
    TooLarge { length: usize, limit: usize },
    #[error("a message was not finished within {} s", .0.as_secs_f64())]
    Late(Duration),
    #[error("the body is not base64, as the content type says: {0}")]
    Text(String),
    #[error(transparent)]
    Inbound(#[from] InboundError),
}

/// What came of an envelope that is not whole.
#[derive(Debug, Default)]
struct Partial {
    head: [u8; HEAD],
    /// How much of `head` came.
    have: usize,
    message: BytesMut,
}

impl Envelopes {
    pub(super) fn new(body: Body, limits: EnvelopeLimits) -> Self {
        Self {
            body,
            chunk: Bytes::new(),
            partial: Partial::default(),
            limits,
            expected: false,
            due: None,
        }
    }

    /// From now on the time of a message runs before its first byte came, and goes on to the end of the body: for
    /// bodies that must hold one message.
    pub(super) fn expect_one(&mut self) {
        self.expected = true;
    }

    /// The next envelope; `None` at the end of the body. Not to be polled again after an error.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Envelope, EnvelopeError>>> {
        // The envelope before it is somebody else's by now.
        self.body.keep(self.chunk.len() + self.partial.message.len());
        loop {
            if let Some(found) = self.split().transpose() {
                if !self.expected {
                    self.due = None;
                }
                return Poll::Ready(Some(found));
            }
            match self.body.poll_data(cx) {
                Poll::Ready(Some(Ok(data))) => self.chunk = data,
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
                Poll::Ready(None) => return Poll::Ready(self.partial.cut_off().map(Err)),
                Poll::Pending => {
                    ready!(self.poll_late(cx));
                    return Poll::Ready(Some(Err(EnvelopeError::Late(self.limits.time))));
                }
            }
        }
    }

    /// As [`poll_next`](Self::poll_next), for `await`.
    pub(super) async fn next(&mut self) -> Option<Result<Envelope, EnvelopeError>> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// Waits for the end of the body. `false`: something else came.
    pub(super) async fn ends(&mut self) -> Result<bool, EnvelopeError> {
        poll_fn(|cx| self.poll_ends(cx)).await
    }

    fn poll_ends(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, EnvelopeError>> {
        while self.chunk.is_empty() {
            match self.body.poll_data(cx) {
                Poll::Ready(Some(data)) => self.chunk = data?,
                Poll::Ready(None) => return Poll::Ready(Ok(true)),
                Poll::Pending => return self.poll_late(cx).map(|()| Err(EnvelopeError::Late(self.limits.time))),
            }
        }
        Poll::Ready(Ok(false))
    }

    /// Ready once what is waited for has had its time.
    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.partial.have == 0 && !self.expected {
            return Poll::Pending;
        }
        let time = self.limits.time;
        let due = self
            .due
            .get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + time)));
        due.as_mut().poll(cx)
    }

    /// Takes an envelope out of what came; `None`: it is not whole yet.
    fn split(&mut self) -> Result<Option<Envelope>, EnvelopeError> {
        let partial = &mut self.partial;
        if let Some(missing) = partial
            .head
            .get_mut(partial.have..)
            .filter(|missing| !missing.is_empty())
        {
            let count = missing.len().min(self.chunk.len());
            let (missing, _) = missing.split_at_mut(count);
            self.chunk.copy_to_slice(missing);
            partial.have += count;
        }
        if partial.have < HEAD {
            return Ok(None);
        }
        let length = partial.length();
        if length > self.limits.bytes {
            let limit = self.limits.bytes;
            return Err(EnvelopeError::TooLarge { length, limit });
        }
        let missing = length - partial.message.len();
        if partial.message.is_empty() && self.chunk.len() >= length {
            let message = self.chunk.split_to(length);
            return Ok(Some(partial.finish(message)));
        }
        let part = self.chunk.split_to(missing.min(self.chunk.len()));
        partial.gather(&part, length);
        if partial.message.len() < length {
            return Ok(None);
        }
        let message = std::mem::take(&mut partial.message).freeze();
        Ok(Some(partial.finish(message)))
    }
}

impl Partial {
    fn length(&self) -> usize {
        let [_, length @ ..] = self.head;
        // Four bytes; a target with fewer is not supported by tokio either.
        usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX)
    }

    fn gather(&mut self, part: &[u8], length: usize) {
        let missing = length - self.message.len();
        if self.message.capacity() - self.message.len() < part.len() {
            // Memory is set aside for bytes that came: some times as many, not the declared length.
            let wanted = (self.message.len() + part.len()).saturating_mul(AHEAD);
            self.message.reserve(wanted.min(missing).max(part.len()));
        }
        self.message.extend_from_slice(part);
    }

    fn finish(&mut self, message: Bytes) -> Envelope {
        let [flag, ..] = self.head;
        *self = Self::default();
        Envelope { flag, message }
    }

    /// What is wrong with a body that ends here.
    fn cut_off(&self) -> Option<EnvelopeError> {
        match self.have {
            0 => None,
            HEAD => Some(EnvelopeError::Truncated {
                came: self.message.len(),
                length: self.length(),
            }),
            _ => Some(EnvelopeError::TruncatedHead),
        }
    }
}

/// The head of an envelope around `message`.
pub(super) fn head(flag: u8, message: &[u8]) -> Option<[u8; HEAD]> {
    let [a, b, c, d] = u32::try_from(message.len()).ok()?.to_be_bytes();
    Some([flag, a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::Inbound;

    const LIMITS: EnvelopeLimits = EnvelopeLimits {
        bytes: 100,
        time: Duration::from_secs(5),
    };

    fn envelopes(chunks: &[&[u8]]) -> Envelopes {
        let chunks: Vec<_> = chunks.iter().map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
        Envelopes::new(Body::new(Inbound::from_chunks(chunks), false), LIMITS)
    }

    async fn all(mut envelopes: Envelopes) -> Vec<Result<Envelope, EnvelopeError>> {
        let mut found = Vec::new();
        while let Some(next) = envelopes.next().await {
            let ends = next.is_err();
            found.push(next);
            if ends {
                break;
            }
        }
        found
    }

    fn whole(flag: u8, message: &'static [u8]) -> Envelope {
        let message = Bytes::from_static(message);
        Envelope { flag, message }
    }

    #[tokio::test]
    async fn envelopes_are_split_wherever_the_chunks_end() {
        let body = b"\x00\x00\x00\x00\x02hi\x01\x00\x00\x00\x00\x00\x00\x00\x00\x03abc";
        let expected = [whole(0, b"hi"), whole(1, b""), whole(0, b"abc")].map(Ok);
        for first in 0..body.len() {
            for second in first..body.len() {
                let chunks = [&body[..first], &body[first..second], &body[second..]];
                assert_eq!(all(envelopes(&chunks)).await, expected);
            }
        }
    }

    #[tokio::test]
    async fn a_body_that_ends_early_is_an_error() {
        assert_eq!(
            all(envelopes(&[b"\x00\x00"])).await,
            [Err(EnvelopeError::TruncatedHead)]
        );
        let truncated = Err(EnvelopeError::Truncated { came: 1, length: 2 });
        assert_eq!(all(envelopes(&[b"\x00\x00\x00\x00\x02h"])).await, [truncated]);
        assert_eq!(all(envelopes(&[])).await, []);
    }

    #[tokio::test]
    async fn a_declared_length_over_the_limit_is_refused_before_a_byte_of_it_came() {
        let large = Err(EnvelopeError::TooLarge {
            length: 101,
            limit: 100,
        });
        assert_eq!(all(envelopes(&[b"\x00\x00\x00\x00\x65"])).await, [large]);
    }

    #[test]
    fn memory_follows_what_came() {
        let mut partial = Partial::default();
        partial.gather(&[0; 10], 1 << 30);
        assert!(partial.message.capacity() < 1000);
    }

    #[test]
    fn a_message_of_64_kib_is_not_moved() {
        let mut partial = Partial::default();
        partial.gather(&[0; (16 << 10) - HEAD], 64 << 10);
        let place = partial.message.as_ptr();
        partial.gather(&vec![0; (48 << 10) + HEAD], 64 << 10);
        assert_eq!(partial.message.as_ptr(), place);
    }
}
