//! The codec under wire bytes and JSON that nobody chose.
//!
//! ```text
//! input = how(1) rest        how: the message type in the lowest two bits, then a bit a setting
//! ```

use std::{collections::BTreeSet, fmt, path::Path, sync::LazyLock};

use descant_descriptors::{Codec, JsonOptions, MessageType, Schema};
use prost::Message as _;
use prost_reflect::{DynamicMessage, ReflectMessage as _};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// A limit that inputs of a few bytes reach.
const TIGHT: usize = 200;

const TYPES: [&str; 4] = ["plain.Item", "sample.Old", "sample.Known", "sample.Known"];

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../descriptors/tests/codec");
    Schema::load(folder).expect("the schema of the codec's tests")
});

/// Renders wire bytes, and goes on from there in circles.
///
/// # Panics
/// If what is accepted does not come back, or the two directions disagree.
pub fn wire_to_json(input: &[u8]) {
    let Some((message, options, wire)) = setting(input, &TYPES) else {
        return;
    };
    let mut codec = Codec::new(options);
    let (mut json, mut normal) = (Vec::new(), Vec::new());
    let rendered = codec.wire_to_json(&message, wire, &mut json);
    let whole = codec.unknown_fields() == 0;
    let normalized = codec.normalize(&message, wire, &mut normal);
    // Of what is unknown prost-reflect has ideas of its own: it reads a group as a map's entry.
    if rendered.is_ok()
        && whole
        && let Ok(tree) = DynamicMessage::decode(message.descriptor().expect("a pool"), wire)
    {
        same_tree(&tree, &normal);
    }
    if let Err(error) = &rendered {
        assert!(json.is_empty(), "half of it was written: {error}");
        return;
    }
    assert!(json.len() <= codec.options().limit, "longer than the limit");
    unique(&json);
    // What is hidden is not looked at either.
    if codec.options().redact {
        return;
    }
    normalized.expect("what has a JSON form is well-formed");
    let exact = whole && !comes_back_changed(&json);
    circle(&mut codec, &message, &json, exact.then_some(normal));
}

/// Reads JSON, and goes on from there in circles.
///
/// # Panics
/// If what is accepted does not come back, or the two directions disagree.
pub fn json_to_wire(input: &[u8]) {
    let Some((message, mut options, json)) = setting(input, &TYPES) else {
        return;
    };
    options.redact = false;
    let strict = !options.ignore_unknown;
    let mut codec = Codec::new(options);
    let (mut wire, mut normal, mut form) = (Vec::new(), Vec::new(), Vec::new());
    if let Err(error) = codec.json_to_wire(&message, json, &mut wire) {
        assert!(wire.is_empty(), "half of it was written: {error}");
        return;
    }
    if strict {
        unique(json);
    }
    codec
        .normalize(&message, &wire, &mut normal)
        .expect("what the codec wrote");
    match codec.wire_to_json(&message, &wire, &mut form) {
        Ok(()) => {
            let exact = !comes_back_changed(&form);
            circle(&mut codec, &message, &form, exact.then_some(normal));
        }
        Err(error) => assert!(error.what().contains("longer than the limit"), "{error}"),
    }
}

/// The type of the message, the options, and the rest of the input.
pub(super) fn setting<'i>(input: &'i [u8], types: &[&str; 4]) -> Option<(MessageType, JsonOptions, &'i [u8])> {
    let (how, rest) = input.split_first()?;
    let name = types[usize::from(how & 3)];
    let mut options = JsonOptions::default();
    options.emit_defaults = how & 4 != 0;
    options.proto_names = how & 8 != 0;
    options.integers_as_numbers = how & 8 != 0;
    options.enums_as_numbers = how & 16 != 0;
    options.ignore_unknown = how & 16 != 0;
    options.pretty = how & 32 != 0;
    options.redact = how & 64 != 0;
    if how & 128 != 0 {
        options.limit = TIGHT;
    }
    Some((SCHEMA.message(name)?, options, rest))
}

/// JSON that the codec wrote, read and written again: the same JSON, and from then on the same wire bytes.
fn circle(codec: &mut Codec, message: &MessageType, json: &[u8], normal: Option<Vec<u8>>) {
    let (mut wire, mut again, mut form) = (Vec::new(), Vec::new(), Vec::new());
    if let Err(error) = codec.json_to_wire(message, json, &mut wire) {
        // The bytes of an Any without a type are shown, but that is no ProtoJSON.
        assert!(error.what().contains("is no type URL"), "{error}: {}", Text(json));
        return;
    }
    codec
        .wire_to_json(message, &wire, &mut form)
        .expect("what the codec wrote");
    assert_eq!(Text(&form), Text(json));
    codec
        .normalize(message, &wire, &mut again)
        .expect("what the codec wrote");
    assert_eq!(again, wire, "not canonical: {}", Text(json));
    if let Some(normal) = normal {
        assert_eq!(normal, wire, "another message: {}", Text(json));
    }
}

/// Whether something is the same in JSON that differs on the wire: the bytes in an Any, the payload of a NaN, numbers
/// of `NullValue`.
fn comes_back_changed(json: &[u8]) -> bool {
    ["@type", "NaN", "null"].iter().any(|word| {
        let mut windows = json.windows(word.len());
        windows.any(|window| window == word.as_bytes())
    })
}

/// Trees remember zeros that are as good as absent, so both are encoded once. NaN is unlike itself.
#[allow(clippy::eq_op)]
fn same_tree(tree: &DynamicMessage, normal: &[u8]) {
    let decode = |wire: &[u8]| DynamicMessage::decode(tree.descriptor(), wire).expect("bytes of a tree");
    let (one, other) = (decode(&tree.encode_to_vec()), decode(&decode(normal).encode_to_vec()));
    assert!(one == other || one != one, "another message: {one} {other}");
}

/// For reports.
#[derive(PartialEq)]
pub(super) struct Text<'a>(pub(super) &'a [u8]);

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(self.0))
    }
}

fn unique(json: &[u8]) {
    let mut reader = serde_json::Deserializer::from_slice(json);
    let read = Unique::deserialize(&mut reader).and_then(|_| reader.end());
    if let Err(error) = read {
        // 100 messages and the lists around them are deeper than serde_json goes.
        assert!(
            error.to_string().starts_with("recursion limit"),
            "{error}: {}",
            Text(json)
        );
    }
}

/// Any JSON in which no object has two members of one name.
struct Unique;

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        reader.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Unique {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self, A::Error> {
        let mut names = BTreeSet::new();
        while let Some(name) = members.next_key::<String>()? {
            members.next_value::<Self>()?;
            if let Some(name) = names.replace(name) {
                return Err(A::Error::custom(format!("{name:?} twice")));
            }
        }
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self, A::Error> {
        while elements.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }
}
