//! The bytes of a DATA frame.

use std::{cell::Cell, fmt, io::IoSlice};

use bytes::{Buf, Bytes};

use crate::envelope::HEAD;

/// `taken` of a payload without a header.
#[allow(clippy::cast_possible_truncation)] // 5.
const GONE: u8 = HEAD as u8;

/// From this many bytes on a slice is referred to instead of copied on its way to the socket.
/// Below it a copy is cheaper than the reference count and the slice of a vectored write.
pub const LARGE: usize = 4 << 10;

thread_local! {
    /// The body that was shown last as a large slice: see [`take_shown`].
    static SHOWN: Cell<Option<Bytes>> = const { Cell::new(None) };
}

/// Bytes to send: perhaps an envelope's head, then a body that is not copied to stand behind it. `H` is what is kept until it
/// is dropped.
pub struct Payload<H = ()> {
    head: [u8; HEAD],
    /// How much of `head` is gone, or was never there.
    taken: u8,
    body: Bytes,
    hold: Option<H>,
}

impl<H> Payload<H> {
    /// The head of an envelope, and what follows it.
    pub fn framed(head: [u8; HEAD], body: Bytes) -> Self {
        Self {
            head,
            taken: 0,
            body,
            hold: None,
        }
    }

    /// Cuts off the first `count` bytes; no more than there are.
    #[must_use]
    pub fn split_to(&mut self, count: usize) -> Self {
        let head = self.head();
        if let Some(part) = head.get(..count).filter(|_| count < head.len()) {
            let part = Bytes::copy_from_slice(part);
            self.advance(count);
            return Self::from(part);
        }
        let body = self.body.split_to(count - head.len());
        let first = Self {
            head: self.head,
            taken: self.taken,
            body,
            hold: None,
        };
        self.taken = GONE;
        first
    }

    /// All of it in one piece: as it is, unless an envelope's head stands before it.
    #[must_use]
    pub fn into_bytes(mut self) -> Bytes {
        match self.head() {
            [] => self.body,
            _ => self.copy_to_bytes(self.remaining()),
        }
    }

    /// Keeps this until it is dropped.
    pub fn hold(&mut self, hold: H) {
        self.hold = Some(hold);
    }

    fn head(&self) -> &[u8] {
        self.head.get(usize::from(self.taken)..).unwrap_or_default()
    }
}

/// The body that was shown last by [`Buf::chunks_vectored`] of a [`Payload`] on this thread, if it is large.
///
/// A writer gets slices and would have to copy them to keep them. This lets the one that is
/// called with what a payload has shown keep the bytes themselves: see [`shared_part`].
pub(super) fn take_shown() -> Option<Bytes> {
    SHOWN.take()
}

/// `slice` as a part of `shown`, if that is what it is and a copy would cost more.
pub(super) fn shared_part(shown: &Bytes, slice: &[u8]) -> Option<Bytes> {
    let (wanted, there) = (slice.as_ptr_range(), shown.as_ptr_range());
    let within = there.start <= wanted.start && wanted.end <= there.end;
    (within && slice.len() >= LARGE).then(|| shown.slice_ref(slice))
}

impl<H> From<Bytes> for Payload<H> {
    fn from(body: Bytes) -> Self {
        Self {
            head: [0; HEAD],
            taken: GONE,
            body,
            hold: None,
        }
    }
}

/// Nothing.
impl<H> Default for Payload<H> {
    fn default() -> Self {
        Self::from(Bytes::new())
    }
}

impl<H> Buf for Payload<H> {
    fn remaining(&self) -> usize {
        self.head().len() + self.body.len()
    }

    fn chunk(&self) -> &[u8] {
        match self.head() {
            [] => &self.body,
            head => head,
        }
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        if self.body.len() >= LARGE {
            SHOWN.set(Some(self.body.clone()));
        }
        let chunks = [self.head(), &self.body];
        let filled = chunks.into_iter().filter(|chunk| !chunk.is_empty());
        let pairs = slices.iter_mut().zip(filled);
        pairs.map(|(slice, chunk)| *slice = IoSlice::new(chunk)).count()
    }

    fn advance(&mut self, count: usize) {
        let of_head = count.min(self.head().len());
        // At most 5, by the line above.
        self.taken += u8::try_from(of_head).unwrap_or(0);
        self.body.advance(count - of_head);
    }
}

impl<H> fmt::Debug for Payload<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({} bytes)", self.remaining())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_taken_in_any_portions() {
        let whole = b"\0\0\0\0\x05hello";
        for portion in 1..=whole.len() {
            let mut payload = Payload::<()>::framed([0, 0, 0, 0, 5], Bytes::from_static(b"hello"));
            let mut seen = Vec::new();
            while payload.has_remaining() {
                let taken = portion.min(payload.remaining());
                let mut slices = [IoSlice::new(&[]); 2];
                let count = payload.chunks_vectored(&mut slices);
                let all: Vec<u8> = slices[..count].iter().flat_map(|slice| slice.iter().copied()).collect();
                assert_eq!(all.len(), payload.remaining());
                seen.extend_from_slice(&all[..taken]);
                payload.advance(taken);
            }
            assert_eq!(seen, whole);
        }
    }
}
