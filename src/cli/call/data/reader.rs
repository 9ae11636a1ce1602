//! JSON values out of data, each with the place where it begins.

use std::{
    cell::Cell,
    io::{self, Read},
    rc::Rc,
};

use descant_descriptors::{Codec, CodecError, MessageType, Place};
use serde_json::{error::Category, value::RawValue};
use tokio::sync::mpsc;

use crate::cli::json;

/// A value, and where in the data it begins.
pub(super) struct Value {
    json: Box<RawValue>,
    begin: Point,
}

/// Why there is no value.
pub(super) enum NoValue {
    /// What comes is no JSON: why, and where.
    NoJson(String),
    /// Nothing can be read.
    Unread(String),
}

/// A line and a column, from 1, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Point {
    line: usize,
    column: usize,
}

/// Where a reader is.
#[derive(Clone, Copy, Debug)]
struct Reached {
    bytes: usize,
    /// Of the next byte.
    point: Point,
    /// Where the value begins that is read, if it has begun.
    begin: Option<Point>,
    /// Where the last byte stands, if a value may begin with it.
    last: Option<Point>,
    /// Bytes of the line that no character is counted with.
    inner: usize,
}

/// Reads byte by byte, as the parser asks for them, and tells where it is.
struct Telling<R> {
    reader: R,
    reached: Rc<Cell<Reached>>,
}

/// Until nobody takes them any more, or what comes is no JSON.
pub(super) fn read(reader: impl Read, values: &mpsc::Sender<Result<Value, NoValue>>) {
    let reader = match json::unmarked(reader) {
        Ok(reader) => reader,
        Err(error) => {
            let _ = values.blocking_send(Err(NoValue::Unread(error.to_string())));
            return;
        }
    };
    let reached = Rc::new(Cell::new(Reached::nothing()));
    let telling = Telling {
        reader,
        reached: reached.clone(),
    };
    let mut parsed = serde_json::Deserializer::from_reader(telling).into_iter();
    loop {
        reached.set(reached.get().behind(parsed.byte_offset()));
        let Some(value) = parsed.next() else { return };
        let begin = reached.get().begin.unwrap_or(Point::FIRST);
        let value = value.map(|json| Value { json, begin });
        let value = value.map_err(|error| match error.classify() {
            Category::Io => NoValue::Unread(error.to_string()),
            _ => NoValue::NoJson(reached.get().told(&error)),
        });
        let last = value.is_err();
        if values.blocking_send(value).is_err() || last {
            return;
        }
    }
}

impl Value {
    /// The message; else what is wrong, with its place in the data.
    pub(super) fn to_wire(&self, of: &MessageType, codec: &mut Codec) -> Result<Vec<u8>, String> {
        let mut wire = Vec::new();
        let written = codec.json_to_wire(of, self.json.get().as_bytes(), &mut wire);
        written.map(|()| wire).map_err(|error| self.told(&error))
    }

    fn told(&self, error: &CodecError) -> String {
        let (told, place) = (error.to_string(), error.place());
        let Place::Text { line, column, .. } = place else {
            return told;
        };
        let what = told.strip_suffix(&format!(" ({place})")).unwrap_or(&told);
        let Point { line, column } = self.begin.and(Point { line, column });
        format!("{what} (line {line}, column {column})")
    }
}

impl Point {
    const FIRST: Self = Self { line: 1, column: 1 };

    /// This one, counted from where that one is.
    fn and(self, within: Self) -> Self {
        let column = match within.line {
            1 => self.column + within.column - 1,
            _ => within.column,
        };
        Self {
            line: self.line + within.line - 1,
            column,
        }
    }
}

impl Reached {
    fn nothing() -> Self {
        Self {
            bytes: 0,
            point: Point::FIRST,
            begin: None,
            last: None,
            inner: 0,
        }
    }

    /// The same once a value has ended there. A number ends where the next byte is none of its, which is read by then.
    fn behind(self, end: usize) -> Self {
        let begin = self.last.filter(|_| self.bytes > end);
        Self { begin, ..self }
    }

    fn took(self, byte: u8) -> Self {
        let Point { line, column } = self.point;
        let last = (!byte.is_ascii_whitespace()).then_some(self.point);
        let point = match byte {
            b'\n' => Point {
                line: line + 1,
                column: 1,
            },
            // A character is counted with its first byte.
            0x80..=0xbf => self.point,
            _ => Point {
                line,
                column: column + 1,
            },
        };
        let inner = match byte {
            b'\n' => 0,
            0x80..=0xbf => self.inner + 1,
            _ => self.inner,
        };
        Self {
            bytes: self.bytes + 1,
            point,
            begin: self.begin.or(last),
            last,
            inner,
        }
    }

    /// What is wrong with what was read up to here, with its place as that of all else is told: the parser's is in bytes.
    fn told(self, error: &serde_json::Error) -> String {
        let (told, line, column) = (error.to_string(), error.line(), error.column());
        let Some(what) = told.strip_suffix(&format!(" at line {line} column {column}")) else {
            return told;
        };
        let before = if line == self.point.line { self.inner } else { 0 };
        format!("{what} (line {line}, column {})", column.saturating_sub(before).max(1))
    }
}

impl<R: Read> Read for Telling<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = buffer.get_mut(..1).unwrap_or_default();
        let read = self.reader.read(room)?;
        if let (1, [byte]) = (read, room) {
            self.reached.set(self.reached.get().took(*byte));
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begins(data: &str) -> Vec<(usize, usize)> {
        let (sender, mut values) = mpsc::channel(16);
        read(data.as_bytes(), &sender);
        drop(sender);
        let mut begins = Vec::new();
        while let Some(Ok(Value { begin, .. })) = values.blocking_recv() {
            begins.push((begin.line, begin.column));
        }
        begins
    }

    #[test]
    fn values_begin_where_their_first_byte_is() {
        assert_eq!(begins(r"{}{}"), [(1, 1), (1, 3)]);
        assert_eq!(begins("\n {\"ü\":\n1} {}\r\n\r\n[]"), [(2, 2), (3, 4), (5, 1)]);
        assert_eq!(begins("{\"ü\":1}{}"), [(1, 1), (1, 8)]);
        assert_eq!(begins("1 2\n3"), [(1, 1), (1, 3), (2, 1)]);
        assert_eq!(begins("1{}\"a\"true\n"), [(1, 1), (1, 2), (1, 4), (1, 7)]);
        assert_eq!(begins(""), []);
        assert_eq!(begins("\u{feff}{}{}"), [(1, 1), (1, 3)]);
        assert_eq!(begins("\u{feff}"), []);
    }

    #[test]
    fn places_are_counted_on() {
        let begin = Point { line: 3, column: 5 };
        assert_eq!(begin.and(Point { line: 1, column: 7 }), Point { line: 3, column: 11 });
        assert_eq!(begin.and(Point { line: 2, column: 7 }), Point { line: 4, column: 7 });
    }
}
