//! What a request was bound to: for people, not for requests.

use super::{BindRequest, Binder, Binding, BodyRule, MessageType, PieceOrigin};
use crate::raw::{Fields, Value};

/// A field and the value that it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    /// Where the value came from.
    pub origin: Origin,
    /// The field's path; `*`: the whole message.
    pub field: String,
    /// The value, decoded; of a body, how long it is.
    pub value: String,
}

/// Where a value came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Origin {
    /// A variable of the path.
    Path,
    /// A query parameter.
    Query,
    /// The body.
    Body,
    /// An update mask that was filled in from the body.
    Filled,
}

impl Binder {
    /// What the last request was bound to, as far as [`Binder::bind`] came.
    pub fn bound(&self, input: &MessageType, binding: &Binding, request: &BindRequest<'_>) -> Vec<Bound> {
        let mut bound: Vec<_> = self
            .pieces
            .in_order(&input.schema().0)
            .into_iter()
            .zip(&self.origins)
            .map(|((field, value), origin)| Bound {
                origin: match origin {
                    PieceOrigin::Path(_) => Origin::Path,
                    PieceOrigin::Query(_) => Origin::Query,
                },
                field,
                value,
            })
            .collect();
        let body = match binding.body() {
            BodyRule::None => None,
            BodyRule::All => Some("*".to_owned()),
            BodyRule::Field(field) => Some(field.to_string()),
        };
        bound.extend(body.map(|field| Bound {
            origin: Origin::Body,
            field,
            value: format!("{} bytes", request.body.bytes.len()),
        }));
        let paths = Fields::new(&self.buffers.mask)
            .flatten()
            .filter_map(|field| match field {
                (1, Value::Bytes(path)) => Some(String::from_utf8_lossy(path)),
                _ => None,
            });
        let paths = paths.collect::<Vec<_>>().join(",");
        if !paths.is_empty() {
            bound.push(Bound {
                origin: Origin::Filled,
                field: "update_mask".to_owned(),
                value: paths,
            });
        }
        bound
    }
}
