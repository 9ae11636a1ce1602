//! Numbers, enums and bytes as JSON.

use super::{
    super::{
        page::Prefix,
        print::{self, Whole},
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

impl<'a, const PLAIN: bool> ToJson<'a, '_, PLAIN> {
    /// Anything but strings and messages.
    #[inline(always)]
    #[allow(clippy::inline_always)] // Once a field: the call would cost more than the work.
    pub(super) fn number(&mut self, prefix: &Prefix, field: &Field, value: Raw<'a>) {
        let quoted = PLAIN || !self.options.integers_as_numbers;
        let whole = match field.kind {
            Kind::Int32 | Kind::Sfixed32 => Whole::signed(i64::from(value.int32()), false),
            Kind::Uint32 | Kind::Fixed32 => Whole::unsigned(u64::from(value.uint32()), false),
            Kind::Sint32 => Whole::signed(i64::from(value.sint32()), false),
            Kind::Int64 | Kind::Sfixed64 => Whole::signed(value.int64(), quoted),
            Kind::Uint64 | Kind::Fixed64 => Whole::unsigned(value.bits(), quoted),
            Kind::Sint64 => Whole::signed(unzigzag(value.bits()), quoted),
            Kind::Bool if value.bits() == 0 => return print::word(self.out, prefix, *b"false", 5),
            Kind::Bool => return print::word(self.out, prefix, *b"true\0", 4),
            Kind::Double => return print::double(self.out, prefix, f64::from_bits(value.bits())),
            Kind::Float => return print::float(self.out, prefix, f32::from_bits(value.uint32())),
            Kind::Bytes => return print::base64(self.out, prefix, value.bytes()),
            Kind::OpenEnum | Kind::ClosedEnum => return self.enum_value(prefix, field, value.int32()),
            // Numbers that it does not have are those of an open enum, and come back.
            Kind::Null if value.int32() != 0 => Whole::signed(i64::from(value.int32()), false),
            Kind::Null => return print::word(self.out, prefix, *b"null\0", 4),
            Kind::String | Kind::Group | Kind::Message | Kind::Item => return,
        };
        print::whole(self.out, prefix, whole);
    }

    #[inline(never)]
    fn enum_value(&mut self, prefix: &Prefix, field: &Field, number: i32) {
        let table = self.tables.enum_table(field.child);
        let by_name = PLAIN || !self.options.enums_as_numbers;
        match table.quoted(number).filter(|_| by_name) {
            Some((padded, length)) => {
                self.out.prefix(prefix);
                self.out.extend_padded(padded, length);
            }
            None => print::whole(self.out, prefix, Whole::signed(i64::from(number), false)),
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
        self.scalar(&Prefix::NONE, field, value, place)
    }
}
