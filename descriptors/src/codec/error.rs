//! What went wrong, and where.

use std::fmt;

use crate::{findings::Shown, raw::WireError};

/// Why a message could not be converted.
///
/// Displays as one line: the path of the field, the place in the input, what is wrong there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodecError(Box<Fault>);

/// Where in the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// In wire bytes.
    Wire {
        /// How many bytes stand before it.
        offset: usize,
    },
    /// In text.
    Text {
        /// From 1.
        line: usize,
        /// From 1, in characters.
        column: usize,
        /// How many bytes stand before it.
        offset: usize,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    what: String,
    /// From the inside out while it is on its way, then the other way round.
    path: Vec<Step>,
    place: Place,
    /// What it is too much of: that holds for the message as a whole, whatever it is a part of.
    limit: Option<Limit>,
}

/// What the options bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Limit {
    /// How deep messages nest.
    Depth,
    /// How long the output is.
    Length,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Field(String),
    Index(usize),
    Key(String),
}

/// Why a walk ended early.
#[derive(Debug)]
pub(super) enum Stop {
    /// The bytes are legal, but in an order that the straight walk can't render.
    Detour,
    Fault(Box<Fault>),
}

impl Fault {
    pub(super) fn new(what: impl Into<String>, offset: usize) -> Box<Self> {
        Box::new(Self {
            what: what.into(),
            path: Vec::new(),
            place: Place::Wire { offset },
            limit: None,
        })
    }

    /// More than the options allow.
    pub(super) fn of_limit(limit: Limit, what: impl Into<String>, offset: usize) -> Box<Self> {
        let mut fault = Self::new(what, offset);
        fault.limit = Some(limit);
        fault
    }

    pub(super) fn is_limit(&self) -> bool {
        self.limit.is_some()
    }

    pub(super) fn within(mut self: Box<Self>, step: Step) -> Box<Self> {
        self.path.push(step);
        self
    }

    pub(super) fn what(&self) -> &str {
        &self.what
    }

    pub(super) fn offset(&self) -> usize {
        match self.place {
            Place::Wire { offset } | Place::Text { offset, .. } => offset,
        }
    }

    /// The error of a walk over wire bytes.
    pub(super) fn on_wire(mut self: Box<Self>) -> CodecError {
        self.path.reverse();
        CodecError(self)
    }

    /// The error of a walk over text.
    pub(super) fn in_text(mut self: Box<Self>, text: &[u8]) -> CodecError {
        let offset = self.offset().min(text.len());
        let before = text.get(..offset).unwrap_or_default();
        let line = before.split(|byte| *byte == b'\n').next_back().unwrap_or_default();
        self.place = Place::Text {
            line: before.split(|byte| *byte == b'\n').count(),
            column: String::from_utf8_lossy(line).chars().count() + 1,
            offset,
        };
        self.on_wire()
    }
}

impl Stop {
    pub(super) fn within(self, step: impl FnOnce() -> Step) -> Self {
        match self {
            Self::Detour => Self::Detour,
            Self::Fault(fault) => Self::Fault(fault.within(step())),
        }
    }
}

impl From<Box<Fault>> for Stop {
    fn from(fault: Box<Fault>) -> Self {
        Self::Fault(fault)
    }
}

impl CodecError {
    /// What is wrong, without path and place.
    pub fn what(&self) -> &str {
        &self.0.what
    }

    /// The field that it is about: `items[3].price.units`. Empty: the message itself.
    pub fn path(&self) -> String {
        let mut path = String::new();
        for step in &self.0.path {
            match step {
                Step::Field(name) if path.is_empty() => path.push_str(name),
                Step::Field(name) => path.extend([".", name]),
                Step::Index(index) => path.extend(["[", &index.to_string(), "]"]),
                Step::Key(key) => path.extend(["[", &format!("{key:?}"), "]"]),
            }
        }
        path
    }

    /// Whether there is nothing wrong with the message, but what is written of it would be longer than [`JsonOptions::limit`](crate::JsonOptions::limit).
    pub fn is_too_long(&self) -> bool {
        self.0.limit == Some(Limit::Length)
    }

    /// Where in the input it was found.
    pub fn place(&self) -> Place {
        self.0.place
    }
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path();
        if !path.is_empty() {
            write!(f, "{}: ", Shown(&path))?;
        }
        write!(f, "{} ({})", self.what(), self.place())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wire { offset } => write!(f, "at byte {offset}"),
            Self::Text { line, column, .. } => write!(f, "line {line}, column {column}"),
        }
    }
}

impl std::error::Error for CodecError {}

/// What the reader of wire bytes says.
pub(super) fn unreadable(error: WireError) -> String {
    format!("the message can't be read: {error}")
}

/// A text from the input, as far as a report needs it.
pub(crate) fn shown(text: &[u8]) -> String {
    const MOST: usize = 800;
    let text = String::from_utf8_lossy(text.get(..MOST).unwrap_or(text));
    format!("\"{}\"", Shown(&text))
}
