//! Reads and writes the protobuf wire format.
//!
//! Source: <https://protobuf.dev/programming-guides/encoding/>.

use crate::{raw::WireError, table::WireType};

/// Reads a varint of at most ten bytes; bits above the 64th are dropped, as every parser does.
#[inline]
pub(super) fn varint(rest: &mut &[u8]) -> Result<u64, WireError> {
    match **rest {
        [byte, ref after @ ..] if byte < 0x80 => {
            *rest = after;
            Ok(u64::from(byte))
        }
        [low, high, ref after @ ..] if high < 0x80 => {
            *rest = after;
            Ok(u64::from(low & 0x7f) | u64::from(high) << 7)
        }
        _ => long_varint(rest),
    }
}

fn long_varint(rest: &mut &[u8]) -> Result<u64, WireError> {
    if let Some(word) = rest.first_chunk() {
        let word = u64::from_le_bytes(*word);
        // The top bit of the last byte is the first that is not set.
        let ends = !word & MORE;
        if ends != 0 {
            *rest = rest.get(ends.trailing_zeros() as usize / 8 + 1..).unwrap_or_default();
            return Ok(squeeze(word & (ends ^ (ends - 1)) & !MORE));
        }
    }
    varint_by_bytes(rest)
}

/// The top bits of eight bytes of a varint: another byte follows.
const MORE: u64 = 0x8080_8080_8080_8080;

/// Takes the top bits out of eight bytes, which are zero.
const fn squeeze(word: u64) -> u64 {
    let word = word & 0x007f_007f_007f_007f | (word & 0x7f00_7f00_7f00_7f00) >> 1;
    let word = word & 0x0000_3fff_0000_3fff | (word & 0x3fff_0000_3fff_0000) >> 2;
    word & 0x0fff_ffff | (word & 0x0fff_ffff_0000_0000) >> 4
}

/// Puts a zero above every seven bits of 56.
const fn spread(word: u64) -> u64 {
    let word = word & 0x0fff_ffff | (word & 0x00ff_ffff_f000_0000) << 4;
    let word = word & 0x0000_3fff_0000_3fff | (word & 0x0fff_c000_0fff_c000) << 2;
    word & 0x007f_007f_007f_007f | (word & 0x3f80_3f80_3f80_3f80) << 1
}

fn varint_by_bytes(rest: &mut &[u8]) -> Result<u64, WireError> {
    let mut value = 0u64;
    for (place, byte) in rest.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * place);
        if *byte < 0x80 {
            *rest = rest.get(place + 1..).unwrap_or_default();
            return Ok(value);
        }
    }
    Err(if rest.len() < 10 {
        WireError::Truncated
    } else {
        WireError::Varint
    })
}

/// Reads a tag: the field's number and its wire type.
#[inline]
pub(super) fn tag(rest: &mut &[u8]) -> Result<(u32, WireType), WireError> {
    let tag = u32::try_from(varint(rest)?).map_err(|_| WireError::FieldNumber)?;
    let wire = match tag & 7 {
        0 => WireType::Varint,
        1 => WireType::Fixed64,
        2 => WireType::Bytes,
        3 => WireType::StartGroup,
        4 => WireType::EndGroup,
        5 => WireType::Fixed32,
        _ => return Err(WireError::WireType),
    };
    if tag < 8 {
        return Err(WireError::FieldNumber);
    }
    Ok((tag >> 3, wire))
}

#[inline]
pub(super) fn bytes<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], WireError> {
    let length = usize::try_from(varint(rest)?).map_err(|_| WireError::Truncated)?;
    let (taken, after) = rest.split_at_checked(length).ok_or(WireError::Truncated)?;
    *rest = after;
    Ok(taken)
}

#[inline]
pub(super) fn fixed64(rest: &mut &[u8]) -> Result<u64, WireError> {
    let (taken, after) = rest.split_first_chunk().ok_or(WireError::Truncated)?;
    *rest = after;
    Ok(u64::from_le_bytes(*taken))
}

#[inline]
pub(super) fn fixed32(rest: &mut &[u8]) -> Result<u32, WireError> {
    let (taken, after) = rest.split_first_chunk().ok_or(WireError::Truncated)?;
    *rest = after;
    Ok(u32::from_le_bytes(*taken))
}

/// The value of a field, as far as its wire type tells.
#[derive(Debug, Clone, Copy)]
pub(super) enum Raw<'a> {
    Bits(u64),
    Bytes(&'a [u8]),
}

