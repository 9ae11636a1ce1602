//! Text, sixteen bytes at a time.

use wide::{CmpEq, CmpLt, i8x16};

use super::page;

/// How many bytes are looked at in one step.
pub(super) const WIDTH: usize = 16;

/// Sixteen bytes in one register.
#[derive(Clone, Copy)]
pub(super) struct Lanes(i8x16);

impl Lanes {
    #[inline(always)]
    #[allow(clippy::inline_always)] // A step of a few instructions.
    pub(super) fn new(bytes: &[u8; WIDTH]) -> Self {
        Self(i8x16::from(bytes.map(u8::cast_signed)))
    }

    /// Marks the bytes that can't stand in a JSON string as they are, and those that are not ASCII. Bit 0 is the first.
    #[inline(always)]
    #[allow(clippy::inline_always)]
    pub(super) fn odd(self) -> u32 {
        let quote = self.0.cmp_eq(i8x16::splat(b'"'.cast_signed()));
        let backslash = self.0.cmp_eq(i8x16::splat(b'\\'.cast_signed()));
        // Bytes that are not ASCII are negative.
        let control = self.0.cmp_lt(i8x16::splat(b' '.cast_signed()));
        (control | quote | backslash).move_mask().cast_unsigned()
    }

    /// Marks the bytes of ASCII that can't stand in a JSON string as they are.
    #[inline(always)]
    #[allow(clippy::inline_always)]
    pub(super) fn marks(self) -> u32 {
        self.odd() & !self.foreign()
    }

    /// Marks the bytes that are not ASCII.
    #[inline(always)]
    #[allow(clippy::inline_always)]
    pub(super) fn foreign(self) -> u32 {
        self.0.move_mask().cast_unsigned()
    }
}

/// Marks the bytes that are the same in both.
#[inline(always)]
#[allow(clippy::inline_always)] // A step of a few instructions.
pub(super) fn same(one: &[u8; WIDTH], other: &[u8; WIDTH]) -> u32 {
    let equal = Lanes::new(one).0.cmp_eq(Lanes::new(other).0);
    equal.move_mask().cast_unsigned()
}

/// How many bytes from the start `marks` leaves out.
#[inline(always)]
#[allow(clippy::inline_always)] // Once a string, and each with marks of its own.
pub(super) fn run(text: &[u8], marks: impl Fn(Lanes) -> u32) -> usize {
    let (chunks, rest) = text.as_chunks();
    for (count, chunk) in chunks.iter().enumerate() {
        let found = marks(Lanes::new(chunk));
        if found != 0 {
            return count * WIDTH + found.trailing_zeros() as usize;
        }
    }
    let found = marks(Lanes::new(&padded(rest))).trailing_zeros() as usize;
    text.len() - rest.len() + found.min(rest.len())
}

/// Appends the first `length` bytes of `source`, which may go on: a few in one step.
#[inline]
pub(super) fn append(out: &mut Vec<u8>, source: &[u8], length: usize) {
    match source.first_chunk::<WIDTH>() {
        Some(chunk) if length <= WIDTH => {
            let end = out.len() + length;
            out.extend_from_slice(chunk);
            out.truncate(end);
        }
        _ => out.extend_from_slice(source.get(..length).unwrap_or_default()),
    }
}

/// Whether a text is UTF-8. Short ones are made long enough for vectors.
pub(super) fn is_utf8(text: &[u8]) -> bool {
    const LEAST: usize = 64;
    if text.len() >= LEAST {
        return simdutf8::basic::from_utf8(text).is_ok();
    }
    let mut padded = [b' '; LEAST];
    if let Some(target) = padded.get_mut(..text.len()) {
        page::copy(target, text);
    }
    simdutf8::basic::from_utf8(&padded).is_ok()
}

/// Up to [`WIDTH`] bytes, blanks behind them.
#[inline]
pub(super) fn padded(bytes: &[u8]) -> [u8; WIDTH] {
    let mut padded = [b' '; WIDTH];
    if let Some(target) = padded.get_mut(..bytes.len()) {
        page::copy(target, bytes);
    }
    padded
}
