//! The walk over bytes in canonical order.

use super::{
    super::{
        error::{Step, Stop},
        print,
        wire::{self, Raw},
    },
    Field, Known, MessageTable, Shape, ToJson, Walk, WireType, field_step,
};
use crate::table::{Kind, NO_ONEOF};

/// How far the members of a message are.
struct Members {
    /// No member was written yet.
    first: bool,
    /// The place of the first field that may come next.
    next: usize,
    /// The oneofs that are decided, a bit each; those above share the last bit.
    oneofs: u64,
}

impl<'a> ToJson<'a, '_> {
    /// A message in one piece, whatever its JSON form.
    #[inline]
    pub(super) fn message(&mut self, message: u32, bytes: &'a [u8]) -> Walk {
        let table = self.tables.table(message);
        self.enter(bytes)?;
        if table.known == Known::No {
            self.object(table, &mut { bytes }, 0)?;
        } else {
            self.known(table, bytes)?;
        }
        self.leave();
        Ok(())
    }

    fn object(&mut self, table: &'a MessageTable, rest: &mut &'a [u8], group: u32) -> Walk {
        self.out.push(b'{');
        self.members(table, rest, group, true)?;
        self.out.push(b'}');
        Ok(())
    }

    /// A field of a group, up to its end tag.
    fn group(&mut self, field: &Field, rest: &mut &'a [u8]) -> Walk {
        let table = self.tables.table(field.child);
        if table.known != Known::No {
            let before = *rest;
            let bytes = wire::group(rest, field.number, self.depth).map_err(|error| self.unreadable(before, error))?;
            return self.message(field.child, bytes);
        }
        self.enter(rest)?;
        self.object(table, rest, field.number)?;
        self.leave();
        Ok(())
    }

    /// The members of a message, up to the end of `rest` or, of a group, its end tag.
    pub(super) fn members(&mut self, table: &'a MessageTable, rest: &mut &'a [u8], group: u32, first: bool) -> Walk {
        let mut members = Members {
            first,
            next: 0,
            oneofs: 0,
        };
        while let Some((number, wire)) = self.tag(rest, group)? {
            let place = table.place(number);
            let field = place.and_then(|place| table.fields.get(place).map(|field| (place, field)));
            let Some((place, field)) = field.filter(|(_, field)| fits(field, wire)) else {
                self.pass(number, wire, rest)?;
                continue;
            };
            if place < members.next {
                return Err(Stop::Detour);
            }
            if self.options.emit_defaults {
                self.defaults(table, members.next..place, &mut members.first);
            }
            members.next = place + 1;
            self.member(table, field, wire, rest, &mut members)
                .map_err(|stop| stop.within(|| field_step(table, field)))?;
        }
        if self.options.emit_defaults {
            self.defaults(table, members.next..table.fields.len(), &mut members.first);
        }
        Ok(())
    }

    /// The next tag; `None` at the end of the message.
    #[inline]
    fn tag(&mut self, rest: &mut &'a [u8], group: u32) -> Walk<Option<(u32, WireType)>> {
        if rest.is_empty() && group == 0 {
            return Ok(None);
        }
        let before = *rest;
        match wire::tag(rest) {
            Ok((number, WireType::EndGroup)) if number == group => Ok(None),
            Ok((_, WireType::EndGroup)) => Err(self.unreadable(before, crate::raw::WireError::Group)),
            Ok(tag) => Ok(Some(tag)),
            Err(error) => Err(self.unreadable(before, error)),
        }
    }

    #[inline]
    fn member(
        &mut self,
        table: &'a MessageTable,
        field: &'a Field,
        wire: WireType,
        rest: &mut &'a [u8],
        members: &mut Members,
    ) -> Walk {
        if field.oneof != NO_ONEOF {
            let bit = 1 << field.oneof.min(63);
            if members.oneofs & bit != 0 {
                return Err(Stop::Detour);
            }
            members.oneofs |= bit;
        }
        if self.options.redact && field.redact {
            return self.masked(table, field, wire, rest, &mut members.first);
        }
        match field.shape {
            Shape::Single => self.single(table, field, rest, members),
            Shape::Repeated | Shape::Map => self.repeated(table, field, wire, rest, members),
        }
    }

    #[inline]
    fn single(
        &mut self,
        table: &'a MessageTable,
        field: &'a Field,
        rest: &mut &'a [u8],
        members: &mut Members,
    ) -> Walk {
        if field.kind.is_message() {
            self.key(table, field, &mut members.first);
            return self.nested(field, rest);
        }
        let before = *rest;
        let value = wire::value(rest, field.wire).map_err(|error| self.unreadable(before, error))?;
        if field.implicit && value.is_zero(field.kind) && !self.options.emit_defaults {
            return Ok(());
        }
        if !self.accepts(field, value) {
            // It counts as an unknown field, so a later value is not a second one.
            members.next -= 1;
            if field.oneof != NO_ONEOF {
                return Err(Stop::Detour);
            }
            return Ok(());
        }
        self.key(table, field, &mut members.first);
        self.scalar(field, value, before)
    }

    /// The value of a field that is a message.
    #[inline]
    fn nested(&mut self, field: &Field, rest: &mut &'a [u8]) -> Walk {
        if field.kind == Kind::Group {
            return self.group(field, rest);
        }
        let before = *rest;
        let bytes = wire::bytes(rest).map_err(|error| self.unreadable(before, error))?;
        self.message(field.child, bytes)
    }

    fn repeated(
        &mut self,
        table: &'a MessageTable,
        field: &'a Field,
        wire: WireType,
        rest: &mut &'a [u8],
        members: &mut Members,
    ) -> Walk {
        let start = (self.out.len(), members.first);
        self.key(table, field, &mut members.first);
        let count = match field.shape {
            Shape::Map => self.map(field, rest)?,
            _ => self.list(field, wire, rest)?,
        };
        if count == 0 && !(self.options.emit_defaults && field.emitted) {
            self.out.truncate(start.0);
            members.first = start.1;
        }
        Ok(())
    }

    /// A run of elements of one field, whose first tag was read: how many.
    pub(super) fn list(&mut self, field: &'a Field, mut wire: WireType, rest: &mut &'a [u8]) -> Walk<usize> {
        self.out.push(b'[');
        let mut count = 0;
        loop {
            if field.kind.is_message() {
                self.comma(&mut count, rest)?;
                self.nested(field, rest)
                    .map_err(|stop| stop.within(|| Step::Index(count - 1)))?;
            } else if wire == WireType::Bytes && field.kind.is_packable() {
                let before = *rest;
                let packed = wire::bytes(rest).map_err(|error| self.unreadable(before, error))?;
                self.packed(field, packed, &mut count)?;
            } else {
                self.element(field, rest, &mut count)?;
            }
            match next_of(field, rest) {
                Some(next) => wire = next,
                None => break,
            }
        }
        self.out.push(b']');
        Ok(count)
    }

    /// The elements of a packed field.
    pub(super) fn packed(&mut self, field: &'a Field, packed: &'a [u8], count: &mut usize) -> Walk {
        let mut rest = packed;
        while !rest.is_empty() {
            self.element(field, &mut rest, count)?;
        }
        Ok(())
    }

    /// One element that is no message.
    #[inline]
    pub(super) fn element(&mut self, field: &'a Field, rest: &mut &'a [u8], count: &mut usize) -> Walk {
        let before = *rest;
        let value = wire::value(rest, field.wire).map_err(|error| self.unreadable(before, error))?;
        if !self.accepts(field, value) {
            return Ok(());
        }
        self.comma(count, before)?;
        self.scalar(field, value, before)
            .map_err(|stop| stop.within(|| Step::Index(*count - 1)))
    }

    #[inline]
    pub(super) fn comma(&mut self, count: &mut usize, rest: &[u8]) -> Walk {
        if *count > 0 {
            self.out.push(b',');
            if self.out.len() > self.most {
                return Err(self.too_long(rest));
            }
        }
        *count += 1;
        Ok(())
    }

    /// A field that is not for the reader's eyes, however often it comes in a row.
    fn masked(
        &mut self,
        table: &'a MessageTable,
        field: &'a Field,
        mut wire: WireType,
        rest: &mut &'a [u8],
        first: &mut bool,
    ) -> Walk {
        self.key(table, field, first);
        self.redacted();
        loop {
            let before = *rest;
            wire::skip(rest, field.number, wire, self.depth).map_err(|error| self.unreadable(before, error))?;
            match next_of(field, rest) {
                Some(next) if field.shape != Shape::Single => wire = next,
                _ => return Ok(()),
            }
        }
    }

    /// Whether the field takes this value: a closed enum takes its own numbers only.
    #[inline(always)]
    #[allow(clippy::inline_always)] // Once a field: the call would cost more than the work.
    pub(super) fn accepts(&mut self, field: &Field, value: Raw<'a>) -> bool {
        if field.kind != Kind::ClosedEnum {
            return true;
        }
        let known = self.tables.enum_table(field.child).has(value.int32());
        self.unknown += u64::from(!known);
        known
    }

    /// A scalar as JSON.
    #[inline]
    pub(super) fn scalar(&mut self, field: &Field, value: Raw<'a>, place: &[u8]) -> Walk {
        if field.kind == Kind::String {
            return if print::string(self.out, value.bytes()) {
                Ok(())
            } else {
                Err(self.fault(place, "a string is not UTF-8, so it has no JSON form"))
            };
        }
        self.number(field, value);
        Ok(())
    }
}

