//! Wire -> wire: the same message, checked, in canonical form.
//!
//! Fields in the order of their numbers, messages in one piece, one value for a field that has one, lists packed or
//! not as the schema says, varints as short as they can be; then the unknown fields, as they came.

use super::{
    JsonOptions,
    error::{Fault, Step, Stop},
    page::Page,
    scratch::{Occurrence, Scratch},
    to_json::{Body, Entry, ToJson, Walk, field_step},
    to_wire::Writer,
    wire::Raw,
};
use crate::{
    schema::tables::Tables,
    table::{Field, Kind, Shape},
};

/// Appends the message in canonical form. What it leaves in `out` after an error means nothing. It may go `depth` deep.
pub(super) fn normalize(
    tables: &Tables,
    message: u32,
    wire: &[u8],
    depth: u32,
    scratch: &mut Scratch,
    out: &mut Vec<u8>,
) -> Result<(), Box<Fault>> {
    scratch.keys.clear();
    scratch.occurrences.clear();
    scratch.gaps.clear();
    let walk = ToJson {
        tables,
        input: wire,
        most: usize::MAX,
        out: &mut Page::default(),
        scratch,
        options: &JsonOptions::default(),
        depth,
        unknown: 0,
        keeps_unknown: true,
    };
    let writer = Writer::new(out);
    Normal { walk, writer }.run(message)
}

/// One conversion.
struct Normal<'a, 'o> {
    /// Finds the fields; what it would write is not asked for.
    walk: ToJson<'a, 'o>,
    writer: Writer<'o>,
}

