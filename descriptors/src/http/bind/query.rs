//! Query parameters.

use std::ops::Range;

use super::{
    BindRequest, Binder, PieceOrigin,
    decode::{Form, decode},
    error::{BindError, Part},
};
use crate::{
    MessageType,
    http::{Binding, BodyRule},
    schema::{
        field_path::{self, Step, has_text_form},
        tables::Tables,
    },
    table::{Known, Shape},
};

impl Binder {
    /// Decodes what the query binds: `name=value` with `&` between; a name alone has the empty value.
    pub(super) fn query(
        &mut self,
        input: &MessageType,
        binding: &Binding,
        request: &BindRequest<'_>,
    ) -> Result<(), BindError> {
        let mut start = 0;
        for pair in request.query.unwrap_or_default().split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            if !pair.is_empty() {
                self.parameter(input, binding, (name, value), start..start + name.len())?;
            }
            start += pair.len() + 1;
        }
        Ok(())
    }

    fn parameter(
        &mut self,
        input: &MessageType,
        binding: &Binding,
        (raw_name, raw_value): (&str, &str),
        place: Range<usize>,
    ) -> Result<(), BindError> {
        let tables = &*input.schema().0;
        let name = decode(raw_name, Form::Query, &mut self.buffers.name);
        let name = name.map_err(|error| BindError::new(Part::Query(raw_name.to_owned()), error.0))?;
        let fault = |what: &str| BindError::new(Part::Query(name.to_owned()), what);
        let root = u32::try_from(input.index()).unwrap_or(u32::MAX);
        let depth = self.codec.depth();
        let found = field_path::find(tables, root, name, depth.left(), &mut self.steps);
        if found.is_err() && self.options.unknown_parameters.ignores(name) {
            return Ok(());
        }
        if *binding.body() == BodyRule::All {
            return Err(fault(
                "the body of this method binds every field that the path does not",
            ));
        }
        found.map_err(|missing| {
            if missing.is_too_deep() {
                fault(&depth.exceeded("messages"))
            } else {
                fault(&missing.report(tables).to_string())
            }
        })?;
        if let Some(what) = refusal(tables, binding, &self.steps) {
            return Err(fault(&what));
        }
        let value = decode(raw_value, Form::Query, &mut self.buffers.value).map_err(|error| fault(error.0))?;
        self.pieces.push(&self.steps, Some(value));
        self.origins.push(PieceOrigin::Query(place));
        Ok(())
    }
}

/// Why the query may not bind a field.
fn refusal(tables: &Tables, binding: &Binding, steps: &[Step]) -> Option<String> {
    let (last, parents) = steps.split_last()?;
    if let BodyRule::Field(body) = binding.body()
        && steps.first().map(|step| step.field.number) == body.numbers().next()
    {
        return Some(format!("the body of this method binds \"{body}\""));
    }
    for parent in parents {
        let table = tables.table(parent.field.child);
        let name = match table.known {
            Known::Any => "google.protobuf.Any",
            Known::Struct => "google.protobuf.Struct",
            Known::Value => "google.protobuf.Value",
            Known::ListValue => "google.protobuf.ListValue",
            _ => continue,
        };
        return Some(format!("it stands in a {name}, which a query can't bind"));
    }
    if has_text_form(tables, &last.field) {
        return None;
    }
    let what = match last.field.shape {
        Shape::Map => "it is a map",
        Shape::Repeated => "it is a list of messages",
        Shape::Single if tables.table(last.field.child).known == Known::No => {
            return Some("it is a message: name a field in it, as in `message.field=value`".to_owned());
        }
        Shape::Single => "it is a message of any shape",
    };
    Some(format!("{what}, which a query can't bind"))
}
