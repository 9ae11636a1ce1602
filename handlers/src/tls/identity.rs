//! A certificate and the key that belongs to it.

use std::sync::Arc;

use tokio_rustls::rustls::{
    Error, InconsistentKeys,
    crypto::CryptoProvider,
    pki_types::CertificateDer,
    sign::{CertifiedKey, SigningKey},
};

use super::{Half, Pem, TlsError, key as private_key, pem};

/// A certificate, with those that lead to its root, and its key.
pub fn identity(certificate: &Pem, key: &Pem, provider: &CryptoProvider) -> Result<Arc<CertifiedKey>, TlsError> {
    let of_certificate = |error: TlsError| error.about(Half::Certificate);
    let of_key = |error: TlsError| error.about(Half::Key);
    let chain = pem::chain(certificate).map_err(of_certificate)?;
    let signing = provider
        .key_provider
        .load_private_key(private_key(key).map_err(of_key)?);
    let signing =
        signing.map_err(|error| of_key(TlsError::of(key, format_args!("the key cannot be used: {error}"))))?;
    let identity = CertifiedKey::new(chain, signing);
    match identity.keys_match() {
        // Not every kind of key tells its other half.
        Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(Arc::new(identity)),
        Err(Error::InconsistentKeys(_)) => Err(mismatch(certificate, key, &identity)),
        Err(error) => Err(of_certificate(TlsError::of(
            certificate,
            format_args!("a certificate in it cannot be used: {error}"),
        ))),
    }
}

/// Why a key does not fit.
fn mismatch(certificate: &Pem, key: &Pem, identity: &CertifiedKey) -> TlsError {
    let fits = |other: &CertificateDer<'static>| fits(other, &identity.key);
    if identity.cert.iter().any(fits) {
        let what = "the certificates are in the wrong order: the server's own, which its key belongs to, comes first";
        return TlsError::of(certificate, what).about(Half::Certificate);
    }
    let what =
        format_args!("the key does not belong to the certificate in {certificate}: name the one that it was made with");
    TlsError::of(key, what).about(Half::Key)
}

fn fits(certificate: &CertificateDer<'static>, key: &Arc<dyn SigningKey>) -> bool {
    CertifiedKey::new(vec![certificate.clone()], key.clone())
        .keys_match()
        .is_ok()
}
