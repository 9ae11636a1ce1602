//! Tables that the codec walks along: one a message, one an enum, compiled when it is first met.
//!
//! A schema of a hundred thousand messages serves calls of a few. So a table is made on first use, from the bytes
//! of its own message alone, and kept as long as the schema. It takes less than 200 bytes a field, names and all:
//! `tests/tables.rs`.

mod compile;
mod enums;
mod features;
mod known;
mod locate;
mod names;

use std::sync::OnceLock;

use crate::{
    codec::Prefix,
    schema::tables::{Piece, Tables},
};

pub(crate) use enums::EnumTable;
pub(crate) use known::Known;
pub(crate) use names::Names;

/// The tables compiled so far, by the indices of messages and enums.
#[derive(Debug, Default)]
pub(crate) struct Compiled {
    messages: OnceLock<Slots<MessageTable>>,
    enums: OnceLock<Slots<EnumTable>>,
    features: OnceLock<Slots<crate::features::FeatureSet>>,
}

/// One place for each, filled on demand.
type Slots<T> = Box<[OnceLock<Box<T>>]>;

/// Everything that a codec has to know of a message.
#[derive(Debug, Default)]
pub(crate) struct MessageTable {
    pub(crate) known: Known,
    /// Sorted by number; extensions among them.
    pub(crate) fields: Box<[Field]>,
    /// By field number: one more than the place in `fields`, 0 for none. Larger numbers are searched for.
    dense: Box<[u16]>,
    /// By tags of one byte: one more than the place in `fields`, 0 for none.
    tags: Box<[u8]>,
    /// By JSON name, proto name and `[extension.name]`.
    pub(crate) names: Names,
    /// Field names as JSON members, `,"name":`, and [`crate::codec::PADDING`] bytes behind them.
    text: Box<str>,
    /// How many oneofs there are, those aside that stand for `optional`.
    pub(crate) oneofs: u16,
    /// Places of fields whose proto name is the JSON name of another.
    shadowed: Box<[u32]>,
    /// Its extensions stand in items on the wire.
    pub(crate) message_set: bool,
    /// Names that no field may have, if there are any.
    reserved: Option<Box<Names>>,
}

/// Everything that a codec has to know of a field.
#[allow(clippy::struct_excessive_bools)] // Facts that are independent of each other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field {
    pub(crate) number: u32,
    pub(crate) kind: Kind,
    /// How one value is written when it is not packed.
    pub(crate) wire: WireType,
    pub(crate) shape: Shape,
    /// Zero means that it is not set.
    pub(crate) implicit: bool,
    /// What can be written where it is not set: no extension, and nothing with presence.
    pub(crate) emitted: bool,
    /// Repeated numbers are written as one packed field.
    pub(crate) packed: bool,
    /// Text must be UTF-8 on the wire too.
    pub(crate) verify_utf8: bool,
    /// A message without it is not complete.
    pub(crate) required: bool,
    /// `debug_redact`: the value is not for logs.
    pub(crate) redact: bool,
    /// Which oneof of the message it belongs to; [`NO_ONEOF`] for none, and for the ones that stand for `optional`.
    pub(crate) oneof: u16,
    /// The index of its message, map entry or enum.
    pub(crate) child: u32,
    /// `,"jsonName":`, if it is short.
    pub(crate) prefix: Option<Prefix>,
    /// The same in the text of the table.
    json: Piece,
    /// `,"proto_name":`
    proto: Piece,
}

/// No oneof.
pub(crate) const NO_ONEOF: u16 = u16::MAX;

/// How often a field occurs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Single,
    Repeated,
    Map,
}

/// The types of `FieldDescriptorProto.Type`, enums told apart by what JSON makes of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Double,
    Float,
    Int64,
    Uint64,
    Int32,
    Fixed64,
    Fixed32,
    Bool,
    String,
    Group,
    Message,
    /// A message that is an extension of a `MessageSet`: it is written as an item.
    Item,
    Bytes,
    Uint32,
    /// An enum that takes any number.
    OpenEnum,
    /// An enum for which any other number is an unknown field.
    ClosedEnum,
    /// `google.protobuf.NullValue`.
    Null,
    Sfixed32,
    Sfixed64,
    Sint32,
    Sint64,
}

/// Wire types. Source: <https://protobuf.dev/programming-guides/encoding/>, "Message Structure".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WireType {
    Varint = 0,
    Fixed64 = 1,
    Bytes = 2,
    StartGroup = 3,
    EndGroup = 4,
    Fixed32 = 5,
}

impl Kind {
    /// How one value is written when it is not packed.
    pub(crate) const fn wire_type(self) -> WireType {
        match self {
            Self::Double | Self::Fixed64 | Self::Sfixed64 => WireType::Fixed64,
            Self::Float | Self::Fixed32 | Self::Sfixed32 => WireType::Fixed32,
            Self::String | Self::Bytes | Self::Message | Self::Item => WireType::Bytes,
            Self::Group => WireType::StartGroup,
            _ => WireType::Varint,
        }
    }

    /// Whether repeated values of this kind may come packed.
    pub(crate) const fn is_packable(self) -> bool {
        !matches!(self.wire_type(), WireType::Bytes | WireType::StartGroup)
    }

    pub(crate) const fn is_message(self) -> bool {
        matches!(self, Self::Message | Self::Group | Self::Item)
    }
}

impl Field {
    /// The tag that one value has.
    pub(crate) fn tag(&self) -> u32 {
        self.number << 3 | self.wire as u32
    }

