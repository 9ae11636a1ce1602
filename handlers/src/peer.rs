//! Who calls.

use std::{fmt, net::SocketAddr, sync::Arc};

use bytes::Bytes;

/// Who is at the other end of the connection. Cheap to clone.
///
/// What it says is what the connection shows, never what a header claims.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Peer {
    /// The address of the other end; `None` for a Unix socket and for a call made in this process.
    pub address: Option<SocketAddr>,
    /// Which process of this machine it is; `None` where the connection is no Unix socket.
    pub unix: Option<UnixIdentity>,
    /// What TLS proved; `None` without TLS.
    pub tls: Option<Arc<TlsIdentity>>,
}

impl Peer {
    /// A peer at this address, without TLS.
    pub fn at(address: SocketAddr) -> Self {
        Self {
            address: Some(address),
            ..Self::default()
        }
    }

    /// A process of this machine, at the other end of a Unix socket.
    pub fn on_this_machine(identity: UnixIdentity) -> Self {
        Self {
            unix: Some(identity),
            ..Self::default()
        }
    }

    /// The same peer, with what TLS proved of it.
    #[must_use]
    pub fn with_tls(mut self, identity: Arc<TlsIdentity>) -> Self {
        self.tls = Some(identity);
        self
    }
}

/// As logs name it: its address, or what is known of its process.
impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.address, self.unix) {
            (Some(address), _) => address.fmt(f),
            (None, Some(identity)) => identity.fmt(f),
            (None, None) => f.write_str("unknown"),
        }
    }
}

/// What the kernel says of the process at the other end of a Unix socket: who it was when it connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnixIdentity {
    /// The number of its user.
    pub uid: u32,
    /// The number of its group.
    pub gid: u32,
    /// The number of the process, where the system tells.
    pub pid: Option<i32>,
}

impl UnixIdentity {
    /// A process of this user and this group.
    pub fn new(uid: u32, gid: u32) -> Self {
        Self { uid, gid, pid: None }
    }

    /// The same, with the number of the process.
    #[must_use]
    pub fn with_pid(mut self, pid: i32) -> Self {
        self.pid = Some(pid);
        self
    }
}

/// `unix:uid=1000,gid=1000,pid=4711`.
impl fmt::Display for UnixIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unix:uid={},gid={}", self.uid, self.gid)?;
        match self.pid {
            None => Ok(()),
            Some(pid) => write!(f, ",pid={pid}"),
        }
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
