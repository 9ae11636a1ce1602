//! Why an upstream cannot be talked to: what a refused, broken or odd connection tells of it.

use std::{error::Error, fmt, io, time::Duration};

use h2::Reason;
use tokio_rustls::rustls::{self, AlertDescription, CertificateError, OtherError};

use super::{options::ProxyOptions, speech::UpstreamProtocol};
use crate::{
    Status,
    tls::{TlsError, refused_as_outdated},
};

/// Why a connection cannot be made or used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Misfit {
    /// There is no such host.
    Host,
    /// Nobody takes the connection.
    Connection,
    /// It was not made in time.
    Time,
    /// It hung up without a word.
    HungUp,
    /// It speaks TLS, and was spoken to in plain text.
    Tls,
    /// It was spoken to over TLS, and does not speak it.
    PlainText,
    /// Its certificate is not to be trusted, or has another name.
    Certificate,
    /// It asks for a certificate that it trusts.
    ClientCertificate,
    /// TLS does not come about for another reason.
    Handshake,
    /// It speaks HTTP/1, or does not choose HTTP/2.
    Http1,
    /// It does not choose HTTP/1.1.
    Http2,
    /// None of these: the words tell.
    Other,
}

/// Why a connection cannot be made or used, as a sentence about the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unfit {
    pub(super) misfit: Misfit,
    pub(super) what: String,
}

/// Why an upstream cannot be reached: what was found out of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectError {
    target: String,
    unfit: Unfit,
}

impl ConnectError {
    pub(super) fn new(target: &dyn fmt::Display, unfit: Unfit) -> Self {
        let target = target.to_string();
        Self { target, unfit }
    }

    /// What does not fit.
    pub fn misfit(&self) -> Misfit {
        self.unfit.misfit
    }

    /// The same in words, as a sentence about the server: `it speaks TLS`.
    pub fn what(&self) -> &str {
        &self.unfit.what
    }
}

/// With how to mend it in the URL of a proxy, where that is what does not fit.
impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot connect to {}: {}", self.target, self.unfit.what)?;
        match self.unfit.misfit {
            Misfit::Tls => f.write_str("; write https:// if that is meant"),
            Misfit::PlainText => f.write_str("; write http:// if that is meant"),
            _ => Ok(()),
        }
    }
}

impl Error for ConnectError {}

/// Out of reach for now.
impl From<ConnectError> for Status {
    fn from(error: ConnectError) -> Self {
        Status::unavailable(error.to_string())
    }
}

/// What is said of a server that hangs up over TLS. Not all send an alert first.
pub(super) const BEHIND_TLS: &str =
    "it hung up behind the TLS handshake: it may ask for a client certificate, or for another one";

/// The same over HTTP/1.1: a server that speaks HTTP/2 alone need not say so, if it does not answer what is offered (ALPN) at all.
pub(super) const HTTP1_BEHIND_TLS: &str = "it hung up behind the TLS handshake: it may speak HTTP/2 alone, or ask for a client certificate, or for another one";

