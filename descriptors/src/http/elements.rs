//! The messages of a body that has many of them, told apart as they arrive: of requests and of answers.
//!
//! ```text
//! body  = array / lines
//! array = "[" [ value *( "," value ) ] "]"
//! lines = *( [ value ] LF ) [ value ]
//! ```
//!
//! Only as much is read of a value as its end takes to be found: strings, and what is open. Whether it is JSON its
//! reader finds out.

use bytes::{Buf, Bytes, BytesMut};

/// Finds the JSON values in a body that is an array of them, or one a line.
///
/// ```
/// use descant_descriptors::Elements;
///
/// let mut elements = Elements::new(false, 100);
/// elements.push(br#"[{"a":"]"}, {"#);
/// assert_eq!(elements.next()?.as_deref(), Some(&br#"{"a":"]"}"#[..]));
/// assert_eq!(elements.next()?, None);
/// elements.push(b"}]");
/// assert_eq!(elements.next()?.as_deref(), Some(&b"{}"[..]));
/// assert_eq!(elements.next()?, None);
/// assert_eq!(elements.end()?, None);
/// # Ok::<(), descant_descriptors::ElementsError>(())
/// ```
#[derive(Debug)]
pub struct Elements {
    place: Place,
    /// What came of a value that is not whole, and what follows it.
    came: BytesMut,
    /// How much of `came` was looked at.
    seen: usize,
    value: Value,
    /// How long a value may be.
    limit: usize,
}

/// Where in the body the next byte stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Before everything.
    Start,
    /// Before a value; of an array also before its end, if nothing was in it yet.
    Before {
        array: bool,
        first: bool,
    },
    Within {
        array: bool,
    },
    After {
        array: bool,
    },
    /// After the array.
    End,
}

/// A value as far as it came.
#[derive(Clone, Copy, Debug, Default)]
struct Value {
    /// Brackets that are open.
    open: usize,
    string: bool,
    escaped: bool,
}

/// Why a body can't be taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ElementsError {
    /// A value is longer than this.
    #[error("a message is larger than the limit of {0} bytes")]
    TooLarge(usize),
    /// Two elements of an array have nothing between them.
    #[error("`,` or `]` is due after an element of the array")]
    Separator,
    /// Two separators of an array have nothing between them.
    #[error("an element of the array is missing")]
    Missing,
    /// Two values stand on one line.
    #[error("a new line is due after a message")]
    Line,
    /// Something stands behind an array.
    #[error("something follows the array")]
    Trailing,
    /// The body ends within a value.
    #[error("the body ends within a message")]
    Value,
    /// The body ends within an array.
    #[error("the body ends within the array")]
    Array,
}

impl Elements {
    /// Bytes that came and are not taken yet.
    pub fn held(&self) -> usize {
        self.came.len()
    }

    /// Of a body that is one line a message, whatever it begins with, if `lines`; else that shows.
    pub fn new(lines: bool, limit: usize) -> Self {
        let lines_only = Place::Before {
            array: false,
            first: true,
        };
        Self {
            place: if lines { lines_only } else { Place::Start },
            came: BytesMut::new(),
            seen: 0,
            value: Value::default(),
            limit,
        }
    }

    /// Adds what came.
    pub fn push(&mut self, data: &[u8]) {
        self.came.extend_from_slice(data);
    }

    /// Whether a value has begun that is not whole.
    pub fn is_within(&self) -> bool {
        matches!(self.place, Place::Within { .. })
    }

    /// The next value; `None`: more has to come.
    #[allow(clippy::should_implement_trait)] // There may be more behind `None`.
    pub fn next(&mut self) -> Result<Option<Bytes>, ElementsError> {
        while let Some(byte) = self.came.get(self.seen).copied() {
            if let Some(value) = self.step(byte)? {
                return Ok(Some(value));
            }
            if self.seen > self.limit {
                return Err(ElementsError::TooLarge(self.limit));
            }
        }
        Ok(None)
    }

    /// The last value, once the body has ended and [`next`](Self::next) has no more.
    pub fn end(&mut self) -> Result<Option<Bytes>, ElementsError> {
        match self.place {
            // A number or a word ends where the body does.
            Place::Within { array: false } if self.value.open == 0 && !self.value.string => {
                self.place = Place::After { array: false };
                Ok(Some(self.take()))
            }
            Place::Within { .. } => Err(ElementsError::Value),
            Place::Before { array: true, .. } | Place::After { array: true } => Err(ElementsError::Array),
            Place::Start | Place::Before { .. } | Place::After { .. } | Place::End => Ok(None),
        }
    }

