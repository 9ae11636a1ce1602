//! From an HTTP request to the message that a method is called with.
//!
//! ```text
//! path variables, query parameters -> decode -> pieces (sorted: what contradicts itself stands side by side)
//! body -> JSON to wire -> base -> the pieces spliced in -> wire bytes
//! ```
//!
//! The path wins: what it binds replaces what the body has there, and a query parameter that names a field which
//! path or body bind is refused, since it would be a way around checks of the path.
//!
//! Source: the comment of `google/api/http.proto`; AIP-127; AIP-134 for update masks.

mod body;
mod decode;
mod error;
mod options;
mod query;
mod trace;

use std::{fmt, ops::Range};

use self::error::Part;
pub(super) use self::{
    body::{CONTENT_TYPE, DATA, is_http_body},
    decode::{Form, decode},
};
pub use self::{
    body::{ForeignCharset, RequestBody},
    error::{BindError, BindErrorKind},
    options::{BindOptions, UnknownParameters},
    trace::{Bound, Origin},
};
use super::{Binding, BodyRule, Captures};
use crate::{
    Codec, FieldPath, JsonOptions, MessageType,
    codec::{Clash, Pieces, Spliced, put_bytes, put_length, put_message},
    schema::field_path::Step,
    table::{Field, Known, Shape},
};

/// A request whose path was found among the routes.
#[derive(Debug, Clone, Copy)]
pub struct BindRequest<'r> {
    /// `POST`, or another.
    pub http_method: &'r str,
    /// The path as it came, of which the captures are.
    pub path: &'r str,
    /// Where the variables of the path have their values.
    pub captures: &'r Captures,
    /// The query as it came, without its `?`.
    pub query: Option<&'r str>,
    /// The body.
    pub body: RequestBody<'r>,
}

/// Makes messages of HTTP requests.
///
/// It owns the buffers that this needs: one that is kept allocates nothing once they have grown.
#[derive(Default)]
pub struct Binder {
    codec: Codec,
    options: BindOptions,
    pieces: Pieces,
    /// Where each piece came from, in the order in which they were added.
    origins: Vec<PieceOrigin>,
    steps: Vec<Step>,
    buffers: Buffers,
}

#[derive(Default)]
struct Buffers {
    name: Vec<u8>,
    value: Vec<u8>,
    /// The message before path and query are in it.
    base: Vec<u8>,
    mask: Vec<u8>,
}

#[derive(Debug, Clone)]
enum PieceOrigin {
    /// A variable, by its place.
    Path(usize),
    /// A parameter: where its name stands in the query.
    Query(Range<usize>),
}

impl Binder {
    /// A binder that reads bodies with these settings.
    pub fn new(options: BindOptions, json: JsonOptions) -> Self {
        Self {
            codec: Codec::new(json),
            options,
            ..Self::default()
        }
    }

    /// Its settings.
    pub fn options(&self) -> &BindOptions {
        &self.options
    }

    /// Appends the wire bytes of the message that a request stands for to `wire`. After an error `wire` is as it was.
    ///
    /// `input` is the input of the binding's method. For a method that takes a stream it makes one message: call it for each
    /// element of the body, and path and query are in every message.
    ///
    /// # Errors
    /// If the request can't be understood: the error says what an answer has to say.
    pub fn bind(
        &mut self,
        input: &MessageType,
        binding: &Binding,
        request: &BindRequest<'_>,
        wire: &mut Vec<u8>,
    ) -> Result<(), BindError> {
        let start = wire.len();
        let result = self.run(input, binding, request, wire);
        let result = result.and_then(|()| self.options.check_length(wire.len() - start));
        if result.is_err() {
            wire.truncate(start);
        }
        result
    }

    /// Checks what path and query bind, whatever the body: of a method that takes a stream, before its first message is there.
    ///
    /// # Errors
    /// If path or query can't be understood.
    pub fn check(
        &mut self,
        input: &MessageType,
        binding: &Binding,
        request: &BindRequest<'_>,
    ) -> Result<(), BindError> {
        self.beside(input, binding, request)?;
        if self.pieces.is_empty() {
            return Ok(());
        }
        let mut message = std::mem::take(&mut self.buffers.base);
        message.clear();
        let result = self.splice(input, binding, request, &[], &mut message);
        self.buffers.base = message;
        result
    }

