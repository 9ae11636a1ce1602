//! The walk over bytes in any order.
//!
//! It notes where each field of a message stands, sorts the notes by field, and renders from them. A message that came
//! in pieces is the list of its pieces: nothing is copied together.

use super::{
    super::{
        error::Step,
        item,
        page::Prefix,
        scratch::{MapKey, Occurrence},
        wire::{self, Raw},
    },
    Body, Field, Known, MessageTable, Shape, ToJson, Walk, WireType, field_step,
    map::{Entry, key_step},
};
use crate::table::{Kind, NO_ONEOF};

/// No field of a oneof was seen yet, reading backwards.
const OPEN: u32 = u32::MAX;
/// Two of them were: what comes before is lost.
const CLOSED: u32 = u32::MAX - 1;

impl<'a, const PLAIN: bool> ToJson<'a, '_, PLAIN> {
    /// A message, whatever its JSON form.
    pub(super) fn sorted_message(&mut self, message: u32, body: Body<'a>) -> Walk {
        let table = self.tables.table(message);
        let place = self.first_piece(body);
        self.enter(place)?;
        match table.known {
            Known::No => {
                let start = self.out.len();
                self.sorted_members(table, body)?;
                self.out.close(start, *b"{}");
            }
            Known::Struct | Known::ListValue | Known::Value => self.sorted_alone(table, body, place)?,
            _ => self.flat(table, body, place, true)?,
        }
        self.leave();
        Ok(())
    }

    /// A message whose pieces were noted: straight, if it is one and that will do.
    pub(super) fn noted_message(&mut self, message: u32, from: usize, to: usize) -> Walk {
        let piece = self.piece(from);
        if to - from == 1 && piece.len() <= self.spare {
            let start = self.start();
            if self.message(message, piece).is_ok() {
                return Ok(());
            }
            // What has no JSON form may be replaced later.
            self.give_up(&start);
            self.spare -= piece.len();
        }
        self.sorted_message(message, Body::Many(from, to))
    }

    pub(in crate::codec) fn first_piece(&self, body: Body<'a>) -> &'a [u8] {
        match body {
            Body::One(bytes) => bytes,
            Body::Many(from, _) => self.piece(from),
        }
    }

    /// The members of a message that is no well-known type.
    pub(super) fn sorted_members(&mut self, table: &'a MessageTable, body: Body<'a>) -> Walk {
        let base = self.note(table, body)?;
        let end = self.scratch.occurrences.len();
        let (mut at, mut next) = (base, 0);
        while let Some((place, until)) = self.run_at(at, end) {
            let Some(field) = table.fields.get(place) else { break };
            if self.emits_defaults() {
                self.defaults(table, next..place);
            }
            next = place + 1;
            self.sorted_field(table, field, at, until)
                .map_err(|stop| stop.within(|| field_step(table, field)))?;
            at = until;
        }
        if self.emits_defaults() {
            self.defaults(table, next..table.fields.len());
        }
        self.scratch.occurrences.truncate(base);
        Ok(())
    }

    /// The one field of a `Struct`, `ListValue` or `Value`, without the message around it.
    fn sorted_alone(&mut self, table: &'a MessageTable, body: Body<'a>, place: &'a [u8]) -> Walk {
        let base = self.note(table, body)?;
        match self.run_at(base, self.scratch.occurrences.len()) {
            Some((found, until)) => {
                let field = table.fields.get(found);
                match field {
                    Some(field) if matches!(field.kind, Kind::Double | Kind::Null) => {
                        let value = self.last(field, until)?;
                        self.value_scalar(field, value, place)?;
                    }
                    Some(field) => drop(self.sorted_value(field, base, until, place)?),
                    None => {}
                }
            }
            None => self.out.extend_from_slice(match table.known {
                Known::Struct => b"{}",
                Known::ListValue => b"[]",
                _ => b"null",
            }),
        }
        self.scratch.occurrences.truncate(base);
        Ok(())
    }

    /// The field whose notes begin there, and where they end.
    pub(in crate::codec) fn run_at(&self, at: usize, end: usize) -> Option<(usize, usize)> {
        let notes = self.scratch.occurrences.get(at..end)?;
        let place = notes.first()?.place;
        let count = notes.partition_point(|note| note.place <= place);
        (place != Occurrence::DROPPED).then_some((place as usize, at + count))
    }

    /// Notes all known fields of a message, sorted; gives where the notes begin.
    pub(in crate::codec) fn note(&mut self, table: &'a MessageTable, body: Body<'a>) -> Walk<usize> {
        let base = self.scratch.occurrences.len();
        match body {
            Body::One(bytes) => self.note_piece(table, bytes)?,
            Body::Many(from, to) => {
                for at in from..to {
                    let bytes = self.piece(at);
                    self.note_piece(table, bytes)?;
                }
            }
        }
        self.decide_oneofs(table, base)?;
        let notes = self.scratch.occurrences.get_mut(base..).unwrap_or_default();
        notes.sort_unstable_by_key(|note| (note.place, note.start));
        Ok(base)
    }

    fn note_piece(&mut self, table: &'a MessageTable, bytes: &'a [u8]) -> Walk {
        let mut rest = bytes;
        while !rest.is_empty() {
            let before = rest;
            let (number, wire) = wire::tag(&mut rest).map_err(|error| self.unreadable(before, error))?;
            let place = table.place(number);
            let field = place.and_then(|place| table.fields.get(place));
            let Some((place, field)) = place.zip(field).filter(|(_, field)| field.fits(wire)) else {
                if !self.note_item(table, (number, wire), &mut rest)? {
                    self.pass(number, wire, &mut rest)?;
                    self.keep(before, rest);
                }
                continue;
            };
            let value = self
                .extent(number, wire, &mut rest)
                .map_err(|stop| stop.within(|| field_step(table, field)))?;
            let packed = wire == WireType::Bytes && field.kind.wire_type() != wire;
            if field.kind == Kind::ClosedEnum && field.shape == Shape::Single {
                let raw = wire::value(&mut { value }, wire).map_err(|error| self.unreadable(before, error))?;
                if !self.accepts(field, raw) {
                    self.keep(before, rest);
                    continue;
                }
            }
            self.push(place, packed, value);
        }
        Ok(())
    }

    /// Notes the extension that an item holds. `false`: it is none, and was not read.
    fn note_item(&mut self, table: &MessageTable, tag: (u32, WireType), rest: &mut &'a [u8]) -> Walk<bool> {
        if !table.message_set || tag.1 != WireType::StartGroup {
            return Ok(false);
        }
        let mut after = *rest;
        let group = self.extent(tag.0, tag.1, &mut after)?;
        let Some((place, message)) = item::item(table, tag, group) else {
            return Ok(false);
        };
        self.push(place, false, message);
        *rest = after;
        Ok(true)
    }

    /// Notes an unknown field, if they are kept: from its tag to where the next field begins.
    fn keep(&mut self, from: &'a [u8], to: &[u8]) {
        if self.keeps_unknown {
            let field = from.get(..from.len() - to.len()).unwrap_or_default();
            self.push(Occurrence::UNKNOWN as usize, false, field);
        }
    }

    fn push(&mut self, place: usize, packed: bool, value: &'a [u8]) {
        let to_u32 = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let start = self.offset(value);
        self.scratch.occurrences.push(Occurrence {
            place: to_u32(place),
            packed,
            start: to_u32(start),
            end: to_u32(start + value.len()),
        });
    }

    /// The bytes of a value: of a number as it is encoded, of anything else its content.
    pub(super) fn extent(&self, number: u32, wire: WireType, rest: &mut &'a [u8]) -> Walk<&'a [u8]> {
        let before = *rest;
        let found = match wire {
            WireType::Bytes => wire::bytes(rest),
            WireType::StartGroup => wire::group(rest, number, self.depth.left()),
            _ => wire::value(rest, wire).map(|_| before.get(..before.len() - rest.len()).unwrap_or_default()),
        };
        found.map_err(|error| self.unreadable(before, error))
    }

    /// Drops the fields of a oneof that a later one has replaced. The notes are in the order of the input.
    fn decide_oneofs(&mut self, table: &'a MessageTable, base: usize) -> Walk {
        if table.oneofs == 0 {
            return Ok(());
        }
        self.scratch.winners.clear();
        self.scratch.winners.resize(usize::from(table.oneofs), OPEN);
        for at in (base..self.scratch.occurrences.len()).rev() {
            let place = self.place_at(at);
            let Some(field) = table.fields.get(place as usize).filter(|field| field.oneof != NO_ONEOF) else {
                continue;
            };
            let Some(winner) = self.scratch.winners.get_mut(usize::from(field.oneof)) else {
                continue;
            };
            if *winner == OPEN {
                *winner = place;
            } else if *winner != place {
                *winner = CLOSED;
                self.check_value(field, self.piece(at))?;
                self.mark_note(at, Occurrence::DROPPED);
            }
        }
        Ok(())
    }

    fn place_at(&self, at: usize) -> u32 {
        let note = self.scratch.occurrences.get(at);
        note.map_or(Occurrence::DROPPED, |note| note.place)
    }

    fn sorted_field(&mut self, table: &'a MessageTable, field: &'a Field, from: usize, to: usize) -> Walk {
        let start = self.out.len();
        if self.redacts(field) {
            let prefix = self.key(table, field);
            self.redacted(prefix);
            return Ok(());
        }
        if field.implicit && !self.emits_defaults() && self.last(field, to)?.is_zero(field.kind) {
            return self.check_replaced(field, from, to);
        }
        let prefix = self.key(table, field);
        self.out.prefix(prefix);
        let written = self.sorted_value(field, from, to, self.piece(from))?;
        if !(written || self.emits_defaults() && field.emitted) {
            self.out.truncate(start);
        }
        Ok(())
    }

    /// The value of a field, as its notes tell. `false`: it is a list or map without elements.
    pub(super) fn sorted_value(&mut self, field: &'a Field, from: usize, to: usize, place: &'a [u8]) -> Walk<bool> {
        match field.shape {
            Shape::Single if field.kind.is_message() => self.noted_message(field.child, from, to)?,
            Shape::Single => {
                self.check_replaced(field, from, to)?;
                let value = self.last(field, to)?;
                self.scalar(&Prefix::NONE, field, value, place)?;
            }
            Shape::Repeated => return self.sorted_list(field, from, to),
            Shape::Map => return self.sorted_map(field, from, to),
        }
        Ok(true)
    }

    /// The last value of a scalar.
    pub(in crate::codec) fn last(&self, field: &Field, to: usize) -> Walk<Raw<'a>> {
        self.read(field, &mut self.piece(to - 1))
    }

    /// A value that was noted; of packed ones, the next.
    pub(in crate::codec) fn read(&self, field: &Field, rest: &mut &'a [u8]) -> Walk<Raw<'a>> {
        let piece = *rest;
        match field.kind.wire_type() {
            WireType::Bytes => Ok(Raw::Bytes(piece)),
            wire => wire::value(rest, wire).map_err(|error| self.unreadable(piece, error)),
        }
    }

    fn sorted_list(&mut self, field: &'a Field, from: usize, to: usize) -> Walk<bool> {
        let start = self.out.len();
        let mut count = 0;
        for at in from..to {
            let piece = self.piece(at);
            let packed = self.scratch.occurrences.get(at).is_some_and(|note| note.packed);
            if field.kind.is_message() {
                self.bound(piece)?;
                self.out.prefix(&Prefix::COMMA);
                self.noted_message(field.child, at, at + 1)
                    .map_err(|stop| stop.within(|| Step::Index(count)))?;
                count += 1;
            } else if packed {
                self.packed(field, piece, &mut count)?;
            } else {
                let value = self.read(field, &mut { piece })?;
                if self.accepts(field, value) {
                    self.bound(piece)?;
                    self.scalar(&Prefix::COMMA, field, value, piece)
                        .map_err(|stop| stop.within(|| Step::Index(count)))?;
                    count += 1;
                }
            }
        }
        self.out.close(start, *b"[]");
        Ok(count > 0)
    }

    fn sorted_map(&mut self, field: &'a Field, from: usize, to: usize) -> Walk<bool> {
        let entry = self.entry(field)?;
        self.drop_replaced(field, &entry, from, to)?;
        let start = self.out.len();
        for at in from..to {
            if !matches!(self.place_at(at), Occurrence::DROPPED | Occurrence::UNKNOWN) {
                self.bound(self.piece(at))?;
                self.sorted_entry(&entry, at)?;
            }
        }
        let empty = self.out.len() == start;
        self.out.close(start, *b"{}");
        Ok(!empty)
    }

    fn sorted_entry(&mut self, entry: &Entry<'a>, at: usize) -> Walk {
        let piece = self.piece(at);
        let [key, _] = self.pair(entry.table, Body::One(piece))?;
        let key = key.unwrap_or_else(|| Raw::zero(entry.key.kind));
        self.map_key(&Prefix::COMMA, entry.key, key, piece)?;
        self.out.prefix(&Prefix::COLON);
        let base = self.note(entry.table, Body::Many(at, at + 1))?;
        let (values, end) = self.values_of_entry(base);
        self.check_replaced(entry.key, base, values)?;
        let result = if values < end {
            self.sorted_value(entry.value, values, end, piece).map(drop)
        } else if entry.value.kind.is_message() {
            self.sorted_message(entry.value.child, Body::Many(end, end))
        } else {
            self.scalar(&Prefix::NONE, entry.value, Raw::zero(entry.value.kind), piece)
        };
        self.scratch.occurrences.truncate(base);
        result.map_err(|stop| stop.within(|| key_step(entry.key, key)))
    }

    /// Where the notes of a map entry's value begin and end, if the entry's notes are the last ones.
    pub(in crate::codec) fn values_of_entry(&self, base: usize) -> (usize, usize) {
        let notes = self.scratch.occurrences.get(base..).unwrap_or_default();
        let from = notes.partition_point(|note| note.place < 1);
        let to = notes.partition_point(|note| note.place <= 1);
        (base + from, base + to)
    }

    /// Drops the entries whose key comes again, and those whose value is none of a closed enum.
    pub(in crate::codec) fn drop_replaced(
        &mut self,
        field: &'a Field,
        entry: &Entry<'a>,
        from: usize,
        to: usize,
    ) -> Walk {
        let base = self.scratch.keys.len();
        for at in from..to {
            let [key, value] = self.pair(entry.table, Body::One(self.piece(at)))?;
            let value = value.unwrap_or_else(|| Raw::zero(entry.value.kind));
            if !self.accepts(entry.value, value) {
                self.mark_note(at, Occurrence::UNKNOWN);
                continue;
            }
            let key = key.unwrap_or_else(|| Raw::zero(entry.key.kind));
            self.scratch.keys.push(MapKey {
                word: self.key_word(entry.key, key),
                entry: u32::try_from(at).unwrap_or(u32::MAX),
            });
        }
        let mut keys = std::mem::take(&mut self.scratch.keys);
        let own = keys.get_mut(base..).unwrap_or_default();
        own.sort_unstable_by(|one, other| {
            let order = self.compare(entry.key, one.word, other.word);
            order.then(one.entry.cmp(&other.entry))
        });
        for (one, next) in own.iter().zip(own.iter().skip(1)) {
            if self.compare(entry.key, one.word, next.word).is_eq() {
                self.mark_note(one.entry as usize, Occurrence::DROPPED);
            }
        }
        keys.truncate(base);
        self.scratch.keys = keys;
        for at in from..to {
            if self.place_at(at) == Occurrence::DROPPED {
                self.check_value(field, self.piece(at))?;
            }
        }
        Ok(())
    }

    fn mark_note(&mut self, at: usize, place: u32) {
        if let Some(note) = self.scratch.occurrences.get_mut(at) {
            note.place = place;
        }
    }
}
