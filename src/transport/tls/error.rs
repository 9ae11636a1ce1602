//! Why there can be no TLS.

use std::{fmt, io};

use tokio_rustls::rustls;

use super::pem::Source;

/// Why there can be no TLS: where, what, and how to mend it.
#[derive(Debug, thiserror::Error)]
#[error("TLS: {0}")]
pub(crate) struct TlsError(String);

impl TlsError {
    pub(super) fn unreadable(source: &Source, error: &io::Error) -> Self {
        Self(format!("cannot read {source}: {error}"))
    }

    /// It does not hold what it should.
    pub(super) fn of(source: &Source, what: impl fmt::Display) -> Self {
        Self(format!("{source}: {what}"))
    }

    pub(super) fn broken(source: &Source, error: &dyn fmt::Display) -> Self {
        Self(format!("{source}: a certificate in it cannot be used: {error}"))
    }

    pub(super) fn no_certificate() -> Self {
        Self("a certificate and its key are needed".to_owned())
    }

    pub(super) fn setup(error: &rustls::Error) -> Self {
        Self(error.to_string())
    }
}
