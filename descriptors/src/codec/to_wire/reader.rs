//! Reads JSON, strictly.
//!
//! Source: RFC 8259. What it leaves open is refused: lone surrogates, bytes that are no UTF-8.

use super::super::{
    depth::Depth,
    error::{Fault, Limit},
    lanes::{self, Lanes},
    scratch::{Open, Passed},
};

type Read<T = ()> = Result<T, Box<Fault>>;

/// A text and how far it was read.
pub(super) struct Reader<'a> {
    input: &'a [u8],
    pub(super) rest: &'a [u8],
}

/// A string that was read.
#[derive(Clone, Copy)]
pub(super) enum Text<'a> {
    /// It stands in the input as it is.
    Plain(&'a [u8]),
    /// It had escapes, and now stands in the buffer that was given.
    Decoded,
}

impl<'a> Text<'a> {
    /// The text itself, if `buffer` is the one that was given.
    pub(super) fn bytes<'b>(self, buffer: &'b [u8]) -> &'b [u8]
    where
        'a: 'b,
    {
        match self {
            Self::Plain(text) => text,
            Self::Decoded => buffer,
        }
    }
}

impl<'a> Reader<'a> {
    pub(super) fn new(input: &'a [u8]) -> Self {
        Self { input, rest: input }
    }

    pub(super) fn offset(&self) -> usize {
        self.input.len() - self.rest.len()
    }

    /// The same: the input is not that long.
    pub(super) fn offset32(&self) -> u32 {
        u32::try_from(self.offset()).unwrap_or(u32::MAX)
    }

    /// Goes to a place in the input.
    pub(super) fn go_to(&mut self, offset: u32) {
        self.rest = self.input.get(offset as usize..).unwrap_or_default();
    }

    /// Where a rest of the input begins.
    pub(super) fn offset_of(&self, rest: &[u8]) -> usize {
        self.input.len().saturating_sub(rest.len())
    }

    #[cold]
    pub(super) fn fault(&self, what: impl Into<String>) -> Box<Fault> {
        Fault::new(what, self.offset())
    }

    /// What stands here is not what is due.
    #[cold]
    pub(super) fn unexpected(&self, due: &str) -> Box<Fault> {
        let found = match self.rest.first() {
            None => "the text ends".to_owned(),
            Some(b'"') => "there is a string".to_owned(),
            Some(b'{') => "there is an object".to_owned(),
            Some(b'[') => "there is an array".to_owned(),
            Some(b'0'..=b'9' | b'-') => "there is a number".to_owned(),
            Some(b't' | b'f') if self.word(b"true") || self.word(b"false") => "there is a bool".to_owned(),
            Some(b'n') if self.word(b"null") => "there is null".to_owned(),
            Some(byte @ b'!'..=b'~') => format!("there is `{}`", char::from(*byte)),
            Some(_) => "there is something that is no JSON".to_owned(),
        };
        self.fault(format!("expected {due}, but {found}"))
    }

    fn word(&self, word: &[u8]) -> bool {
        self.rest.starts_with(word)
    }

    /// The next byte that is no white space, which stays.
    #[inline]
    pub(super) fn peek(&mut self) -> Option<u8> {
        match self.rest.first() {
            Some(byte) if *byte > b' ' => Some(*byte),
            _ => self.past_space(),
        }
    }

    fn past_space(&mut self) -> Option<u8> {
        while let Some((b' ' | b'\t' | b'\n' | b'\r', rest)) = self.rest.split_first() {
            self.rest = rest;
        }
        self.rest.first().copied()
    }

    /// Takes this byte, if it is the next one that is no white space.
    #[inline]
    pub(super) fn take(&mut self, byte: u8) -> bool {
        if self.peek() != Some(byte) {
            return false;
        }
        self.advance(1);
        true
    }

    #[inline]
    pub(super) fn advance(&mut self, count: usize) {
        self.rest = self.rest.get(count..).unwrap_or_default();
    }

    #[inline]
    pub(super) fn expect(&mut self, byte: u8, due: &str) -> Read {
        if self.take(byte) {
            Ok(())
        } else {
            Err(self.unexpected(due))
        }
    }

    /// Takes this word, if it stands here.
    pub(super) fn literal(&mut self, word: &[u8]) -> bool {
        let found = self.peek().is_some() && self.rest.starts_with(word);
        if found {
            self.advance(word.len());
        }
        found
    }