impl<'a> Normal<'a, '_> {
    fn run(mut self, message: u32) -> Result<(), Box<Fault>> {
        match self.message(message, Body::One(self.walk.input)) {
            Ok(()) => {
                self.writer.close(self.walk.scratch);
                Ok(())
            }
            Err(Stop::Fault(fault)) => Err(fault),
            Err(Stop::Detour) => Err(Fault::new("the message can't be read", 0)),
        }
    }

    fn message(&mut self, message: u32, body: Body<'a>) -> Walk {
        let table = self.walk.tables.table(message);
        self.walk.enter(self.walk.first_piece(body))?;
        let base = self.walk.note(table, body)?;
        let end = self.walk.scratch.occurrences.len();
        let mut at = base;
        while let Some((place, until)) = self.walk.run_at(at, end) {
            match table.fields.get(place) {
                Some(field) => self
                    .field(field, at, until)
                    .map_err(|stop| stop.within(|| field_step(table, field)))?,
                None => self.unknown(at, until),
            }
            at = until;
        }
        self.walk.scratch.occurrences.truncate(base);
        self.walk.leave();
        Ok(())
    }

    fn unknown(&mut self, from: usize, to: usize) {
        for at in from..to {
            self.writer.out.extend_from_slice(self.walk.piece(at));
        }
    }

    fn field(&mut self, field: &'a Field, from: usize, to: usize) -> Walk {
        match field.shape {
            Shape::Single if field.kind.is_message() => self.nested(field, Body::Many(from, to)),
            Shape::Single => {
                self.walk.check_replaced(field, from, to)?;
                let value = self.walk.last(field, to)?;
                if field.implicit && value.is_zero(field.kind) {
                    return Ok(());
                }
                self.writer.varint(u64::from(field.tag()));
                self.scalar(field, value, self.walk.piece(to - 1))
            }
            Shape::Repeated => self.list(field, from, to),
            Shape::Map => self.map(field, from, to),
        }
    }

    fn nested(&mut self, field: &'a Field, body: Body<'a>) -> Walk {
        let part = self.writer.open(field, self.walk.scratch);
        self.message(field.child, body)?;
        self.writer.shut(field, part, self.walk.scratch);
        Ok(())
    }

    fn list(&mut self, field: &'a Field, from: usize, to: usize) -> Walk {
        let mark = self.writer.mark(self.walk.scratch);
        let part = field.packed.then(|| {
            self.writer.varint(u64::from(field.packed_tag()));
            self.writer.begin(self.walk.scratch)
        });
        for (index, at) in (from..to).enumerate() {
            self.elements(field, at)
                .map_err(|stop| stop.within(|| Step::Index(index)))?;
        }
        match part {
            Some(part) if self.writer.is_empty(&part) => self.writer.back(&mark, self.walk.scratch),
            Some(part) => self.writer.finish(&part, self.walk.scratch),
            None => {}
        }
        Ok(())
    }

    /// What was noted there: one element, or several packed ones.
    fn elements(&mut self, field: &'a Field, at: usize) -> Walk {
        if field.kind.is_message() {
            return self.nested(field, Body::Many(at, at + 1));
        }
        let piece = self.walk.piece(at);
        let packed = self.walk.scratch.occurrences.get(at).is_some_and(|note| note.packed);
        let mut rest = piece;
        loop {
            if packed && rest.is_empty() {
                return Ok(());
            }
            let value = self.walk.read(field, &mut rest)?;
            if !field.packed {
                self.writer.varint(u64::from(field.tag()));
            }
            self.scalar(field, value, piece)?;
            if !packed {
                return Ok(());
            }
        }
    }

    fn map(&mut self, field: &'a Field, from: usize, to: usize) -> Walk {
        let entry = self.walk.entry(field)?;
        self.walk.drop_replaced(field, &entry, from, to)?;
        for at in from..to {
            let place = self.walk.scratch.occurrences.get(at).map(|note| note.place);
            match place {
                Some(Occurrence::DROPPED) => {}
                Some(Occurrence::UNKNOWN) => {
                    self.writer.varint(u64::from(field.tag()));
                    self.writer.bytes(self.walk.piece(at));
                }
                _ => self.entry(field, &entry, at)?,
            }
        }
        Ok(())
    }

    fn entry(&mut self, field: &'a Field, entry: &Entry<'a>, at: usize) -> Walk {
        let piece = self.walk.piece(at);
        self.writer.varint(u64::from(field.tag()));
        let part = self.writer.begin(self.walk.scratch);
        let [key, _] = self.walk.pair(entry.table, Body::One(piece))?;
        self.writer.varint(u64::from(entry.key.tag()));
        self.scalar(entry.key, key.unwrap_or_else(|| Raw::zero(entry.key.kind)), piece)?;
        let base = self.walk.note(entry.table, Body::Many(at, at + 1))?;
        let (values, end) = self.walk.values_of_entry(base);
        self.walk.check_replaced(entry.key, base, values)?;
        if entry.value.kind.is_message() {
            self.nested(entry.value, Body::Many(values, end))?;
        } else {
            let value = if values < end {
                self.walk.last(entry.value, end)?
            } else {
                Raw::zero(entry.value.kind)
            };
            self.writer.varint(u64::from(entry.value.tag()));
            self.scalar(entry.value, value, piece)?;
        }
        self.walk.scratch.occurrences.truncate(base);
        self.writer.finish(&part, self.walk.scratch);
        Ok(())
    }

    /// A scalar, without its tag.
    fn scalar(&mut self, field: &Field, value: Raw<'a>, place: &[u8]) -> Walk {
        let out = &mut self.writer;
        match field.kind {
            Kind::String if field.verify_utf8 && std::str::from_utf8(value.bytes()).is_err() => {
                return Err(self.walk.fault(place, "a string is not UTF-8"));
            }
            Kind::String | Kind::Bytes => out.bytes(value.bytes()),
            Kind::Int32 | Kind::OpenEnum | Kind::ClosedEnum | Kind::Null => {
                out.varint(i64::from(value.int32()).cast_unsigned());
            }
            Kind::Uint32 | Kind::Sint32 => out.varint(u64::from(value.uint32())),
            Kind::Bool => out.varint(u64::from(value.bits() != 0)),
            Kind::Float | Kind::Fixed32 | Kind::Sfixed32 => out.out.extend_from_slice(&value.uint32().to_le_bytes()),
            Kind::Double | Kind::Fixed64 | Kind::Sfixed64 => out.out.extend_from_slice(&value.bits().to_le_bytes()),
            _ => out.varint(value.bits()),
        }
        Ok(())
    }
}
