//! The output of JSON while it grows.
//!
//! A `Vec` calls `memcpy` for every few bytes. A page has room that is written already, so short pieces are copied
//! in steps of a fixed width, which become single instructions; what is written too much the next piece overwrites.

use super::lanes;

/// How much more is written than a short piece is long.
pub(crate) const PADDING: usize = 32;
/// How much room a value has that is written in one step.
pub(super) const VALUE: usize = 64;
/// A page that a large message has made larger than this is not kept.
const KEPT: usize = 1 << 20;

/// Text that grows at its end.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// All of it is written; what is behind `at` means nothing.
    bytes: Vec<u8>,
    at: usize,
}

/// What stands before a value: the comma and the name of a member, say. Written in one step.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Prefix {
    bytes: [u8; PADDING],
    /// Less than [`PADDING`].
    length: u8,
}

impl Prefix {
    pub(super) const NONE: Self = Self::of_byte(0, 0);
    pub(super) const COMMA: Self = Self::of_byte(b',', 1);
    pub(super) const COLON: Self = Self::of_byte(b':', 1);

    const fn of_byte(byte: u8, length: u8) -> Self {
        let mut bytes = [0; PADDING];
        bytes[0] = byte;
        Self { bytes, length }
    }

    /// `None`: it is too long.
    pub(crate) fn new(text: &[u8]) -> Option<Self> {
        let mut prefix = Self {
            length: u8::try_from(text.len()).ok().filter(|_| text.len() < PADDING)?,
            ..Self::default()
        };
        prefix.bytes.iter_mut().zip(text).for_each(|(byte, from)| *byte = *from);
        Some(prefix)
    }

    #[inline]
    fn len(&self) -> usize {
        usize::from(self.length) % PADDING
    }

    /// What follows in `text`, if that begins with the prefix, the comma aside.
    #[inline]
    pub(super) fn strip<'a>(&self, text: &'a [u8]) -> Option<&'a [u8]> {
        let length = self.len().saturating_sub(1);
        let [_, own @ ..] = &self.bytes;
        let Some(window) = text.first_chunk::<{ PADDING - 1 }>() else {
            return text.strip_prefix(own.get(..length)?);
        };
        let same = lanes::same(window.first_chunk()?, own.first_chunk()?)
            | lanes::same(window.last_chunk()?, own.last_chunk()?) << (PADDING - 1 - lanes::WIDTH);
        let due = (1 << length) - 1;
        text.get(length..).filter(|_| same & due == due)
    }
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
    #[inline(never)]
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
    #[inline]
    pub(super) fn extend_padded(&mut self, padded: &[u8], length: usize) {
        if length <= PADDING
            && let Some(source) = padded.first_chunk::<PADDING>()
        {
            if let Some(target) = self.room(PADDING).first_chunk_mut() {
                *target = *source;
            }
            self.at += length;
        } else {
            self.extend_from_slice(padded.get(..length).unwrap_or_default());
        }
    }

    /// Adds a prefix, and the value that `write` puts behind it; it says how long that is.
    #[inline(always)]
    #[allow(clippy::inline_always)] // Once a field: the call would cost more than the work.
    pub(super) fn put(&mut self, prefix: &Prefix, write: impl FnOnce(&mut [u8; VALUE]) -> usize) {
        let length = prefix.len();
        let room = self.room(PADDING + VALUE);
        if let Some(target) = room.first_chunk_mut() {
            *target = prefix.bytes;
        }
        if let Some(value) = room.get_mut(length..).and_then(<[u8]>::first_chunk_mut) {
            self.at += length + write(value);
        }
    }

    /// Adds a prefix.
    #[inline]
    pub(super) fn prefix(&mut self, prefix: &Prefix) {
        if let Some(target) = self.room(PADDING).first_chunk_mut() {
            *target = prefix.bytes;
        }
        self.at += prefix.len();
    }

    /// Ends the object or array that began at `start`. Each of its parts was written with a comma before it; the first
    /// comma gives way to the bracket.
    #[inline]
    pub(super) fn close(&mut self, start: usize, [open, close]: [u8; 2]) {
        if self.bytes.len() - self.at < 2 {
            self.grow(2);
        }
        let end = self.at.max(start + 1);
        if let Some(last) = self.bytes.get_mut(end) {
            *last = close;
        }
        if let Some(first) = self.bytes.get_mut(start) {
            *first = open;
        }
        self.at = end + 1;
    }

    /// Adds what `write` puts into room for at most `most` bytes; it says how many.
    #[inline]
    pub(super) fn fill(&mut self, most: usize, write: impl FnOnce(&mut [u8]) -> usize) {
        let written = write(self.room(most));
        self.at += written.min(most);
    }
}

/// Copies a piece onto another of the same length.
#[inline]
pub(super) fn copy(target: &mut [u8], source: &[u8]) {
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
