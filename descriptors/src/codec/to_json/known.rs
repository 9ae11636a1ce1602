//! Well-known types.

use super::{
    super::{
        error::shown,
        mask,
        page::Prefix,
        time,
        wire::{self, Raw},
    },
    Body, Known, MessageTable, ToJson, Walk,
};

impl<'a, const PLAIN: bool> ToJson<'a, '_, PLAIN> {
    /// A well-known type in one piece.
    pub(super) fn known(&mut self, table: &'a MessageTable, bytes: &'a [u8]) -> Walk {
        match table.known {
            Known::No => Ok(()),
            Known::Struct => self.alone(table, bytes, b"{}"),
            Known::ListValue => self.alone(table, bytes, b"[]"),
            Known::Value => self.any_value(table, bytes),
            _ => self.flat(table, Body::One(bytes), bytes, false),
        }
    }

    /// The well-known types that hold no messages, in any number of pieces. `sorted`: which walk it is.
    pub(super) fn flat(&mut self, table: &'a MessageTable, body: Body<'a>, place: &'a [u8], sorted: bool) -> Walk {
        if table.known == Known::FieldMask {
            return self.mask(table, body, place);
        }
        let [first, second] = match body {
            Body::One(bytes) if matches!(table.known, Known::Timestamp | Known::Duration) => match two_varints(bytes) {
                Some(found) => found.map(Some),
                None => self.pair(table, body)?,
            },
            _ => self.pair(table, body)?,
        };
        let number = |raw: Option<Raw<'a>>| raw.unwrap_or(Raw::Bits(0));
        match table.known {
            Known::Timestamp => {
                let (seconds, nanos) = (number(first).int64(), number(second).int32());
                if !time::print_timestamp(self.out, seconds, nanos) {
                    let what = format!("{seconds} s and {nanos} ns are out of the range of google.protobuf.Timestamp");
                    return Err(self.fault(place, what));
                }
            }
            Known::Duration => {
                let (seconds, nanos) = (number(first).int64(), number(second).int32());
                if !time::print_duration(self.out, seconds, nanos) {
                    let what = format!("{seconds} s and {nanos} ns are no google.protobuf.Duration");
                    return Err(self.fault(place, what));
                }
            }
            Known::Wrapper => {
                if let Some(field) = table.fields.first() {
                    let value = first.unwrap_or_else(|| Raw::zero(field.kind));
                    self.scalar(&Prefix::NONE, field, value, place)?;
                }
            }
            _ => {
                let url = first.map_or(&[][..], Raw::bytes);
                let value = second.map_or(&[][..], Raw::bytes);
                self.any(url, value, place, sorted)?;
            }
        }
        Ok(())
    }

    fn mask(&mut self, table: &'a MessageTable, body: Body<'a>, place: &'a [u8]) -> Walk {
        self.out.push(b'"');
        let start = self.out.len();
        match body {
            Body::One(bytes) => self.paths(table, bytes, start)?,
            Body::Many(from, to) => {
                for at in from..to {
                    let bytes = self.piece(at);
                    self.paths(table, bytes, start)?;
                }
            }
        }
        if self.out.len() > self.most {
            return Err(self.too_long(place));
        }
        self.out.push(b'"');
        Ok(())
    }

    fn paths(&mut self, table: &'a MessageTable, bytes: &'a [u8], start: usize) -> Walk {
        let mut rest = bytes;
        while !rest.is_empty() {
            let before = rest;
            let (number, wire) = wire::tag(&mut rest).map_err(|error| self.unreadable(before, error))?;
            if !table.field(number).is_some_and(|field| field.fits(wire)) {
                self.pass(number, wire, &mut rest)?;
                continue;
            }
            let path = wire::bytes(&mut rest).map_err(|error| self.unreadable(before, error))?;
            if self.out.len() > start {
                self.out.push(b',');
            }
            if !mask::to_camel(self.out, path) {
                let what = format!("{} in a google.protobuf.FieldMask has no JSON form", shown(path));
                return Err(self.fault(before, what));
            }
        }
        Ok(())
    }
}

/// Seconds and nanoseconds, each once or not at all, in this order. `None`: something else.
fn two_varints<'a>(bytes: &[u8]) -> Option<[Raw<'a>; 2]> {
    let (mut rest, mut found) = (bytes, [Raw::Bits(0); 2]);
    for (tag, found) in [1 << 3, 2 << 3].into_iter().zip(&mut found) {
        if let Some((_, after)) = rest.split_first().filter(|(first, _)| **first == tag) {
            rest = after;
            *found = Raw::Bits(wire::varint(&mut rest).ok()?);
        }
    }
    rest.is_empty().then_some(found)
}
