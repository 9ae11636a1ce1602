//! Prints JSON values: strings, numbers, bytes.
//!
//! Source: RFC 8259; ProtoJSON, <https://protobuf.dev/programming-guides/json/>.

use super::{
    base64, decimal,
    lanes::{self, Lanes},
    page::{Page, Prefix, VALUE},
};

/// How long a string is that [`short_string`] takes.
pub(super) const SHORT: usize = 2 * lanes::WIDTH;

/// Prints a string of at most [`SHORT`] bytes, which `source` begins with. `false`: it needs a closer look, and nothing was
/// printed.
#[inline(always)]
#[allow(clippy::inline_always)] // Once a field: the call would cost more than the work.
pub(super) fn short_string(out: &mut Page, prefix: &Prefix, source: &[u8; SHORT], length: usize) -> bool {
    let ([low, high], _) = source.as_chunks() else {
        return false;
    };
    let odd = u64::from(Lanes::new(low).odd()) | u64::from(Lanes::new(high).odd()) << lanes::WIDTH;
    if odd & ((1 << (length % 64)) - 1) != 0 || length > SHORT {
        return false;
    }
    out.put(prefix, |room| {
        let [first, rest @ ..] = room;
        *first = b'"';
        if let Some(target) = rest.first_chunk_mut() {
            *target = *source;
        }
        if let Some(end) = rest.get_mut(length) {
            *end = b'"';
        }
        length + 2
    });
    true
}

/// Prints a string. `false`: it is not UTF-8, and nothing useful was printed.
#[must_use]
pub(super) fn string(out: &mut Page, prefix: &Prefix, text: &[u8]) -> bool {
    out.prefix(prefix);
    out.push(b'"');
    let mut foreign = 0;
    let (chunks, rest) = text.as_chunks();
    for chunk in chunks {
        foreign |= piece(out, chunk, lanes::WIDTH);
    }
    if !rest.is_empty() {
        foreign |= piece(out, &lanes::padded(rest), rest.len());
    }
    out.push(b'"');
    foreign == 0 || lanes::is_utf8(text)
}

/// Prints the first `length` bytes of `chunk`; marks those that are not ASCII.
#[inline]
fn piece(out: &mut Page, chunk: &[u8; lanes::WIDTH], length: usize) -> u32 {
    let lanes = Lanes::new(chunk);
    let (odd, foreign) = (lanes.odd(), lanes.foreign());
    if odd == foreign {
        out.fill(length.max(lanes::WIDTH), |room| {
            if let Some(target) = room.first_chunk_mut() {
                *target = *chunk;
            }
            length
        });
    } else {
        escaped(out, chunk, odd & !foreign, length);
    }
    foreign
}

/// Prints the first `length` bytes of `chunk`, of which the marked ones must be escaped.
#[inline(never)]
fn escaped(out: &mut Page, chunk: &[u8; lanes::WIDTH], mut marks: u32, length: usize) {
    let mut padded = [0; 2 * lanes::WIDTH];
    if let Some(target) = padded.first_chunk_mut() {
        *target = *chunk;
    }
    let mut from = 0;
    while marks != 0 {
        let at = marks.trailing_zeros() as usize;
        marks &= marks - 1;
        step(out, &padded, from, at - from);
        let byte = chunk.get(at).copied().unwrap_or_default();
        match escape(byte) {
            b'u' => out.extend_from_slice(&[b'\\', b'u', b'0', b'0', hex(byte >> 4), hex(byte & 15)]),
            letter => out.extend_from_slice(&[b'\\', letter]),
        }
        from = at + 1;
    }
    step(out, &padded, from, length.saturating_sub(from));
}

/// Prints so many bytes from `from`, in one step.
#[inline]
fn step(out: &mut Page, padded: &[u8; 2 * lanes::WIDTH], from: usize, length: usize) {
    out.fill(lanes::WIDTH, |room| {
        let source = padded.get(from..).and_then(<[u8]>::first_chunk);
        if let (Some(target), Some(source)) = (room.first_chunk_mut::<{ lanes::WIDTH }>(), source) {
            *target = *source;
        }
        length
    });
}

/// What stands behind the backslash for this byte, if it must be escaped.
#[inline]
const fn escape(byte: u8) -> u8 {
    match byte {
        b'"' => b'"',
        b'\\' => b'\\',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        8 => b'b',
        12 => b'f',
        _ => b'u',
    }
}

const fn hex(digit: u8) -> u8 {
    if digit < 10 { b'0' + digit } else { b'a' - 10 + digit }
}

/// A whole number, in quotes if it has 64 bits: JavaScript's have 53.
#[derive(Clone, Copy)]
pub(super) struct Whole {
    pub(super) magnitude: u64,
    pub(super) negative: bool,
    pub(super) quoted: bool,
}

