//! Where values come from.

use std::{fmt, ops::Deref};

use descant_descriptors::yaml;

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// Nobody said anything.
    Default,
    /// The file says so, in this place. Counted from one, in characters.
    #[non_exhaustive]
    File {
        /// The line.
        line: usize,
        /// The character in that line.
        column: usize,
        /// How many characters of the line it takes; 0 if that makes no sense, as of a list.
        length: usize,
    },
    /// The command line says so, with this option.
    Flag(&'static str),
}

/// A value, and where it comes from. Two are equal if the values are.
#[derive(Clone, Debug)]
pub struct Placed<T> {
    /// The value.
    pub value: T,
    /// Where it comes from.
    pub origin: Origin,
}

impl Origin {
    pub(super) fn of(node: &yaml::Node) -> Self {
        Self::File {
            line: node.place.line,
            column: node.place.column,
            length: node.length,
        }
    }

    pub(super) fn at(place: yaml::Place) -> Self {
        Self::File {
            line: place.line,
            column: place.column,
            length: 0,
        }
    }

    /// What mends it: for one who typed it, and for one who wrote it into the file.
    pub(super) fn mend(self, typed: &'static str, written: &'static str) -> &'static str {
        match self {
            Self::Flag(_) => typed,
            Self::Default | Self::File { .. } => written,
        }
    }

    /// Whether nobody said anything.
    pub fn is_default(self) -> bool {
        self == Self::Default
    }
}

impl<T: PartialEq> PartialEq for Placed<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T: Eq> Eq for Placed<T> {}

impl<T> Deref for Placed<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: fmt::Display> fmt::Display for Placed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}
