//! The tokens of the text format.
//!
//! Source: <https://protobuf.dev/reference/protobuf/textformat-spec/>, "Lexical Elements".

use super::super::super::error::{Fault, shown};

type Read<T = ()> = Result<T, Box<Fault>>;

/// A text and how far it was read.
#[derive(Clone, Copy)]
pub(super) struct Scanner<'a> {
    input: &'a [u8],
    pub(super) rest: &'a [u8],
}

/// A number without its sign.
#[derive(Clone, Copy)]
pub(super) enum Number<'a> {
    /// Written as an integer, in decimal.
    Decimal(&'a str),
    /// In octal or hexadecimal: the digits and the base.
    Based(&'a str, u32),
    /// With a point, an exponent or the suffix `f`, which is left out.
    Float(&'a str),
}

impl<'a> Scanner<'a> {
    pub(super) fn new(input: &'a [u8]) -> Self {
        Self { input, rest: input }
    }

    #[cold]
    pub(super) fn fault(&self, what: impl Into<String>) -> Box<Fault> {
        Fault::new(what, self.offset())
    }

    pub(super) fn offset(&self) -> usize {
        self.input.len() - self.rest.len()
    }

    /// What stands here is not what is due.
    #[cold]
    pub(super) fn unexpected(&self, due: &str) -> Box<Fault> {
        let found = match self.rest.first() {
            None => "the text ends".to_owned(),
            Some(b'"' | b'\'') => "there is a string".to_owned(),
            Some(b'0'..=b'9') => "there is a number".to_owned(),
            Some(byte) if starts_word(*byte) => format!("there is {}", shown(word(self.rest))),
            Some(byte @ b'!'..=b'~') => format!("there is `{}`", char::from(*byte)),
            Some(_) => "there is something that is no text format".to_owned(),
        };
        self.fault(format!("expected {due}, but {found}"))
    }

    /// What stands between this place and a later one.
    pub(super) fn until(&self, end: &Self) -> &'a str {
        let text = self.rest.get(..self.rest.len() - end.rest.len());
        std::str::from_utf8(text.unwrap_or_default()).unwrap_or_default()
    }

    pub(super) fn advance(&mut self, count: usize) {
        self.rest = self.rest.get(count..).unwrap_or_default();
    }

    /// The next byte that is neither white space nor in a comment, which stays.
    pub(super) fn peek(&mut self) -> Option<u8> {
        loop {
            match self.rest.first()? {
                b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c => self.advance(1),
                b'#' => {
                    let end = memchr::memchr(b'\n', self.rest);
                    self.advance(end.unwrap_or(self.rest.len()));
                }
                byte => return Some(*byte),
            }
        }
    }

    /// Takes this byte, if it comes next.
    pub(super) fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        if found {
            self.advance(1);
        }
        found
    }

    pub(super) fn expect(&mut self, byte: u8, due: &str) -> Read {
        if self.take(byte) {
            Ok(())
        } else {
            Err(self.unexpected(due))
        }
    }

    /// The brace or angle bracket that opens a message: the one that closes it.
    pub(super) fn open(&mut self) -> Read<u8> {
        let close = match self.peek() {
            Some(b'{') => b'}',
            Some(b'<') => b'>',
            _ => return Err(self.unexpected("`{`")),
        };
        self.advance(1);
        Ok(close)
    }

    /// A word: letters, digits and underscores.
    pub(super) fn word(&mut self, due: &str) -> Read<&'a str> {
        if !self.peek().is_some_and(starts_word) {
            return Err(self.unexpected(due));
        }
        let word = word(self.rest);
        self.advance(word.len());
        // All of it is ASCII.
        Ok(std::str::from_utf8(word).unwrap_or_default())
    }

    pub(super) fn number(&mut self, due: &str) -> Read<Number<'a>> {
        if !matches!(self.peek(), Some(b'0'..=b'9' | b'.')) {
            return Err(self.unexpected(due));
        }
        let text = number_text(self.rest);
        let number = std::str::from_utf8(text).ok().and_then(classify);
        let number = number.ok_or_else(|| self.fault(format!("{} is no number", shown(text))))?;
        self.advance(text.len());
        Ok(number)
    }

    /// One or more strings side by side, which are one; added to `text`.
    pub(super) fn strings(&mut self, due: &str, text: &mut Vec<u8>) -> Read {
        if !matches!(self.peek(), Some(b'"' | b'\'')) {
            return Err(self.unexpected(due));
        }
        while let Some(quote @ (b'"' | b'\'')) = self.peek() {
            self.string(quote, text)?;
        }
        Ok(())
    }

    fn string(&mut self, quote: u8, text: &mut Vec<u8>) -> Read {
        let start = self.rest;
        self.advance(1);
        loop {
            let special = memchr::memchr3(quote, b'\\', b'\n', self.rest).unwrap_or(self.rest.len());
            let plain = self.rest.get(..special).unwrap_or_default();
            if let Some(zero) = memchr::memchr(0, plain) {
                self.advance(zero);
                return Err(self.fault("a zero byte in a string must be escaped"));
            }
            text.extend_from_slice(plain);
            self.advance(special);
            match self.rest.first() {
                Some(b'\\') => self.escape(text)?,
                Some(byte) if *byte == quote => {
                    self.advance(1);
                    return Ok(());
                }
                Some(_) => return Err(self.fault("a string must end on its line; a line feed in it is written \\n")),
                None => {
                    self.rest = start;
                    return Err(self.fault("this string does not end"));
                }
            }
        }
    }

    fn escape(&mut self, text: &mut Vec<u8>) -> Read {
        let Some((found, length)) = super::escape::decode(self.rest) else {
            let what = "this is no escape sequence, or of a character that does not exist; \\\\ is a backslash";
            return Err(self.fault(what));
        };
        found.add_to(text);
        self.advance(length);
        Ok(())
    }
}

pub(super) fn starts_word(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_'
}

fn word(rest: &[u8]) -> &[u8] {
    let inside = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'_';
    let length = rest.iter().take_while(inside).count();
    rest.get(..length).unwrap_or_default()
}

/// What belongs to the number that begins here, and what can't be told from it: `1foo` is no number and a word.
fn number_text(rest: &[u8]) -> &[u8] {
    let hex = matches!(rest, [b'0', b'x' | b'X', ..]);
    let mut length = 0;
    while let Some(byte) = rest.get(length) {
        let after_exponent = || !hex && matches!(rest.get(length.wrapping_sub(1)), Some(b'e' | b'E'));
        match byte {
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'.' => length += 1,
            b'+' | b'-' if after_exponent() => length += 1,
            _ => break,
        }
    }
    rest.get(..length).unwrap_or_default()
}

fn classify(text: &str) -> Option<Number<'_>> {
    let digits = |text: &str, base: u32| !text.is_empty() && text.chars().all(|digit| digit.is_digit(base));
    if let Some(hex) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        return digits(hex, 16).then_some(Number::Based(hex, 16));
    }
    if digits(text, 10) {
        return match text.strip_prefix('0') {
            Some("") | None => Some(Number::Decimal(text)),
            Some(octal) => digits(octal, 8).then_some(Number::Based(octal, 8)),
        };
    }
    let float = text.strip_suffix(['f', 'F']).unwrap_or(text);
    let (mantissa, exponent) = match float.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (float, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let legal = exponent.is_none_or(|exponent| digits(exponent, 10))
        && (digits(whole, 10) || whole.is_empty() && !fraction.is_empty())
        && (fraction.is_empty() || digits(fraction, 10))
        && (whole == "0" || !whole.starts_with('0'));
    legal.then_some(Number::Float(float))
}
