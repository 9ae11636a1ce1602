//! Defaults that a schema declares for fields that are not set.

use super::{Kind, Shape, Step};
use crate::{raw, render::unescape, schema::tables::Tables};

/// The default of a field.
pub(super) enum Declared {
    /// As plain text.
    Text(String),
    /// Of a field of type `bytes`.
    Bytes(Vec<u8>),
}

/// The declared default of a field, or the first value of its closed enum. `None`: zero is its default.
///
/// Source: `FieldDescriptorProto.default_value`; the language guide for proto2, "Enumerations".
pub(super) fn declared(tables: &Tables, step: &Step) -> Option<Declared> {
    let field = &step.field;
    if field.shape != Shape::Single || field.kind.is_message() || field.implicit {
        return None;
    }
    let record = tables.messages.get(step.message as usize)?;
    let bytes = tables.files.get(record.file as usize)?.bytes.get(record.body.range())?;
    let file = raw::File::parse_message(bytes);
    let own = raw::at(&file.fields, &file.messages.first()?.fields);
    let number = i32::try_from(field.number).ok();
    let text = own.iter().find(|other| other.number == number)?.default_value;
    match (text, field.kind) {
        (Some(text), Kind::Bytes) => Some(Declared::Bytes(unescape(text))),
        (Some(text), Kind::Double | Kind::Float) => Some(Declared::Text(float(text).to_owned())),
        (Some(text), _) => Some(Declared::Text(text.to_owned())),
        (None, Kind::ClosedEnum) => {
            let first = tables.enum_table(field.child).first()?;
            Some(Declared::Text(first.to_string()))
        }
        (None, _) => None,
    }
}

/// Descriptors spell what is no number as C does.
fn float(text: &str) -> &str {
    match text {
        "inf" => "Infinity",
        "-inf" => "-Infinity",
        "nan" | "-nan" => "NaN",
        _ => text,
    }
}
