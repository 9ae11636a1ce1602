//! Values as they are written in proto source: scalars, and messages in text format.
//! <https://protobuf.dev/reference/protobuf/textformat-spec/>

use std::fmt::Write;

use super::{
    MOST_DEPTH,
    definitions::{Definitions, FieldDef, MessageRef},
};
use crate::raw::{Fields, Value, WireError};

/// A value.
#[derive(Debug, Clone)]
pub(super) enum Literal {
    Scalar(String),
    Message(Vec<Entry>),
}

/// One field of a message and its value.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// As it is written; the number if `is_known` does not hold.
    pub(super) name: String,
    pub(super) is_extension: bool,
    /// Whether a definition of it is loaded.
    pub(super) is_known: bool,
    pub(super) value: Literal,
}

/// The longest message that is written on one line.
const SHORT: usize = 72;

impl Literal {
    /// On one line.
    pub(super) fn inline(&self) -> String {
        let entries = match self {
            Self::Scalar(text) => return text.clone(),
            Self::Message(entries) if entries.is_empty() => return "{}".into(),
            Self::Message(entries) => entries,
        };
        let entries: Vec<_> = entries.iter().map(Entry::inline).collect();
        format!("{{ {} }}", entries.join(" "))
    }

    /// On one line if it is short; else a line for each field, the following lines indented by `indent`.
    pub(super) fn block(&self, indent: usize) -> String {
        let entries = match self {
            Self::Message(entries) if self.inline_fits() => entries,
            _ => return self.inline(),
        };
        let mut text = String::from("{\n");
        for entry in entries {
            let line = entry.block(indent + 2);
            let _ = writeln!(text, "{:1$}{line}", "", indent + 2);
        }
        let _ = write!(text, "{:indent$}}}", "");
        text
    }

    /// Whether one line is too little. Bounded: a look at the first few dozen characters is enough.
    fn inline_fits(&self) -> bool {
        fn take(literal: &Literal, left: usize) -> Option<usize> {
            match literal {
                Literal::Scalar(text) => left.checked_sub(text.len()),
                Literal::Message(entries) => entries.iter().try_fold(left, |left, entry| {
                    take(&entry.value, left.checked_sub(entry.name.len() + 3)?)
                }),
            }
        }
        take(self, SHORT).is_none()
    }
}

impl Entry {
    fn inline(&self) -> String {
        self.wrap(&self.value.inline())
    }

    fn block(&self, indent: usize) -> String {
        self.wrap(&self.value.block(indent))
    }

    fn wrap(&self, value: &str) -> String {
        let name = &self.name;
        let colon = if matches!(self.value, Literal::Message(_)) {
            ""
        } else {
            ":"
        };
        match (self.is_known, self.is_extension) {
            (true, false) => format!("{name}{colon} {value}"),
            (true, true) => format!("[{name}]{colon} {value}"),
            // Text format has no way to write a field without a name.
            (false, _) => format!("/* {name}: {} */", value.replace("*/", "* /")),
        }
    }
}

impl<'s> Definitions<'s> {
    /// The fields of a message, in the order in which each first comes.
    pub(super) fn entries(&self, message: Option<&MessageRef<'s>>, bytes: &[u8], depth: usize) -> Vec<Entry> {
        let mut entries: Vec<Entry> = Vec::new();
        for (number, pieces) in gather(bytes) {
            let field = message.and_then(|message| self.field(message, i32::try_from(number).ok()?));
            let known = field.and_then(|field| self.known(&field, &pieces, depth));
            entries.extend(known.unwrap_or_else(|| unknown(number, &pieces)));
        }
        entries
    }

