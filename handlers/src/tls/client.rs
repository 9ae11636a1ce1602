//! How a client of TLS connects: whom it trusts, and what it shows.

use std::{path::PathBuf, sync::Arc};

use tokio_rustls::rustls::{
    ClientConfig, client::danger::ServerCertVerifier, crypto::aws_lc_rs, pki_types::ServerName, sign::SingleCertAndKey,
};

use super::{
    Pem, TlsError, identity,
    trust::{Anybody, Listed},
};

/// How to connect over TLS: whom to trust, under which name, and what to show. By default servers are trusted whose
/// certificate one of the platform's store has signed, for the name in the URL; nothing is shown.
///
/// ```
/// use descant_handlers::tls::ClientTls;
///
/// let tls = ClientTls::new()
///     .ca_file("authority.pem")
///     .certificate_files("gateway.crt", "gateway.key")
///     .server_name("orders.internal");
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[must_use]
pub struct ClientTls {
    ca: Option<Pem>,
    identity: Option<(Pem, Pem)>,
    server_name: Option<String>,
    insecure: bool,
}

impl ClientTls {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Trusts servers whose certificate one of those in this PEM file has signed, or that show one of them, and no others.
    pub fn ca_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.ca = Some(Pem::File(file.into()));
        self
    }

    /// The same from PEM in memory.
    pub fn ca(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.ca = Some(Pem::Memory("the CA", pem.into()));
        self
    }

    /// Shows the certificate of this PEM file to servers that ask for one, and proves it with the key of the other.
    pub fn certificate_files(mut self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.identity = Some((Pem::File(certificate.into()), Pem::File(key.into())));
        self
    }

    /// The same from PEM in memory.
    pub fn certificate(mut self, certificate: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        self.identity = Some((
            Pem::Memory("the client certificate", certificate.into()),
            Pem::Memory("the client key", key.into()),
        ));
        self
    }

    /// Asks for this name (SNI, RFC 6066), which the server's certificate must have, in the place of the URL's host.
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.server_name = Some(name.into());
        self
    }

    /// Trusts whoever answers, under any name: what is sent may be read and changed by anybody on the way.
    pub fn insecure(mut self, insecure: bool) -> Self {
        self.insecure = insecure;
        self
    }

    /// The name to ask for at this host: a name, or an address without brackets.
    ///
    /// # Errors
    /// If it is neither.
    pub fn name(&self, host: &str) -> Result<ServerName<'static>, TlsError> {
        let name = self.server_name.as_deref().unwrap_or(host);
        let parsed = ServerName::try_from(name.to_owned());
        parsed.map_err(|_| TlsError::new(format_args!("{name:?} is no name that a certificate can have")))
    }

    /// Reads it all. HTTP/2 is the one protocol that is offered (ALPN, RFC 7301).
    ///
    /// # Errors
    /// If a file cannot be read, or does not hold what it should: a message that names the file, and how to mend it.
    pub fn config(&self) -> Result<Arc<ClientConfig>, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier: Arc<dyn ServerCertVerifier> = match (&self.ca, self.insecure) {
            (Some(_), true) => return Err(TlsError::new("whoever answers is trusted: a CA makes no difference")),
            (None, true) => Arc::new(Anybody),
            (Some(ca), false) => Arc::new(Listed::of(ca, provider.clone())?),
            (None, false) => Arc::new(Listed::platform(provider.clone())?),
        };
        let builder = ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions();
        let builder = builder.map_err(TlsError::new)?;
        // It says who is to be trusted, whatever the way.
        let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
        let mut config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let shown = identity(certificate, key, &provider)?;
                builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::unwrap_or_clone(shown))))
            }
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Arc::new(config))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_no_sense_is_refused() {
        let both = ClientTls::new().ca("x").insecure(true);
        assert!(both.config().unwrap_err().to_string().contains("makes no difference"));
        let empty = ClientTls::new().ca("x").config().unwrap_err();
        assert!(empty.to_string().starts_with("TLS: the CA: "), "{empty}");
        let gone = ClientTls::new().ca_file("/nowhere/ca.pem").config().unwrap_err();
        assert!(
            gone.to_string().starts_with("TLS: cannot read /nowhere/ca.pem: "),
            "{gone}"
        );
        let name = ClientTls::new().server_name("a b").name("orders").unwrap_err();
        assert_eq!(name.to_string(), "TLS: \"a b\" is no name that a certificate can have");
    }

    #[test]
    fn the_name_is_the_hosts_unless_it_is_set() {
        assert_eq!(ClientTls::new().name("orders").unwrap().to_str(), "orders");
        assert_eq!(ClientTls::new().name("::1").unwrap().to_str(), "::1");
        let named = ClientTls::new().server_name("other");
        assert_eq!(named.name("orders").unwrap().to_str(), "other");
    }
}
