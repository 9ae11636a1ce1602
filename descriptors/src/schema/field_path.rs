//! Paths of fields: `book.author.name`.

use std::{fmt, hash};

use super::{MessageType, Schema, tables::Tables};
use crate::{
    findings::Shown,
    table::{Field, Known, Shape},
};

/// A path longer than messages may nest by default leads to nothing.
const DEEPEST: u32 = 100;

/// A field of a message or of the messages in it, found once: `book.author.name`.
///
/// Every field before the last is a single message. It keeps no schema alive, so a schema can keep it; it belongs to the
/// message type that it was found in, and means nothing to others.
///
/// Source: `google/protobuf/field_mask.proto`; the grammar in `google/api/http.proto`.
#[derive(Clone)]
pub struct FieldPath {
    /// The index of the message that the path begins in.
    root: u32,
    steps: Box<[Step]>,
    text: Box<str>,
}

/// A field on a path.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    /// The index of the message that has the field.
    pub(crate) message: u32,
    pub(crate) field: Field,
}

/// Why a path leads to no field.
///
/// Displays as one line that names the part, what is wrong with it, and the nearest name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldPathError {
    part: String,
    what: String,
    nearest: Option<String>,
}

impl FieldPath {
    /// Whether it is not for logs: it, or a field before it, has the option `debug_redact`.
    pub(crate) fn is_redacted(&self) -> bool {
        self.steps.iter().any(|step| step.field.redact)
    }
}

impl MessageType {
    /// Finds a field by its path: proto or JSON names with points between, extensions as `[pkg.ext]`.
    ///
    /// # Errors
    /// If a part names no field, or one that others can't stand in: a scalar, a list, a map.
    pub fn field_path(&self, path: &str) -> Result<FieldPath, FieldPathError> {
        let tables = &self.schema().0;
        let root = u32::try_from(self.index()).unwrap_or(u32::MAX);
        let mut steps = Vec::new();
        resolve(tables, root, path, &mut steps)?;
        Ok(FieldPath::new(tables, root, &steps))
    }
}

/// Finds the fields of a path; `steps` is emptied first.
pub(crate) fn resolve(tables: &Tables, root: u32, path: &str, steps: &mut Vec<Step>) -> Result<(), FieldPathError> {
    find(tables, root, path, DEEPEST, steps).map_err(|missing| missing.report(tables))
}

/// A part of a path that names no field.
pub(crate) struct Missing<'p> {
    part: &'p str,
    why: Why,
}

enum Why {
    /// The message of that index has no such field.
    Unknown(u32),
    /// What the field before it holds.
    Inside(&'static str),
    TooDeep,
}

/// [`resolve`] without a report, which takes a while to write. `deepest`: how deep messages may nest.
pub(crate) fn find<'p>(
    tables: &Tables,
    root: u32,
    path: &'p str,
    deepest: u32,
    steps: &mut Vec<Step>,
) -> Result<(), Missing<'p>> {
    steps.clear();
    let mut rest = Some(path);
    let mut message = root;
    while let Some(path) = rest {
        let (part, after) = first_part(path);
        let missing = |why| Missing { part, why };
        if let Some(Step { field, .. }) = steps.last() {
            message = inside(field).map_err(|what| missing(Why::Inside(what)))?;
        }
        let table = tables.table(message);
        let place = table.named(part.as_bytes());
        let found = place.and_then(|place| table.fields.get(place));
        let field = *found.ok_or_else(|| missing(Why::Unknown(message)))?;
        // What is inside a message is one level deeper.
        if steps.len() + usize::from(field.kind.is_message()) >= deepest as usize {
            return Err(missing(Why::TooDeep));
        }
        steps.push(Step { message, field });
        rest = after;
    }
    Ok(())
}

impl Missing<'_> {
    pub(crate) fn is_too_deep(&self) -> bool {
        matches!(self.why, Why::TooDeep)
    }

    #[cold]
    pub(crate) fn report(self, tables: &Tables) -> FieldPathError {
        let mut nearest = None;
        let what = match self.why {
            Why::Inside(what) => what.to_owned(),
            Why::TooDeep => format!("stands more than {DEEPEST} levels deep"),
            Why::Unknown(message) => {
                nearest = tables.table(message).names.nearest(self.part.as_bytes());
                // A JSON name may have a point, and then no path can name the field by it.
                nearest = nearest.filter(|name| first_part(name).1.is_none());
                let record = tables.messages.get(message as usize);
                match record.map_or("", |record| tables.text(record.name)) {
                    "" => "is no field".to_owned(),
                    name => format!("is no field of {name}"),
                }
            }
        };
        FieldPathError {
            part: crate::findings::start_of(self.part),
            what,
            nearest: nearest.map(str::to_owned),
        }
    }
}