    /// None if the bytes are not what the definition says.
    fn known(&self, field: &FieldDef, pieces: &[Value<'_>], depth: usize) -> Option<Vec<Entry>> {
        let values = match field.kind {
            super::MESSAGE | super::GROUP => self.messages(field, pieces, depth)?,
            _ => self.scalars(field, pieces)?,
        };
        let entry = |value| Entry {
            name: group_name(field).unwrap_or(&field.name).to_owned(),
            is_extension: field.is_extension,
            is_known: true,
            value,
        };
        Some(values.into_iter().map(entry).collect())
    }

    /// Several occurrences of a singular message are one, merged.
    fn messages(&self, field: &FieldDef, pieces: &[Value<'_>], depth: usize) -> Option<Vec<Literal>> {
        let content = |piece: &Value<'_>| match piece {
            Value::Bytes(bytes) | Value::Group(bytes) => Some(bytes.to_vec()),
            _ => None,
        };
        let mut contents = pieces.iter().map(content).collect::<Option<Vec<_>>>()?;
        if !field.is_repeated {
            contents = vec![contents.concat()];
        }
        if depth >= MOST_DEPTH {
            return Some(vec![Literal::Scalar("{ /* nested too deeply to show */ }".into())]);
        }
        let message = self.message(&field.type_name);
        let literal = |bytes: &Vec<u8>| Literal::Message(self.entries(message.as_ref(), bytes, depth + 1));
        Some(contents.iter().map(literal).collect())
    }

    /// The last occurrence of a singular scalar counts.
    fn scalars(&self, field: &FieldDef, pieces: &[Value<'_>]) -> Option<Vec<Literal>> {
        let mut literals = Vec::new();
        for piece in pieces {
            match piece {
                Value::Bytes(packed) if !matches!(field.kind, super::STRING | super::BYTES) => {
                    for value in unpack(field.kind, packed)? {
                        literals.push(Literal::Scalar(self.scalar(field, value)?));
                    }
                }
                value => literals.push(Literal::Scalar(self.scalar(field, *value)?)),
            }
        }
        if !field.is_repeated {
            literals.drain(..literals.len().saturating_sub(1));
        }
        Some(literals)
    }

    #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap)] // The wire's integers, as parsers narrow them.
    fn scalar(&self, field: &FieldDef, value: Value<'_>) -> Option<String> {
        Some(match (field.kind, value) {
            (1, Value::Fixed64(bits)) => float(f64::from_bits(bits), format_args!("{:?}", f64::from_bits(bits))),
            (2, Value::Fixed32(bits)) => {
                let number = f32::from_bits(bits);
                float(number.into(), format_args!("{number:?}"))
            }
            (3, Value::Varint(number)) | (16, Value::Fixed64(number)) => (number as i64).to_string(),
            (4, Value::Varint(number)) | (6, Value::Fixed64(number)) => number.to_string(),
            (5, Value::Varint(number)) => (number as i32).to_string(),
            (7, Value::Fixed32(number)) => number.to_string(),
            (8, Value::Varint(number)) => (number != 0).to_string(),
            (super::STRING | super::BYTES, Value::Bytes(bytes)) => quote(bytes),
            (13, Value::Varint(number)) => (number as u32).to_string(),
            (super::ENUM, Value::Varint(number)) => {
                let name = self.value_name(&field.type_name, number as i32);
                name.unwrap_or_else(|| (number as i32).to_string())
            }
            (15, Value::Fixed32(number)) => (number as i32).to_string(),
            (17, Value::Varint(number)) => (zigzag(number) as i32).to_string(),
            (18, Value::Varint(number)) => zigzag(number).to_string(),
            _ => return None,
        })
    }
}

/// Text format calls a group by the name of its message.
fn group_name(field: &FieldDef) -> Option<&str> {
    let message = field.type_name.rsplit('.').next()?;
    (field.kind == super::GROUP && !field.is_extension && message.eq_ignore_ascii_case(&field.name)).then_some(message)
}

/// The values of each field together, in the order in which each first comes. What follows an error is lost; the
/// loader has refused such options before.
fn gather(bytes: &[u8]) -> Vec<(u32, Vec<Value<'_>>)> {
    let mut gathered: Vec<(u32, Vec<Value<'_>>)> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for (number, value) in Fields::new(bytes).filter_map(Result::ok) {
        let place = *places.entry(number).or_insert_with(|| {
            gathered.push((number, Vec::new()));
            gathered.len() - 1
        });
        if let Some((_, values)) = gathered.get_mut(place) {
            values.push(value);
        }
    }
    gathered
}

fn unknown(number: u32, pieces: &[Value<'_>]) -> Vec<Entry> {
    let entry = |piece: &Value<'_>| Entry {
        name: number.to_string(),
        is_extension: false,
        is_known: false,
        value: Literal::Scalar(match piece {
            Value::Varint(number) | Value::Fixed64(number) => number.to_string(),
            Value::Fixed32(number) => number.to_string(),
            Value::Bytes(bytes) | Value::Group(bytes) => quote(bytes),
        }),
    };
    pieces.iter().map(entry).collect()
}

/// The values of a packed field.
fn unpack(kind: i32, bytes: &[u8]) -> Option<Vec<Value<'_>>> {
    let fixed = |size: usize| bytes.len().is_multiple_of(size).then(|| bytes.chunks_exact(size));
    match kind {
        1 | 6 | 16 => {
            let number = |bytes: &[u8]| bytes.try_into().map(u64::from_le_bytes).map(Value::Fixed64).ok();
            fixed(8)?.map(number).collect()
        }
        2 | 7 | 15 => {
            let number = |bytes: &[u8]| bytes.try_into().map(u32::from_le_bytes).map(Value::Fixed32).ok();
            fixed(4)?.map(number).collect()
        }
        _ => varints(bytes).ok(),
    }
}

fn varints(mut bytes: &[u8]) -> Result<Vec<Value<'_>>, WireError> {
    let mut values = Vec::new();
    while !bytes.is_empty() {
        let end = bytes
            .iter()
            .take(10)
            .position(|byte| *byte < 0x80)
            .ok_or(WireError::Truncated)?;
        let (varint, rest) = bytes.split_at(end + 1);
        let number = varint
            .iter()
            .rev()
            .fold(0u64, |sum, byte| sum.wrapping_shl(7) | u64::from(byte & 0x7f));
        values.push(Value::Varint(number));
        bytes = rest;
    }
    Ok(values)
}

#[allow(clippy::cast_possible_wrap)] // The definition of the encoding.
fn zigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

/// `inf` and `nan` are identifiers in proto source; the sign of a NaN cannot be written.
fn float(number: f64, shortest: std::fmt::Arguments<'_>) -> String {
    if number.is_nan() {
        "nan".into()
    } else {
        shortest.to_string()
    }
}

/// A string literal. Bytes that are no text, or would steer a terminal, are escaped.
pub(crate) fn quote(bytes: &[u8]) -> String {
    let mut quoted = String::with_capacity(bytes.len() + 2);
    quoted.push('"');
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '"' | '\\' => quoted.extend(['\\', character]),
                '\n' => quoted.push_str("\\n"),
                '\r' => quoted.push_str("\\r"),
                '\t' => quoted.push_str("\\t"),
                steering if super::steers(steering) => {
                    let mut buffer = [0; 4];
                    octal(&mut quoted, steering.encode_utf8(&mut buffer).as_bytes());
                }
                plain => quoted.push(plain),
            }
        }
        octal(&mut quoted, chunk.invalid());
    }
    quoted.push('"');
    quoted
}

fn octal(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        let _ = write!(text, "\\{byte:03o}");
    }
}
