//! The codec from the outside: both directions, over messages of every kind.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod allocations;
#[path = "../clock/mod.rs"]
mod clock;
mod depth;
mod errors;
mod fixed_point;
mod hostile;
mod json_to_wire;
mod known;
mod message_set;
mod options;
mod paths;
mod pieces;
mod random;
mod text;
mod wire_to_json;

use std::sync::LazyLock;

use descant_descriptors::{Codec, JsonOptions, MessageType, Schema};

fn message(name: &str) -> MessageType {
    static SCHEMA: LazyLock<Schema> =
        LazyLock::new(|| Schema::load(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/codec")).unwrap());
    SCHEMA.message(name).unwrap()
}

/// JSON of wire bytes, or the error.
fn json_of(message: &MessageType, wire: &[u8]) -> Result<String, String> {
    json_with(&JsonOptions::default(), message, wire)
}

fn json_with(options: &JsonOptions, message: &MessageType, wire: &[u8]) -> Result<String, String> {
    let mut json = b"before".to_vec();
    let result = Codec::new(options.clone()).wire_to_json(message, wire, &mut json);
    let json = String::from_utf8(json.split_off(6)).unwrap();
    match result {
        Ok(()) => Ok(json),
        Err(error) => {
            assert_eq!(json, "", "what failed was half written");
            Err(error.to_string())
        }
    }
}

/// Wire bytes of JSON, or the error.
fn wire_of(message: &MessageType, json: &str) -> Result<Vec<u8>, String> {
    let mut wire = b"before".to_vec();
    let result = Codec::default().json_to_wire(message, json.as_bytes(), &mut wire);
    let wire = wire.split_off(6);
    match result {
        Ok(()) => Ok(wire),
        Err(error) => {
            assert_eq!(wire, b"", "what failed was half written");
            Err(error.to_string())
        }
    }
}

/// A field with a number.
fn number(field: u32, value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    varint(&mut bytes, u64::from(field << 3));
    varint(&mut bytes, value);
    bytes
}

/// A field with bytes, text or a message of these parts.
fn bytes(field: u32, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let mut bytes = Vec::new();
    varint(&mut bytes, u64::from(field << 3 | 2));
    varint(&mut bytes, content.len() as u64);
    bytes.extend(content);
    bytes
}

fn varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    bytes.push(value.to_le_bytes()[0]);
}
