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

pub(super) use self::{print::Print, read::FromText};
use crate::{
    schema::tables::Tables,
    table::{Field, Kind, MessageTable},
};

/// The name by which the text format calls a field.
///
/// Groups go by the name of their type. Source: the specification, "Field names"; under editions protobuf keeps that for
/// fields that look as groups did: the type is declared beside them and has their name in upper case.
fn name<'a>(tables: &'a Tables, message: u32, table: &'a MessageTable, field: &Field) -> &'a str {
    let name = table.proto_name(field);
    if field.kind != Kind::Group {
        return name;
    }
    let full_name = |message: u32| {
        let record = tables.messages.get(message as usize);
        record.map_or("", |record| tables.text(record.name))
    };
    let beside = full_name(field.child).strip_prefix(full_name(message));
    let group = beside.and_then(|rest| rest.strip_prefix('.'));
    group.filter(|group| group.eq_ignore_ascii_case(name)).unwrap_or(name)
}
