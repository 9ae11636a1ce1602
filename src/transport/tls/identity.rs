//! Which certificate a client is shown.

use std::sync::Arc;

use descant_handlers::tls::TlsError;
use tokio_rustls::rustls::{
    client::verify_server_name,
    pki_types::ServerName,
    server::{ClientHello, ParsedCertificate, ResolvesServerCert},
    sign::CertifiedKey,
};

/// All that a listener has; the first is for clients that ask for none of them.
#[derive(Debug)]
pub(super) struct Identities {
    first: Arc<CertifiedKey>,
    more: Vec<Arc<CertifiedKey>>,
}

impl Identities {
    pub(super) fn of(mut all: Vec<Arc<CertifiedKey>>) -> Result<Self, TlsError> {
        if all.is_empty() {
            return Err(TlsError::new("a certificate and its key are needed"));
        }
        Ok(Self {
            first: all.remove(0),
            more: all,
        })
    }

    /// The first whose names hold what the client asks for, and whose key it can check.
    fn asked_for(&self, hello: &ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = ServerName::try_from(hello.server_name()?).ok()?;
        let named = |identity: &&Arc<CertifiedKey>| {
            let certificate = identity.cert.first();
            let parsed = certificate.and_then(|certificate| ParsedCertificate::try_from(certificate).ok());
            parsed.is_some_and(|parsed| verify_server_name(&parsed, &name).is_ok())
        };
        let able = |identity: &&Arc<CertifiedKey>| identity.key.choose_scheme(hello.signature_schemes()).is_some();
        let mut all = std::iter::once(&self.first).chain(&self.more);
        all.find(|identity| named(identity) && able(identity)).cloned()
    }
}

impl ResolvesServerCert for Identities {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let asked_for = if self.more.is_empty() {
            None
        } else {
            self.asked_for(&hello)
        };
        Some(asked_for.unwrap_or_else(|| self.first.clone()))
    }
}
