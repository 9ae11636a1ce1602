//! TLS: which certificates a listener shows, and what it asks of clients.
//!
//! rustls, with aws-lc-rs named wherever a provider is needed: what another crate of the same program has made the
//! process's default does not matter.

mod identity;
#[cfg(test)]
mod tests;

use std::{fmt, path::PathBuf, sync::Arc};

use arc_swap::ArcSwap;
use descant_handlers::tls::{Pem, TlsError, certificates, identity};
use tokio_rustls::rustls::{
    RootCertStore, ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
};

use self::identity::Identities;
use crate::{Error, error::ErrorKind};

/// What is spoken, in the order in which it is preferred. RFC 7301; RFC 9113, section 3.2.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// What a listener shows over TLS, and asks of clients. Clones share it, and its [reload](Self::reload).
///
/// ```no_run
/// # fn example() -> Result<descant::Tls, descant::Error> {
/// descant::Tls::builder()
///     .certificate_files("server.crt", "server.key")
///     .client_ca_file("clients.pem")
///     .build()
/// # }
/// ```
///
/// A rustls configuration of your own does as well: `Tls::from(Arc::new(config))`. Offer `h2` and `http/1.1` in it.
#[derive(Clone)]
pub struct Tls(Arc<Shared>);

struct Shared {
    config: ArcSwap<ServerConfig>,
    /// Where it came from; `None`: it was given as it is.
    recipe: Option<TlsBuilder>,
}

/// Says where certificates and keys are.
#[derive(Clone, Debug, Default, PartialEq)]
#[must_use]
pub struct TlsBuilder {
    identities: Vec<(Pem, Pem)>,
    client_ca: Option<Pem>,
    client_optional: bool,
}

impl Tls {
    /// Without a certificate yet.
    pub fn builder() -> TlsBuilder {
        TlsBuilder::default()
    }

    /// Reads its files again. Connections that are open keep what they have; if something is wrong nothing changes.
    ///
    /// # Errors
    /// As [`TlsBuilder::build`].
    pub fn reload(&self) -> Result<(), Error> {
        if let Some(recipe) = &self.0.recipe {
            self.0.config.store(recipe.config().map_err(ErrorKind::Tls)?);
        }
        Ok(())
    }

    pub(super) fn config(&self) -> Arc<ServerConfig> {
        self.0.config.load_full()
    }

    /// Whether both show the same and ask for the same.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (&self.0.recipe, &other.0.recipe) {
            (Some(own), Some(other)) => own == other,
            (None, None) => Arc::ptr_eq(&self.config(), &other.config()),
            _ => false,
        }
    }
}

impl TlsBuilder {
    /// Shows the certificate of this PEM file, the server's own first and then those that lead to its root, and proves
    /// it with the key of the other.
    ///
    /// Of several the one whose names fit what a client asks for is shown (SNI, RFC 6066), else the first.
    pub fn certificate_files(self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.identity(Pem::File(certificate.into()), Pem::File(key.into()))
    }

    /// The same from PEM in memory.
    pub fn certificate(self, certificate: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        self.identity(
            Pem::Memory("the certificate", certificate.into()),
            Pem::Memory("the key", key.into()),
        )
    }

    /// Asks clients for a certificate that one of those in this PEM file has signed; without one they are refused. What
    /// they show is in [`Peer::tls`](crate::handlers::Peer).
    pub fn client_ca_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.client_ca = Some(Pem::File(file.into()));
        self
    }

    /// The same from PEM in memory.
    pub fn client_ca(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.client_ca = Some(Pem::Memory("the client CA", pem.into()));
        self
    }

    /// Lets clients in that have no certificate. One that is not signed by the client CA is refused all the same.
    pub fn client_optional(mut self, optional: bool) -> Self {
        self.client_optional = optional;
        self
    }

    /// Reads it all.
    ///
    /// # Errors
    /// If a file cannot be read, or does not hold what it should: a message that names the file, and how to mend it.
    pub fn build(self) -> Result<Tls, Error> {
        let config = self.config().map_err(ErrorKind::Tls)?;
        Ok(Tls(Arc::new(Shared {
            config: ArcSwap::new(config),
            recipe: Some(self),
        })))
    }

    fn identity(mut self, certificate: Pem, key: Pem) -> Self {
        self.identities.push((certificate, key));
        self
    }

    fn config(&self) -> Result<Arc<ServerConfig>, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let identities = self.identities.iter();
        let identities = identities.map(|(certificate, key)| identity(certificate, key, &provider));
        let identities = Identities::of(identities.collect::<Result<_, _>>()?)?;
        let versions = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions();
        let builder = versions.map_err(TlsError::new)?;
        let builder = match self.clients(provider)? {
            None => builder.with_no_client_auth(),
            Some(verifier) => builder.with_client_cert_verifier(verifier),
        };
        let mut config = builder.with_cert_resolver(Arc::new(identities));
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).into();
        // Sessions are resumed from what clients bring along: nothing is kept for those that do not come back.
        config.ticketer = aws_lc_rs::Ticketer::new().map_err(TlsError::new)?;
        Ok(Arc::new(config))
    }

    fn clients(&self, provider: Arc<CryptoProvider>) -> Result<Option<Arc<dyn ClientCertVerifier>>, TlsError> {
        let Some(source) = &self.client_ca else {
            return Ok(None);
        };
        let mut roots = RootCertStore::empty();
        for certificate in certificates(source)? {
            roots.add(certificate).map_err(|error| unusable(source, &error))?;
        }
        let mut builder = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
        if self.client_optional {
            builder = builder.allow_unauthenticated();
        }
        let verifier = builder.build();
        verifier.map(Some).map_err(|error| unusable(source, &error))
    }
}

fn unusable(source: &Pem, error: &dyn fmt::Display) -> TlsError {
    TlsError::of(source, format_args!("a certificate in it cannot be used: {error}"))
}

impl From<Arc<ServerConfig>> for Tls {
    fn from(config: Arc<ServerConfig>) -> Self {
        Self(Arc::new(Shared {
            config: ArcSwap::new(config),
            recipe: None,
        }))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("recipe", &self.0.recipe)
            .finish_non_exhaustive()
    }
}