impl Whole {
    pub(super) fn signed(number: i64, quoted: bool) -> Self {
        Self {
            magnitude: number.unsigned_abs(),
            negative: number < 0,
            quoted,
        }
    }

    pub(super) fn unsigned(magnitude: u64, quoted: bool) -> Self {
        Self {
            magnitude,
            negative: false,
            quoted,
        }
    }

    /// Writes the number; gives its length.
    #[inline]
    fn write(self, room: &mut [u8; VALUE]) -> usize {
        let (quote, minus) = (usize::from(self.quoted), usize::from(self.negative));
        let [first, second, ..] = room;
        (*first, *second) = (b'"', b'-');
        if !self.quoted {
            *first = b'-';
        }
        let start = quote + minus;
        let digits = room.get_mut(start..).and_then(<[u8]>::first_chunk_mut);
        let end = start + digits.map_or(0, |digits| decimal::write(digits, self.magnitude));
        if let Some(end) = room.get_mut(end) {
            *end = b'"';
        }
        end + quote
    }
}

#[inline]
pub(super) fn whole(out: &mut Page, prefix: &Prefix, number: Whole) {
    out.put(prefix, |room| number.write(room));
}

/// `true`, `false` or `null`.
#[inline]
pub(super) fn word(out: &mut Page, prefix: &Prefix, word: [u8; 5], length: usize) {
    out.put(prefix, |room| {
        if let Some(target) = room.first_chunk_mut() {
            *target = word;
        }
        length
    });
}

#[inline(never)]
pub(super) fn double(out: &mut Page, prefix: &Prefix, number: f64) {
    if number.is_finite() {
        let mut buffer = zmij::Buffer::new();
        shortest(out, prefix, buffer.format_finite(number));
    } else {
        not_finite(out, prefix, number.is_nan(), number > 0.0);
    }
}

#[inline(never)]
pub(super) fn float(out: &mut Page, prefix: &Prefix, number: f32) {
    if number.is_finite() {
        let mut buffer = zmij::Buffer::new();
        shortest(out, prefix, buffer.format_finite(number));
    } else {
        not_finite(out, prefix, number.is_nan(), number > 0.0);
    }
}

/// The shortest digits that read back to the same number; `1.0` as `1`.
fn shortest(out: &mut Page, prefix: &Prefix, digits: &str) {
    out.prefix(prefix);
    out.extend_from_slice(digits.strip_suffix(".0").unwrap_or(digits).as_bytes());
}

fn not_finite(out: &mut Page, prefix: &Prefix, nan: bool, positive: bool) {
    out.prefix(prefix);
    out.extend_from_slice(match (nan, positive) {
        (true, _) => b"\"NaN\"",
        (_, true) => b"\"Infinity\"",
        (_, false) => b"\"-Infinity\"",
    });
}

/// Bytes as base64 with padding.
#[inline(never)]
pub(super) fn base64(out: &mut Page, prefix: &Prefix, bytes: &[u8]) {
    out.prefix(prefix);
    out.push(b'"');
    out.fill(bytes.len().div_ceil(3) * 4, |room| base64::encode(bytes, room));
    out.push(b'"');
}

/// Indents compact JSON by two blanks a level. `false`: it would be longer than the limit, and nothing was added.
#[must_use]
pub(super) fn pretty(compact: &[u8], out: &mut Vec<u8>, limit: usize) -> bool {
    let start = out.len();
    let mut depth = 0usize;
    let mut bytes = compact.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        // What a line adds is bounded by the depth.
        if out.len() - start > limit {
            break;
        }
        match byte {
            b'"' => {
                out.push(byte);
                while let Some(byte) = bytes.next() {
                    out.push(byte);
                    match byte {
                        b'"' => break,
                        b'\\' => out.extend(bytes.next()),
                        _ => {}
                    }
                }
            }
            b'{' | b'[' => {
                out.push(byte);
                if let Some(end) = bytes.next_if(|next| matches!(next, b'}' | b']')) {
                    out.push(end);
                } else {
                    depth += 1;
                    line(out, depth);
                }
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                line(out, depth);
                out.push(byte);
            }
            b',' => {
                out.push(byte);
                line(out, depth);
            }
            b':' => out.extend_from_slice(b": "),
            _ => out.push(byte),
        }
    }
    let fits = out.len() - start <= limit;
    if !fits {
        out.truncate(start);
    }
    fits
}

fn line(out: &mut Vec<u8>, depth: usize) {
    out.push(b'\n');
    out.resize(out.len() + 2 * depth, b' ');
}
