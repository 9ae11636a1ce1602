//! Fields around content that is wire bytes already.

use super::super::{item, wire::put_varint};
use crate::table::{Field, Kind, WireType};

/// Appends tag and length of a field whose bytes come next.
pub(crate) fn put_length(out: &mut Vec<u8>, number: u32, length: usize) {
    put_varint(out, u64::from(number << 3 | WireType::Bytes as u32));
    put_varint(out, length as u64);
}

/// Appends a field of bytes or text.
pub(crate) fn put_bytes(out: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    put_length(out, number, bytes.len());
    out.extend_from_slice(bytes);
}

/// Appends a field that is a message with these parts as its content.
pub(crate) fn put_message(out: &mut Vec<u8>, field: &Field, parts: &[&[u8]]) {
    item::put_start(out, field);
    if field.kind != Kind::Group {
        put_varint(out, parts.iter().map(|part| part.len() as u64).sum());
    }
    for part in parts {
        out.extend_from_slice(part);
    }
    item::put_end(out, field);
}
