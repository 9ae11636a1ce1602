//! Text -> wire, in the order of the text: what is in canonical order after that is [`super::super::normal`]'s work.

mod any;
mod escape;
mod scanner;
mod skip;
mod value;

pub(super) use self::any::is_url;
use self::scanner::{Scanner, starts_word};
use super::{
    super::{
        JsonOptions,
        depth::Depth,
        error::{Fault, Step, shown},
        scratch::Scratch,
        to_wire::Writer,
    },
    name,
};
use crate::{
    schema::tables::Tables,
    table::{Field, Known, MessageTable, NO_ONEOF, Shape},
};

type Walk<T = ()> = Result<T, Box<Fault>>;

/// One conversion.
pub(in crate::codec) struct FromText<'a, 'o> {
    tables: &'a Tables,
    scan: Scanner<'a>,
    writer: Writer<'o>,
    scratch: &'o mut Scratch,
    options: &'o JsonOptions,
    /// How much deeper it may go.
    depth: Depth,
}

/// A message whose fields are read.
struct Message<'a> {
    index: u32,
    table: &'a MessageTable,
    /// Where the bits begin that tell which of its fields were there.
    seen: usize,
}

impl<'a, 'o> FromText<'a, 'o> {
    pub(in crate::codec) fn new(
        tables: &'a Tables,
        text: &'a [u8],
        out: &'o mut Vec<u8>,
        scratch: &'o mut Scratch,
        options: &'o JsonOptions,
    ) -> Self {
        scratch.gaps.clear();
        scratch.seen.clear();
        scratch.ignored.clear();
        scratch.missing.clear();
        Self {
            tables,
            scan: Scanner::new(text),
            writer: Writer::new(out),
            scratch,
            options,
            depth: Depth::new(options),
        }
    }

    /// Reads the whole text as a message of that index.
    pub(in crate::codec) fn run(mut self, message: u32) -> Walk {
        self.enter()?;
        self.fields(message, None)?;
        self.close();
        Ok(())
    }

