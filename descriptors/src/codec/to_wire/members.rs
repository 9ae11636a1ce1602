//! The members of an object.

use super::{Fault, Field, FromJson, Kind, Known, MessageTable, Shape, Walk, Written, any::AnyMember, field_step};
use crate::{
    codec::error::{Step, shown},
    table::NO_ONEOF,
};

/// How many of the next fields are tried before a name is looked up.
const AHEAD: usize = 3;

impl<'a> FromJson<'a, '_> {
    /// A message that is no well-known type. `any`: it stands in an `Any`, beside `@type`.
    pub(super) fn object(&mut self, message: u32, table: &'a MessageTable, mut any: Option<&mut AnyMember>) -> Walk {
        self.reader.expect(b'{', "an object")?;
        let base = self.scratch.seen.len();
        let bits = table.fields.len() + usize::from(table.oneofs);
        self.scratch.seen.resize(base + bits.div_ceil(64), 0);
        let mut next = 0;
        let mut more = !self.reader.take(b'}');
        while more {
            if let Some(place) = self.name(message, table, next, any.as_deref_mut())? {
                if any.as_ref().is_some_and(|any| any.is_opaque()) {
                    return Err(self.reader.fault("the member \"value\" stands for all fields already"));
                }
                next = place + 1;
                self.member(table, place, base)?;
            }
            more = self.reader.more(b'}', "`,` or `}`")?;
        }
        self.scratch.seen.truncate(base);
        Ok(())
    }

    /// The name of a member: the place of its field. `None`: it was dealt with.
    #[inline]
    fn name(
        &mut self,
        message: u32,
        table: &'a MessageTable,
        next: usize,
        any: Option<&mut AnyMember>,
    ) -> Walk<Option<usize>> {
        if self.reader.peek() != Some(b'"') {
            return Err(self.reader.unexpected("the name of a member"));
        }
        let ahead = table.fields.get(next..).unwrap_or_default();
        for (place, field) in (next..).zip(ahead.iter().take(AHEAD)) {
            let after = match &field.prefix {
                Some(prefix) => prefix.strip(self.reader.rest),
                None => self
                    .reader
                    .rest
                    .strip_prefix(table.key(field, false).get(1..).unwrap_or_default()),
            };
            if let Some(rest) = after {
                self.reader.rest = rest;
                return Ok(Some(place));
            }
        }
        self.other_name(message, table, any)
    }

    fn other_name(
        &mut self,
        message: u32,
        table: &'a MessageTable,
        any: Option<&mut AnyMember>,
    ) -> Walk<Option<usize>> {
        let before = self.reader.rest;
        let text = self.reader.string("the name of a member", &mut self.scratch.text)?;
        let found = table.named(text.bytes(&self.scratch.text));
        if found.is_some() {
            self.reader.expect(b':', "`:`")?;
            return Ok(found);
        }
        let name = text.bytes(&self.scratch.text).to_vec();
        if let Some(any) = any
            && self.any_member(&name, any)?
        {
            return Ok(None);
        }
        if !self.options.ignore_unknown {
            self.reader.rest = before;
            return Err(self.unknown(message, table, &name));
        }
        self.scratch.ignored.add(&name);
        self.reader.expect(b':', "`:`")?;
        self.skip()?;
        Ok(None)
    }

    #[cold]
    fn unknown(&self, message: u32, table: &MessageTable, name: &[u8]) -> Box<Fault> {
        let record = self.tables.messages.get(message as usize);
        let full_name = record.map_or("", |record| self.tables.text(record.name));
        let mut what = format!("{full_name} has no field {}", shown(name));
        if let Some(nearest) = table.names.nearest(name) {
            what.extend(["; did you mean \"", nearest, "\"?"]);
        }
        self.reader.fault(what)
    }

    /// Notes that a field was there; an error if it was before.
    #[inline]
    fn once(&mut self, base: usize, bit: usize) -> bool {
        let word = self.scratch.seen.get_mut(base + bit / 64);
        word.is_some_and(|word| {
            let mask = 1 << (bit % 64);
            let first = *word & mask == 0;
            *word |= mask;
            first
        })
    }

    #[inline]
    fn member(&mut self, table: &'a MessageTable, place: usize, base: usize) -> Walk {
        let Some(field) = table.fields.get(place) else {
            return Ok(());
        };
        let result = if self.once(base, place) {
            self.value(table, field, base)
        } else {
            Err(self.reader.fault("this field is there twice"))
        };
        result.map_err(|fault| fault.within(field_step(table, field)))
    }

    #[inline]
    fn value(&mut self, table: &'a MessageTable, field: &'a Field, base: usize) -> Walk {
        if self.reader.peek() == Some(b'n') && !self.takes_null(field) && self.reader.literal(b"null") {
            return Ok(());
        }
        if field.oneof != NO_ONEOF && !self.once(base, table.fields.len() + usize::from(field.oneof)) {
            return Err(self.reader.fault("another field of the same oneof is set already"));
        }
        self.field(field)
    }

    /// Whether `null` is a value of the field, not its absence.
    pub(super) fn takes_null(&self, field: &Field) -> bool {
        field.shape == Shape::Single && self.element_takes_null(field)
    }

    pub(super) fn element_takes_null(&self, field: &Field) -> bool {
        field.kind == Kind::Null || field.kind.is_message() && self.tables.table(field.child).known == Known::Value
    }

    /// The value of a field, all its elements or entries, with tags.
    #[inline]
    pub(super) fn field(&mut self, field: &'a Field) -> Walk {
        match field.shape {
            Shape::Single if field.kind.is_message() => self.nested(field),
            Shape::Single => self.single(field),
            Shape::Repeated => self.list(field),
            Shape::Map => self.map(field),
        }
    }

    #[inline]
    fn single(&mut self, field: &'a Field) -> Walk {
        let mark = self.mark();
        self.writer.varint(u64::from(field.tag()));
        let written = self.scalar(field)?;
        if written == Written::Nothing || written == Written::Zero && field.implicit {
            self.back(&mark);
        }
        Ok(())
    }

    fn list(&mut self, field: &'a Field) -> Walk {
        self.reader.expect(b'[', "an array")?;
        if self.reader.take(b']') {
            return Ok(());
        }
        if !field.packed {
            return self.elements(field, true);
        }
        let mark = self.mark();
        self.writer.varint(u64::from(field.packed_tag()));
        let part = self.begin();
        self.elements(field, false)?;
        if self.writer.is_empty(&part) {
            self.back(&mark);
        } else {
            self.finish(&part);
        }
        Ok(())
    }

    fn elements(&mut self, field: &'a Field, tagged: bool) -> Walk {
        let mut index = 0;
        loop {
            self.element(field, tagged)
                .map_err(|fault| fault.within(Step::Index(index)))?;
            index += 1;
            if !self.reader.more(b']', "`,` or `]`")? {
                return Ok(());
            }
        }
    }

    #[inline]
    fn element(&mut self, field: &'a Field, tagged: bool) -> Walk {
        if self.reader.peek() == Some(b'n') && !self.element_takes_null(field) {
            return Err(self.reader.unexpected("an element"));
        }
        if field.kind.is_message() {
            return self.nested(field);
        }
        let mark = self.mark();
        if tagged {
            self.writer.varint(u64::from(field.tag()));
        }
        if self.scalar(field)? == Written::Nothing {
            self.back(&mark);
        }
        Ok(())
    }
}
