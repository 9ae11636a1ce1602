//! `FieldMask`: paths in snake case on the wire, in camel case in JSON.
//!
//! Source: comment in `google/protobuf/field_mask.proto`, "JSON Encoding of Field Masks"; a path that would not
//! come back as it was has no JSON form. Nor has an empty one: commas could not tell no path from it. Between the dots of a
//! path stand names, none of which is empty.

use super::page::Page;

/// Adds a path as JSON has it. `false`: it would not come back.
#[must_use]
pub(super) fn to_camel(out: &mut Page, path: &[u8]) -> bool {
    let mut upper = false;
    if has_empty_part(path) {
        return false;
    }
    for byte in path {
        match byte {
            _ if !is_of_path(*byte) || byte.is_ascii_uppercase() => return false,
            b'_' if upper => return false,
            b'_' => upper = true,
            b'a'..=b'z' if upper => {
                out.push(byte.to_ascii_uppercase());
                upper = false;
            }
            _ if upper => return false,
            _ => out.push(*byte),
        }
    }
    !upper
}

/// Adds a path as the wire has it. `false`: it is none.
#[must_use]
pub(super) fn to_snake(out: &mut Vec<u8>, path: &[u8]) -> bool {
    if has_empty_part(path) {
        return false;
    }
    for byte in path {
        match byte {
            b'_' => return false,
            b'A'..=b'Z' => out.extend_from_slice(&[b'_', byte.to_ascii_lowercase()]),
            _ if is_of_path(*byte) => out.push(*byte),
            _ => return false,
        }
    }
    true
}

fn has_empty_part(path: &[u8]) -> bool {
    path.split(|byte| *byte == b'.').any(<[u8]>::is_empty)
}

/// Commas separate paths; what JSON would have to escape is in no name.
fn is_of_path(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b',' | b'"' | b'\\')
}