    /// Completes what was written; gives how far the text was read.
    fn close(self) -> Scanner<'a> {
        self.writer.close(self.scratch);
        self.scan
    }

    fn enter(&mut self) -> Walk {
        if self.depth.enter() {
            Ok(())
        } else {
            Err(self.depth.fault(self.scan.offset()))
        }
    }

    fn leave(&mut self) {
        self.depth.leave();
    }

    /// A message in braces or angle brackets.
    fn message(&mut self, message: u32) -> Walk {
        let close = self.scan.open()?;
        self.enter()?;
        self.fields(message, Some(close))?;
        self.leave();
        Ok(())
    }

    /// The fields of a message, up to its closing brace or the end of the text.
    fn fields(&mut self, message: u32, close: Option<u8>) -> Walk {
        let table = self.tables.table(message);
        let seen = self.scratch.seen.len();
        let bits = table.fields.len() + usize::from(table.oneofs);
        self.scratch.seen.resize(seen + bits.div_ceil(64), 0);
        let message = Message {
            index: message,
            table,
            seen,
        };
        while self.more(close)? {
            self.field(&message)?;
            let _separator = self.scan.take(b',') || self.scan.take(b';');
        }
        self.scratch.seen.truncate(seen);
        Ok(())
    }

    /// Whether another field follows. Takes the closing brace.
    fn more(&mut self, close: Option<u8>) -> Walk<bool> {
        let next = self.scan.peek();
        match (next, close) {
            (None, None) => Ok(false),
            (Some(byte), Some(close)) if byte == close => {
                self.scan.advance(1);
                Ok(false)
            }
            (Some(byte), _) if byte == b'[' || starts_word(byte) => Ok(true),
            (_, Some(close)) => Err(self
                .scan
                .unexpected(&format!("the name of a field or `{}`", char::from(close)))),
            (Some(_), None) => Err(self.scan.unexpected("the name of a field")),
        }
    }

    fn field(&mut self, message: &Message<'a>) -> Walk {
        let before = self.scan;
        let place = if self.scan.take(b'[') {
            let bracketed = self.bracketed()?;
            if message.table.known == Known::Any && bracketed.contains('/') {
                return self.any(message, &bracketed, &before);
            }
            message.table.named(format!("[{bracketed}]").as_bytes())
        } else {
            let word = self.scan.word("the name of a field")?;
            let found = self.named(message, word);
            if found.is_none() && message.table.is_reserved(word) {
                return self.skip_value();
            }
            found
        };
        let field = place.and_then(|place| Some((place, message.table.fields.get(place)?)));
        match field {
            Some((place, field)) => self
                .known_field(message, place, field, &before)
                .map_err(|fault| fault.within(self.step(message, field))),
            None if self.options.ignore_unknown => {
                self.scratch.ignored.add(before.until(&self.scan).as_bytes());
                self.skip_value()
            }
            None => {
                let text = before.until(&self.scan);
                self.scan = before;
                Err(self.unknown(message, text))
            }
        }
    }

    /// The field that the text calls `word`.
    fn named(&self, message: &Message<'a>, word: &str) -> Option<usize> {
        let table = message.table;
        table.declared(word).or_else(|| {
            let place = table.declared(&word.to_ascii_lowercase())?;
            let field = table.fields.get(place)?;
            (name(self.tables, message.index, table, field) == word).then_some(place)
        })
    }

    #[cold]
    fn unknown(&self, message: &Message<'a>, text: &str) -> Box<Fault> {
        let table = message.table;
        let record = self.tables.messages.get(message.index as usize);
        let full_name = record.map_or("", |record| self.tables.text(record.name));
        let what = if text.starts_with('[') { "extension" } else { "field" };
        let mut what = format!("{full_name} has no {what} {}", shown(text.as_bytes()));
        let nearest = table.names.nearest(text.as_bytes());
        let nearest = nearest.and_then(|nearest| table.fields.get(table.named(nearest.as_bytes())?));
        if let Some(nearest) = nearest {
            let nearest = name(self.tables, message.index, table, nearest);
            what.extend(["; did you mean \"", &nearest, "\"?"]);
        }
        self.scan.fault(what)
    }

    fn step(&self, message: &Message<'a>, field: &Field) -> Step {
        Step::Field(name(self.tables, message.index, message.table, field).into_owned())
    }

    /// Notes that a field or a oneof was there. `false`: it was before.
    fn once(&mut self, message: &Message<'a>, bit: usize) -> bool {
        let word = self.scratch.seen.get_mut(message.seen + bit / 64);
        word.is_some_and(|word| {
            let mask = 1 << (bit % 64);
            let first = *word & mask == 0;
            *word |= mask;
            first
        })
    }

    /// Notes a field of which there may be one. A message may come in pieces, which are merged: the conformance suite's
    /// performance cases have it so.
    fn note(&mut self, message: &Message<'a>, place: usize, field: &Field, start: &Scanner<'a>) -> Walk {
        if !self.once(message, place) {
            if field.kind.is_message() {
                return Ok(());
            }
            return Err(start.fault("this field is there twice"));
        }
        let oneof = message.table.fields.len() + usize::from(field.oneof);
        if field.oneof != NO_ONEOF && !self.once(message, oneof) {
            return Err(start.fault("another field of the same oneof is set already"));
        }
        Ok(())
    }

    fn known_field(&mut self, message: &Message<'a>, place: usize, field: &'a Field, start: &Scanner<'a>) -> Walk {
        if field.shape == Shape::Single {
            self.note(message, place, field, start)?;
        }
        if !self.scan.take(b':') && !field.kind.is_message() {
            return Err(self.scan.unexpected("`:`"));
        }
        if field.shape != Shape::Single && self.scan.take(b'[') {
            return self.list(field);
        }
        self.value(field)
    }

    fn list(&mut self, field: &'a Field) -> Walk {
        if self.scan.take(b']') {
            return Ok(());
        }
        let mut index = 0;
        loop {
            self.value(field).map_err(|fault| fault.within(Step::Index(index)))?;
            index += 1;
            if self.scan.take(b']') {
                return Ok(());
            }
            self.scan.expect(b',', "`,` or `]`")?;
        }
    }

    /// One value with its tag.
    fn value(&mut self, field: &'a Field) -> Walk {
        let part = self.writer.open(field, self.scratch);
        if !field.kind.is_message() {
            return self.scalar(field);
        }
        self.message(field.child)?;
        self.writer.shut(field, part, self.scratch);
        Ok(())
    }
}
