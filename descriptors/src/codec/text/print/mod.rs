//! Wire in canonical order -> text: one field a line, indented by two blanks a level.

mod any;
mod unknown;

use super::{
    super::{
        JsonOptions,
        depth::Depth,
        error::{Fault, Limit, unreadable},
        item,
        page::{Page, Prefix},
        print::{self, Whole},
        scratch::Scratch,
        wire::{self, Raw, unzigzag},
    },
    name,
};
use crate::{
    raw::WireError,
    render::quote,
    schema::tables::Tables,
    table::{Field, Kind, Known, MessageTable, Shape, WireType},
};

type Walk<T = ()> = Result<T, Box<Fault>>;

/// What is not for the reader's eyes.
const REDACTED: &str = "[REDACTED]";

/// One conversion.
pub(in crate::codec) struct Print<'a, 'o> {
    tables: &'a Tables,
    out: &'o mut Page,
    scratch: &'o mut Scratch,
    options: &'o JsonOptions,
    /// How many levels the next line is indented.
    level: usize,
    /// How much deeper it may go.
    depth: Depth,
    /// How many bytes more may be taken apart that stand in an `Any`.
    left: usize,
    /// How many fields were left out because they are unknown.
    pub(in crate::codec) unknown: u64,
}

impl<'a, 'o> Print<'a, 'o> {
    pub(in crate::codec) fn new(
        tables: &'a Tables,
        out: &'o mut Page,
        scratch: &'o mut Scratch,
        options: &'o JsonOptions,
    ) -> Self {
        out.clear();
        Self {
            tables,
            out,
            scratch,
            options,
            level: 0,
            depth: Depth::new(options),
            left: options.limit,
            unknown: 0,
        }
    }

    /// Prints a message of that index in canonical form.
    pub(in crate::codec) fn message(&mut self, message: u32, wire: &[u8]) -> Walk {
        if !self.depth.enter() {
            return Err(self.depth.fault(0));
        }
        let table = self.tables.table(message);
        if table.known != Known::Any || !self.any(wire)? {
            self.fields(message, table, wire)?;
        }
        self.depth.leave();
        Ok(())
    }

    fn fields(&mut self, message: u32, table: &'a MessageTable, wire: &[u8]) -> Walk {
        let mut rest = wire;
        let mut next = 0;
        while !rest.is_empty() {
            let (number, wire) = wire::tag(&mut rest).map_err(read)?;
            let place = table.place(number);
            let field = place.and_then(|place| table.fields.get(place));
            match place.zip(field).filter(|(_, field)| field.fits(wire)) {
                Some((place, field)) => {
                    self.defaults(message, table, next..place);
                    let again = std::mem::replace(&mut next, place + 1) > place;
                    let name = name(self.tables, message, table, field);
                    if self.hides(table, field) {
                        wire::skip(&mut rest, number, wire, self.depth.left() + 1).map_err(read)?;
                        if !again {
                            self.line(&name, REDACTED);
                        }
                    } else {
                        self.field(field, &name, wire, &mut rest)?;
                    }
                }
                None if table.message_set => self.item(message, table, (number, wire), &mut rest)?,
                None => self.unknown_field(number, wire, &mut rest)?,
            }
            if self.out.len() > self.options.limit {
                let what = format!("the text is longer than the limit of {} bytes", self.options.limit);
                return Err(Fault::of_limit(Limit::Length, what, 0));
            }
        }
        self.defaults(message, table, next..table.fields.len());
        Ok(())
    }

    /// Whether a field is not for the reader's eyes. Nobody knows what stands in the bytes of an `Any`.
    fn hides(&self, table: &MessageTable, field: &Field) -> bool {
        let is_opaque = table.known == Known::Any && field.kind == Kind::Bytes;
        self.options.redact && (field.redact || is_opaque)
    }

    /// A field of a `MessageSet`, whose tag was read: an item, or unknown.
    fn item(&mut self, message: u32, table: &'a MessageTable, tag: (u32, WireType), rest: &mut &[u8]) -> Walk {
        let mut after = *rest;
        let item = match tag {
            (number, WireType::StartGroup) => {
                let group = wire::group(&mut after, number, self.depth.left() + 1).map_err(read)?;
                item::item(table, tag, group)
            }
            _ => None,
        };
        let Some((field, bytes)) = item.and_then(|(place, bytes)| Some((table.fields.get(place)?, bytes))) else {
            return self.unknown_field(tag.0, tag.1, rest);
        };
        *rest = after;
        let name = name(self.tables, message, table, field);
        if self.hides(table, field) {
            self.line(&name, REDACTED);
            return Ok(());
        }
        self.block(&name, |print| print.message(field.child, bytes))
    }

    /// Fields that are not set, where that is the same as zero.
    fn defaults(&mut self, message: u32, table: &'a MessageTable, places: std::ops::Range<usize>) {
        let fields = table.fields.get(places).unwrap_or_default();
        for field in fields
            .iter()
            .filter(|field| self.options.emit_defaults && field.implicit)
        {
            let name = name(self.tables, message, table, field);
            self.scalar(field, &name, Raw::zero(field.kind));
        }
    }

