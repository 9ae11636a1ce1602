//! Escape sequences of strings.
//!
//! Source: <https://protobuf.dev/reference/protobuf/textformat-spec/>, "String Literals".

/// What an escape sequence stands for.
pub(super) enum Escaped {
    Byte(u8),
    Letter(char),
}

impl Escaped {
    pub(super) fn add_to(&self, text: &mut Vec<u8>) {
        match self {
            Self::Byte(byte) => text.push(*byte),
            Self::Letter(letter) => text.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

/// The escape sequence at the start of `text`, and how long that is.
pub(super) fn decode(text: &[u8]) -> Option<(Escaped, usize)> {
    let byte = match *text.get(1)? {
        b'a' => 7,
        b'b' => 8,
        b'f' => 12,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 11,
        byte @ (b'?' | b'\\' | b'\'' | b'"') => byte,
        b'0'..=b'7' => return numbered(text, 1, 3, 8),
        b'x' | b'X' => return numbered(text, 2, 2, 16),
        // Halves of surrogate pairs are no characters, and two of them are not one: the conformance suite.
        b'u' => return unicode(text, 6),
        b'U' => return unicode(text, 10),
        _ => return None,
    };
    Some((Escaped::Byte(byte), 2))
}

/// A byte by its number, in up to `most` digits from `start` on.
fn numbered(text: &[u8], start: usize, most: usize, base: u32) -> Option<(Escaped, usize)> {
    let digits = text.get(start..)?.iter().take(most);
    let digits = digits.map_while(|digit| char::from(*digit).to_digit(base));
    let (number, count) = digits.fold((0, 0), |(number, count), digit| (number * base + digit, count + 1));
    let byte = u8::try_from(number).ok().filter(|_| count > 0)?;
    Some((Escaped::Byte(byte), start + count))
}

/// A character by its number: all digits up to `end`.
fn unicode(text: &[u8], end: usize) -> Option<(Escaped, usize)> {
    let digits = text.get(2..end)?.iter();
    let number = digits
        .map(|digit| char::from(*digit).to_digit(16))
        .try_fold(0, |number, digit| Some(number << 4 | digit?))?;
    Some((Escaped::Letter(char::from_u32(number)?), end))
}
