//! Queries: what neither path nor body has.

use super::{
    Composer, Lack,
    path::{escape_all, same},
};
use crate::{
    MessageType,
    codec::Leaf,
    http::{Binding, BodyRule},
    schema::{field_path::Step, tables::Tables},
};

impl Composer {
    /// Appends the query, if there is something for it. Says whether some of it is not for logs.
    pub(super) fn query(&self, input: &MessageType, binding: &Binding, target: &mut String) -> Result<bool, Lack> {
        if *binding.body() == BodyRule::All {
            return Ok(false);
        }
        let tables = &*input.schema().0;
        let body = match binding.body() {
            BodyRule::Field(field) => field.numbers().next(),
            BodyRule::None | BodyRule::All => None,
        };
        let (mut query, mut before, mut is_redacted) = (Vec::new(), b'?', false);
        for (path, leaf) in self.leaves.iter() {
            let is_body = body.is_some() && path.first().map(|step| step.field.number) == body;
            let is_variable = || {
                binding
                    .variables()
                    .iter()
                    .any(|variable| same(path, variable.field.steps()))
            };
            if is_body || is_variable() {
                continue;
            }
            let name = name(tables, path);
            let is = match leaf {
                Leaf::Text(text) => {
                    is_redacted |= path.iter().any(|step| step.field.redact);
                    query.push(before);
                    before = b'&';
                    escape_all(&name, &mut query);
                    query.push(b'=');
                    escape_all(text, &mut query);
                    continue;
                }
                Leaf::Empty => "a message without fields",
                Leaf::Unfit(what) => what,
            };
            return Err(Lack::Query { field: name, is });
        }
        target.push_str(&String::from_utf8(query).unwrap_or_default());
        Ok(is_redacted)
    }
}

/// The path of a field by JSON names, which no other field of its message has for its own. One that reads as a path itself, or that JSON
/// writes otherwise, gives way to the name in the file.
fn name(tables: &Tables, path: &[Step]) -> String {
    let is_plain = |name: &str| {
        let is_other = |letter: char| matches!(letter, '.' | '[' | '"' | '\\') || letter.is_control();
        !name.contains(is_other)
    };
    let names: Vec<_> = path
        .iter()
        .map(|step| {
            let table = tables.table(step.message);
            let json = table.json_name(&step.field);
            if is_plain(json) {
                json
            } else {
                table.proto_name(&step.field)
            }
        })
        .collect();
    names.join(".")
}