    fn run(
        &mut self,
        input: &MessageType,
        binding: &Binding,
        request: &BindRequest<'_>,
        wire: &mut Vec<u8>,
    ) -> Result<(), BindError> {
        self.options.check_length(request.body.bytes.len())?;
        self.beside(input, binding, request)?;
        if self.pieces.is_empty() {
            self.body(input, binding, &request.body, wire)?;
        } else {
            let mut base = std::mem::take(&mut self.buffers.base);
            base.clear();
            let result = self
                .body(input, binding, &request.body, &mut base)
                .and_then(|()| self.splice(input, binding, request, &base, wire));
            self.buffers.base = base;
            result?;
        }
        self.fill_mask(input, binding, request, wire)
    }

    /// Decodes what path and query bind, beside the body.
    fn beside(&mut self, input: &MessageType, binding: &Binding, request: &BindRequest<'_>) -> Result<(), BindError> {
        self.pieces.clear();
        self.origins.clear();
        self.buffers.mask.clear();
        self.path(binding, request)?;
        self.query(input, binding, request)?;
        match self.pieces.sort() {
            Some(clash) => Err(self.clash(clash, binding, request)),
            None => Ok(()),
        }
    }

    /// Decodes what the path binds.
    fn path(&mut self, binding: &Binding, request: &BindRequest<'_>) -> Result<(), BindError> {
        for (place, variable) in binding.variables().iter().enumerate() {
            let raw = request.captures.raw(place, request.path).unwrap_or_default();
            let form = if variable.is_multiple() {
                Form::Segments
            } else {
                Form::Segment
            };
            let text = decode(raw, form, &mut self.buffers.value)
                .map_err(|error| BindError::new(Part::Path(variable.field().to_string()), error.0))?;
            self.pieces.push(variable.field().steps(), Some(text));
            self.origins.push(PieceOrigin::Path(place));
        }
        Ok(())
    }

    /// Writes what the body binds.
    fn body(
        &mut self,
        input: &MessageType,
        binding: &Binding,
        body: &RequestBody<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), BindError> {
        let field = match binding.body() {
            BodyRule::None if body.bytes.is_empty() => return Ok(()),
            BodyRule::None => return Err(BindError::new(Part::Body, "this method takes none")),
            BodyRule::All => None,
            BodyRule::Field(field) => Some(field),
        };
        let message = match field {
            None => Some(input.clone()),
            Some(field) if field.is_repeated() => None,
            Some(field) => field.message(input.schema()),
        };
        if message.as_ref().is_some_and(is_http_body) {
            http_body(field.and_then(FieldPath::leaf), body, out);
            return Ok(());
        }
        if !body.may_be_json() {
            let found = body.content_type.unwrap_or_default();
            let what = format!("its type is {found:?}, but this method takes application/json");
            return Err(BindError::of(BindErrorKind::UnsupportedMediaType, Part::Body, what));
        }
        let named = body.content_type.filter(|_| !body.bytes.is_empty());
        if let Some(Err(foreign)) = named.map(RequestBody::check_charset) {
            let what = foreign.to_string();
            return Err(BindError::of(BindErrorKind::UnsupportedMediaType, Part::Body, what));
        }
        let result = match (field, message) {
            (None, _) if body.bytes.is_empty() => Ok(()),
            (None, _) => self.codec.json_to_wire(input, body.bytes, out),
            // No content stands for a message without fields, or for nothing.
            (Some(field), message) if body.bytes.is_empty() => {
                if let Some(field) = message.and(field.leaf()) {
                    put_message(out, field, &[]);
                }
                Ok(())
            }
            (Some(field), _) => self.codec.json_to_field(input, field, body.bytes, out),
        };
        result.map_err(|error| BindError::body(&error))
    }

    fn splice(
        &mut self,
        input: &MessageType,
        binding: &Binding,
        request: &BindRequest<'_>,
        base: &[u8],
        wire: &mut Vec<u8>,
    ) -> Result<(), BindError> {
        let result = self.codec.splice(input, &mut self.pieces, base, wire);
        result.map_err(|error| match error {
            Spliced::Base(error) => BindError::body(&error),
            Spliced::Value(piece, error) => BindError::new(self.part(piece, binding, request), error.what()),
            Spliced::Oneof(piece, name) => {
                let what = format!("the body has \"{name}\", which is of the same oneof");
                BindError::new(self.part(piece, binding, request), what)
            }
        })
    }

