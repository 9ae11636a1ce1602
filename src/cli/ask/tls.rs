//! Asking over TLS: whom to trust.

use std::{io, path::PathBuf, sync::Arc};

use descant::handlers::tls::ClientTls;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{self, AlertDescription, CertificateError, ClientConfig, OtherError, pki_types::ServerName},
};

use super::exchange::authority;
use crate::cli::{
    failure::{Failure, Kind},
    screen,
};

/// Which servers are trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// Those whose certificate one of the system's has signed.
    System,
    /// Those whose certificate one of this file has signed, or that show one of them.
    File(PathBuf),
    /// Any.
    Anybody,
}

/// Shakes hands with the server at `address`.
pub(super) async fn connect<T>(stream: T, address: &str, trust: &Trust) -> Result<TlsStream<T>, Failure>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let authority = authority(address);
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let name = ServerName::try_from(host);
    let name =
        name.map_err(|error| Failure::new(Kind::Usage, format!("--from {}: {error}", screen::escape(address)), ""))?;
    let connector = TlsConnector::from(config(trust)?);
    let connected = connector.connect(name, stream).await;
    connected.map_err(|error| refused(address, &error))
}

fn config(trust: &Trust) -> Result<Arc<ClientConfig>, Failure> {
    let (tls, named) = match trust {
        Trust::Anybody => (ClientTls::new().insecure(true), ""),
        Trust::File(file) => (ClientTls::new().ca_file(file), "--ca: "),
        Trust::System => (ClientTls::new(), ""),
    };
    let mend = "--ca FILE names a certificate to trust, --insecure trusts any server";
    let config = tls.config();
    config.map_err(|error| Failure::new(Kind::Other, format!("{named}{error}"), mend))
}

fn refused(address: &str, error: &io::Error) -> Failure {
    let address = screen::escape(address);
    let tls = error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>());
    let (what, mend) = match tls {
        Some(rustls::Error::InvalidCertificate(error)) => {
            let (why, mend) = distrusted(error);
            (
                format!("the certificate of {address} is not to be trusted: {why}"),
                mend,
            )
        }
        // A port of plain text answers in plain text; ours, and OpenSSL's, with this alert.
        Some(rustls::Error::InvalidMessage(_) | rustls::Error::AlertReceived(AlertDescription::ProtocolVersion)) => (
            format!("{address} speaks no TLS: {error}"),
            "is it plain text? then say http://, or the host and port alone",
        ),
        _ => (format!("no TLS with {address}: {error}"), ""),
    };
    Failure::new(Kind::Other, what, mend)
}

/// Why a certificate is not taken, and what to do.
fn distrusted(error: &CertificateError) -> (String, &'static str) {
    let trust = "--ca FILE names a certificate to trust, --insecure trusts any server";
    match error {
        CertificateError::UnknownIssuer => ("nobody who is trusted has signed it".to_owned(), trust),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => (
            screen::escape(&error.to_string()).into_owned(),
            "ask for a name that it has, --insecure trusts any server",
        ),
        CertificateError::Other(OtherError(reason)) => (
            format!("it is signed by nobody but itself, or of a form that is not known ({reason})"),
            trust,
        ),
        _ => (screen::escape(&error.to_string()).into_owned(), trust),
    }
}
