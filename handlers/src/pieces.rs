//! Bytes that came in several pieces.

use std::{collections::VecDeque, fmt, io::IoSlice, iter, mem, option};

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// Bytes in the pieces in which they came. A large message comes in many frames, and goes on in as many: nothing is moved
/// unless somebody asks for all of it in a row, by [`into_bytes`](Self::into_bytes).
///
/// ```
/// use descant_handlers::Pieces;
///
/// let mut pieces = Pieces::from(&b"hello "[..]);
/// pieces.push("world".into());
/// assert_eq!(pieces.len(), 11);
/// assert_eq!(pieces.into_bytes(), "hello world");
/// ```
#[derive(Clone, Default)]
pub struct Pieces {
    /// Empty only if there is nothing at all.
    first: Bytes,
    /// Boxed: mostly there is no more, and what holds it is moved often.
    more: Option<Box<Rest>>,
}

/// The pieces behind the first.
#[derive(Clone, Default)]
struct Rest {
    /// None of them is empty.
    pieces: VecDeque<Bytes>,
    /// In all of them.
    bytes: usize,
}

impl Pieces {
    /// How many bytes there are.
    pub fn len(&self) -> usize {
        self.first.len() + self.more.as_ref().map_or(0, |rest| rest.bytes)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.first.is_empty()
    }

    /// Appends a piece.
    pub fn push(&mut self, piece: Bytes) {
        if self.first.is_empty() {
            self.first = piece;
        } else if !piece.is_empty() {
            let rest = self.more.get_or_insert_default();
            rest.bytes += piece.len();
            rest.pieces.push_back(piece);
        }
    }

    /// All of it in a row: as it is if it came so, else a copy.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        if self.more.is_none() {
            return self.first;
        }
        let mut all = BytesMut::with_capacity(self.len());
        all.put(self);
        all.freeze()
    }

    /// All of it, if it stands in a row.
    pub fn as_whole(&self) -> Option<&Bytes> {
        self.more.is_none().then_some(&self.first)
    }

    /// The pieces, in their order; none of them is empty.
    pub fn iter(&self) -> impl Iterator<Item = &Bytes> {
        let first = Some(&self.first).filter(|first| !first.is_empty());
        first.into_iter().chain(self.rest())
    }

    /// Cuts off the first `count` bytes; no more than there are.
    #[must_use]
    pub fn split_to(&mut self, count: usize) -> Self {
        let mut cut = Self::default();
        let mut left = count;
        while left > self.first.len() && self.more.is_some() {
            left -= self.first.len();
            cut.push(mem::take(&mut self.first));
            self.shift();
        }
        cut.push(self.first.split_to(left.min(self.first.len())));
        self.shift();
        cut
    }

    fn rest(&self) -> impl Iterator<Item = &Bytes> {
        self.more.iter().flat_map(|rest| rest.pieces.iter())
    }

    /// Puts the next piece into the place of a first one of which nothing is left.
    fn shift(&mut self) {
        if !self.first.is_empty() {
            return;
        }
        let Some(rest) = &mut self.more else { return };
        self.first = rest.pieces.pop_front().unwrap_or_default();
        rest.bytes -= self.first.len();
        if rest.pieces.is_empty() {
            self.more = None;
        }
    }
}

impl Buf for Pieces {
    fn remaining(&self) -> usize {
        self.len()
    }

    fn chunk(&self) -> &[u8] {
        &self.first
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let pairs = slices.iter_mut().zip(self.iter());
        pairs.map(|(slice, piece)| *slice = IoSlice::new(piece)).count()
    }

    fn advance(&mut self, count: usize) {
        let mut left = count;
        while left > self.first.len() && self.more.is_some() {
            left -= self.first.len();
            self.first = Bytes::new();
            self.shift();
        }
        self.first.advance(left);
        self.shift();
    }
}

/// The pieces, in their order; none of them is empty.
impl IntoIterator for Pieces {
    type Item = Bytes;
    type IntoIter = iter::Chain<option::IntoIter<Bytes>, iter::Flatten<option::IntoIter<VecDeque<Bytes>>>>;

