//! Why a command failed, and its exit code.

use std::{fmt, process::ExitCode};

use descant::handlers::Code;

use super::screen::{self, Tone};

/// What a failed command leaves behind: a message for people, and an exit code for scripts.
#[derive(Debug)]
pub(crate) struct Failure {
    kind: Kind,
    what: String,
    mend: String,
    /// What a server ended the conversation with, if one did.
    status: Option<Code>,
    /// What went wrong as well.
    more: Option<Box<Failure>>,
}

/// The exit codes, a promise to scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// The command could not do its work, for a reason that none of the others names.
    Other = 1,
    /// The command line makes no sense.
    Usage = 2,
    /// A setting makes no sense.
    Configuration = 3,
    /// Descriptors cannot be read, or are wrong, or lack what was asked for.
    Descriptors = 4,
    /// An address cannot be listened on, or a certificate or its key is not what it should be.
    Bind = 5,
    /// Data is no message of the type that it should have.
    Data = 6,
}

impl Failure {
    /// The same, if it is of this kind, with this remedy.
    pub(crate) fn mended(self, kind: Kind, mend: impl Into<String>) -> Self {
        if self.kind != kind {
            return self;
        }
        let mend = mend.into();
        Self { mend, ..self }
    }

    /// What went wrong.
    pub(crate) fn what(&self) -> &str {
        &self.what
    }

    /// A failure: what went wrong and where, and how to mend it (may be empty).
    pub(crate) fn new(kind: Kind, what: impl fmt::Display, mend: impl Into<String>) -> Self {
        Self {
            kind,
            what: what.to_string(),
            mend: mend.into(),
            status: None,
            more: None,
        }
    }

    /// The same with the exit code of this kind.
    pub(crate) fn of(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }

    /// The same, because a server said so.
    pub(crate) fn by_server(self, code: Code) -> Self {
        let status = Some(code);
        Self { status, ..self }
    }

    /// What a server ended the conversation with, if one did.
    pub(crate) fn status(&self) -> Option<Code> {
        self.status
    }

    /// The same, and another that is told behind it.
    pub(crate) fn and(self, more: Option<Self>) -> Self {
        let more = more.map(Box::new);
        Self { more, ..self }
    }

    /// Tells the user.
    pub(crate) fn report(&self) {
        screen::tell(Tone::Error, &self.what);
        if !self.mend.is_empty() {
            screen::tell(Tone::Hint, &self.mend);
        }
        if let Some(more) = &self.more {
            more.report();
        }
    }
}

impl From<&Failure> for ExitCode {
    fn from(failure: &Failure) -> Self {
        Self::from(failure.kind as u8)
    }
}