impl<'a> Raw<'a> {
    pub(super) fn bits(self) -> u64 {
        match self {
            Self::Bits(bits) => bits,
            Self::Bytes(_) => 0,
        }
    }

    pub(super) fn bytes(self) -> &'a [u8] {
        match self {
            Self::Bits(_) => &[],
            Self::Bytes(bytes) => bytes,
        }
    }
}

/// Reads a value that is no group.
#[inline(always)]
#[allow(clippy::inline_always)] // Once a field: the call would cost more than the work.
pub(super) fn value<'a>(rest: &mut &'a [u8], wire: WireType) -> Result<Raw<'a>, WireError> {
    Ok(match wire {
        WireType::Varint => Raw::Bits(varint(rest)?),
        WireType::Bytes => Raw::Bytes(bytes(rest)?),
        WireType::Fixed64 => Raw::Bits(fixed64(rest)?),
        WireType::Fixed32 => Raw::Bits(u64::from(fixed32(rest)?)),
        WireType::StartGroup | WireType::EndGroup => return Err(WireError::Group),
    })
}

/// Skips a value. `depth` is how deep groups may nest; deeper is [`WireError::TooDeep`].
pub(super) fn skip(rest: &mut &[u8], number: u32, wire: WireType, depth: u32) -> Result<(), WireError> {
    if wire == WireType::StartGroup {
        group(rest, number, depth)?;
    } else {
        value(rest, wire)?;
    }
    Ok(())
}

/// Reads past the end tag of a group; gives what stands before that.
pub(super) fn group<'a>(rest: &mut &'a [u8], number: u32, depth: u32) -> Result<&'a [u8], WireError> {
    let depth = depth.checked_sub(1).ok_or(WireError::TooDeep)?;
    let start = *rest;
    loop {
        let before = rest.len();
        let (found, wire) = tag(rest)?;
        if wire != WireType::EndGroup {
            skip(rest, found, wire, depth)?;
        } else if found == number {
            return start.get(..start.len() - before).ok_or(WireError::Truncated);
        } else {
            return Err(WireError::Group);
        }
    }
}

#[inline]
pub(super) fn put_varint(out: &mut Vec<u8>, value: u64) {
    if value < 0x80 {
        out.push(value.to_le_bytes()[0]);
    } else {
        put_long_varint(out, value);
    }
}

fn put_long_varint(out: &mut Vec<u8>, mut value: u64) {
    if value < 1 << 56 {
        let end = varint_length(value);
        let more = MORE & ((1 << (8 * (end - 1))) - 1);
        let end = out.len() + end;
        out.extend_from_slice(&(spread(value) | more).to_le_bytes());
        out.truncate(end);
        return;
    }
    let mut bytes = [0; 10];
    let mut length = 1;
    for byte in &mut bytes {
        *byte = value.to_le_bytes()[0] | 0x80;
        value >>= 7;
        if value == 0 {
            *byte &= 0x7f;
            break;
        }
        length += 1;
    }
    out.extend_from_slice(bytes.get(..length).unwrap_or_default());
}

/// How many bytes a varint takes.
pub(super) fn varint_length(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

/// Undoes the zigzag encoding of `sint32` and `sint64`.
#[inline]
pub(super) fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

#[inline]
pub(super) fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63).cast_unsigned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_of_every_length_go_both_ways() {
        for shift in 0..64 {
            for value in [
                1 << shift,
                (1 << shift) - 1,
                u64::MAX >> shift,
                0x5555_5555_5555_5555 >> shift,
            ] {
                let (mut bytes, mut plain) = (Vec::new(), Vec::new());
                put_varint(&mut bytes, value);
                prost::encoding::encode_varint(value, &mut plain);
                assert_eq!(bytes, plain);
                for behind in [0, 1, 9] {
                    let bytes = [&*bytes, &vec![0xff; behind]].concat();
                    let mut rest = &*bytes;
                    assert_eq!(varint(&mut rest).ok(), Some(value));
                    assert_eq!(rest.len(), behind);
                }
                let mut cut = &bytes[..bytes.len() - 1];
                assert!(varint(&mut cut).is_err());
            }
        }
        // More bytes than are needed, and too many.
        let mut long = &[0x81, 0x80, 0x80, 0x00, 7][..];
        assert_eq!((varint(&mut long).ok(), long), (Some(1), &[7][..]));
        assert!(varint(&mut &[0x80; 11][..]).is_err());
    }
}