/// The first part and what follows its point. An extension's name has points of its own.
fn first_part(path: &str) -> (&str, Option<&str>) {
    let name = if path.starts_with('[') {
        path.find(']').unwrap_or_default()
    } else {
        0
    };
    let (name, rest) = path.split_at(name);
    match rest.split_once('.') {
        Some((more, after)) => (path.get(..name.len() + more.len()).unwrap_or_default(), Some(after)),
        None => (path, None),
    }
}

/// The message that a field holds, if there is one at most.
fn inside(field: &Field) -> Result<u32, &'static str> {
    match field.shape {
        Shape::Repeated => Err("stands in a list, of which a path can't name an element"),
        Shape::Map => Err("stands in a map, of which a path can't name an entry"),
        Shape::Single if field.kind.is_message() => Ok(field.child),
        Shape::Single => Err("stands in a scalar, which has no fields"),
    }
}

impl FieldPath {
    pub(crate) fn new(tables: &Tables, root: u32, steps: &[Step]) -> Self {
        let mut text = String::new();
        for step in steps {
            if !text.is_empty() {
                text.push('.');
            }
            text.push_str(tables.table(step.message).proto_name(&step.field));
        }
        Self {
            root,
            steps: steps.into(),
            text: text.into(),
        }
    }

    /// The path with proto names: `book.author.full_name`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The numbers of the fields, from the outside in.
    pub fn numbers(&self) -> impl ExactSizeIterator<Item = u32> + '_ {
        self.steps.iter().map(|step| step.field.number)
    }

    /// Whether the field holds a list or a map.
    pub fn is_repeated(&self) -> bool {
        self.leaf().is_some_and(|field| field.shape != Shape::Single)
    }

    /// Whether the field holds a map.
    pub fn is_map(&self) -> bool {
        self.leaf().is_some_and(|field| field.shape == Shape::Map)
    }

    /// Whether the field holds messages, well-known ones too. A map does.
    pub fn is_message(&self) -> bool {
        self.leaf().is_some_and(|field| field.kind.is_message())
    }

    /// Whether one value of the field can be told from plain text, as in paths and queries: a scalar, an enum, or a
    /// well-known type that JSON writes as one string, number or bool.
    pub fn has_text_form(&self, schema: &Schema) -> bool {
        self.leaf().is_some_and(|field| has_text_form(&schema.0, field))
    }

    /// The type of the messages that the field holds; of a map, its entries.
    pub fn message(&self, schema: &Schema) -> Option<MessageType> {
        let field = self.leaf().filter(|field| field.kind.is_message())?;
        Some(MessageType::new(schema, field.child as usize))
    }

    /// Whether this is the same field as `other`, or a field inside it.
    pub fn is_within(&self, other: &Self) -> bool {
        self.root == other.root
            && other.steps.len() <= self.steps.len()
            && self.numbers().zip(other.numbers()).all(|(own, other)| own == other)
    }

    pub(crate) fn steps(&self) -> &[Step] {
        &self.steps
    }

    pub(crate) fn root(&self) -> u32 {
        self.root
    }

    pub(crate) fn leaf(&self) -> Option<&Field> {
        self.steps.last().map(|step| &step.field)
    }
}

pub(crate) fn has_text_form(tables: &Tables, field: &Field) -> bool {
    field.shape != Shape::Map
        && (!field.kind.is_message()
            || matches!(
                tables.table(field.child).known,
                Known::Timestamp | Known::Duration | Known::FieldMask | Known::Wrapper
            ))
}

/// Equal: the same field of the same type.
impl PartialEq for FieldPath {
    fn eq(&self, other: &Self) -> bool {
        self.root == other.root && self.numbers().eq(other.numbers())
    }
}

impl Eq for FieldPath {}

impl hash::Hash for FieldPath {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.root.hash(state);
        for number in self.numbers() {
            number.hash(state);
        }
    }
}

impl fmt::Debug for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FieldPath({})", self.text)
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FieldPathError {
    /// The part of the path that is wrong.
    pub fn part(&self) -> &str {
        &self.part
    }

    /// The name that may have been meant instead of it.
    pub fn nearest(&self) -> Option<&str> {
        self.nearest.as_deref()
    }
}

impl fmt::Display for FieldPathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" {}", Shown(&self.part), self.what)?;
        match &self.nearest {
            Some(nearest) => write!(f, "; did you mean \"{}\"?", Shown(nearest)),
            None => Ok(()),
        }
    }
}

impl std::error::Error for FieldPathError {}