    /// After a member or element: whether another follows. Takes the comma or the end.
    #[inline]
    pub(super) fn more(&mut self, end: u8, due: &str) -> Read<bool> {
        match self.peek() {
            Some(b',') => {
                self.advance(1);
                Ok(true)
            }
            Some(byte) if byte == end => {
                self.advance(1);
                Ok(false)
            }
            _ => Err(self.unexpected(due)),
        }
    }

    /// Takes a string; if it has escapes, it's decoded into `buffer`.
    #[inline]
    pub(super) fn string(&mut self, due: &str, buffer: &mut Vec<u8>) -> Read<Text<'a>> {
        self.expect(b'"', due)?;
        let length = lanes::run(self.rest, Lanes::odd);
        let text = self.rest.get(..length).unwrap_or_default();
        if self.rest.get(length) == Some(&b'"') {
            self.advance(length + 1);
            return Ok(Text::Plain(text));
        }
        self.odd_string(length, buffer)
    }

    /// A string with something besides plain ASCII, which does not begin before `at`.
    fn odd_string(&mut self, mut at: usize, buffer: &mut Vec<u8>) -> Read<Text<'a>> {
        let start = self.rest;
        let from = |at: usize| start.get(at..).unwrap_or_default();
        buffer.clear();
        // How much of the text stands in the buffer.
        let mut decoded = 0;
        loop {
            at += lanes::run(from(at), Lanes::marks);
            self.rest = from(at);
            match self.rest.first() {
                Some(b'"') => break,
                Some(b'\\') => {
                    lanes::append(buffer, from(decoded), at - decoded);
                    at += self.escape(buffer)?;
                    decoded = at;
                }
                Some(_) => return Err(self.fault("a control character in a string must be escaped")),
                None => return Err(self.fault("a string does not end")),
            }
        }
        let text = start.get(..at).unwrap_or_default();
        if !lanes::is_utf8(text) {
            self.rest = from(std::str::from_utf8(text).map_or_else(|error| error.valid_up_to(), str::len));
            return Err(self.fault("a string is not UTF-8"));
        }
        self.advance(1);
        if decoded == 0 {
            return Ok(Text::Plain(text));
        }
        lanes::append(buffer, from(decoded), at - decoded);
        Ok(Text::Decoded)
    }

    /// Decodes the escape sequence that stands here; gives its length.
    #[inline]
    fn escape(&mut self, buffer: &mut Vec<u8>) -> Read<usize> {
        let Some((letter, length)) = unescape(self.rest) else {
            return Err(self.fault("this is no escape sequence of JSON, or half a surrogate pair"));
        };
        match u8::try_from(letter) {
            Ok(byte @ ..0x80) => buffer.push(byte),
            _ => buffer.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes()),
        }
        Ok(length)
    }

    /// Takes a number.
    pub(super) fn number(&mut self, due: &str) -> Read<&'a [u8]> {
        if !matches!(self.peek(), Some(b'0'..=b'9' | b'-')) {
            return Err(self.unexpected(due));
        }
        let Some(length) = number_length(self.rest) else {
            return Err(self.fault("this is no number of JSON"));
        };
        let number = self.rest.get(..length).unwrap_or_default();
        self.advance(length);
        Ok(number)
    }

    /// Takes a whole number as it is mostly written: a few digits, in quotes or not, with no space behind them. `None`:
    /// something else, which stays.
    #[inline]
    pub(super) fn plain_whole(&mut self) -> Option<i64> {
        let start = self.rest;
        let (quoted, text) = start.strip_prefix(b"\"").map_or((false, start), |text| (true, text));
        let (negative, digits) = text.strip_prefix(b"-").map_or((false, text), |digits| (true, digits));
        let (mut number, mut rest) = (0i64, digits);
        while let Some((digit @ b'0'..=b'9', after)) = rest.split_first() {
            number = number.wrapping_mul(10).wrapping_add(i64::from(digit - b'0'));
            rest = after;
        }
        let count = digits.len() - rest.len();
        let whole = (1..=18).contains(&count) && (count == 1 || digits.first() != Some(&b'0'));
        let ends = match rest.first() {
            Some(b'"') => quoted,
            Some(b',' | b'}' | b']') => !quoted,
            _ => false,
        };
        if !(whole && ends) {
            return None;
        }
        self.rest = rest.get(usize::from(quoted)..).unwrap_or_default();
        Some(if negative { -number } else { number })
    }

    /// Skips a value of any kind, which nests no deeper than is left of `depth`. `open` is for the objects and arrays that it's in,
    /// `passed` takes where objects have their types.
    pub(super) fn skip(
        &mut self,
        depth: Depth,
        buffer: &mut Vec<u8>,
        open: &mut Vec<Open>,
        mut passed: Option<&mut Passed>,
    ) -> Read {
        open.clear();
        loop {
            match self.peek() {
                Some(start @ (b'{' | b'[')) => {
                    if open.len() >= depth.left() as usize {
                        return Err(Fault::of_limit(Limit::Depth, depth.exceeded("values"), self.offset()));
                    }
                    let begun = Open {
                        at: self.offset32(),
                        end: if start == b'{' { b'}' } else { b']' },
                    };
                    self.advance(1);
                    if !self.take(begun.end) {
                        open.push(begun);
                        self.skip_name(begun, buffer, passed.as_deref_mut())?;
                        continue;
                    }
                }
                Some(b'"') => drop(self.string("a string", buffer)?),
                Some(b'0'..=b'9' | b'-') => drop(self.number("a number")?),
                _ if self.literal(b"true") || self.literal(b"false") || self.literal(b"null") => {}
                _ => return Err(self.unexpected("a value")),
            }
            loop {
                let Some(innermost) = open.last().copied() else {
                    return Ok(());
                };
                if self.more(innermost.end, "`,` or the end of the object or array")? {
                    self.skip_name(innermost, buffer, passed.as_deref_mut())?;
                    break;
                }
                open.pop();
            }
        }
    }

    /// The name of a member of an object; of an array nothing.
    fn skip_name(&mut self, within: Open, buffer: &mut Vec<u8>, passed: Option<&mut Passed>) -> Read {
        if within.end == b'}' {
            let name = self.string("the name of a member", buffer)?;
            let is_type = name.bytes(buffer) == b"@type";
            self.expect(b':', "`:`")?;
            if let Some(passed) = passed.filter(|_| is_type) {
                passed.types.push((within.at, self.offset32()));
            }
        }
        Ok(())
    }
}