/// Whether a connection ended without the end of TLS, which rustls says in words of its own, with an address on the web.
pub(super) fn is_cut_tls(error: &(dyn Error + 'static)) -> bool {
    let error = error.downcast_ref::<io::Error>();
    let is_cut = |error: &io::Error| {
        error.kind() == io::ErrorKind::UnexpectedEof && error.to_string().contains("TLS close_notify")
    };
    error.is_some_and(is_cut)
}

impl Unfit {
    pub(super) fn new(misfit: Misfit, what: impl Into<String>) -> Self {
        let what = what.into();
        Self { misfit, what }
    }

    /// A name that leads nowhere.
    pub(super) fn host(error: &io::Error) -> Self {
        Self::new(Misfit::Host, error.to_string())
    }

    /// A connection that nobody takes.
    pub(super) fn refused(error: &io::Error) -> Self {
        Self::new(Misfit::Connection, error.to_string())
    }

    /// A connection that is not made in time.
    pub(super) fn late(time: Duration) -> Self {
        Self::new(Misfit::Time, format!("not done within {} s", time.as_secs_f64()))
    }

    /// A server that does not choose HTTP/2 (ALPN, RFC 7301).
    pub(super) fn no_http2() -> Self {
        let what = "it does not choose HTTP/2 over TLS (ALPN h2), which gRPC needs";
        Self::new(Misfit::Http1, what)
    }

    /// The same of HTTP/1.1.
    pub(super) fn no_http1() -> Self {
        Self::new(Misfit::Http2, "it does not choose HTTP/1.1 over TLS (ALPN http/1.1)")
    }

    /// The same where it is not gRPC that is spoken.
    pub(super) fn said_to(self, options: &ProxyOptions) -> Self {
        match (self.misfit, options.protocol, options.http1) {
            (_, UpstreamProtocol::Grpc, _) => self,
            (Misfit::Http1, _, false) => {
                let what = "it does not speak HTTP/2, and may be called over HTTP/1.1";
                Self::new(Misfit::Http1, what)
            }
            // An alert of TLS says that nothing was chosen, not what was offered.
            (Misfit::Http1, _, true) => Self::no_http1(),
            _ => self,
        }
    }

    /// What is no answer of HTTP/1.1, from the bytes that came first; `None`: they tell nothing.
    pub(super) fn of_answer(greeting: &[u8]) -> Option<Self> {
        match greeting {
            [0x15 | 0x16, 3, ..] => Some(Self::new(Misfit::Tls, "it speaks TLS")),
            // The head of a SETTINGS frame: a length below 256.
            [0, 0, _] => Some(Self::new(Misfit::Http2, "it answers in HTTP/2")),
            b"SSH" => Some(Self::new(Misfit::Other, "it speaks SSH")),
            _ => None,
        }
    }

    /// A connection of HTTP/1.1 that closes before it is asked anything, from the bytes that came first.
    pub(super) fn unasked(greeting: &[u8]) -> Self {
        let of_bytes = || match greeting {
            [] => Self::new(Misfit::HungUp, "it hung up at once"),
            _ => Self::new(Misfit::Other, "it speaks before it is asked, which HTTP/1.1 does not"),
        };
        Self::of_answer(greeting).unwrap_or_else(of_bytes)
    }

    /// A handshake of TLS that failed.
    pub(super) fn handshake(error: &io::Error) -> Self {
        match (Self::of_tls(error), error.kind()) {
            (Some(unfit), _) => unfit,
            (None, io::ErrorKind::UnexpectedEof) => Self::new(
                Misfit::PlainText,
                "it hangs up on a TLS handshake; does it speak TLS at all?",
            ),
            (None, _) => Self::of_io(error),
        }
    }

    /// A connection that breaks before anything is said.
    pub(super) fn of_io(error: &io::Error) -> Self {
        let misfit = match error.kind() {
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof => Misfit::HungUp,
            _ => Misfit::Other,
        };
        if is_cut_tls(error) {
            return Self::new(misfit, BEHIND_TLS);
        }
        Self::new(misfit, error.to_string())
    }

    /// Why a server and a client of TLS do not come together; `None`: TLS is not the reason.
    pub(super) fn of_tls(error: &io::Error) -> Option<Self> {
        let tls = error.get_ref()?.downcast_ref::<rustls::Error>()?;
        Some(match tls {
            rustls::Error::InvalidCertificate(error) => Self::new(
                Misfit::Certificate,
                format!("its certificate is not to be trusted: {}", distrusted(error)),
            ),
            // A port of plain text answers in plain text; ours, and OpenSSL's, with this alert.
            rustls::Error::InvalidMessage(_) | rustls::Error::AlertReceived(AlertDescription::ProtocolVersion) => {
                Self::new(Misfit::PlainText, format!("it speaks no TLS ({tls})"))
            }
            rustls::Error::AlertReceived(AlertDescription::NoApplicationProtocol) => Self::no_http2(),
            rustls::Error::AlertReceived(AlertDescription::CertificateRequired) => Self::new(
                Misfit::ClientCertificate,
                "it asks for a client certificate, and none was shown",
            ),
            rustls::Error::AlertReceived(alert) => {
                let misfit = match alert {
                    AlertDescription::BadCertificate
                    | AlertDescription::UnknownCA
                    | AlertDescription::CertificateUnknown
                    | AlertDescription::CertificateExpired
                    | AlertDescription::CertificateRevoked
                    | AlertDescription::UnsupportedCertificate
                    | AlertDescription::AccessDenied => Misfit::ClientCertificate,
                    _ => Misfit::Handshake,
                };
                let what = format!("it refuses TLS with the alert {alert:?}");
                Self::new(
                    misfit,
                    match alert {
                        // Before TLS 1.3 there is no alert for a certificate that is missing.
                        AlertDescription::HandshakeFailure => format!("{what}: it may ask for a client certificate"),
                        _ => what,
                    },
                )
            }
            other => Self::new(Misfit::Handshake, format!("no TLS with it: {other}")),
        })
    }

    /// Why a server did not greet as HTTP/2 has it, from the bytes that it said first.
    pub(super) fn of_greeting(error: h2::Error, greeting: &[u8]) -> Self {
        match greeting {
            // Said in HTTP/2 to whom speaks plain text where TLS is due: RFC 9113, section 9.2.
            _ if error.reason() == Some(Reason::INADEQUATE_SECURITY) => Self::new(Misfit::Tls, "it speaks TLS"),
            // A record of TLS: an alert or a handshake, and the version. RFC 8446, section 5.1.
            [0x15 | 0x16, 3, ..] => Self::new(Misfit::Tls, "it speaks TLS"),
            b"HTT" => Self::new(Misfit::Http1, "it answers in HTTP/1.1, and gRPC needs HTTP/2"),
            // Servers of HTTP/1 that take the preface for HTTP/0.9 send a page without a head.
            [b'<', ..] => Self::new(Misfit::Http1, "it answers with a web page, and gRPC needs HTTP/2"),
            _ if error.is_io() => {
                let io = error.into_io();
                Self::of_io(&io.unwrap_or_else(|| io::ErrorKind::ConnectionAborted.into()))
            }
            _ => Self::new(Misfit::Other, format!("it does not answer as HTTP/2 does: {error}")),
        }
    }
}

impl From<TlsError> for Unfit {
    fn from(error: TlsError) -> Self {
        Self::new(Misfit::Handshake, error.to_string())
    }
}

fn distrusted(error: &CertificateError) -> String {
    match error {
        CertificateError::UnknownIssuer => "nobody who is trusted has signed it".to_owned(),
        CertificateError::BadSignature => {
            "the authority of that name that is trusted has another key, or its own key is too weak to be checked"
                .to_owned()
        }
        CertificateError::Other(OtherError(reason)) => {
            format!("it is signed by nobody but itself, or of a form that is not known ({reason})")
        }
        CertificateError::NotValidForNameContext { expected, presented } => {
            let has = match presented.as_slice() {
                [] => "none".to_owned(),
                names => names.iter().map(|name| plain(name)).collect::<Vec<_>>().join(", "),
            };
            format!("not valid for name {}, but for {has}", expected.to_str())
        }
        // Names in it are the server's words.
        _ => refused_as_outdated(error).unwrap_or_else(|| error.to_string().escape_debug().to_string()),
    }
}

/// A name as rustls has it, `DnsName("localhost")` or `IpAddress(127.0.0.1)`, without what it wraps around it.
fn plain(presented: &str) -> String {
    let inner = presented.split_once('(').and_then(|(_, inner)| inner.strip_suffix(')'));
    let name = inner.unwrap_or(presented).trim_matches('"');
    name.escape_debug().to_string()
}
