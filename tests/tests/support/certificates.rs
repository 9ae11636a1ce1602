//! Certificates, made as they are needed, and clients that trust them.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tokio::net::TcpStream;
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
    },
};

use super::soon;

/// How many authorities there are.
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// Signs certificates.
pub(crate) struct Authority {
    pub(crate) pem: String,
    der: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key, in PEM.
#[derive(Clone)]
pub(crate) struct Issued {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([]).unwrap();
        // Two of one name would be taken for each other.
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        params
            .distinguished_name
            .push(DnType::CommonName, format!("authority {number}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        Self {
            pem: certificate.pem(),
            der: certificate.der().clone(),
            issuer: Issuer::new(params, key),
        }
    }

    pub(crate) fn issue(&self, name: &str) -> Issued {
        self.sign(&CertificateParams::new([name.to_owned()]).unwrap())
    }

    /// A certificate whose time is over.
    pub(crate) fn issue_expired(&self, name: &str) -> Issued {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(2001, 1, 1);
        self.sign(&params)
    }

    fn sign(&self, params: &CertificateParams) -> Issued {
        let key = KeyPair::generate().unwrap();
        Issued {
            certificate: params.signed_by(&key, &self.issuer).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }

    /// A client that trusts this authority.
    pub(crate) fn client(&self) -> Client {
        Client {
            roots: vec![self.der.clone()],
            name: "descant.test",
            protocols: vec![b"h2".to_vec()],
            certificate: None,
        }
    }
}

impl Issued {
    pub(crate) fn der(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.certificate.as_bytes()).unwrap()
    }
}

/// How a client connects.
pub(crate) struct Client {
    roots: Vec<CertificateDer<'static>>,
    name: &'static str,
    protocols: Vec<Vec<u8>>,
    certificate: Option<Issued>,
}

impl Client {
    pub(crate) fn name(mut self, name: &'static str) -> Self {
        self.name = name;
        self
    }

    pub(crate) fn protocols(mut self, protocols: &[&str]) -> Self {
        self.protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        self
    }

    pub(crate) fn shows(mut self, certificate: &Issued) -> Self {
        self.certificate = Some(certificate.clone());
        self
    }

    /// Connects; over TLS 1.3 a server's refusal of a certificate comes after that, with the first bytes.
    pub(crate) async fn connect(self, address: SocketAddr) -> io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(self.roots);
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match self.certificate {
            None => builder.with_no_client_auth(),
            Some(shown) => {
                let key = PrivateKeyDer::from_pem_slice(shown.key.as_bytes()).unwrap();
                builder.with_client_auth_cert(vec![shown.der()], key).unwrap()
            }
        };
        config.alpn_protocols = self.protocols;
        let socket = TcpStream::connect(address).await?;
        let name = ServerName::try_from(self.name).unwrap();
        soon(TlsConnector::from(Arc::new(config)).connect(name, socket)).await
    }
}