    /// Whether a value of this wire type is one of the field; any other is an unknown field.
    #[inline]
    pub(crate) fn fits(&self, wire: WireType) -> bool {
        wire == self.wire || wire == WireType::Bytes && self.shape == Shape::Repeated && self.kind.is_packable()
    }

    /// The tag of a packed field.
    pub(crate) fn packed_tag(&self) -> u32 {
        self.number << 3 | WireType::Bytes as u32
    }
}

impl MessageTable {
    /// The place of the field with this number.
    #[inline]
    pub(crate) fn place(&self, number: u32) -> Option<usize> {
        match self.dense.get(number as usize) {
            Some(0) => None,
            Some(place) => Some(usize::from(*place) - 1),
            None => self.fields.binary_search_by_key(&number, |field| field.number).ok(),
        }
    }

    /// The place of the field one of whose tags is this byte.
    #[inline]
    pub(crate) fn tagged(&self, tag: u8) -> Option<usize> {
        let place = self.tags.get(usize::from(tag))?;
        usize::from(*place).checked_sub(1)
    }

    pub(crate) fn field(&self, number: u32) -> Option<&Field> {
        self.fields.get(self.place(number)?)
    }

    /// The field as a JSON member after another: `,"name":`.
    #[inline]
    pub(crate) fn key(&self, field: &Field, proto_names: bool) -> &[u8] {
        let piece = if proto_names { field.proto } else { field.json };
        self.text.as_bytes().get(piece.range()).unwrap_or_default()
    }

    /// The same with more text behind it, and its length.
    #[inline]
    pub(crate) fn padded_key(&self, field: &Field, proto_names: bool) -> (&[u8], usize) {
        let piece = if proto_names { field.proto } else { field.json };
        let padded = self.text.as_bytes().get(piece.start as usize..);
        (padded.unwrap_or_default(), piece.length as usize)
    }

    /// The name of a field in JSON, for reports.
    pub(crate) fn json_name(&self, field: &Field) -> &str {
        let key = self.text.get(field.json.range()).unwrap_or_default();
        key.get(2..key.len() - 2).unwrap_or_default()
    }

    /// The name of a field in its file; of an extension, `[pkg.name]`.
    pub(crate) fn proto_name(&self, field: &Field) -> &str {
        let key = self.text.get(field.proto.range()).unwrap_or_default();
        key.get(2..key.len() - 2).unwrap_or_default()
    }

    /// The place of the field that JSON or its file calls `name`.
    pub(crate) fn named(&self, name: &[u8]) -> Option<usize> {
        self.names.find(name)
    }

    /// The place of the field that its file calls `name`.
    pub(crate) fn declared(&self, name: &str) -> Option<usize> {
        let has = |place: &usize| {
            let field = self.fields.get(*place);
            field.is_some_and(|field| self.proto_name(field) == name)
        };
        let found = self.names.find(name.as_bytes())?;
        let mut shadowed = self.shadowed.iter().map(|place| *place as usize);
        Some(found).filter(has).or_else(|| shadowed.find(has))
    }

    /// Whether no field may have that name, since one had it once.
    pub(crate) fn is_reserved(&self, name: &str) -> bool {
        let reserved = self.reserved.as_ref();
        reserved.is_some_and(|names| names.find(name.as_bytes()).is_some())
    }
}

impl Tables {
    /// The table of a message. Compiles it when it is asked for the first time.
    #[inline]
    pub(crate) fn table(&self, message: u32) -> &MessageTable {
        let slots = self.compiled.messages.get();
        let known = slots.and_then(|slots| slots.get(message as usize)?.get());
        known.map_or_else(|| self.compile(message), Box::as_ref)
    }

    /// The name of its type, by which the text format calls an extension of a `MessageSet` that is declared in that type.
    ///
    /// Source: `FieldDescriptor::PrintableNameForExtension` of protobuf's C++ implementation; Python's JSON takes it too.
    pub(crate) fn item_name(&self, field: &Field, proto_name: &str) -> Option<&str> {
        let record = self
            .messages
            .get(field.child as usize)
            .filter(|_| field.kind == Kind::Item)?;
        let (scope, _) = proto_name.strip_prefix('[')?.rsplit_once('.')?;
        Some(self.text(record.name)).filter(|name| *name == scope)
    }

    #[cold]
    fn compile(&self, message: u32) -> &MessageTable {
        static NOTHING: OnceLock<MessageTable> = OnceLock::new();
        let slots = self.compiled.messages.get_or_init(|| slots(self.messages.len()));
        match slots.get(message as usize) {
            Some(slot) => slot.get_or_init(|| Box::new(compile::message(self, message))),
            None => NOTHING.get_or_init(MessageTable::default),
        }
    }

    /// The table of an enum. Compiles it when it is asked for the first time.
    pub(crate) fn enum_table(&self, found: u32) -> &EnumTable {
        static NOTHING: OnceLock<EnumTable> = OnceLock::new();
        let slots = self.compiled.enums.get_or_init(|| slots(self.enums.len()));
        match slots.get(found as usize) {
            Some(slot) => slot.get_or_init(|| Box::new(EnumTable::new(self, found))),
            None => NOTHING.get_or_init(EnumTable::default),
        }
    }
}

fn slots<T>(count: usize) -> Slots<T> {
    std::iter::repeat_with(OnceLock::new).take(count).collect()
}
