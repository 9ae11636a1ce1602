//! Wire -> JSON.
//!
//! Two walks render the same JSON. The [`straight`] one takes fields as they come, in one pass, and stops as soon as
//! that would be wrong: a field that comes again, fields out of order, a oneof that changes its mind, entries of a
//! map with one key. Then the [`indexed`] one starts over: it first notes where the fields of a message are, sorts
//! them, and renders from that. The messages inside that are in one piece it tries straight again, until it has read
//! as many bytes in vain as there are. So bytes in canonical order pay for nothing, and the others cost a few times as
//! much at most, however deep they nest.

mod any;
mod check;
mod field;
mod indexed;
mod known;
mod leaves;
mod map;
mod straight;
mod value;

use super::{
    JsonOptions,
    depth::Depth,
    error::{Fault, Limit, Step, Stop},
    page::{Page, Prefix},
    scratch::Scratch,
    wire::{self, Raw},
};
use crate::{
    raw::WireError,
    schema::tables::Tables,
    table::{Field, Known, MessageTable, Shape, WireType},
};

pub(super) use any::type_name;
pub(super) use map::Entry;

pub(super) type Walk<T = ()> = Result<T, Stop>;

/// One conversion.
/// `PLAIN`: with the default options, so that nothing asks for them.
pub(super) struct ToJson<'a, 'o, const PLAIN: bool = false> {
    pub(super) tables: &'a Tables,
    /// The whole message.
    pub(super) input: &'a [u8],
    pub(super) out: &'o mut Page,
    pub(super) scratch: &'o mut Scratch,
    pub(super) options: &'o JsonOptions,
    /// How long the output may become.
    pub(super) most: usize,
    /// How much deeper it may go.
    pub(super) depth: Depth,
    /// How many fields were left out because they are unknown.
    pub(super) unknown: u64,
    /// Whether unknown fields are noted.
    pub(super) keeps_unknown: bool,
    /// How many bytes the indexed walk may still try to read straight in vain.
    pub(super) spare: usize,
}

/// What is given up when an attempt fails.
struct Start {
    out: usize,
    depth: Depth,
    unknown: u64,
    occurrences: usize,
    keys: usize,
}

/// Where a message stands in the input.
#[derive(Clone, Copy)]
pub(super) enum Body<'a> {
    /// In one piece.
    One(&'a [u8]),
    /// In several, noted from the first to before the last in the scratch.
    Many(usize, usize),
}

