//! Why a request binds to no message.

use std::fmt;

use crate::{CodecError, findings::Shown};

/// Why a request could not be made a message.
///
/// Displays as one line: which part of the request, what is wrong with it, and what may have been meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindError(Box<Inner>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Inner {
    kind: BindErrorKind,
    part: Part,
    what: String,
}

/// What an answer has to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BindErrorKind {
    /// The request is wrong: HTTP 400, `INVALID_ARGUMENT`.
    BadRequest,
    /// The body is of a type that can't be read: HTTP 415, `INVALID_ARGUMENT`.
    UnsupportedMediaType,
    /// The body, or the message that it stands for, is longer than the limit: HTTP 413, `RESOURCE_EXHAUSTED`.
    TooLarge,
}

/// Which part of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// A variable of the path, by its field.
    Path(String),
    /// A parameter of the query, by its name.
    Query(String),
    Body,
    /// The body, and in it a field.
    Member(String),
}

impl Part {
    /// As the subject of a sentence.
    pub(super) fn described(&self) -> String {
        match self {
            Self::Path(name) => format!("\"{}\" in the path", Shown(name)),
            Self::Query(name) => format!("query parameter \"{}\"", Shown(name)),
            Self::Body => "the body".to_owned(),
            Self::Member(name) => format!("{} in the body", Shown(name)),
        }
    }
}

impl BindError {
    #[cold]
    pub(super) fn new(part: Part, what: impl Into<String>) -> Self {
        Self::of(BindErrorKind::BadRequest, part, what)
    }

    #[cold]
    pub(super) fn of(kind: BindErrorKind, part: Part, what: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            part,
            what: what.into(),
        }))
    }

    #[cold]
    pub(super) fn body(error: &CodecError) -> Self {
        let part = match error.path() {
            path if path.is_empty() => Part::Body,
            path => Part::Member(path),
        };
        Self::new(part, format!("{} ({})", error.what(), error.place()))
    }

    /// What an answer has to say.
    pub fn kind(&self) -> BindErrorKind {
        self.0.kind
    }

    /// The field that it is about: as the path's template, the query or the JSON path in the body has it. Empty: none alone.
    pub fn field(&self) -> &str {
        match &self.0.part {
            Part::Path(name) | Part::Query(name) | Part::Member(name) => name,
            Part::Body => "",
        }
    }

    /// What is wrong, without the field.
    pub fn what(&self) -> &str {
        &self.0.what
    }
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.part.described(), self.0.what)
    }
}

impl std::error::Error for BindError {}
