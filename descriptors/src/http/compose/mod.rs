//! From a message to the HTTP request that a method is called by: what `bind` undoes.
//!
//! ```text
//! wire -> canonical -> leaves -> path (template, variables), query (what neither path nor body has)
//!                  +-> without the variables -> JSON, or the bytes of a google.api.HttpBody -> body
//! ```
//!
//! Source: the comment of `google/api/http.proto`; RFC 6570, sections 3.2.2 and 3.2.3, for what is escaped; RFC 3986 for
//! paths.

mod error;
mod path;
mod query;

use std::fmt;

use bytes::Bytes;

pub use self::error::ComposeError;
pub(super) use self::error::Lack;
use self::path::Zeros;
use super::{Binding, BodyRule, HttpBody, rule::ANY};
use crate::{
    Codec, CodecError, FieldPath, JsonOptions, MessageType, Method,
    codec::{Leaves, Pieces},
    schema::field_path::Step,
    table::{Field, Shape},
};

/// An HTTP request that calls a method with a message.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Composed {
    /// The place of its binding among [`Routes::bindings`](super::Routes::bindings).
    pub binding: usize,
    /// `GET`, or another.
    pub http_method: Box<str>,
    /// Path and query, in ASCII.
    pub target: String,
    /// Whether a field with the option `debug_redact` stands in the query, which is not for logs then. Of the path
    /// [`Binding::hides_path`] says so.
    pub hides_query: bool,
    /// The body, if the rule has one.
    pub body: Option<ComposedBody>,
}

/// The body of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ComposedBody {
    /// The value of `Content-Type`. Of a `google.api.HttpBody` it is as the message has it: empty perhaps, and nothing is checked.
    pub content_type: Bytes,
    /// All of it.
    pub bytes: Bytes,
}

/// Makes HTTP requests of messages, along the HTTP rules of their methods.
///
/// It owns the buffers that this needs: one that is kept allocates little once they have grown.
///
/// Fields stand in queries by their JSON names, bytes in the alphabet of URLs with padding. Whatever [`Binder`](super::Binder)
/// makes of such a request is the message again, but for: fields that are unknown; what a body that is one field can't say, since
/// there is no JSON for a message that is not set (`{}` sets it); an update mask that a PATCH gets filled in.
#[derive(Default)]
pub struct Composer {
    codec: Codec,
    leaves: Leaves,
    pieces: Pieces,
    buffers: Buffers,
}

#[derive(Default)]
struct Buffers {
    /// The message in canonical form.
    whole: Vec<u8>,
    /// The same without what is in the path.
    kept: Vec<u8>,
}

impl Composer {
    /// A composer that writes bodies with these settings.
    pub fn new(json: JsonOptions) -> Self {
        Self {
            codec: Codec::new(json),
            ..Self::default()
        }
    }

    /// The request that calls `method` with the message `wire`: by the first binding of its rule all of whose variables the message
    /// fills, and whose query can carry the rest. A number, bool or enum that is zero fills its place if no other binding fits.
    ///
    /// # Errors
    /// If no binding fits, or the message can't be read: the error says what each of them lacks.
    pub fn compose(&mut self, method: &Method, wire: &[u8]) -> Result<Composed, ComposeError> {
        let bindings = method.schema().routes().of_method(method);
        if bindings.is_empty() {
            return Err(ComposeError::no_rule(method));
        }
        let input = method.input();
        self.buffers.whole.clear();
        let canonical = self.codec.normalize(&input, wire, &mut self.buffers.whole);
        canonical.map_err(|error| ComposeError::unreadable(&input, &error))?;
        let mut lacks = Vec::new();
        for zeros in [Zeros::AreUnset, Zeros::AreValues] {
            lacks.clear();
            for binding in bindings {
                match self.by(&input, binding, zeros) {
                    Ok(composed) => return Ok(composed),
                    Err(lack) => lacks.push((binding, lack)),
                }
            }
        }
        Err(ComposeError::no_fit(method, &lacks))
    }

