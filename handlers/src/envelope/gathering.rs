//! Bytes that come in parts.

use std::mem;

use bytes::{Bytes, BytesMut};

use crate::Pieces;

/// The first buffer of small parts.
const FIRST: usize = 1 << 10;

/// What came so far: large parts as they came, small ones joined.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    /// How many bytes came.
    pub(super) came: usize,
    pieces: Pieces,
    /// Behind `pieces`.
    small: BytesMut,
}

impl Gathering {
    /// Adds a part, without a copy if it has so many bytes. `missing`: how many bytes there may still be, this part among them.
    pub(super) fn add(&mut self, part: Bytes, missing: usize, large: usize) {
        if part.len() < large {
            self.copy(&part, missing);
            return;
        }
        self.came += part.len();
        self.put_small();
        self.pieces.push(part);
    }

    /// Adds a copy of a part.
    pub(super) fn copy(&mut self, part: &[u8], missing: usize) {
        self.came += part.len();
        if self.small.capacity() - self.small.len() < part.len() {
            // Memory is set aside for bytes that came: as many again, not the declared length.
            let wanted = (self.small.len() + part.len()).max(FIRST);
            self.small.reserve(wanted.min(missing).max(part.len()));
        }
        self.small.extend_from_slice(part);
    }

    pub(super) fn finish(mut self) -> Pieces {
        self.put_small();
        self.pieces
    }

    fn put_small(&mut self) {
        if !self.small.is_empty() {
            self.pieces.push(mem::take(&mut self.small).freeze());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::LARGE;

    #[test]
    fn memory_follows_what_came() {
        let mut gathering = Gathering::default();
        gathering.copy(&[0; 10], 1 << 30);
        assert!(gathering.small.capacity() <= FIRST);
        let mut whole = Gathering::default();
        whole.copy(&[0; 10], 12);
        assert!(whole.small.capacity() < FIRST);
    }

    #[test]
    fn large_parts_stay_where_they_are() {
        let large = Bytes::from(vec![1; LARGE]);
        let mut gathering = Gathering::default();
        for part in [&b"a"[..], b"b", &large, b"c", b"d", &large, &large] {
            let part = if part.len() < LARGE {
                Bytes::copy_from_slice(part)
            } else {
                large.clone()
            };
            gathering.add(part, usize::MAX, LARGE);
        }
        assert_eq!(gathering.came, 4 + 3 * LARGE);
        let pieces = gathering.finish();
        let kept = pieces.iter().filter(|piece| piece.as_ptr() == large.as_ptr());
        assert_eq!((pieces.iter().count(), kept.count()), (5, 3));
        assert_eq!(pieces.into_bytes(), [b"ab", &large[..], b"cd", &large, &large].concat());
    }
}
