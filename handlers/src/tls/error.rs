//! Why there can be no TLS.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use super::Pem;

/// Why there can be no TLS: where, what, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("TLS: {what}")]
pub struct TlsError {
    what: String,
    file: Option<PathBuf>,
    half: Option<Half>,
}

/// The two files of an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// The certificate, with its chain.
    Certificate,
    /// The key.
    Key,
}

impl TlsError {
    /// For a reason that has no file.
    pub fn new(what: impl fmt::Display) -> Self {
        Self {
            what: what.to_string(),
            file: None,
            half: None,
        }
    }

    /// A file, or what is in its place, does not hold what it should.
    pub fn of(source: &Pem, what: impl fmt::Display) -> Self {
        Self {
            what: format!("{source}: {what}"),
            file: source.file(),
            half: None,
        }
    }

    /// A file cannot be read.
    pub(super) fn unreadable(source: &Pem, error: &io::Error) -> Self {
        Self {
            what: format!("cannot read {source}: {error}"),
            file: source.file(),
            half: None,
        }
    }

    /// The same about one of the files of an identity.
    pub(super) fn about(self, half: Half) -> Self {
        let half = Some(half);
        Self { half, ..self }
    }

    /// The file that it is about.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Which file of an identity that is; `None`: it is about whom to trust, or about no file.
    pub fn half(&self) -> Option<Half> {
        self.half
    }
}