    fn field(&mut self, field: &Field, name: &str, wire: WireType, rest: &mut &[u8]) -> Walk {
        if field.kind == Kind::Group {
            let bytes = wire::group(rest, field.number, self.depth.left() + 1).map_err(read)?;
            return self.block(name, |print| print.message(field.child, bytes));
        }
        if wire != WireType::Bytes || matches!(field.kind, Kind::String | Kind::Bytes) {
            let value = wire::value(rest, wire).map_err(read)?;
            self.scalar(field, name, value);
            return Ok(());
        }
        let bytes = wire::bytes(rest).map_err(read)?;
        match field.kind {
            Kind::Message if field.shape == Shape::Map && !self.is_entry(field, bytes)? => {
                self.unknown_bytes(field.number, bytes)
            }
            Kind::Message | Kind::Item => self.block(name, |print| print.message(field.child, bytes)),
            _ => {
                let mut packed = bytes;
                while !packed.is_empty() {
                    let value = wire::value(&mut packed, field.wire).map_err(read)?;
                    self.scalar(field, name, value);
                }
                Ok(())
            }
        }
    }

    /// Whether a map takes this entry: one whose value is none of a closed enum is an unknown field.
    fn is_entry(&self, map: &Field, entry: &[u8]) -> Walk<bool> {
        let table = self.tables.table(map.child);
        let Some(value) = table.fields.get(1).filter(|value| value.kind == Kind::ClosedEnum) else {
            return Ok(true);
        };
        let mut rest = entry;
        while !rest.is_empty() {
            let (number, wire) = wire::tag(&mut rest).map_err(read)?;
            if number == value.number && wire == WireType::Varint {
                let raw = wire::value(&mut rest, wire).map_err(read)?;
                return Ok(self.tables.enum_table(value.child).has(raw.int32()));
            }
            wire::skip(&mut rest, number, wire, self.depth.left() + 1).map_err(read)?;
        }
        Ok(true)
    }

    /// A line.
    fn line(&mut self, name: &str, value: &str) {
        self.begin(name);
        self.out.extend_from_slice(b": ");
        self.out.extend_from_slice(value.as_bytes());
        self.out.push(b'\n');
    }

    fn begin(&mut self, name: &str) {
        self.indent();
        self.out.extend_from_slice(name.as_bytes());
    }

    fn indent(&mut self) {
        for _ in 0..self.level {
            self.out.extend_from_slice(b"  ");
        }
    }

    /// What stands in braces.
    fn block(&mut self, name: &str, content: impl FnOnce(&mut Self) -> Walk) -> Walk {
        self.begin(name);
        self.out.extend_from_slice(b" {\n");
        self.level += 1;
        content(self)?;
        self.level -= 1;
        self.indent();
        self.out.extend_from_slice(b"}\n");
        Ok(())
    }

    fn scalar(&mut self, field: &Field, name: &str, value: Raw<'_>) {
        if field.kind == Kind::ClosedEnum && !self.tables.enum_table(field.child).has(value.int32()) {
            return self.unknown_varint(field.number, value.bits());
        }
        self.begin(name);
        self.out.extend_from_slice(b": ");
        self.value(field, value);
        self.out.push(b'\n');
    }

    fn value(&mut self, field: &Field, value: Raw<'_>) {
        let out = &mut *self.out;
        match field.kind {
            Kind::String | Kind::Bytes => out.extend_from_slice(quote(value.bytes()).as_bytes()),
            Kind::Int32 | Kind::Sfixed32 => whole(out, Whole::signed(i64::from(value.int32()), false)),
            Kind::Uint32 | Kind::Fixed32 => whole(out, Whole::unsigned(u64::from(value.uint32()), false)),
            Kind::Sint32 => whole(out, Whole::signed(i64::from(value.sint32()), false)),
            Kind::Int64 | Kind::Sfixed64 => whole(out, Whole::signed(value.int64(), false)),
            Kind::Sint64 => whole(out, Whole::signed(unzigzag(value.bits()), false)),
            Kind::Bool => out.extend_from_slice(if value.bits() == 0 { b"false" } else { b"true" }),
            Kind::Float => match f32::from_bits(value.uint32()) {
                number if number.is_finite() => print::float(out, &Prefix::NONE, number),
                number => out.extend_from_slice(not_finite(number.into())),
            },
            Kind::Double => match f64::from_bits(value.bits()) {
                number if number.is_finite() => print::double(out, &Prefix::NONE, number),
                number => out.extend_from_slice(not_finite(number)),
            },
            Kind::OpenEnum | Kind::ClosedEnum | Kind::Null => {
                let table = self.tables.enum_table(field.child);
                let name = table.name(value.int32()).filter(|_| !self.options.enums_as_numbers);
                match name {
                    Some(name) => out.extend_from_slice(name.as_bytes()),
                    None => whole(out, Whole::signed(i64::from(value.int32()), false)),
                }
            }
            _ => whole(out, Whole::unsigned(value.bits(), false)),
        }
    }
}

fn whole(out: &mut Page, number: Whole) {
    print::whole(out, &Prefix::NONE, number);
}

fn not_finite(number: f64) -> &'static [u8] {
    match number {
        _ if number.is_nan() => b"nan",
        0.0.. => b"inf",
        _ => b"-inf",
    }
}

/// Bytes in canonical form read without errors.
#[cold]
fn read(error: WireError) -> Box<Fault> {
    Fault::new(unreadable(error), 0)
}