    fn into_iter(self) -> Self::IntoIter {
        let first = Some(self.first).filter(|first| !first.is_empty());
        first
            .into_iter()
            .chain(self.more.map(|rest| rest.pieces).into_iter().flatten())
    }
}

impl From<Bytes> for Pieces {
    fn from(bytes: Bytes) -> Self {
        Self {
            first: bytes,
            more: None,
        }
    }
}

impl From<&'static [u8]> for Pieces {
    fn from(bytes: &'static [u8]) -> Self {
        Bytes::from_static(bytes).into()
    }
}

/// Whether the bytes are the same, wherever they are cut.
impl PartialEq for Pieces {
    fn eq(&self, other: &Self) -> bool {
        if let (Some(this), Some(other)) = (self.as_whole(), other.as_whole()) {
            return this == other;
        }
        let (mut this, mut other) = (self.clone(), other.clone());
        this.len() == other.len()
            && iter::from_fn(|| {
                let count = this.chunk().len().min(other.chunk().len());
                (count > 0).then(|| this.split_to(count).first == other.split_to(count).first)
            })
            .all(|same| same)
    }
}

impl Eq for Pieces {}

/// Shows how many there are, not what they are: messages are large, and may be private.
impl fmt::Debug for Pieces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pieces({} bytes)", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(lengths: &[usize]) -> (Pieces, Vec<u8>) {
        let (mut pieces, mut all) = (Pieces::default(), Vec::new());
        for length in lengths {
            let piece: Vec<u8> = (0..*length).map(|_| fastrand::u8(..)).collect();
            all.extend_from_slice(&piece);
            pieces.push(piece.into());
        }
        (pieces, all)
    }

    #[test]
    fn they_are_read_cut_and_joined_anywhere() {
        for lengths in [&[][..], &[0], &[5], &[0, 3, 0], &[1, 2, 3], &[4, 0, 0, 4, 1]] {
            let (whole, all) = pieces(lengths);
            assert_eq!((whole.len(), whole.is_empty()), (all.len(), all.is_empty()));
            assert_eq!(whole.clone().into_bytes(), all);
            for cut in 0..=all.len() {
                let (mut behind, mut passed) = (whole.clone(), whole.clone());
                let before = behind.split_to(cut);
                passed.advance(cut);
                assert_eq!(behind, passed);
                assert_eq!([before.clone().into_bytes(), behind.into_bytes()].concat(), all);
                let mut slices = [IoSlice::new(&[]); 8];
                let count = passed.chunks_vectored(&mut slices);
                let shown: Vec<u8> = slices[..count].iter().flat_map(|slice| slice.iter().copied()).collect();
                assert_eq!(shown, all[cut..]);
                assert!(slices[..count].iter().all(|slice| !slice.is_empty()));
                assert_eq!(passed.chunk(), slices.first().map_or(&[][..], |slice| slice));
            }
        }
    }

    #[test]
    fn they_are_the_same_wherever_they_are_cut() {
        let (some, all) = pieces(&[3, 4, 2]);
        let mut others = Pieces::from(Bytes::copy_from_slice(&all[..1]));
        others.push(Bytes::copy_from_slice(&all[1..]));
        assert_eq!(some, others);
        assert_eq!(others, Bytes::from(all.clone()).into());
        others.push(Bytes::from_static(b"x"));
        assert_ne!(some, others);
        let mut changed = all;
        changed[4] ^= 1;
        assert_ne!(some, Bytes::from(changed).into());
    }

    #[test]
    fn what_came_in_a_row_is_not_moved() {
        let one = Bytes::from(vec![1; 100]);
        let mut pieces = Pieces::from(one.clone());
        assert_eq!(pieces.as_whole().map(|whole| whole.as_ptr()), Some(one.as_ptr()));
        pieces.push(one.clone());
        assert_eq!(pieces.as_whole(), None);
        pieces.advance(100);
        assert_eq!(pieces.into_bytes().as_ptr(), one.as_ptr());
    }
}
