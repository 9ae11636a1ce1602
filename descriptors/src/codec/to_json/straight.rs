//! The walk over bytes in canonical order.

use super::{
    super::{
        error::{Step, Stop},
        page::Prefix,
        print,
        wire::{self, Raw},
    },
    Field, Known, MessageTable, Shape, ToJson, Walk, WireType, field_step,
};
use crate::{
    raw::WireError,
    table::{Kind, NO_ONEOF},
};

/// How far the members of a message are.
struct Members {
    /// The place of the first field that may come next.
    next: usize,
    /// The oneofs that are decided, a bit each; those above share the last bit.
    oneofs: u64,
}

impl<'a, const PLAIN: bool> ToJson<'a, '_, PLAIN> {
    /// A message in one piece, whatever its JSON form.
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

    #[inline]
    fn object(&mut self, table: &'a MessageTable, rest: &mut &'a [u8], group: u32) -> Walk {
        let start = self.out.len();
        self.members(table, rest, group)?;
        self.out.close(start, *b"{}");
        Ok(())
    }

    /// A field of a group, up to its end tag.
    fn group(&mut self, field: &Field, rest: &mut &'a [u8]) -> Walk {
        let table = self.tables.table(field.child);
        if table.known != Known::No {
            let before = *rest;
            let bytes =
                wire::group(rest, field.number, self.depth.left()).map_err(|error| self.unreadable(before, error))?;
            return self.message(field.child, bytes);
        }
        self.enter(rest)?;
        self.object(table, rest, field.number)?;
        self.leave();
        Ok(())
    }

    /// The members of a message, each with a comma before it, up to the end of `rest` or, of a group, its end tag.
    pub(super) fn members(&mut self, table: &'a MessageTable, rest: &mut &'a [u8], group: u32) -> Walk {
        let mut members = Members { next: 0, oneofs: 0 };
        while let Some((place, field, layout)) = self.next_field(table, rest, group)? {
            if place < members.next {
                return Err(Stop::Detour);
            }
            if self.emits_defaults() {
                self.defaults(table, members.next..place);
            }
            members.next = place + 1;
            self.member(table, field, layout, rest, &mut members)
                .map_err(|stop| stop.within(|| field_step(table, field)))?;
        }
        if self.emits_defaults() {
            self.defaults(table, members.next..table.fields.len());
        }
        Ok(())
    }

    /// The next field that is known: its place, and how its value is written. `None` at the end of the message.
    #[inline(always)]
    #[allow(clippy::inline_always)] // Once a field: the call would cost more than the work.
    fn next_field(
        &mut self,
        table: &'a MessageTable,
        rest: &mut &'a [u8],
        group: u32,
    ) -> Walk<Option<(usize, &'a Field, Layout)>> {
        if let Some((tag, after)) = rest.split_first() {
            if let Some(place) = table.tagged(*tag)
                && let Some(field) = table.fields.get(place)
            {
                *rest = after;
                return Ok(Some((place, field, Layout::of_tag(u32::from(*tag)))));
            }
        } else if group == 0 {
            return Ok(None);
        }
        self.far_field(table, rest, group)
    }

    /// The same for all tags. Unknown fields are passed over.
    #[inline(never)]
    fn far_field(
        &mut self,
        table: &'a MessageTable,
        rest: &mut &'a [u8],
        group: u32,
    ) -> Walk<Option<(usize, &'a Field, Layout)>> {
        while let Some((number, wire)) = self.tag(rest, group)? {
            let place = table.place(number);
            let field = place.and_then(|place| table.fields.get(place).map(|field| (place, field)));
            match field.filter(|(_, field)| field.fits(wire)) {
                Some((place, field)) => return Ok(Some((place, field, Layout::of_tag(wire as u32)))),
                // What is unknown may be an item.
                None if table.message_set => return Err(Stop::Detour),
                None => self.pass(number, wire, rest)?,
            }
        }
        Ok(None)
    }

    /// The next tag; `None` at the end of the message.
    fn tag(&mut self, rest: &mut &'a [u8], group: u32) -> Walk<Option<(u32, WireType)>> {
        if rest.is_empty() && group == 0 {
            return Ok(None);
        }
        let before = *rest;
        match wire::tag(rest) {
            Ok((number, WireType::EndGroup)) if number == group => Ok(None),
            Ok((_, WireType::EndGroup)) => Err(self.unreadable(before, WireError::Group)),
            Ok(tag) => Ok(Some(tag)),
            Err(error) => Err(self.unreadable(before, error)),
        }
    }

    #[inline(always)]
    #[allow(clippy::inline_always)]
    fn member(
        &mut self,
        table: &'a MessageTable,
        field: &'a Field,
        layout: Layout,
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
        if self.redacts(field) {
            return self.masked(table, field, layout, rest);
        }
        match field.shape {
            Shape::Single => self.single(table, field, rest, members),
            Shape::Repeated | Shape::Map => self.repeated(table, field, layout, rest),
        }
    }

    #[inline(always)]
    #[allow(clippy::inline_always)]
    fn single(
        &mut self,
        table: &'a MessageTable,
        field: &'a Field,
        rest: &mut &'a [u8],
        members: &mut Members,
    ) -> Walk {
        if field.kind.is_message() {
            let prefix = self.key(table, field);
            self.out.prefix(prefix);
            return self.nested(field, rest);
        }
        let before = *rest;
        if field.kind == Kind::String {
            let text = wire::bytes(rest).map_err(|error| self.unreadable(before, error))?;
            if field.implicit && text.is_empty() && !self.emits_defaults() {
                return Ok(());
            }
            let prefix = self.key(table, field);
            return self.text(prefix, text, before);
        }
        let value = wire::value(rest, field.wire).map_err(|error| self.unreadable(before, error))?;
        if field.implicit && value.is_zero(field.kind) && !self.emits_defaults() {
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
        let prefix = self.key(table, field);
        self.number(prefix, field, value);
        Ok(())
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

    fn repeated(&mut self, table: &'a MessageTable, field: &'a Field, layout: Layout, rest: &mut &'a [u8]) -> Walk {
        let start = self.out.len();
        let prefix = self.key(table, field);
        self.out.prefix(prefix);
        let written = match field.shape {
            Shape::Map => self.map(field, rest)?,
            _ => self.list(field, layout, rest)?,
        };
        if !(written || self.emits_defaults() && field.emitted) {
            self.out.truncate(start);
        }
        Ok(())
    }

    /// A run of elements of one field, whose first tag was read. `false`: there are none.
    pub(super) fn list(&mut self, field: &'a Field, mut layout: Layout, rest: &mut &'a [u8]) -> Walk<bool> {
        let start = self.out.len();
        let mut count = 0;
        loop {
            if field.kind.is_message() {
                self.bound(rest)?;
                self.out.prefix(&Prefix::COMMA);
                self.nested(field, rest)
                    .map_err(|stop| stop.within(|| Step::Index(count)))?;
                count += 1;
            } else if layout == Layout::Delimited && field.kind.is_packable() {
                let before = *rest;
                let packed = wire::bytes(rest).map_err(|error| self.unreadable(before, error))?;
                self.packed(field, packed, &mut count)?;
            } else if field.kind == Kind::String {
                self.text_element(rest, &mut count)?;
            } else {
                self.element(field, rest, &mut count)?;
            }
            match next_of(field, rest) {
                Some(next) => layout = next,
                None => break,
            }
        }
        self.out.close(start, *b"[]");
        Ok(count > 0)
    }

    /// One element that is a string.
    #[inline]
    fn text_element(&mut self, rest: &mut &'a [u8], count: &mut usize) -> Walk {
        let before = *rest;
        let text = wire::bytes(rest).map_err(|error| self.unreadable(before, error))?;
        self.bound(before)?;
        self.text(&Prefix::COMMA, text, before)
            .map_err(|stop| stop.within(|| Step::Index(*count)))?;
        *count += 1;
        Ok(())
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
        self.bound(before)?;
        self.scalar(&Prefix::COMMA, field, value, before)
            .map_err(|stop| stop.within(|| Step::Index(*count)))?;
        *count += 1;
        Ok(())
    }

    /// Sees that the output does not become too long: a few bytes of input may stand for many of it.
    #[inline]
    pub(super) fn bound(&mut self, rest: &[u8]) -> Walk {
        if self.out.len() > self.most {
            return Err(self.too_long(rest));
        }
        Ok(())
    }

    /// A field that is not for the reader's eyes, however often it comes in a row.
    fn masked(&mut self, table: &'a MessageTable, field: &'a Field, mut layout: Layout, rest: &mut &'a [u8]) -> Walk {
        let prefix = self.key(table, field);
        self.redacted(prefix);
        loop {
            let before = *rest;
            let wire = if layout == Layout::Delimited {
                WireType::Bytes
            } else {
                field.wire
            };
            wire::skip(rest, field.number, wire, self.depth.left()).map_err(|error| self.unreadable(before, error))?;
            match next_of(field, rest) {
                Some(next) if field.shape != Shape::Single => layout = next,
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
    pub(super) fn scalar(&mut self, prefix: &Prefix, field: &Field, value: Raw<'a>, place: &[u8]) -> Walk {
        if field.kind == Kind::String {
            return self.text(prefix, value.bytes(), place);
        }
        self.number(prefix, field, value);
        Ok(())
    }

    /// A string.
    #[inline]
    pub(super) fn text(&mut self, prefix: &Prefix, text: &'a [u8], place: &[u8]) -> Walk {
        // What stands behind a short text in the input is read along with it.
        let start = text.as_ptr().addr().wrapping_sub(self.input.as_ptr().addr());
        if text.len() <= print::SHORT
            && let Some(source) = self.input.get(start..).and_then(<[u8]>::first_chunk)
            && print::short_string(self.out, prefix, source, text.len())
        {
            return Ok(());
        }
        self.long_text(prefix, text, place)
    }

    #[inline(never)]
    fn long_text(&mut self, prefix: &Prefix, text: &'a [u8], place: &[u8]) -> Walk {
        if print::string(self.out, prefix, text) {
            return Ok(());
        }
        Err(self.fault(place, "a string is not UTF-8, so it has no JSON form"))
    }
}

/// What a value looks like on the wire, as far as the field does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// It begins with its length.
    Delimited,
    Other,
}

impl Layout {
    #[inline]
    fn of_tag(tag: u32) -> Self {
        if tag & 7 == WireType::Bytes as u32 {
            Self::Delimited
        } else {
            Self::Other
        }
    }
}

/// Reads the next tag if it is of the same field.
#[inline]
pub(super) fn next_of(field: &Field, rest: &mut &[u8]) -> Option<Layout> {
    if let Some((tag @ ..0x80, after)) = rest.split_first()
        && u32::from(*tag) == field.tag()
    {
        *rest = after;
        return Some(Layout::of_tag(field.tag()));
    }
    let mut after = *rest;
    let tag = u32::try_from(wire::varint(&mut after).ok()?).ok()?;
    if tag != field.tag() && !(tag == field.packed_tag() && field.fits(WireType::Bytes)) {
        return None;
    }
    *rest = after;
    Some(Layout::of_tag(tag))
}

impl<'a, const PLAIN: bool> ToJson<'a, '_, PLAIN> {
    /// The run of elements of the first field of a well-known type, which must be all there is.
    pub(super) fn alone(&mut self, table: &'a MessageTable, bytes: &'a [u8], empty: &[u8]) -> Walk {
        let mut rest = bytes;
        if rest.is_empty() {
            self.out.extend_from_slice(empty);
            return Ok(());
        }
        let field = table.fields.first().ok_or(Stop::Detour)?;
        let layout = next_of(field, &mut rest).ok_or(Stop::Detour)?;
        match field.shape {
            Shape::Map => self.map(field, &mut rest)?,
            _ => self.list(field, layout, &mut rest)?,
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
            .filter(|field| field.fits(wire))
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