/// The character that an escape sequence stands for, and the length of that.
fn unescape(escape: &[u8]) -> Option<(char, usize)> {
    let letter = match escape.get(1)? {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return unicode(escape),
        _ => return None,
    };
    Some((letter, 2))
}

fn unicode(escape: &[u8]) -> Option<(char, usize)> {
    let high = hex(escape.get(2..6)?)?;
    if !(0xd800..0xdc00).contains(&high) {
        // Half a pair is no character.
        return Some((char::from_u32(high)?, 6));
    }
    let low = escape.get(6..12)?.strip_prefix(b"\\u").and_then(hex)?;
    let low = low.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
    let code = 0x1_0000 + ((high - 0xd800) << 10 | low);
    Some((char::from_u32(code)?, 12))
}

fn hex(digits: &[u8]) -> Option<u32> {
    digits
        .iter()
        .try_fold(0, |number, digit| Some(number << 4 | char::from(*digit).to_digit(16)?))
}

/// How long the number at the start of a text is: `-? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`
pub(super) fn number_length(text: &[u8]) -> Option<usize> {
    let digits = |from: usize| {
        let rest = text.get(from..).unwrap_or_default();
        rest.iter().take_while(|byte| byte.is_ascii_digit()).count()
    };
    let mut at = usize::from(text.first() == Some(&b'-'));
    let whole = digits(at);
    if whole == 0 || whole > 1 && text.get(at) == Some(&b'0') {
        return None;
    }
    at += whole;
    if text.get(at) == Some(&b'.') {
        let fraction = digits(at + 1);
        if fraction == 0 {
            return None;
        }
        at += 1 + fraction;
    }
    if let Some(b'e' | b'E') = text.get(at) {
        let sign = usize::from(matches!(text.get(at + 1), Some(b'+' | b'-')));
        let exponent = digits(at + 1 + sign);
        if exponent == 0 {
            return None;
        }
        at += 1 + sign + exponent;
    }
    Some(at)
}
