//! Checks what is not rendered because something later replaced it: it must be well-formed all the same.

use super::{
    super::{
        item,
        wire::{self, Raw},
    },
    Field, MessageTable, Shape, ToJson, Walk, WireType, field_step,
};
use crate::table::Kind;

impl<'a, const PLAIN: bool> ToJson<'a, '_, PLAIN> {
    /// The values of a single field that the last one replaces.
    pub(in crate::codec) fn check_replaced(&mut self, field: &'a Field, from: usize, to: usize) -> Walk {
        for at in from..to.saturating_sub(1) {
            self.check_value(field, self.piece(at))?;
        }
        Ok(())
    }

    /// A value that was noted.
    pub(super) fn check_value(&mut self, field: &'a Field, piece: &'a [u8]) -> Walk {
        match field.kind {
            // An entry of a map is no level of its own.
            Kind::Message if field.shape == Shape::Map => self.check_fields(self.tables.table(field.child), piece),
            Kind::Message | Kind::Group | Kind::Item => {
                self.enter(piece)?;
                self.check_fields(self.tables.table(field.child), piece)?;
                self.leave();
                Ok(())
            }
            Kind::String if field.verify_utf8 && std::str::from_utf8(piece).is_err() => {
                Err(self.fault(piece, "a string is not UTF-8"))
            }
            _ => Ok(()),
        }
    }

    fn check_fields(&mut self, table: &'a MessageTable, bytes: &'a [u8]) -> Walk {
        let mut rest = bytes;
        while !rest.is_empty() {
            let before = rest;
            let (number, wire) = wire::tag(&mut rest).map_err(|error| self.unreadable(before, error))?;
            let value = self.extent(number, wire, &mut rest)?;
            let item = item::item(table, (number, wire), value);
            if let Some((field, value)) = item.and_then(|(place, value)| Some((table.fields.get(place)?, value))) {
                self.check_value(field, value)
                    .map_err(|stop| stop.within(|| field_step(table, field)))?;
            } else if let Some(field) = table.field(number).filter(|field| field.fits(wire)) {
                self.check_field(field, wire, value)
                    .map_err(|stop| stop.within(|| field_step(table, field)))?;
            }
        }
        Ok(())
    }

    fn check_field(&mut self, field: &'a Field, wire: WireType, value: &'a [u8]) -> Walk {
        if field.shape != Shape::Repeated || wire != WireType::Bytes || !field.kind.is_packable() {
            return self.check_value(field, value);
        }
        let mut rest = value;
        while !rest.is_empty() {
            let _: Raw<'_> = self.read(field, &mut rest)?;
        }
        Ok(())
    }
}
