//! Which certificate a client is shown.

use std::sync::Arc;

use tokio_rustls::rustls::{
    Error, InconsistentKeys,
    client::verify_server_name,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, ServerName},
    server::{ClientHello, ParsedCertificate, ResolvesServerCert},
    sign::{CertifiedKey, SigningKey},
};

use super::{
    TlsError,
    pem::{self, Source},
};

/// All that a listener has; the first is for clients that ask for none of them.
#[derive(Debug)]
pub(super) struct Identities {
    first: Arc<CertifiedKey>,
    more: Vec<Arc<CertifiedKey>>,
}

/// A certificate, with those that lead to its root, and its key.
pub(super) fn read(
    certificate: &Source,
    key: &Source,
    provider: &CryptoProvider,
) -> Result<Arc<CertifiedKey>, TlsError> {
    let chain = pem::certificates(certificate)?;
    let signing = provider.key_provider.load_private_key(pem::key(key)?);
    let signing = signing.map_err(|error| TlsError::of(key, format_args!("the key cannot be used: {error}")))?;
    let identity = CertifiedKey::new(chain, signing);
    match identity.keys_match() {
        // Not every kind of key tells its other half.
        Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(Arc::new(identity)),
        Err(Error::InconsistentKeys(_)) => Err(mismatch(certificate, key, &identity)),
        Err(error) => Err(TlsError::broken(certificate, &error)),
    }
}

/// Why a key does not fit.
fn mismatch(certificate: &Source, key: &Source, identity: &CertifiedKey) -> TlsError {
    let fits = |other: &CertificateDer<'static>| fits(other, &identity.key);
    if identity.cert.iter().any(fits) {
        let what = "the certificates are in the wrong order: the server's own, which its key belongs to, comes first";
        return TlsError::of(certificate, what);
    }
    TlsError::of(
        key,
        format_args!("the key does not belong to the certificate in {certificate}"),
    )
}

fn fits(certificate: &CertificateDer<'static>, key: &Arc<dyn SigningKey>) -> bool {
    CertifiedKey::new(vec![certificate.clone()], key.clone())
        .keys_match()
        .is_ok()
}

impl Identities {
    pub(super) fn of(mut all: Vec<Arc<CertifiedKey>>) -> Result<Self, TlsError> {
        if all.is_empty() {
            return Err(TlsError::no_certificate());
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
