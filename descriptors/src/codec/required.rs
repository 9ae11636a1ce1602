//! Required fields, of proto2 and with `LEGACY_REQUIRED` of editions. No conversion asks for them: what a peer lets pass is for it to say.

use std::collections::BTreeMap;

use super::{
    JsonOptions,
    wire::{Raw, group, tag, value},
};
use crate::{
    raw::WireError,
    schema::tables::Tables,
    table::{Kind, Shape, WireType},
};

/// The paths of more are not told.
const MOST: usize = 20;

/// The paths of those that a message lacks. What does not parse lacks nothing that is known.
pub(super) fn missing(tables: &Tables, message: u32, wire: &[u8]) -> Vec<String> {
    let mut walk = Walk {
        tables,
        missing: Vec::new(),
    };
    let _ = walk.message(message, wire, "", JsonOptions::MOST_DEPTH);
    walk.missing
}

struct Walk<'a> {
    tables: &'a Tables,
    missing: Vec<String>,
}

impl Walk<'_> {
    /// `before`: where the message stands, with a dot behind it. `depth`: how much deeper messages may nest.
    fn message(&mut self, message: u32, mut wire: &[u8], before: &str, depth: u32) -> Result<(), WireError> {
        let table = self.tables.table(message);
        let mut counts = BTreeMap::<u32, usize>::new();
        while !wire.is_empty() {
            let (number, kind) = tag(&mut wire)?;
            let body = match kind {
                WireType::StartGroup => Some(group(&mut wire, number, depth)?),
                kind => match value(&mut wire, kind)? {
                    Raw::Bytes(bytes) => Some(bytes),
                    Raw::Bits(_) => None,
                },
            };
            let count = counts.entry(number).or_default();
            *count += 1;
            let field = table.field(number);
            let field = field.filter(|field| matches!(field.kind, Kind::Message | Kind::Group));
            if let Some(((field, body), depth)) = field.zip(body).zip(depth.checked_sub(1)) {
                let name = table.proto_name(field);
                let path = match field.shape {
                    Shape::Single => format!("{before}{name}."),
                    Shape::Repeated | Shape::Map => format!("{before}{name}[{}].", *count - 1),
                };
                self.message(field.child, body, &path, depth)?;
            }
        }
        let fields = table.fields.iter();
        let lacks = fields.filter(|field| field.required && !counts.contains_key(&field.number));
        for field in lacks.take(MOST.saturating_sub(self.missing.len())) {
            self.missing.push(format!("{before}{}", table.proto_name(field)));
        }
        Ok(())
    }
}
