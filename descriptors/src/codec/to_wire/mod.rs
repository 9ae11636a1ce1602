//! JSON -> wire, in one pass.

mod any;
mod known;
mod map;
mod members;
mod number;
mod present;
mod reader;
mod scalar;
mod text;
mod writer;

use self::{
    reader::Reader,
    writer::{Mark, Part},
};
pub(super) use self::{scalar::due, writer::Writer};
use super::{
    JsonOptions,
    depth::Depth,
    error::{self, Fault},
    scratch::Scratch,
};
use crate::{
    schema::{field_path::Step, tables::Tables},
    table::{Field, Kind, Known, MessageTable, Shape},
};

type Walk<T = ()> = Result<T, Box<Fault>>;

/// One conversion.
pub(super) struct FromJson<'a, 'o> {
    pub(super) tables: &'a Tables,
    reader: Reader<'a>,
    pub(super) writer: Writer<'o>,
    scratch: &'o mut Scratch,
    options: &'o JsonOptions,
    /// How much deeper it may go.
    pub(super) depth: Depth,
}

/// What became of a value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Written {
    Something,
    /// Zero, an empty text, the first value of an enum: the same as nothing, where a field has no presence.
    Zero,
    /// An enum's value whose name is unknown, and that may be ignored.
    Nothing,
}

impl<'a, 'o> FromJson<'a, 'o> {
    pub(super) fn new(
        tables: &'a Tables,
        json: &'a [u8],
        out: &'o mut Vec<u8>,
        scratch: &'o mut Scratch,
        options: &'o JsonOptions,
    ) -> Self {
        scratch.gaps.clear();
        scratch.seen.clear();
        scratch.keys.clear();
        scratch.passed.clear();
        scratch.ignored.clear();
        scratch.missing.clear();
        Self {
            tables,
            reader: Reader::new(json),
            writer: Writer::new(out),
            scratch,
            options,
            depth: Depth::new(options),
        }
    }

    /// Reads the whole text as a message of that index.
    pub(super) fn run(mut self, message: u32) -> Walk {
        self.body(message)?;
        self.end()?;
        self.close();
        Ok(())
    }

    /// Reads the whole text as the value of the last of these fields, which the others have inside each other.
    pub(super) fn run_field(mut self, path: &[Step]) -> Walk {
        let found = path.split_last();
        let field = found.and_then(|(last, _)| self.tables.table(last.message).field(last.field.number));
        let Some((field, (_, parents))) = field.zip(found) else {
            return Err(self.reader.fault("there is no such field"));
        };
        if self.reader.peek() != Some(b'n') || self.takes_null(field) || !self.reader.literal(b"null") {
            let parts = self.enter_parents(parents)?;
            self.enter()?;
            self.field(field)?;
            for (step, part) in parents.iter().zip(parts).rev() {
                self.closed(&step.field, part);
            }
        }
        self.end()?;
        self.close();
        Ok(())
    }

    fn enter_parents(&mut self, parents: &[Step]) -> Walk<Vec<Option<Part>>> {
        let mut parts = Vec::with_capacity(parents.len());
        for step in parents {
            self.enter()?;
            parts.push(self.opened(&step.field));
        }
        Ok(parts)
    }

    fn end(&mut self) -> Walk {
        if self.reader.peek().is_some() {
            return Err(self.reader.fault("there is more text after the message"));
        }
        Ok(())
    }

    /// Puts every length in its place.
    pub(super) fn close(self) {
        self.writer.close(self.scratch);
    }

    /// Begins a field: its tag, and room for the length of a message.
    pub(super) fn opened(&mut self, field: &Field) -> Option<Part> {
        self.writer.open(field, self.scratch)
    }

    /// Ends a field that was begun.
    pub(super) fn closed(&mut self, field: &Field, part: Option<Part>) {
        self.writer.shut(field, part, self.scratch);
    }

    #[inline]
    pub(super) fn enter(&mut self) -> Walk {
        if self.depth.enter() {
            Ok(())
        } else {
            Err(self.too_deep())
        }
    }

    #[inline]
    pub(super) fn leave(&mut self) {
        self.depth.leave();
    }

    #[cold]
    fn too_deep(&self) -> Box<Fault> {
        self.depth.fault(self.reader.offset())
    }

    #[inline]
    fn begin(&mut self) -> Part {
        self.writer.begin(self.scratch)
    }

    #[inline]
    fn finish(&mut self, part: &Part) {
        self.writer.finish(part, self.scratch);
    }

    #[inline]
    fn mark(&self) -> Mark {
        self.writer.mark(self.scratch)
    }

    fn back(&mut self, mark: &Mark) {
        self.writer.back(mark, self.scratch);
    }

    /// The fields of a message, whatever its JSON form.
    fn body(&mut self, message: u32) -> Walk {
        let table = self.tables.table(message);
        self.enter()?;
        if table.known == Known::No {
            self.object(message, table, None)?;
        } else {
            self.known(table)?;
        }
        self.leave();
        Ok(())
    }

    /// A field that is a message, with tag and length.
    fn nested(&mut self, field: &Field) -> Walk {
        let part = self.opened(field);
        self.body(field.child)?;
        self.closed(field, part);
        Ok(())
    }
}

fn field_step(table: &MessageTable, field: &Field) -> error::Step {
    error::Step::Field(table.json_name(field).to_owned())
}
