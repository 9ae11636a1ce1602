//! From the bytes of one file to bytes that prost-reflect takes.
//!
//! The wire form is patched, never re-encoded from structs: those drop custom options. A field that comes
//! again overrides the one before it and options merge, so most of the work is to append.

use std::collections::HashSet;

use super::meaning::{self, FieldPatch, Meaning};
use crate::raw::{self, Fields, Value, WireError, at};

/// The file as proto2 or proto3, with the files whose types it uses as its imports. What a pool of messages has no
/// use for is left out: services, source info, and the options of the file.
pub(super) fn file(file: &raw::File<'_>, meaning: &Meaning<'_, '_>) -> Result<Vec<u8>, WireError> {
    let lowering = Lowering { file, meaning };
    let mut out = Vec::with_capacity(file.bytes.len() - file.source_info.len() + 64);
    let mut message = file.top_messages.clone();
    let mut extension = file.top_extensions.clone();
    for field in Fields::new(file.bytes) {
        match field? {
            // dependency, service, options, source_code_info, public_dependency, weak_dependency, syntax, edition, option_dependency
            (3 | 6 | 8 | 9 | 10 | 11 | 12 | 14 | 15, _) => {}
            (4, Value::Bytes(body)) => {
                let index = message.next().unwrap_or_default();
                put_bytes(&mut out, 4, &lowering.message(body, index)?);
            }
            (7, Value::Bytes(body)) => {
                let index = extension.next().unwrap_or_default();
                put_bytes(&mut out, 7, &lowering.field(body, index, None));
            }
            (number, value) => put(&mut out, number, value),
        }
    }
    for name in meaning.imports(file) {
        put_bytes(&mut out, 3, name.as_bytes());
    }
    put_bytes(&mut out, 12, meaning::syntax(file).as_bytes());
    Ok(out)
}

struct Lowering<'f, 'a> {
    file: &'f raw::File<'a>,
    meaning: &'f Meaning<'f, 'a>,
}

impl Lowering<'_, '_> {
    /// Recurses over nested messages, of which the check allows some thirty levels.
    fn message(&self, body: &[u8], index: u32) -> Result<Vec<u8>, WireError> {
        let mut out = Vec::with_capacity(body.len() + 16);
        let Some(message) = self.file.messages.get(index as usize) else {
            return Ok(body.to_vec());
        };
        let mut fields = message.fields.clone();
        let mut extensions = message.extensions.clone();
        let mut nested = message.messages.clone();
        let mut json_names = self.json_names(message);
        for field in Fields::new(body) {
            match field? {
                (2, Value::Bytes(body)) => {
                    let index = fields.next().unwrap_or_default();
                    let json_name = json_names.next().flatten();
                    put_bytes(&mut out, 2, &self.field(body, index, json_name));
                }
                (6, Value::Bytes(body)) => {
                    let index = extensions.next().unwrap_or_default();
                    put_bytes(&mut out, 6, &self.field(body, index, None));
                }
                (3, Value::Bytes(body)) => {
                    let index = nested.next().unwrap_or_default();
                    put_bytes(&mut out, 3, &self.message(body, index)?);
                }
                (number, value) => put(&mut out, number, value),
            }
        }
        Ok(out)
    }

    /// For each field of a message the JSON name it must get, if it can't keep its own: two of one name
    /// are legal in proto2 (the first one has it), but prost-reflect refuses them.
    fn json_names(&self, message: &raw::Message<'_>) -> impl Iterator<Item = Option<String>> + use<> {
        let mut taken = HashSet::new();
        let names: Vec<_> = at(&self.file.fields, &message.fields)
            .iter()
            .map(|field| {
                let own = json_name(field);
                if taken.insert(own.clone()) {
                    return None;
                }
                let mut other = field.name.unwrap_or_default().to_owned();
                while !taken.insert(other.clone()) {
                    other.push('_');
                }
                Some(other)
            })
            .collect();
        names.into_iter()
    }

    /// The field with its patch and, if it must have another one, its JSON name.
    fn field(&self, body: &[u8], index: u32, json_name: Option<String>) -> Vec<u8> {
        let FieldPatch {
            extendee,
            required,
            kind,
            type_name,
            packed,
            optional,
        } = self.meaning.patch(index);
        let mut out = body.to_vec();
        if let Some(name) = extendee {
            put_bytes(&mut out, 2, name.as_bytes());
        }
        if required {
            put(&mut out, 4, Value::Varint(2));
        }
        if let Some(kind) = kind {
            put(&mut out, 5, Value::Varint(kind));
        }
        if let Some(name) = type_name {
            put_bytes(&mut out, 6, name.as_bytes());
        }
        if let Some(packed) = packed {
            put_bytes(&mut out, 8, &[0x10, u8::from(packed)]);
        }
        if let Some(name) = json_name {
            put_bytes(&mut out, 10, name.as_bytes());
        }
        if optional {
            put(&mut out, 17, Value::Varint(1));
        }
        out
    }
}

/// `FieldDescriptorProto.json_name`, or what protoc would derive.
fn json_name(field: &raw::Field<'_>) -> String {
    let derived = || raw::json_name(field.name.unwrap_or_default()).into_owned();
    field.json_name.map_or_else(derived, str::to_owned)
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while let low @ 0x80.. = value {
        out.push((low & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push((value & 0x7f) as u8);
}

fn put_tag(out: &mut Vec<u8>, number: u32, wire_type: u32) {
    put_varint(out, u64::from(number << 3 | wire_type));
}

fn put_bytes(out: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    put_tag(out, number, 2);
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn put(out: &mut Vec<u8>, number: u32, value: Value<'_>) {
    match value {
        Value::Varint(value) => {
            put_tag(out, number, 0);
            put_varint(out, value);
        }
        Value::Fixed64(value) => {
            put_tag(out, number, 1);
            out.extend_from_slice(&value.to_le_bytes());
        }
        Value::Bytes(bytes) => put_bytes(out, number, bytes),
        Value::Group(bytes) => {
            put_tag(out, number, 3);
            out.extend_from_slice(bytes);
            put_tag(out, number, 4);
        }
        Value::Fixed32(value) => {
            put_tag(out, number, 5);
            out.extend_from_slice(&value.to_le_bytes());
        }
    }
}