    /// Looks at one byte: it is passed over, or part of a value, or behind one, which is the result.
    fn step(&mut self, byte: u8) -> Result<Option<Bytes>, ElementsError> {
        let blank = matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
        match (self.place, byte) {
            (Place::Within { array }, _) => return Ok(self.within(array, byte)),
            (Place::After { array: false }, b'\n') => {
                self.place = Place::Before {
                    array: false,
                    first: false,
                };
            }
            (_, _) if blank => {}
            (Place::Start, b'[') => {
                self.place = Place::Before {
                    array: true,
                    first: true,
                };
            }
            (Place::Before { array: true, first }, b']' | b',') => {
                if byte == b',' || !first {
                    return Err(ElementsError::Missing);
                }
                self.place = Place::End;
            }
            (Place::Start | Place::Before { .. }, _) => {
                let array = matches!(self.place, Place::Before { array: true, .. });
                self.place = Place::Within { array };
                self.value = Value::default();
                // What stands before the value is none of it.
                self.came.advance(self.seen);
                self.seen = 0;
                return Ok(self.within(array, byte));
            }
            (Place::After { array: true }, b',') => {
                self.place = Place::Before {
                    array: true,
                    first: false,
                };
            }
            (Place::After { array: true }, b']') => self.place = Place::End,
            (Place::After { array: true }, _) => return Err(ElementsError::Separator),
            (Place::After { array: false }, _) => return Err(ElementsError::Line),
            (Place::End, _) => return Err(ElementsError::Trailing),
        }
        self.came.advance(self.seen + 1);
        self.seen = 0;
        Ok(None)
    }

    fn within(&mut self, array: bool, byte: u8) -> Option<Bytes> {
        let value = &mut self.value;
        let bare = value.open == 0 && !value.string;
        if bare && self.seen > 0 && matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b',' | b']' | b'}') {
            self.place = Place::After { array };
            return Some(self.take());
        }
        self.seen += 1;
        match byte {
            _ if value.escaped => value.escaped = false,
            b'\\' if value.string => value.escaped = true,
            b'"' => value.string = !value.string,
            _ if value.string => return None,
            b'{' | b'[' => value.open += 1,
            b'}' | b']' => value.open = value.open.saturating_sub(1),
            _ => return None,
        }
        let ends = matches!(byte, b'"' | b'}' | b']') && value.open == 0 && !value.string;
        if !ends {
            return None;
        }
        self.place = Place::After { array };
        Some(self.take())
    }

    /// The value that was looked at.
    fn take(&mut self) -> Bytes {
        let value = self.came.split_to(self.seen).freeze();
        self.seen = 0;
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values of a body that comes in pieces of this length, and the error, if there is one.
    fn all(body: &str, lines: bool, piece: usize) -> (Vec<String>, Option<ElementsError>) {
        let mut elements = Elements::new(lines, 100);
        let mut found = Vec::new();
        let mut add = |value: Bytes| found.push(String::from_utf8(value.to_vec()).unwrap());
        for data in body.as_bytes().chunks(piece) {
            elements.push(data);
            loop {
                match elements.next() {
                    Ok(Some(value)) => add(value),
                    Ok(None) => break,
                    Err(error) => return (found, Some(error)),
                }
            }
        }
        match elements.end() {
            Ok(last) => last.into_iter().for_each(add),
            Err(error) => return (found, Some(error)),
        }
        (found, None)
    }

    #[test]
    fn values_are_told_apart_wherever_the_pieces_end() {
        for (body, wanted) in [
            ("", &[][..]),
            (" \r\n ", &[]),
            ("[]", &[]),
            (" [ ] \n", &[]),
            (r#"[{"a":"]},{"},{}]"#, &[r#"{"a":"]},{"}"#, "{}"]),
            (
                r#"[ 1 , "a\"]" ,null,[[2],3] ]"#,
                &["1", r#""a\"]""#, "null", "[[2],3]"],
            ),
            (
                "{\"a\":1}\n{\"b\":[\n]}\r\n\n\n 5 \n\"x\"",
                &["{\"a\":1}", "{\"b\":[\n]}", "5", "\"x\""],
            ),
            ("{}", &["{}"]),
            ("true", &["true"]),
            ("1\n2", &["1", "2"]),
            (r#""\\""#, &[r#""\\""#]),
        ] {
            for piece in 1..=body.len().max(1) {
                assert_eq!(
                    all(body, false, piece),
                    (wanted.iter().map(ToString::to_string).collect(), None),
                    "{body}"
                );
            }
        }
        assert_eq!(
            all("[1]\n[2]\n", true, 3),
            (vec!["[1]".to_owned(), "[2]".to_owned()], None)
        );
    }

    #[test]
    fn what_is_no_list_of_values_is_refused() {
        for (body, wanted) in [
            ("[1 2]", ElementsError::Separator),
            ("[{}{}]", ElementsError::Separator),
            ("[,1]", ElementsError::Missing),
            ("[1,]", ElementsError::Missing),
            ("[1,,2]", ElementsError::Missing),
            ("{}{}", ElementsError::Line),
            ("{} {}", ElementsError::Line),
            ("{},{}", ElementsError::Line),
            ("[] x", ElementsError::Trailing),
            ("[][]", ElementsError::Trailing),
            ("[1", ElementsError::Value),
            ("[{}", ElementsError::Array),
            ("[", ElementsError::Array),
            ("[1,", ElementsError::Array),
            ("{\"a\":", ElementsError::Value),
            ("\"a", ElementsError::Value),
        ] {
            for piece in 1..=body.len() {
                assert_eq!(all(body, false, piece).1, Some(wanted), "{body}");
            }
        }
    }

    #[test]
    fn a_value_is_bounded() {
        let body = format!("[\"{}\"]", "a".repeat(200));
        assert_eq!(all(&body, false, 7).1, Some(ElementsError::TooLarge(100)));
        assert_eq!(all(&" ".repeat(1000), false, 7), (Vec::new(), None));
        let (found, error) = all(&"5\n".repeat(1000), false, 7);
        assert_eq!((found.len(), error), (1000, None));
    }
}
