//! Maps in canonical order: entries of one key and one value.

use super::{
    super::{
        error::{Step, Stop},
        page::Prefix,
        print::{self, Whole},
        scratch::MapKey,
        wire::{self, Raw},
    },
    Field, ToJson, Walk, straight,
};
use crate::table::{Kind, MessageTable};

/// Up to this many keys that are in no order are compared each with each.
const FEW: usize = 16;

/// A map's entry: the fields of its key and of its value.
pub(in crate::codec) struct Entry<'a> {
    pub(in crate::codec) table: &'a MessageTable,
    pub(in crate::codec) key: &'a Field,
    pub(in crate::codec) value: &'a Field,
}

/// How far a map is.
struct Run {
    /// Where its keys begin in the scratch.
    base: usize,
    /// Each key was larger than the one before it.
    sorted: bool,
}

impl<'a, const PLAIN: bool> ToJson<'a, '_, PLAIN> {
    pub(in crate::codec) fn entry(&self, field: &Field) -> Walk<Entry<'a>> {
        let table = self.tables.table(field.child);
        match &*table.fields {
            [key, value] => Ok(Entry { table, key, value }),
            _ => Err(self.fault(self.input, "the map's descriptor is no map entry")),
        }
    }

    /// A run of entries of one map, whose first tag was read. `false`: none was written.
    pub(super) fn map(&mut self, field: &'a Field, rest: &mut &'a [u8]) -> Walk<bool> {
        let entry = self.entry(field)?;
        let mut run = Run {
            base: self.scratch.keys.len(),
            sorted: true,
        };
        let start = self.out.len();
        loop {
            let before = *rest;
            let bytes = wire::bytes(rest).map_err(|error| self.unreadable(before, error))?;
            self.straight_entry(&entry, bytes, &mut run)?;
            if straight::next_of(field, rest).is_none() {
                break;
            }
        }
        self.scratch.keys.truncate(run.base);
        let empty = self.out.len() == start;
        self.out.close(start, *b"{}");
        Ok(!empty)
    }

    fn straight_entry(&mut self, entry: &Entry<'a>, bytes: &'a [u8], run: &mut Run) -> Walk {
        let mut rest = bytes;
        let key = self
            .optional(entry.key, &mut rest)?
            .unwrap_or_else(|| Raw::zero(entry.key.kind));
        self.remember(entry.key, key, run)?;
        let start = self.out.len();
        self.bound(rest)?;
        self.map_key(&Prefix::COMMA, entry.key, key, bytes)?;
        let known = self
            .entry_value(entry.value, &mut rest)
            .map_err(|stop| stop.within(|| key_step(entry.key, key)))?;
        if !rest.is_empty() {
            return Err(Stop::Detour);
        }
        if !known {
            self.out.truncate(start);
            self.scratch.keys.pop();
        }
        Ok(())
    }

    /// The field, if it comes next: key and value have tags of one byte.
    #[inline]
    fn optional(&mut self, field: &'a Field, rest: &mut &'a [u8]) -> Walk<Option<Raw<'a>>> {
        let before = *rest;
        match rest.split_first() {
            Some((tag, after)) if u32::from(*tag) == field.tag() => {
                *rest = after;
                let value = wire::value(rest, field.wire).map_err(|error| self.unreadable(before, error))?;
                Ok(Some(value))
            }
            _ => Ok(None),
        }
    }

    /// `false`: it is no value of the enum, so the whole entry counts as unknown.
    fn entry_value(&mut self, field: &'a Field, rest: &mut &'a [u8]) -> Walk<bool> {
        let before = *rest;
        if field.kind.is_message() {
            let bytes = self.optional(field, rest)?.map_or(&[][..], Raw::bytes);
            self.out.prefix(&Prefix::COLON);
            self.message(field.child, bytes)?;
            return Ok(true);
        }
        let value = self.optional(field, rest)?.unwrap_or_else(|| Raw::zero(field.kind));
        if !self.accepts(field, value) {
            return Ok(false);
        }
        self.scalar(&Prefix::COLON, field, value, before)?;
        Ok(true)
    }

    /// Notes a key, unless it may have come before: then it's a case for the other walk.
    fn remember(&mut self, field: &Field, key: Raw<'a>, run: &mut Run) -> Walk {
        let word = self.key_word(field, key);
        let before = self.scratch.keys.get(run.base..).unwrap_or_default();
        let ascends = before
            .last()
            .is_none_or(|last| self.compare(field, last.word, word).is_lt());
        run.sorted &= ascends;
        if !run.sorted {
            let twice = |other: &MapKey| self.compare(field, other.word, word).is_eq();
            if before.len() > FEW || before.iter().any(twice) {
                return Err(Stop::Detour);
            }
        }
        self.scratch.keys.push(MapKey { word, entry: 0 });
        Ok(())
    }

    /// A key as one word: a number, or where its text stands.
    pub(super) fn key_word(&self, field: &Field, key: Raw<'a>) -> u64 {
        match field.kind {
            Kind::String => {
                let (start, length) = (self.offset(key.bytes()) as u64, key.bytes().len() as u64);
                (start << 32) | (start + length)
            }
            Kind::Int32 | Kind::Uint32 | Kind::Sint32 => u64::from(key.uint32()),
            Kind::Bool => u64::from(key.bits() != 0),
            _ => key.bits(),
        }
    }

    pub(super) fn compare(&self, field: &Field, one: u64, other: u64) -> std::cmp::Ordering {
        if field.kind == Kind::String {
            self.key_text(one).cmp(self.key_text(other))
        } else {
            one.cmp(&other)
        }
    }

    #[allow(clippy::cast_possible_truncation)] // The halves of the word.
    fn key_text(&self, word: u64) -> &'a [u8] {
        self.slice((word >> 32) as u32, word as u32)
    }

    /// A key: names of members are strings. The colon is the value's prefix.
    pub(super) fn map_key(&mut self, prefix: &Prefix, field: &Field, key: Raw<'a>, place: &[u8]) -> Walk {
        let whole = match field.kind {
            Kind::String => return self.text(prefix, key.bytes(), place),
            Kind::Int32 | Kind::Sfixed32 => Whole::signed(i64::from(key.int32()), true),
            Kind::Sint32 => Whole::signed(i64::from(key.sint32()), true),
            Kind::Int64 | Kind::Sfixed64 => Whole::signed(key.int64(), true),
            Kind::Sint64 => Whole::signed(wire::unzigzag(key.bits()), true),
            Kind::Bool => {
                self.out.prefix(prefix);
                let word: &[u8] = if key.bits() == 0 { b"\"false\"" } else { b"\"true\"" };
                self.out.extend_from_slice(word);
                return Ok(());
            }
            Kind::Uint32 | Kind::Fixed32 => Whole::unsigned(u64::from(key.uint32()), true),
            _ => Whole::unsigned(key.bits(), true),
        };
        print::whole(self.out, prefix, whole);
        Ok(())
    }
}

/// The step of a report's path that leads to an entry.
pub(super) fn key_step(field: &Field, key: Raw<'_>) -> Step {
    Step::Key(match key {
        Raw::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Raw::Bits(bits) if field.kind == Kind::Bool => (bits != 0).to_string(),
        Raw::Bits(bits) => match field.kind {
            Kind::Int32 | Kind::Sfixed32 => key.int32().to_string(),
            Kind::Sint32 => key.sint32().to_string(),
            Kind::Int64 | Kind::Sfixed64 => key.int64().to_string(),
            Kind::Sint64 => wire::unzigzag(bits).to_string(),
            _ => bits.to_string(),
        },
    })
}
