//! The text format: for people, and for descriptor sets that people keep.
//!
//! ```text
//! text -> read (scanner -> fields, values, Any) -> wire in the order of the text -> normal -> wire
//! wire -> normal -> print -> text
//! ```
//!
//! Source: <https://protobuf.dev/reference/protobuf/textformat-spec/>; protobuf's C++ implementation where that leaves
//! the choice to it.

mod print;
mod read;

use std::borrow::Cow;

pub(super) use self::{print::Print, read::FromText};
use crate::{
    schema::tables::Tables,
    table::{Field, Kind, MessageTable},
};

/// The name by which the text format calls a field.
///
/// Groups go by the name of their type. Source: the specification, "Field names"; under editions protobuf keeps that for
/// fields that look as groups did: the type is declared beside them and has their name in upper case.
fn name<'a>(tables: &'a Tables, message: u32, table: &'a MessageTable, field: &Field) -> Cow<'a, str> {
    let name = table.proto_name(field);
    match field.kind {
        Kind::Item => tables
            .item_name(field, name)
            .map_or(name.into(), |name| format!("[{name}]").into()),
        Kind::Group => group_name(tables, message, field)
            .filter(|group| group.eq_ignore_ascii_case(name))
            .unwrap_or(name)
            .into(),
        _ => name.into(),
    }
}

/// The name of the type of a group that is declared in its message.
fn group_name<'a>(tables: &'a Tables, message: u32, field: &Field) -> Option<&'a str> {
    let full_name = |message: u32| {
        let record = tables.messages.get(message as usize);
        record.map_or("", |record| tables.text(record.name))
    };
    full_name(field.child)
        .strip_prefix(full_name(message))?
        .strip_prefix('.')
}
