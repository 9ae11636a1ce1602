//! Wire -> wire: the same message, checked, in canonical form.
//!
//! Fields in the order of their numbers, messages in one piece, one value for a field that has one, lists packed or
//! not as the schema says, varints as short as they can be; then the unknown fields, as they came.

use super::{
    JsonOptions,
    depth::Depth,
    error::{Fault, Step, Stop},
    page::Page,
    scratch::{Occurrence, Scratch},
    to_json::{Body, Entry, ToJson, Walk, field_step},
    to_wire::Writer,
    wire::{Raw, unzigzag},
};
use crate::{
    schema::tables::Tables,
    table::{Field, Kind, Shape},
};

/// How the entries of a map stand.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Entries {
    /// As they came, which is what a peer may have chosen.
    AsTheyCame,
    /// By their keys, as people look for them, and as protobuf's implementations print them.
    ByKey,
}

/// Appends the message in canonical form. What it leaves in `out` after an error means nothing. `depth` is how deep it may go.
pub(super) fn normalize(
    tables: &Tables,
    message: u32,
    wire: &[u8],
    (depth, entries): (Depth, Entries),
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
        spare: 0,
    };
    let writer = Writer::new(out);
    Normal { walk, writer, entries }.run(message)
}

/// One conversion.
struct Normal<'a, 'o> {
    /// Finds the fields; what it would write is not asked for.
    walk: ToJson<'a, 'o>,
    writer: Writer<'o>,
    entries: Entries,
}

/// A key of a map, to be compared.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Key<'a> {
    Number(i128),
    Text(&'a [u8]),
}

impl<'a> Key<'a> {
    fn new(kind: Kind, key: Raw<'a>) -> Self {
        match (kind, key) {
            (_, Raw::Bytes(text)) => Self::Text(text),
            (Kind::Int32 | Kind::Sfixed32, _) => Self::Number(key.int32().into()),
            (Kind::Sint32, _) => Self::Number(key.sint32().into()),
            (Kind::Int64 | Kind::Sfixed64, _) => Self::Number(key.int64().into()),
            (Kind::Sint64, _) => Self::Number(unzigzag(key.bits()).into()),
            (Kind::Bool, _) => Self::Number((key.bits() != 0).into()),
            (Kind::Uint32 | Kind::Fixed32, _) => Self::Number(key.uint32().into()),
            _ => Self::Number(key.bits().into()),
        }
    }
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
        if self.entries == Entries::ByKey {
            self.sort(&entry, from, to)?;
        }
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

    /// Sorts the notes of entries by their keys.
    fn sort(&mut self, entry: &Entry<'a>, from: usize, to: usize) -> Walk {
        let mut keyed = Vec::with_capacity(to - from);
        for at in from..to {
            let [key, _] = self.walk.pair(entry.table, Body::One(self.walk.piece(at)))?;
            let key = key.unwrap_or_else(|| Raw::zero(entry.key.kind));
            let note = self.walk.scratch.occurrences.get(at).copied();
            keyed.push((Key::new(entry.key.kind, key), note));
        }
        keyed.sort_by(|(one, _), (other, _)| one.cmp(other));
        let notes = self.walk.scratch.occurrences.get_mut(from..to).unwrap_or_default();
        for (place, note) in notes.iter_mut().zip(keyed.into_iter().filter_map(|(_, note)| note)) {
            *place = note;
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
