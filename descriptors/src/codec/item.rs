//! Items: how the extensions of a `MessageSet` stand on the wire.
//!
//! ```text
//! message-set = *item        item = start-group(1) type-id(2) message(3) end-group(1)
//! ```
//!
//! Source: the comment over `message_set_wire_format` in `google/protobuf/descriptor.proto`. Parsers take extensions in
//! their ordinary form too.

use super::wire;
use crate::table::{Field, Kind, MessageTable, WireType};

const GROUP: u32 = 1;
const TYPE_ID: u32 = 2;
const MESSAGE: u32 = 3;

/// The extension whose item a field is, if it is one: its place in the table, and its message.
///
/// Of a type or a message that comes twice the first counts, as in protobuf's C++ implementation.
pub(super) fn item<'a>(table: &MessageTable, tag: (u32, WireType), group: &'a [u8]) -> Option<(usize, &'a [u8])> {
    if !table.message_set || tag != (GROUP, WireType::StartGroup) {
        return None;
    }
    let (mut rest, mut number, mut message) = (group, None, None);
    while !rest.is_empty() {
        match wire::tag(&mut rest).ok()? {
            (TYPE_ID, WireType::Varint) => {
                let found = wire::varint(&mut rest).ok()?;
                number = number.or(Some(found));
            }
            (MESSAGE, WireType::Bytes) => {
                let found = wire::bytes(&mut rest).ok()?;
                message = message.or(Some(found));
            }
            // It was read as a group before, so this is not too deep.
            (number, wire) => wire::skip(&mut rest, number, wire, u32::MAX).ok()?,
        }
    }
    let place = table.place(u32::try_from(number?).ok()?)?;
    let field = table.fields.get(place).filter(|field| field.kind == Kind::Item);
    Some((place, message.filter(|_| field.is_some())?))
}

/// Writes what stands before the content of a field, up to its length if it has one.
pub(super) fn put_start(out: &mut Vec<u8>, field: &Field) {
    if field.kind != Kind::Item {
        return wire::put_varint(out, u64::from(field.tag()));
    }
    put_tag(out, GROUP, WireType::StartGroup);
    put_tag(out, TYPE_ID, WireType::Varint);
    wire::put_varint(out, u64::from(field.number));
    put_tag(out, MESSAGE, WireType::Bytes);
}

/// Writes what stands behind the content of a field.
pub(super) fn put_end(out: &mut Vec<u8>, field: &Field) {
    match field.kind {
        Kind::Group => put_tag(out, field.number, WireType::EndGroup),
        Kind::Item => put_tag(out, GROUP, WireType::EndGroup),
        _ => {}
    }
}

fn put_tag(out: &mut Vec<u8>, number: u32, wire: WireType) {
    wire::put_varint(out, u64::from(number << 3 | wire as u32));
}
