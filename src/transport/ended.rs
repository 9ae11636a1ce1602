//! How connections end.

use std::io;

use descant_handlers::tls::refused_as_outdated;
use tokio_rustls::rustls::{self, CertificateError, OtherError};

use super::{clock::Phase, greeting::Mistake, http1, http2};

/// Why a connection ended otherwise than by agreement.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Ended {
    /// The peer spoke something else.
    #[error("{}", .0.explanation())]
    Stranger(Mistake),
    /// The two sides did not agree on TLS.
    #[error("the TLS handshake failed: {}", of_tls(.0))]
    Tls(#[source] io::Error),
    /// The peer sent frames of HTTP/2 that it may not.
    #[error(transparent)]
    Violation(http2::Violation),
    /// The peer sent a request of HTTP/1.1 that can be read in two ways, or is too large.
    #[error(transparent)]
    Refused(http1::Violation),
    /// The peer took too long.
    #[error(transparent)]
    Late(Phase),
    /// One side broke the protocol, or the connection.
    #[error(transparent)]
    Http2(h2::Error),
    /// The same over HTTP/1.1.
    #[error("{}", with_source(.0))]
    Http1(hyper::Error),
    /// The socket gives nothing any more.
    #[error("reading failed: {0}")]
    Read(#[source] io::Error),
    /// The socket takes nothing any more.
    #[error("writing failed: {0}")]
    Write(#[source] io::Error),
}

/// How connections end, as they are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// By agreement: one side asked for it, and nothing was left to do.
    Done,
    /// No TLS came about.
    Tls,
    /// The peer spoke something else, or broke the protocol, or sent more than it may.
    Protocol,
    /// A phase took too long.
    Timeout,
    /// One side is gone.
    Lost,
}

impl End {
    /// All of them.
    pub(crate) const ALL: [Self; 5] = [Self::Done, Self::Tls, Self::Protocol, Self::Timeout, Self::Lost];

    /// What it is called in metrics.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Tls => "tls",
            Self::Protocol => "protocol",
            Self::Timeout => "timeout",
            Self::Lost => "lost",
        }
    }

    /// Of a connection that ended so.
    pub(crate) fn of(ended: &Result<(), Ended>) -> Self {
        match ended {
            Ok(()) => Self::Done,
            Err(Ended::Tls(_)) => Self::Tls,
            Err(Ended::Late(_)) => Self::Timeout,
            Err(Ended::Http2(error)) if error.is_io() => Self::Lost,
            Err(Ended::Http1(error)) if !error.is_parse() => Self::Lost,
            Err(Ended::Read(_) | Ended::Write(_)) => Self::Lost,
            Err(Ended::Stranger(_) | Ended::Violation(_) | Ended::Refused(_) | Ended::Http1(_) | Ended::Http2(_)) => {
                Self::Protocol
            }
        }
    }
}

impl Ended {
    /// Whether whoever runs the server would want to know of it: a peer's mistake, or calls that were cut off.
    pub(crate) fn is_notable(&self) -> bool {
        match self {
            Self::Stranger(mistake) => *mistake != Mistake::Unknown,
            Self::Tls(error) => is_about_certificates(error),
            Self::Late(phase) => *phase == Phase::Grace,
            Self::Violation(_) | Self::Refused(_) => true,
            Self::Http2(_) | Self::Http1(_) | Self::Read(_) | Self::Write(_) => false,
        }
    }
}

/// Whether a handshake failed over a certificate: somebody who is meant to be let in has to mend it.
fn is_about_certificates(error: &io::Error) -> bool {
    matches!(
        rustls_error(error),
        Some(
            rustls::Error::NoCertificatesPresented
                | rustls::Error::InvalidCertificate(_)
                | rustls::Error::AlertReceived(_)
        )
    )
}

/// What openssl makes of a certificate request is of version 1 if nobody says otherwise, and of `req -x509` an authority's.
fn of_tls(error: &io::Error) -> String {
    match rustls_error(error) {
        Some(rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(reason)))) => format!(
            "the client's certificate is of a form that is not taken ({reason}): it has to be of X.509 version 3, and not an \
             authority's own"
        ),
        Some(rustls::Error::InvalidCertificate(reason)) => match refused_as_outdated(reason) {
            Some(outdated) => format!("the client's certificate is not taken: {outdated}"),
            None => error.to_string(),
        },
        _ => error.to_string(),
    }
}

fn rustls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

/// hyper's own words leave the reason out.
fn with_source(error: &hyper::Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::{fmt, sync::Arc};

    use super::*;

    #[test]
    fn a_certificate_of_another_form_is_told_which_is_taken() {
        let told = |error| Ended::Tls(io::Error::other(rustls::Error::InvalidCertificate(error))).to_string();
        let form = told(CertificateError::Other(OtherError(Arc::new(fmt::Error))));
        assert!(form.ends_with("version 3, and not an authority's own"), "{form}");
        assert!(!form.contains("OtherError"), "{form}");
        assert!(told(CertificateError::Expired).ends_with("Expired"));
    }
}
