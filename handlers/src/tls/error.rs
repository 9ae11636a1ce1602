//! Why there can be no TLS.

use std::fmt;

use super::Pem;

/// Why there can be no TLS: where, what, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("TLS: {0}")]
pub struct TlsError(String);

impl TlsError {
    /// For a reason that has no file.
    pub fn new(what: impl fmt::Display) -> Self {
        Self(what.to_string())
    }

    /// A file, or what is in its place, does not hold what it should.
    pub fn of(source: &Pem, what: impl fmt::Display) -> Self {
        Self(format!("{source}: {what}"))
    }
}