    /// Two pieces that contradict each other: the second is at fault.
    #[cold]
    fn clash(&self, clash: Clash, binding: &Binding, request: &BindRequest<'_>) -> BindError {
        let (Clash::Same(first, second) | Clash::Oneof(first, second)) = clash;
        let part = self.part(second, binding, request);
        let first = self.part(first, binding, request);
        let what = match (clash, &first, &part) {
            (Clash::Same(..), Part::Query(first), Part::Query(second)) if first == second => "it is there twice".into(),
            (Clash::Same(..), ..) => format!("{} binds that field already", first.described()),
            (Clash::Oneof(..), ..) => format!("{} is of the same oneof", first.described()),
        };
        BindError::new(part, what)
    }

    /// Where a piece came from.
    #[cold]
    fn part(&self, piece: usize, binding: &Binding, request: &BindRequest<'_>) -> Part {
        match self.origins.get(piece) {
            Some(PieceOrigin::Path(place)) => {
                let variable = binding.variables().get(*place);
                Part::Path(
                    variable
                        .map(|variable| variable.field().to_string())
                        .unwrap_or_default(),
                )
            }
            Some(PieceOrigin::Query(name)) => {
                let name = request.query.and_then(|query| query.get(name.clone()));
                let mut buffer = Vec::new();
                let name = decode(name.unwrap_or_default(), Form::Query, &mut buffer);
                Part::Query(name.unwrap_or_default().to_owned())
            }
            None => Part::Body,
        }
    }

    /// A PATCH whose client has not said what it changes: whatever its body has.
    ///
    /// Once the body is wire bytes, a zero can't be told from a member that is not there. Source: AIP-134, "Update masks".
    fn fill_mask(
        &mut self,
        input: &MessageType,
        binding: &Binding,
        request: &BindRequest<'_>,
        wire: &mut Vec<u8>,
    ) -> Result<(), BindError> {
        if !self.options.fill_update_mask || request.http_method != "PATCH" || request.body.bytes.is_empty() {
            return Ok(());
        }
        let BodyRule::Field(body) = binding.body() else {
            return Ok(());
        };
        let Some((mask, resource)) = update_mask(input, body) else {
            return Ok(());
        };
        if self.pieces.has_field(mask.number) || request.body.bytes.trim_ascii() == b"null" {
            return Ok(());
        }
        let paths = &mut self.buffers.mask;
        let result = self.codec.json_to_mask(&resource, request.body.bytes, paths);
        result.map_err(|error| BindError::body(&error))?;
        if !paths.is_empty() {
            put_message(wire, &mask, &[paths]);
        }
        Ok(())
    }
}

/// The field `update_mask` beside the body's, if there is one, and the type of the body.
fn update_mask(input: &MessageType, body: &FieldPath) -> Option<(Field, MessageType)> {
    let tables = &input.schema().0;
    let table = tables.table(body.root());
    let field = *table.fields.get(table.named(b"update_mask")?)?;
    let is_mask =
        field.shape == Shape::Single && field.kind.is_message() && tables.table(field.child).known == Known::FieldMask;
    let resource = body.message(input.schema()).filter(|_| !body.is_repeated())?;
    let index = u32::try_from(resource.index()).ok()?;
    let fits = is_mask
        && body.numbers().len() == 1
        && body.numbers().next() != Some(field.number)
        && tables.table(index).known == Known::No;
    fits.then_some((field, resource))
}

/// A body as it came.
fn http_body(field: Option<&Field>, body: &RequestBody<'_>, out: &mut Vec<u8>) {
    let mut head = Vec::new();
    if let Some(content_type) = body.content_type {
        put_bytes(&mut head, CONTENT_TYPE, content_type.as_bytes());
    }
    if !body.bytes.is_empty() {
        put_length(&mut head, DATA, body.bytes.len());
    }
    match field {
        None => {
            out.extend_from_slice(&head);
            out.extend_from_slice(body.bytes);
        }
        Some(field) => put_message(out, field, &[&head, body.bytes]),
    }
}

impl fmt::Debug for Binder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Binder")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
