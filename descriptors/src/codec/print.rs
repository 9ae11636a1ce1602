//! Prints JSON values: strings, numbers, bytes.
//!
//! Source: RFC 8259; ProtoJSON, <https://protobuf.dev/programming-guides/json/>.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{page::Page, swar};

/// Prints a string. `false`: it is not UTF-8, and nothing useful was printed.
#[inline]
#[must_use]
pub(super) fn string(out: &mut Page, text: &[u8]) -> bool {
    out.plain_string(text) || escaped(out, text)
}

fn escaped(out: &mut Page, text: &[u8]) -> bool {
    if std::str::from_utf8(text).is_err() {
        return false;
    }
    out.push(b'"');
    let mut rest = text;
    loop {
        let (plain, after) = rest.split_at(swar::before_escape(rest));
        out.extend_from_slice(plain);
        let Some((byte, after)) = after.split_first() else {
            break;
        };
        match escape(*byte) {
            b'u' => out.extend_from_slice(&[b'\\', b'u', b'0', b'0', hex(*byte >> 4), hex(*byte & 15)]),
            letter => out.extend_from_slice(&[b'\\', letter]),
        }
        rest = after;
    }
    out.push(b'"');
    true
}

/// What stands behind the backslash for this byte; 0: it stands for itself.
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
        0..0x20 => b'u',
        _ => 0,
    }
}

const fn hex(digit: u8) -> u8 {
    if digit < 10 { b'0' + digit } else { b'a' - 10 + digit }
}

#[inline]
pub(super) fn integer(out: &mut Page, number: impl itoa::Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// A 64-bit integer: in quotes, since JavaScript's numbers have 53 bits.
#[inline]
pub(super) fn long(out: &mut Page, number: impl itoa::Integer, bare: bool) {
    if bare {
        return integer(out, number);
    }
    out.push(b'"');
    integer(out, number);
    out.push(b'"');
}

pub(super) fn double(out: &mut Page, number: f64) {
    if number.is_finite() {
        let mut buffer = zmij::Buffer::new();
        shortest(out, buffer.format_finite(number));
    } else {
        not_finite(out, number.is_nan(), number > 0.0);
    }
}

pub(super) fn float(out: &mut Page, number: f32) {
    if number.is_finite() {
        let mut buffer = zmij::Buffer::new();
        shortest(out, buffer.format_finite(number));
    } else {
        not_finite(out, number.is_nan(), number > 0.0);
    }
}

/// The shortest digits that read back to the same number; `1.0` as `1`.
fn shortest(out: &mut Page, digits: &str) {
    out.extend_from_slice(digits.strip_suffix(".0").unwrap_or(digits).as_bytes());
}

fn not_finite(out: &mut Page, nan: bool, positive: bool) {
    out.extend_from_slice(match (nan, positive) {
        (true, _) => b"\"NaN\"",
        (_, true) => b"\"Infinity\"",
        (_, false) => b"\"-Infinity\"",
    });
}

/// Bytes as base64 with padding.
pub(super) fn base64(out: &mut Page, bytes: &[u8]) {
    out.push(b'"');
    out.fill(bytes.len().div_ceil(3) * 4, |room| {
        STANDARD.encode_slice(bytes, room).unwrap_or_default()
    });
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