/// Whether a value of this wire type is one of the field; any other is an unknown field.
#[inline]
pub(in crate::codec) fn fits(field: &Field, wire: WireType) -> bool {
    wire == field.wire || wire == WireType::Bytes && field.shape == Shape::Repeated && field.kind.is_packable()
}

/// Reads the next tag if it is of the same field.
#[inline]
fn next_of(field: &Field, rest: &mut &[u8]) -> Option<WireType> {
    let mut after = *rest;
    let (number, wire) = wire::tag(&mut after).ok()?;
    if number != field.number || !fits(field, wire) {
        return None;
    }
    *rest = after;
    Some(wire)
}

impl<'a> ToJson<'a, '_> {
    /// The run of elements of the first field of a well-known type, which must be all there is.
    pub(super) fn alone(&mut self, table: &'a MessageTable, bytes: &'a [u8], empty: &[u8]) -> Walk {
        let mut rest = bytes;
        if rest.is_empty() {
            self.out.extend_from_slice(empty);
            return Ok(());
        }
        let field = table.fields.first().ok_or(Stop::Detour)?;
        let wire = next_of(field, &mut rest).ok_or(Stop::Detour)?;
        match field.shape {
            Shape::Map => self.map(field, &mut rest)?,
            _ => self.list(field, wire, &mut rest)?,
        };
        if rest.is_empty() { Ok(()) } else { Err(Stop::Detour) }
    }

    /// The one field of a `Value`.
    pub(super) fn any_value(&mut self, table: &'a MessageTable, bytes: &'a [u8]) -> Walk {
        let mut rest = bytes;
        let Some((number, wire)) = self.tag(&mut rest, 0)? else {
            self.out.extend_from_slice(b"null");
            return Ok(());
        };
        let field = table
            .field(number)
            .filter(|field| fits(field, wire))
            .ok_or(Stop::Detour)?;
        if field.kind.is_message() {
            self.nested(field, &mut rest)?;
        } else {
            let value = wire::value(&mut rest, wire).map_err(|error| self.unreadable(bytes, error))?;
            self.value_scalar(field, value, bytes)?;
        }
        if rest.is_empty() { Ok(()) } else { Err(Stop::Detour) }
    }
}
