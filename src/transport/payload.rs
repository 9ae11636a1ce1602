//! The bytes of a DATA frame.

use std::io::IoSlice;

use bytes::{Buf, Bytes};

/// The length of a gRPC envelope's header: a flag, and a length of four bytes.
const HEAD: usize = 5;

/// Bytes to send: perhaps an envelope's header, then a body that is not copied to stand behind it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Payload {
    head: [u8; HEAD],
    /// How much of `head` is gone, or was never there.
    taken: u8,
    body: Bytes,
}

impl Payload {
    /// A header of five bytes, as gRPC's envelopes have, and what follows it.
    pub(crate) fn framed(head: [u8; HEAD], body: Bytes) -> Self {
        Self { head, taken: 0, body }
    }

    fn head(&self) -> &[u8] {
        self.head.get(usize::from(self.taken)..).unwrap_or_default()
    }
}

impl From<Bytes> for Payload {
    fn from(body: Bytes) -> Self {
        Self {
            head: [0; HEAD],
            taken: 5,
            body,
        }
    }
}

impl Buf for Payload {
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
