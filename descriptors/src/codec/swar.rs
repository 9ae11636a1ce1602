//! Eight bytes at a time.

const ONES: u64 = 0x0101_0101_0101_0101;

/// How many bytes stand before the first that JSON has to escape.
#[inline]
pub(super) fn before_escape(text: &[u8]) -> usize {
    let (chunks, rest) = text.as_chunks::<8>();
    for (count, chunk) in chunks.iter().enumerate() {
        let word = u64::from_le_bytes(*chunk);
        // Bytes that are not ASCII have bit 7 too, and stand for themselves.
        let marks = odd(word) & !word;
        if marks != 0 {
            return 8 * count + marks.trailing_zeros() as usize / 8;
        }
    }
    let escaped = |byte: &u8| matches!(byte, 0..0x20 | b'"' | b'\\');
    8 * chunks.len() + rest.iter().position(escaped).unwrap_or(rest.len())
}

/// Marks, in bit 7 of each, the bytes that can't stand in a JSON string as they are, or are not ASCII.
///
/// The lowest mark is exact; a borrow may add marks above it.
#[inline]
pub(super) const fn odd(word: u64) -> u64 {
    let quote = word ^ (ONES * 0x22);
    let backslash = word ^ (ONES * 0x5c);
    let control = word.wrapping_sub(ONES * 0x20);
    (control | quote.wrapping_sub(ONES) | backslash.wrapping_sub(ONES) | word) & (ONES << 7)
}
