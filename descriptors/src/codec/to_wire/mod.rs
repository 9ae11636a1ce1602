//! JSON -> wire, in one pass.

mod any;
mod known;
mod map;
mod members;
mod number;
mod reader;
mod scalar;
mod writer;

pub(super) use self::writer::Writer;
use self::{
    reader::Reader,
    writer::{Mark, Part},
};
use super::{
    JsonOptions,
    error::{Fault, Step},
    scratch::Scratch,
};
use crate::{
    schema::tables::Tables,
    table::{Field, Kind, Known, MessageTable, Shape, WireType},
};

type Walk<T = ()> = Result<T, Box<Fault>>;

/// One conversion.
pub(super) struct FromJson<'a, 'o> {
    tables: &'a Tables,
    reader: Reader<'a>,
    writer: Writer<'o>,
    scratch: &'o mut Scratch,
    options: &'o JsonOptions,
    /// How much deeper it may go.
    depth: u32,
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
        Self {
            tables,
            reader: Reader::new(json),
            writer: Writer::new(out),
            scratch,
            options,
            depth: super::to_json::DEPTH,
        }
    }

    /// Reads the whole text as a message of that index.
    pub(super) fn run(mut self, message: u32) -> Walk {
        self.body(message)?;
        if self.reader.peek().is_some() {
            return Err(self.reader.fault("there is more text after the message"));
        }
        self.writer.close(self.scratch);
        Ok(())
    }

    #[inline]
    fn enter(&mut self) -> Walk {
        let Some(depth) = self.depth.checked_sub(1) else {
            let what = format!("messages nest more than {} deep", super::to_json::DEPTH);
            return Err(self.reader.fault(what));
        };
        self.depth = depth;
        Ok(())
    }

    #[inline]
    fn leave(&mut self) {
        self.depth += 1;
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
        self.writer.varint(u64::from(field.tag()));
        if field.kind == Kind::Group {
            self.body(field.child)?;
            self.writer
                .varint(u64::from(field.number << 3 | WireType::EndGroup as u32));
            return Ok(());
        }
        let part = self.begin();
        self.body(field.child)?;
        self.finish(&part);
        Ok(())
    }
}

fn field_step(table: &MessageTable, field: &Field) -> Step {
    Step::Field(table.json_name(field).to_owned())
}
