//! Random messages on the wire in random order and pieces, against prost-reflect.

use descant_descriptors::Codec;
use fastrand::Rng;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, SerializeOptions};

use crate::{bytes, message, varint};

const TURNS: u64 = 300;

#[test]
fn agree_with_prost_reflect() {
    let item = message("plain.Item");
    let descriptor = item.descriptor().unwrap();
    let mut codec = Codec::default();
    for seed in 0..TURNS {
        let wire = random(&mut Rng::with_seed(seed), &descriptor, 3);
        let tree = DynamicMessage::decode(descriptor.clone(), &*wire).unwrap();
        let (mut json, mut normal) = (Vec::new(), Vec::new());
        codec.wire_to_json(&item, &wire, &mut json).unwrap();
        same(&json, &reference(&tree), seed);

        codec.normalize(&item, &wire, &mut normal).unwrap();
        let (mut again, mut back) = (Vec::new(), Vec::new());
        codec.wire_to_json(&item, &normal, &mut again).unwrap();
        same(&again, &json, seed);
        codec.json_to_wire(&item, &json, &mut back).unwrap();
        let returned = DynamicMessage::decode(descriptor.clone(), &*back).unwrap();
        same(&reference(&returned), &json, seed);
        again.clear();
        codec.wire_to_json(&item, &back, &mut again).unwrap();
        assert_eq!(again, json, "seed {seed}: fixed point");
    }
}

/// Nothing panics, and both walks agree on what is legal, whatever bytes come.
#[test]
fn broken_bytes_are_refused_alike() {
    let item = message("plain.Item");
    let descriptor = item.descriptor().unwrap();
    let mut codec = Codec::default();
    for seed in 0..TURNS {
        let mut random_ = Rng::with_seed(seed);
        let mut wire = random(&mut random_, &descriptor, 3);
        for _ in 0..random_.usize(1..4) {
            let Some(byte) = (!wire.is_empty()).then(|| random_.usize(..wire.len())) else {
                break;
            };
            match random_.u8(..3) {
                0 => wire[byte] ^= 1 << random_.u8(..8),
                1 => wire.truncate(byte),
                _ => drop(wire.remove(byte)),
            }
        }
        let (mut json, mut normal) = (Vec::new(), Vec::new());
        let rendered = codec.wire_to_json(&item, &wire, &mut json).is_ok();
        let normalized = codec.normalize(&item, &wire, &mut normal).is_ok();
        assert_eq!(rendered, normalized, "seed {seed}");
        let cut = random_.usize(..=json.len());
        let _ = codec.json_to_wire(&item, &json[..cut], &mut Vec::new());
    }
}

fn reference(tree: &DynamicMessage) -> Vec<u8> {
    let mut json = serde_json::Serializer::new(Vec::new());
    tree.serialize_with_options(&mut json, &SerializeOptions::new())
        .unwrap();
    json.into_inner()
}

/// Two documents that differ are too long to print.
#[track_caller]
fn same(json: &[u8], other: &[u8], seed: u64) {
    assert!(value(json) == value(other), "seed {seed}");
}

/// Parsed, with `1.0` for `1`.
fn value(json: &[u8]) -> serde_json::Value {
    let parsed = serde_json::from_slice(json);
    let mut value = parsed.unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(json)));
    even_out(&mut value);
    value
}

fn even_out(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Number(number) => *value = number.as_f64().into(),
        serde_json::Value::Array(elements) => elements.iter_mut().for_each(even_out),
        serde_json::Value::Object(members) => members.values_mut().for_each(even_out),
        _ => {}
    }
}

/// The fields of a message, some several times.
fn random(rng: &mut Rng, message: &MessageDescriptor, depth: usize) -> Vec<u8> {
    let mut fields: Vec<Vec<u8>> = Vec::new();
    for field in message.fields() {
        let count = match rng.u8(..8) {
            0..4 => 0,
            4..6 => 1,
            _ => rng.usize(1..4),
        };
        fields.extend((0..count).map(|_| random_field(rng, &field, depth)));
    }
    if rng.bool() {
        rng.shuffle(&mut fields);
    }
    fields.concat()
}

fn random_field(rng: &mut Rng, field: &FieldDescriptor, depth: usize) -> Vec<u8> {
    let number = field.number();
    if let Kind::Message(child) = field.kind() {
        let content = if depth == 0 {
            Vec::new()
        } else {
            random(rng, &child, depth - 1)
        };
        return bytes(number, &[&content]);
    }
    if field.is_list() && field.is_packed() && rng.bool() {
        let content: Vec<u8> = (0..rng.usize(..5)).flat_map(|_| scalar(rng, &field.kind())).collect();
        return bytes(number, &[&content]);
    }
    let mut tagged = Vec::new();
    varint(&mut tagged, u64::from(number << 3 | field.kind().wire_type() as u32));
    tagged.extend(scalar(rng, &field.kind()));
    tagged
}

fn scalar(rng: &mut Rng, kind: &Kind) -> Vec<u8> {
    match kind {
        Kind::Double => [0.0, -1.5, 1e300, f64::INFINITY, rng.f64()][rng.usize(..5)]
            .to_le_bytes()
            .to_vec(),
        Kind::Float => [0.0, 0.1, 16_777_216.0, rng.f32()][rng.usize(..4)]
            .to_le_bytes()
            .to_vec(),
        Kind::Fixed64 => rng.u64(..).to_le_bytes().to_vec(),
        Kind::String => {
            let text: String = (0..rng.usize(..12))
                .map(|_| ['a', '"', '\n', 'é', '😀'][rng.usize(..5)])
                .collect();
            prefixed(text.as_bytes())
        }
        Kind::Bytes => prefixed(&(0..rng.usize(..7)).map(|_| rng.u8(..)).collect::<Vec<_>>()),
        Kind::Bool => vec![rng.u8(..2)],
        Kind::Enum(_) => vec![rng.u8(..7)],
        // Keys and numbers that meet often enough, and some that take ten bytes.
        _ => {
            let mut bytes = Vec::new();
            let number = if rng.u8(..8) == 0 { rng.u64(..) } else { rng.u64(..5) };
            let small = matches!(kind, Kind::Int32 | Kind::Uint32 | Kind::Sint32);
            varint(&mut bytes, if small { number & 0x7fff_ffff } else { number });
            bytes
        }
    }
}

fn prefixed(content: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    varint(&mut bytes, content.len() as u64);
    bytes.extend_from_slice(content);
    bytes
}
