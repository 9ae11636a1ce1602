//! The bytes of a DATA frame.

use std::{cell::RefCell, fmt, io::IoSlice};

use bytes::{Buf, Bytes};

use crate::{Pieces, envelope::HEAD};

/// `taken` of a payload without a header.
#[allow(clippy::cast_possible_truncation)] // 5.
const GONE: u8 = HEAD as u8;

/// From this many bytes on a slice is referred to instead of copied on its way to the socket.
/// Below it a copy is cheaper than the reference count and the slice of a vectored write.
pub const LARGE: usize = 4 << 10;
/// What stands behind so many bytes is not shown: a frame is mostly shorter.
const MOST: usize = 64 << 10;

thread_local! {
    /// What was shown last as large slices: see [`with_shown`].
    static SHOWN: RefCell<Vec<Bytes>> = const { RefCell::new(Vec::new()) };
}

/// Bytes to send: perhaps an envelope's head, then a body that is not copied to stand behind it. `H` is what is kept until it
/// is dropped.
pub struct Payload<H = ()> {
    head: [u8; HEAD],
    /// How much of `head` is gone, or was never there.
    taken: u8,
    body: Pieces,
    hold: Option<H>,
}

impl<H> Payload<H> {
    /// The head of an envelope, and what follows it.
    pub fn framed(head: [u8; HEAD], body: Pieces) -> Self {
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
            [] => self.body.into_bytes(),
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

fn show(body: &Pieces) {
    let mut before = 0;
    let near = body.iter().take_while(|piece| {
        let near = before < MOST;
        before += piece.len();
        near
    });
    let mut large = near.filter(|piece| piece.len() >= LARGE).peekable();
    if large.peek().is_some() {
        SHOWN.with_borrow_mut(|shown| {
            shown.clear();
            shown.extend(large.cloned());
        });
    }
}

/// The large pieces that were shown last by [`Buf::chunks_vectored`] of a [`Payload`] on this thread. They are forgotten then.
///
/// A writer gets slices and would have to copy them to keep them. This lets the one that is
/// called with what a payload has shown keep the bytes themselves: see [`shared_part`].
pub(super) fn with_shown<T>(write: impl FnOnce(&[Bytes]) -> T) -> T {
    SHOWN.with_borrow_mut(|shown| {
        let written = write(shown);
        shown.clear();
        written
    })
}

/// `slice` as a part of what was shown, if that is what it is and a copy would cost more.
pub(super) fn shared_part(shown: &[Bytes], slice: &[u8]) -> Option<Bytes> {
    if slice.len() < LARGE {
        return None;
    }
    let wanted = slice.as_ptr_range();
    let piece = shown.iter().find(|piece| {
        let there = piece.as_ptr_range();
        there.start <= wanted.start && wanted.end <= there.end
    });
    Some(piece?.slice_ref(slice))
}

impl<H> From<Bytes> for Payload<H> {
    fn from(body: Bytes) -> Self {
        Pieces::from(body).into()
    }
}

impl<H> From<Pieces> for Payload<H> {
    fn from(body: Pieces) -> Self {
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
            [] => self.body.chunk(),
            head => head,
        }
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        show(&self.body);
        match (self.head(), slices) {
            ([], slices) => self.body.chunks_vectored(slices),
            (_, []) => 0,
            (head, [first, rest @ ..]) => {
                *first = IoSlice::new(head);
                1 + self.body.chunks_vectored(rest)
            }
        }
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
        let mut body = Pieces::from(&b"he"[..]);
        body.push(Bytes::from_static(b"llo"));
        for portion in 1..=whole.len() {
            let mut payload = Payload::<()>::framed([0, 0, 0, 0, 5], body.clone());
            let mut seen = Vec::new();
            while payload.has_remaining() {
                let taken = portion.min(payload.remaining());
                let mut slices = [IoSlice::new(&[]); 3];
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