impl<'a, const PLAIN: bool> ToJson<'a, '_, PLAIN> {
    /// Renders the input, which is a message of that index.
    pub(super) fn run(&mut self, message: u32) -> Result<(), Box<Fault>> {
        let start = self.start();
        let result = match self.message(message, self.input) {
            // What has no JSON form may be replaced later.
            Err(_) => {
                self.give_up(&start);
                self.sorted_message(message, Body::One(self.input))
            }
            done => done,
        };
        match result {
            Ok(()) => Ok(()),
            Err(Stop::Fault(fault)) => Err(fault),
            Err(Stop::Detour) => Err(Fault::new("the message can't be rendered", 0)),
        }
    }

    /// Where an attempt begins.
    fn start(&self) -> Start {
        Start {
            out: self.out.len(),
            depth: self.depth,
            unknown: self.unknown,
            occurrences: self.scratch.occurrences.len(),
            keys: self.scratch.keys.len(),
        }
    }

    fn give_up(&mut self, start: &Start) {
        self.out.truncate(start.out);
        self.depth = start.depth;
        self.unknown = start.unknown;
        self.scratch.occurrences.truncate(start.occurrences);
        self.scratch.keys.truncate(start.keys);
    }

    /// An error at the byte of the input where `rest` begins.
    #[cold]
    #[inline(never)]
    pub(super) fn fault(&self, rest: &[u8], what: impl Into<String>) -> Stop {
        Stop::Fault(Fault::new(what, self.offset(rest)))
    }

    #[cold]
    #[inline(never)]
    fn unreadable(&self, rest: &[u8], error: WireError) -> Stop {
        Stop::Fault(self.depth.unreadable(error, self.offset(rest)))
    }

    /// Where a slice of the input begins.
    fn offset(&self, part: &[u8]) -> usize {
        let offset = part.as_ptr().addr().wrapping_sub(self.input.as_ptr().addr());
        offset.min(self.input.len())
    }

    /// The slice between two offsets of the input.
    fn slice(&self, start: u32, end: u32) -> &'a [u8] {
        self.input.get(start as usize..end as usize).unwrap_or_default()
    }

    /// One level deeper.
    #[inline]
    pub(super) fn enter(&mut self, rest: &[u8]) -> Walk {
        if !self.depth.enter() {
            return Err(self.too_deep(rest));
        }
        if self.out.len() > self.most {
            return Err(self.too_long(rest));
        }
        Ok(())
    }

    #[inline]
    pub(super) fn leave(&mut self) {
        self.depth.leave();
    }

    #[cold]
    fn too_deep(&self, rest: &[u8]) -> Stop {
        Stop::Fault(self.depth.fault(self.offset(rest)))
    }

    #[cold]
    fn too_long(&self, rest: &[u8]) -> Stop {
        Stop::Fault(too_long(self.options.limit, self.offset(rest)))
    }

    /// A value that can't be told from its wire type: passes over it.
    #[cold]
    fn pass(&mut self, number: u32, wire: WireType, rest: &mut &'a [u8]) -> Walk {
        self.unknown += 1;
        let before = *rest;
        wire::skip(rest, number, wire, self.depth.left()).map_err(|error| self.unreadable(before, error))
    }

    /// What stands before the value of a member: the comma and the name.
    #[inline(always)]
    #[allow(clippy::inline_always)] // Once a field: the call would cost more than the work.
    fn key(&mut self, table: &'a MessageTable, field: &'a Field) -> &'a Prefix {
        match &field.prefix {
            Some(prefix) if PLAIN || !self.options.proto_names => prefix,
            _ => self.long_key(table, field),
        }
    }

    #[inline(never)]
    fn long_key(&mut self, table: &'a MessageTable, field: &'a Field) -> &'a Prefix {
        let (padded, length) = table.padded_key(field, self.options.proto_names);
        self.out.extend_padded(padded, length);
        &Prefix::NONE
    }

    #[inline]
    fn emits_defaults(&self) -> bool {
        !PLAIN && self.options.emit_defaults
    }

    #[inline]
    fn redacts(&self, field: &Field) -> bool {
        !PLAIN && self.options.redact && field.redact
    }

    /// Writes the fields at these places of the table that are written even where they are not set.
    fn defaults(&mut self, table: &'a MessageTable, places: std::ops::Range<usize>) {
        for field in table.fields.get(places).unwrap_or_default() {
            if field.emitted {
                let prefix = self.key(table, field);
                self.out.prefix(prefix);
                self.default_value(field);
            }
        }
    }

    fn default_value(&mut self, field: &Field) {
        match field.shape {
            Shape::Map => self.out.extend_from_slice(b"{}"),
            Shape::Repeated => self.out.extend_from_slice(b"[]"),
            // Zero has a form in every kind, so this can't fail.
            Shape::Single => drop(self.scalar(&Prefix::NONE, field, Raw::zero(field.kind), self.input)),
        }
    }

    fn redacted(&mut self, prefix: &Prefix) {
        self.out.prefix(prefix);
        self.out.extend_from_slice(b"\"[REDACTED]\"");
    }

    /// The last value of the first and of the second field of a message whose fields are single scalars.
    pub(super) fn pair(&mut self, table: &'a MessageTable, body: Body<'a>) -> Walk<[Option<Raw<'a>>; 2]> {
        let mut found = [None; 2];
        match body {
            Body::One(bytes) => self.pair_of(table, bytes, &mut found)?,
            Body::Many(from, to) => {
                for at in from..to {
                    let bytes = self.piece(at);
                    self.pair_of(table, bytes, &mut found)?;
                }
            }
        }
        Ok(found)
    }

    fn pair_of(&mut self, table: &'a MessageTable, bytes: &'a [u8], found: &mut [Option<Raw<'a>>; 2]) -> Walk {
        let mut rest = bytes;
        while !rest.is_empty() {
            let before = rest;
            let (number, wire) = wire::tag(&mut rest).map_err(|error| self.unreadable(before, error))?;
            let place = table.place(number);
            let known = place.filter(|place| table.fields.get(*place).is_some_and(|field| field.wire == wire));
            match known.and_then(|place| found.get_mut(place)) {
                Some(slot) if wire != WireType::StartGroup => {
                    let value = wire::value(&mut rest, wire).map_err(|error| self.unreadable(before, error))?;
                    if let (Some(Raw::Bytes(text)), Some(field)) = (slot.replace(value), table.field(number)) {
                        self.check_value(field, text)?;
                    }
                }
                _ => self.pass(number, wire, &mut rest)?,
            }
        }
        Ok(())
    }

    /// A piece of a message that was noted.
    pub(super) fn piece(&self, at: usize) -> &'a [u8] {
        let noted = self.scratch.occurrences.get(at).copied();
        noted.map_or(&[], |noted| self.slice(noted.start, noted.end))
    }
}

/// JSON that is not written to its end.
#[cold]
pub(super) fn too_long(limit: usize, offset: usize) -> Box<Fault> {
    let what = format!("the JSON is longer than the limit of {limit} bytes");
    Fault::of_limit(Limit::Length, what, offset)
}

/// The step of a report's path that leads to a field.
pub(super) fn field_step(table: &MessageTable, field: &Field) -> Step {
    Step::Field(table.json_name(field).to_owned())
}
