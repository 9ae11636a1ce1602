//! Asking over TLS: whom to trust.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        self, AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, OtherError, RootCertStore,
        SignatureScheme,
        client::{
            WebPkiServerVerifier,
            danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
            verify_server_name,
        },
        crypto::{CryptoProvider, aws_lc_rs},
        pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
        server::ParsedCertificate,
    },
};

use super::exchange::authority;
use crate::cli::{
    failure::{Failure, Kind},
    screen,
    sources::shown,
};

/// Where systems keep the certificates that they trust.
const SYSTEM: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

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
    let connector = TlsConnector::from(Arc::new(config(trust)?));
    let connected = connector.connect(name, stream).await;
    connected.map_err(|error| refused(address, &error))
}

fn config(trust: &Trust) -> Result<ClientConfig, Failure> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| Failure::new(Kind::Other, error, ""))?;
    let verifier: Arc<dyn ServerCertVerifier> = match trust {
        Trust::Anybody => Arc::new(Anybody(provider)),
        Trust::File(file) => Arc::new(Listed::new(file, provider)?),
        Trust::System => Arc::new(Listed::new(&system()?, provider)?),
    };
    // It says who is to be trusted, whatever the way.
    let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
    let mut config = builder.with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}

/// The system's own file; `SSL_CERT_FILE` names another, as it does for OpenSSL and Go.
fn system() -> Result<PathBuf, Failure> {
    let mut known = SYSTEM.iter().map(PathBuf::from);
    let named = env::var_os("SSL_CERT_FILE").map(PathBuf::from);
    named.or_else(|| known.find(|file| file.exists())).ok_or_else(|| {
        Failure::new(
            Kind::Other,
            "this system has no file of certificates that it trusts",
            "--ca FILE names one, --insecure trusts any server",
        )
    })
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

/// Takes what one of the certificates of a file has signed, and those certificates themselves. `openssl req -x509` and its
/// like make certificates of authorities, which servers then show as their own.
#[derive(Debug)]
struct Listed {
    signed: Arc<WebPkiServerVerifier>,
    certificates: Vec<CertificateDer<'static>>,
}

impl Listed {
    fn new(file: &Path, provider: Arc<CryptoProvider>) -> Result<Self, Failure> {
        let failed = |what: String| Failure::new(Kind::Other, format!("--ca {}: {what}", shown(file)), "");
        let bytes = fs::read(file).map_err(|error| failed(error.to_string()))?;
        let found = CertificateDer::pem_slice_iter(&bytes).filter_map(Result::ok);
        let certificates: Vec<_> = found.collect();
        let mut roots = RootCertStore::empty();
        // A system's file may have some that are too old to be read.
        if roots.add_parsable_certificates(certificates.iter().cloned()).0 == 0 {
            return Err(failed("there is no certificate in it that can be used".to_owned()));
        }
        let signed = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
        let signed = signed.map_err(|error| failed(error.to_string()))?;
        Ok(Self { signed, certificates })
    }
}

impl ServerCertVerifier for Listed {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match self.signed.verify_server_cert(shown, between, name, ocsp, now) {
            // An authority's own. By then its dates are checked, its name is not.
            Err(rustls::Error::InvalidCertificate(CertificateError::Other(_))) if self.certificates.contains(shown) => {
                verify_server_name(&ParsedCertificate::try_from(shown)?, name)?;
                Ok(ServerCertVerified::assertion())
            }
            result => result,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.signed.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.signed.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.signed.supported_verify_schemes()
    }
}

/// Takes every certificate, as long as whoever shows it has its key.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