    fn by(&mut self, input: &MessageType, binding: &Binding, zeros: Zeros) -> Result<Composed, Lack> {
        let mut has_body_field = false;
        let mut wants = |path: &[Step]| {
            let leads_to_variable = || binding.variables().iter().any(|variable| leads(path, &variable.field));
            match binding.body() {
                BodyRule::None => true,
                BodyRule::All => leads_to_variable(),
                BodyRule::Field(field) => {
                    let is_body = path.first().map(|step| step.field.number) == field.numbers().next();
                    has_body_field |= is_body;
                    !is_body || leads_to_variable()
                }
            }
        };
        let found = self
            .codec
            .leaves(input, &self.buffers.whole, &mut wants, &mut self.leaves);
        found.map_err(|error| Lack::Unreadable(error.to_string()))?;
        let mut target = self.path(input, binding, zeros)?;
        let hides_query = self.query(input, binding, &mut target)?;
        let bytes = self.body(input, binding, has_body_field)?;
        Ok(Composed {
            binding: binding.index(),
            http_method: http_method(binding).into(),
            target,
            hides_query,
            body: bytes,
        })
    }

    fn body(
        &mut self,
        input: &MessageType,
        binding: &Binding,
        has_body_field: bool,
    ) -> Result<Option<ComposedBody>, Lack> {
        let field = match binding.body() {
            BodyRule::None => return Ok(None),
            BodyRule::All => None,
            BodyRule::Field(field) => Some(field),
        };
        self.keep(input, binding)
            .map_err(|error| Lack::Unreadable(error.to_string()))?;
        if HttpBody::is(input, field) {
            let wire = Bytes::copy_from_slice(&self.buffers.kept);
            let body = HttpBody::read(&wire, field).map_err(|error| Lack::Unreadable(error.to_string()))?;
            return Ok(Some(ComposedBody {
                content_type: body.content_type,
                bytes: body.data,
            }));
        }
        let mut json = Vec::new();
        let written = match field {
            None => self.codec.wire_to_json(input, &self.buffers.kept, &mut json),
            Some(field) if !has_body_field && field.leaf().is_some_and(may_be_null) => {
                json.extend_from_slice(b"null");
                Ok(())
            }
            Some(field) => self.codec.field_to_json(input, field, &self.buffers.kept, &mut json),
        };
        written.map_err(|error| Lack::Unreadable(error.to_string()))?;
        Ok(Some(ComposedBody {
            content_type: Bytes::from_static(b"application/json"),
            bytes: json.into(),
        }))
    }

    /// Keeps the message without what is in the path. Its parents stay.
    fn keep(&mut self, input: &MessageType, binding: &Binding) -> Result<(), CodecError> {
        let Buffers { whole, kept } = &mut self.buffers;
        kept.clear();
        if binding.variables().is_empty() {
            kept.extend_from_slice(whole);
            return Ok(());
        }
        self.pieces.clear();
        for variable in binding.variables() {
            self.pieces.push(variable.field.steps(), None);
        }
        // They do not contradict each other: the rule was checked.
        let _ = self.pieces.sort();
        let spliced = self.codec.splice(input, &mut self.pieces, whole, kept);
        spliced.map_err(crate::codec::Spliced::into_error)
    }
}

/// What calls a binding that takes any method.
fn http_method(binding: &Binding) -> &str {
    match binding.http_method() {
        method if method != ANY => method,
        _ if *binding.body() == BodyRule::None => "GET",
        _ => "POST",
    }
}

/// Whether these steps lead to a field, or are the path to it.
fn leads(path: &[Step], field: &FieldPath) -> bool {
    let numbers = path.iter().map(|step| step.field.number);
    path.len() <= field.numbers().len() && numbers.eq(field.numbers().take(path.len()))
}

/// A scalar that is not set, where that is not the same as zero.
fn may_be_null(field: &Field) -> bool {
    field.shape == Shape::Single && !field.kind.is_message() && !field.implicit
}

impl fmt::Debug for Composer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Composer")
            .field("codec", &self.codec)
            .finish_non_exhaustive()
    }
}
