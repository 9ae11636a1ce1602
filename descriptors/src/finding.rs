//! What is wrong, or worth knowing, about loaded descriptors.

use std::fmt;

use crate::findings::{Shown, start_of};

/// How much a [`Finding`] weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing; nothing has to be done.
    Note,
    /// The schema loads, but probably not as meant.
    Warning,
    /// The schema does not load.
    Error,
}

/// One thing that was found while descriptors were loaded. All of them are reported, not only the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How much it weighs.
    pub severity: Severity,
    /// The descriptor's file name (`acme/orders/v1/orders.proto`), or the path of a source that is none.
    pub file: String,
    /// Full name of the element it is about; empty if it is about the whole file.
    pub symbol: String,
    /// What was found, in one sentence.
    pub what: String,
    /// How to mend it, in one sentence.
    pub mend: String,
}

impl Finding {
    /// A file's name as findings may write it: cut if it is long, and without control characters.
    pub fn file_names(name: &str) -> [String; 2] {
        [Shown(name).to_string(), Shown(&start_of(name)).to_string()]
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// `file: symbol: what: mend`, without the severity; what is empty is left out.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for place in [&self.file, &self.symbol] {
            if !place.is_empty() {
                write!(f, "{place}: ")?;
            }
        }
        f.write_str(&self.what)?;
        if !self.mend.is_empty() {
            write!(f, "; {}", self.mend)?;
        }
        Ok(())
    }
}
