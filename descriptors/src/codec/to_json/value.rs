//! Numbers, enums and bytes as JSON.

use super::{
    super::{
        print,
        wire::{Raw, unzigzag},
    },
    Field, ToJson, Walk,
};
use crate::table::Kind;

#[allow(clippy::cast_possible_truncation)] // 32-bit fields keep the low 32 bits of a varint, as every parser does.
impl Raw<'_> {
    #[inline]
    pub(in crate::codec) fn int32(self) -> i32 {
        self.bits() as i32
    }

    #[inline]
    pub(in crate::codec) fn uint32(self) -> u32 {
        self.bits() as u32
    }

    #[inline]
    pub(in crate::codec) fn int64(self) -> i64 {
        self.bits().cast_signed()
    }

    #[inline]
    pub(in crate::codec) fn sint32(self) -> i32 {
        unzigzag(u64::from(self.uint32())) as i32
    }
}

impl Raw<'_> {
    /// What stands for "not set" where a field has no presence.
    pub(in crate::codec) fn zero(kind: Kind) -> Self {
        match kind {
            Kind::String | Kind::Bytes => Self::Bytes(&[]),
            _ => Self::Bits(0),
        }
    }

    #[inline]
    pub(in crate::codec) fn is_zero(self, kind: Kind) -> bool {
        match self {
            Self::Bytes(bytes) => bytes.is_empty(),
            Self::Bits(bits) => match kind {
                Kind::Int32 | Kind::Uint32 | Kind::Sint32 | Kind::OpenEnum | Kind::ClosedEnum | Kind::Null => {
                    self.uint32() == 0
                }
                _ => bits == 0,
            },
        }
    }
}

impl<'a> ToJson<'a, '_> {
    /// Anything but strings and messages.
    #[inline]
    pub(super) fn number(&mut self, field: &Field, value: Raw<'a>) {
        let bare = self.options.integers_as_numbers;
        match field.kind {
            Kind::Int32 | Kind::Sfixed32 => print::integer(self.out, value.int32()),
            Kind::Uint32 | Kind::Fixed32 => print::integer(self.out, value.uint32()),
            Kind::Sint32 => print::integer(self.out, value.sint32()),
            Kind::Int64 | Kind::Sfixed64 => print::long(self.out, value.int64(), bare),
            Kind::Uint64 | Kind::Fixed64 => print::long(self.out, value.bits(), bare),
            Kind::Sint64 => print::long(self.out, unzigzag(value.bits()), bare),
            Kind::Bool => {
                let word: &[u8] = if value.bits() == 0 { b"false" } else { b"true" };
                self.out.extend_from_slice(word);
            }
            Kind::Double => print::double(self.out, f64::from_bits(value.bits())),
            Kind::Float => print::float(self.out, f32::from_bits(value.uint32())),
            Kind::Bytes => print::base64(self.out, value.bytes()),
            Kind::OpenEnum | Kind::ClosedEnum => self.enum_value(field, value.int32()),
            // Numbers that it does not have are those of an open enum, and come back.
            Kind::Null if value.int32() != 0 => print::integer(self.out, value.int32()),
            Kind::Null => self.out.extend_from_slice(b"null"),
            Kind::String | Kind::Group | Kind::Message => {}
        }
    }

    fn enum_value(&mut self, field: &Field, number: i32) {
        let table = self.tables.enum_table(field.child);
        match table.quoted(number).filter(|_| !self.options.enums_as_numbers) {
            Some(name) => self.out.extend_from_slice(name),
            None => print::integer(self.out, number),
        }
    }

    /// A scalar of a `Value`: its numbers must be finite, and its null is null whatever the number.
    pub(super) fn value_scalar(&mut self, field: &Field, value: Raw<'a>, place: &[u8]) -> Walk {
        if field.kind == Kind::Null {
            self.out.extend_from_slice(b"null");
            return Ok(());
        }
        if field.kind == Kind::Double && !f64::from_bits(value.bits()).is_finite() {
            return Err(self.fault(place, "a google.protobuf.Value can't be NaN or infinite"));
        }
        self.scalar(field, value, place)
    }
}
