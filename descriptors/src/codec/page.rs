//! The output of JSON while it grows.
//!
//! A `Vec` calls `memcpy` for every few bytes. A page has room that is written already, so short pieces are copied
//! in steps of a fixed width, which become single instructions.

use super::swar;

/// How much more is written than a short piece is long.
pub(crate) const PADDING: usize = 32;
/// A page that a large message has made larger than this is not kept.
const KEPT: usize = 1 << 20;

/// Text that grows at its end.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// All of it is written; what is behind `at` means nothing.
    bytes: Vec<u8>,
    at: usize,
}

impl Page {
    pub(super) fn clear(&mut self) {
        self.at = 0;
        if self.bytes.len() > KEPT {
            self.bytes = Vec::new();
        }
    }

    pub(super) fn text(&self) -> &[u8] {
        self.bytes.get(..self.at).unwrap_or_default()
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.at
    }

    #[inline]
    pub(super) fn truncate(&mut self, length: usize) {
        self.at = self.at.min(length);
    }

    /// The next bytes, to be written, and then counted by the caller.
    #[inline]
    fn room(&mut self, count: usize) -> &mut [u8] {
        if self.bytes.len() - self.at < count {
            self.grow(count);
        }
        self.bytes.get_mut(self.at..self.at + count).unwrap_or_default()
    }

    #[cold]
    fn grow(&mut self, count: usize) {
        let length = (self.at + count + 256).max(2 * self.bytes.len());
        self.bytes.resize(length, 0);
    }

    #[inline]
    pub(super) fn push(&mut self, byte: u8) {
        if let [slot] = self.room(1) {
            *slot = byte;
        }
        self.at += 1;
    }

    #[inline]
    pub(super) fn extend_from_slice(&mut self, bytes: &[u8]) {
        copy(self.room(bytes.len()), bytes);
        self.at += bytes.len();
    }

    /// Adds the first `length` bytes of `padded`, which has at least [`PADDING`] more than it needs.
    #[inline(always)]
    #[allow(clippy::inline_always)] // Once a field: the call would cost more than the work.
    pub(super) fn extend_padded(&mut self, padded: &[u8], length: usize) {
        if length <= PADDING
            && let Some(source) = padded.first_chunk::<PADDING>()
        {
            if let Some(target) = self.room(PADDING).first_chunk_mut::<PADDING>() {
                *target = *source;
            }
            self.at += length;
        } else {
            self.extend_from_slice(padded.get(..length).unwrap_or_default());
        }
    }

    /// Adds a string in quotes, if every byte of it is ASCII and stands for itself.
    #[inline]
    pub(super) fn plain_string(&mut self, text: &[u8]) -> bool {
        let count = text.len() + 2;
        let [open, body @ .., close] = self.room(count) else {
            return false;
        };
        (*open, *close) = (b'"', b'"');
        let odd = copy_checked(body, text);
        self.at += if odd { 0 } else { count };
        !odd
    }

    /// Adds what `write` puts into room for at most `most` bytes; it says how many.
    pub(super) fn fill(&mut self, most: usize, write: impl FnOnce(&mut [u8]) -> usize) {
        let written = write(self.room(most));
        self.at += written.min(most);
    }
}

/// Copies a piece onto another of the same length.
#[inline]
fn copy(target: &mut [u8], source: &[u8]) {
    match source.len() {
        64.. => target.copy_from_slice(source),
        16.. => steps::<16>(target, source),
        8.. => ends::<8>(target, source),
        4.. => ends::<4>(target, source),
        _ => few(target, source),
    }
}

/// Up to three bytes. A loop would become a call.
#[inline]
fn few(target: &mut [u8], source: &[u8]) {
    match (target, source) {
        ([one], [first]) => *one = *first,
        ([one, two], [first, second]) => (*one, *two) = (*first, *second),
        ([one, two, three], [first, second, third]) => (*one, *two, *three) = (*first, *second, *third),
        _ => {}
    }
}

#[inline]
fn steps<const WIDTH: usize>(target: &mut [u8], source: &[u8]) {
    let (chunks, _) = source.as_chunks::<WIDTH>();
    for (target, chunk) in target.as_chunks_mut::<WIDTH>().0.iter_mut().zip(chunks) {
        *target = *chunk;
    }
    ends::<WIDTH>(target, source);
}

/// Copies the first and the last bytes, which may overlap.
#[inline]
fn ends<const WIDTH: usize>(target: &mut [u8], source: &[u8]) {
    if let (Some(target), Some(source)) = (target.first_chunk_mut::<WIDTH>(), source.first_chunk()) {
        *target = *source;
    }
    if let (Some(target), Some(source)) = (target.last_chunk_mut::<WIDTH>(), source.last_chunk()) {
        *target = *source;
    }
}

/// Copies, and tells whether there is a byte that JSON has to escape or that is not ASCII.
#[inline]
fn copy_checked(target: &mut [u8], source: &[u8]) -> bool {
    let mut odd = 0;
    if source.len() >= 8 {
        for (target, chunk) in target.as_chunks_mut::<8>().0.iter_mut().zip(source.as_chunks::<8>().0) {
            *target = *chunk;
            odd |= swar::odd(u64::from_le_bytes(*chunk));
        }
        if let (Some(target), Some(source)) = (target.last_chunk_mut::<8>(), source.last_chunk::<8>()) {
            *target = *source;
            odd |= swar::odd(u64::from_le_bytes(*source));
        }
    } else if let (Some(first), Some(last)) = (source.first_chunk::<4>(), source.last_chunk::<4>()) {
        ends::<4>(target, source);
        let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
        odd = swar::odd(u64::from(first) | (u64::from(last) << 32));
    } else {
        few(target, source);
        // Blanks are in order.
        let blanks = u64::from_le_bytes([b' '; 8]);
        let word = source.iter().fold(blanks, |word, byte| (word << 8) | u64::from(*byte));
        odd = swar::odd(word);
    }
    odd != 0
}
