//! Sixteen bytes at a time.

use wide::{CmpEq, CmpLt, i8x16};

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

    /// Marks the bytes that are not ASCII.
    #[inline(always)]
    #[allow(clippy::inline_always)]
    pub(super) fn foreign(self) -> u32 {
        self.0.move_mask().cast_unsigned()
    }
}

/// Up to [`WIDTH`] bytes, blanks behind them.
#[inline]
pub(super) fn padded(bytes: &[u8]) -> [u8; WIDTH] {
    let mut padded = [b' '; WIDTH];
    for (target, byte) in padded.iter_mut().zip(bytes) {
        *target = *byte;
    }
    padded
}
