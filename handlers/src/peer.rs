//! Who calls.

use std::{net::SocketAddr, sync::Arc};

use bytes::Bytes;

/// Who is at the other end of the connection. Cheap to clone.
///
/// What it says is what the connection shows, never what a header claims.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Peer {
    /// The address of the other end; `None` for a Unix socket and for a call made in this process.
    pub address: Option<SocketAddr>,
    /// What TLS proved; `None` without TLS.
    pub tls: Option<Arc<TlsIdentity>>,
}

impl Peer {
    /// A peer at this address, without TLS.
    pub fn at(address: SocketAddr) -> Self {
        Self {
            address: Some(address),
            tls: None,
        }
    }

    /// The same peer, with what TLS proved of it.
    #[must_use]
    pub fn with_tls(mut self, identity: Arc<TlsIdentity>) -> Self {
        self.tls = Some(identity);
        self
    }
}

/// What TLS proved of a peer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsIdentity {
    /// The verified client certificates in DER, the peer's own first; empty if none was asked for.
    pub certificates: Vec<Bytes>,
}

impl TlsIdentity {
    /// An identity of these certificates in DER, the peer's own first.
    pub fn new(certificates: Vec<Bytes>) -> Self {
        Self { certificates }
    }
}
