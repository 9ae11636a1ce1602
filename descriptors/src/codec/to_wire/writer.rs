//! Writes parts that begin with their length before that is known.
//!
//! One byte is set aside for the length. Where it takes more, the part stays where it is, and the place is noted:
//! at the end one pass from the back moves everything to where it belongs. So nothing is encoded twice, and no byte
//! moves more than once, however deep messages nest.

use super::super::{
    item,
    scratch::{Gap, Scratch},
    wire::{put_varint, varint_length, zigzag},
};
use crate::table::{Field, Kind};

/// A part that was begun.
pub(in crate::codec) struct Part {
    at: usize,
    gap: usize,
    extra: usize,
}

/// The state before a part that may be taken back.
pub(in crate::codec) struct Mark {
    length: usize,
    gaps: usize,
    extra: usize,
}

/// The output.
pub(in crate::codec) struct Writer<'o> {
    pub(in crate::codec) out: &'o mut Vec<u8>,
    /// How many bytes the lengths so far need beyond those set aside.
    extra: usize,
}

impl<'o> Writer<'o> {
    pub(in crate::codec) fn new(out: &'o mut Vec<u8>) -> Self {
        Self { out, extra: 0 }
    }

    #[inline]
    pub(in crate::codec) fn begin(&mut self, scratch: &mut Scratch) -> Part {
        let part = Part {
            at: self.out.len(),
            gap: scratch.gaps.len(),
            extra: self.extra,
        };
        scratch.gaps.push(Gap { at: part.at, length: 0 });
        self.out.push(0);
        part
    }

    #[inline]
    pub(in crate::codec) fn finish(&mut self, part: &Part, scratch: &mut Scratch) {
        let length = self.out.len() - part.at - 1 + self.extra - part.extra;
        if let (Ok(byte @ ..0x80), Some(place)) = (u8::try_from(length), self.out.get_mut(part.at)) {
            *place = byte;
            // Every part inside was as short, so this gap is the last.
            scratch.gaps.truncate(part.gap);
            return;
        }
        self.extra += varint_length(length as u64) - 1;
        if let Some(gap) = scratch.gaps.get_mut(part.gap) {
            gap.length = length;
        }
    }

    /// Begins a field: its tag, and room for the length of a message that has one.
    pub(in crate::codec) fn open(&mut self, field: &Field, scratch: &mut Scratch) -> Option<Part> {
        item::put_start(self.out, field);
        matches!(field.kind, Kind::Message | Kind::Item).then(|| self.begin(scratch))
    }

    /// Ends a field that was begun.
    pub(in crate::codec) fn shut(&mut self, field: &Field, part: Option<Part>, scratch: &mut Scratch) {
        if let Some(part) = part {
            self.finish(&part, scratch);
        }
        item::put_end(self.out, field);
    }

    #[inline]
    pub(in crate::codec) fn is_empty(&self, part: &Part) -> bool {
        self.out.len() == part.at + 1
    }

    #[inline]
    pub(in crate::codec) fn mark(&self, scratch: &Scratch) -> Mark {
        Mark {
            length: self.out.len(),
            gaps: scratch.gaps.len(),
            extra: self.extra,
        }
    }

    pub(in crate::codec) fn back(&mut self, mark: &Mark, scratch: &mut Scratch) {
        self.out.truncate(mark.length);
        scratch.gaps.truncate(mark.gaps);
        self.extra = mark.extra;
    }

    #[inline]
    pub(in crate::codec) fn varint(&mut self, value: u64) {
        put_varint(self.out, value);
    }

    #[inline]
    pub(in crate::codec) fn bytes(&mut self, bytes: &[u8]) {
        put_varint(self.out, bytes.len() as u64);
        self.out.extend_from_slice(bytes);
    }

    /// A whole number as a field of that kind has it. `None`: it is out of range.
    #[inline]
    pub(in crate::codec) fn whole(&mut self, kind: Kind, number: i128) -> Option<()> {
        match kind {
            Kind::Int32 | Kind::OpenEnum | Kind::ClosedEnum | Kind::Null => {
                self.varint(i64::from(i32::try_from(number).ok()?).cast_unsigned());
            }
            Kind::Int64 => self.varint(i64::try_from(number).ok()?.cast_unsigned()),
            Kind::Uint32 => self.varint(u64::from(u32::try_from(number).ok()?)),
            Kind::Uint64 => self.varint(u64::try_from(number).ok()?),
            Kind::Sint32 => self.varint(zigzag(i64::from(i32::try_from(number).ok()?))),
            Kind::Sint64 => self.varint(zigzag(i64::try_from(number).ok()?)),
            Kind::Fixed32 => self.out.extend_from_slice(&u32::try_from(number).ok()?.to_le_bytes()),
            Kind::Sfixed32 => self.out.extend_from_slice(&i32::try_from(number).ok()?.to_le_bytes()),
            Kind::Fixed64 => self.out.extend_from_slice(&u64::try_from(number).ok()?.to_le_bytes()),
            Kind::Sfixed64 => self.out.extend_from_slice(&i64::try_from(number).ok()?.to_le_bytes()),
            _ => return None,
        }
        Some(())
    }

    /// Puts every long length in its place.
    pub(in crate::codec) fn close(self, scratch: &mut Scratch) {
        let (mut shift, mut end) = (self.extra, self.out.len());
        if shift > 0 {
            self.out.resize(end + shift, 0);
        }
        for gap in scratch.gaps.drain(..).rev() {
            self.out.copy_within(gap.at + 1..end, gap.at + 1 + shift);
            let width = varint_length(gap.length as u64);
            shift -= width - 1;
            end = gap.at;
            let mut length = gap.length as u64;
            for (place, byte) in self.out.iter_mut().skip(gap.at + shift).take(width).enumerate() {
                let more = if place + 1 < width { 0x80 } else { 0 };
                *byte = (length & 0x7f).to_le_bytes()[0] | more;
                length >>= 7;
            }
        }
    }
}
