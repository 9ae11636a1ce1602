//! The values of a message, each as plain text.

use base64::{Engine as _, engine::general_purpose::URL_SAFE};

use super::{
    super::{
        item,
        leaves::Leaves,
        page::Prefix,
        wire::{self, Raw},
    },
    Body, Field, Known, Shape, ToJson, Walk,
};
use crate::{
    schema::field_path::{Step, has_text_form},
    table::{Kind, WireType},
};

impl<'a> ToJson<'a, '_, true> {
    /// Adds the values of the fields of a message that are wanted. `path` leads to it.
    pub(in crate::codec) fn leaves(
        &mut self,
        message: u32,
        bytes: &'a [u8],
        path: &mut Vec<Step>,
        wants: &mut dyn FnMut(&[Step]) -> bool,
        leaves: &mut Leaves,
    ) -> Walk {
        let table = self.tables.table(message);
        self.enter(bytes)?;
        let (mut rest, mut empty) = (bytes, true);
        while !rest.is_empty() {
            let before = rest;
            let (number, wire) = wire::tag(&mut rest).map_err(|error| self.unreadable(before, error))?;
            let value = match wire {
                WireType::StartGroup => wire::group(&mut rest, number, self.depth.left()).map(Raw::Bytes),
                _ => wire::value(&mut rest, wire),
            };
            let value = value.map_err(|error| self.unreadable(before, error))?;
            let item = item::item(table, (number, wire), value.bytes());
            let (place, value) = match item {
                Some((place, content)) => (Some(place), Raw::Bytes(content)),
                None => (table.place(number), value),
            };
            let field = place.and_then(|place| table.fields.get(place));
            let Some(field) = field.filter(|field| item.is_some() || field.fits(wire)) else {
                continue;
            };
            empty = false;
            path.push(Step { message, field: *field });
            if wants(path) {
                self.leaf(field, (wire, value), path, wants, leaves)?;
            }
            path.pop();
        }
        if empty && !path.is_empty() {
            leaves.add_empty(path);
        }
        self.leave();
        Ok(())
    }

    fn leaf(
        &mut self,
        field: &'a Field,
        (wire, value): (WireType, Raw<'a>),
        path: &mut Vec<Step>,
        wants: &mut dyn FnMut(&[Step]) -> bool,
        leaves: &mut Leaves,
    ) -> Walk {
        if !has_text_form(self.tables, field) {
            match self.unfit(field) {
                Some(what) => leaves.add_unfit(path, what),
                None => self.leaves(field.child, value.bytes(), path, wants, leaves)?,
            }
            return Ok(());
        }
        let is_packed = wire == WireType::Bytes && field.kind.is_packable();
        if !is_packed {
            return self.plain(field, value, path, leaves);
        }
        let mut packed = value.bytes();
        while !packed.is_empty() {
            let before = packed;
            let value = wire::value(&mut packed, field.wire).map_err(|error| self.unreadable(before, error))?;
            self.plain(field, value, path, leaves)?;
        }
        Ok(())
    }

    /// What a field is that has no text form; `None`: a message with fields of its own.
    fn unfit(&self, field: &Field) -> Option<&'static str> {
        match (field.shape, self.tables.table(field.child).known) {
            (Shape::Map, _) => Some("a map"),
            (Shape::Repeated, _) => Some("a list of messages"),
            (_, Known::Any) => Some("a google.protobuf.Any"),
            (_, Known::Struct) => Some("a google.protobuf.Struct"),
            (_, Known::Value) => Some("a google.protobuf.Value"),
            (_, Known::ListValue) => Some("a google.protobuf.ListValue"),
            _ => None,
        }
    }

    /// One value that has a text form.
    fn plain(&mut self, field: &'a Field, value: Raw<'a>, path: &[Step], leaves: &mut Leaves) -> Walk {
        match field.kind {
            // A number that a closed enum has no name for is an unknown field.
            _ if !self.accepts(field, value) => {}
            Kind::Message | Kind::Group | Kind::Item => {
                let table = self.tables.table(field.child);
                if let (Known::Wrapper, Some(inner)) = (table.known, table.fields.first()) {
                    let [inside, _] = self.pair(table, Body::One(value.bytes()))?;
                    return self.plain(inner, inside.unwrap_or_else(|| Raw::zero(inner.kind)), path, leaves);
                }
                let start = self.out.len();
                self.flat(table, Body::One(value.bytes()), value.bytes(), false)?;
                self.take(start, path, leaves);
            }
            Kind::String => match std::str::from_utf8(value.bytes()) {
                Ok(text) => leaves.add_text(path, text),
                Err(_) => return Err(self.fault(value.bytes(), "a string is not UTF-8, so it has no text form")),
            },
            // With padding, without which some do not read it; in the alphabet that needs no escapes.
            Kind::Bytes => leaves.add_text(path, &URL_SAFE.encode(value.bytes())),
            // Its JSON form, `null`, is a word to others.
            Kind::Null => leaves.add_text(path, "NULL_VALUE"),
            _ => {
                let start = self.out.len();
                self.scalar(&Prefix::NONE, field, value, &[])?;
                self.take(start, path, leaves);
            }
        }
        Ok(())
    }

    /// Takes what was written as JSON, which has quotes at most to be text.
    fn take(&mut self, start: usize, path: &[Step], leaves: &mut Leaves) {
        leaves.add_text(path, self.text_from(start));
        self.out.truncate(start);
    }

    fn text_from(&self, start: usize) -> &str {
        let json = self.out.text().get(start..).unwrap_or_default();
        std::str::from_utf8(json).unwrap_or_default().trim_matches('"')
    }

    /// Zero, if that is a text other than nothing.
    pub(in crate::codec) fn zero(&mut self, field: &Field) -> Option<String> {
        let start = self.out.len();
        match field.kind {
            Kind::String | Kind::Bytes | Kind::Message | Kind::Group | Kind::Item => None,
            Kind::Null => Some("NULL_VALUE".to_owned()),
            kind => {
                self.scalar(&Prefix::NONE, field, Raw::zero(kind), &[]).ok()?;
                let text = self.text_from(start).to_owned();
                self.out.truncate(start);
                Some(text)
            }
        }
    }
}
