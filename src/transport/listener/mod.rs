//! Binding: from what a user wrote to sockets that listen.

mod tcp;
#[cfg(unix)]
mod unix;

use std::{
    io,
    net::{SocketAddr, TcpListener},
    path::Path,
};

use descant_handlers::Peer;
use tokio::net;

use super::link::Link;

/// Connections that the kernel keeps until they are accepted; it lowers this to its own limit.
const BACKLOG: i32 = 4096;
/// What stands before the path of a Unix socket.
pub(crate) const UNIX: &str = "unix:";

/// A socket that listens.
#[derive(Debug)]
pub(crate) enum Listener {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(unix::UnixSocket),
}

/// The same on the runtime that it was started on.
#[derive(Debug)]
pub(super) enum Accepting {
    Tcp(net::TcpListener),
    #[cfg(unix)]
    Unix {
        listener: net::UnixListener,
        /// Removes the file once nothing is accepted any more.
        _place: unix::Place,
    },
}

/// Why an address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {what}")]
pub(crate) struct BindError {
    address: String,
    what: String,
    #[source]
    source: Option<io::Error>,
}

/// Listens on `address`: an IP address and a port, a host name and a port (all of its addresses), `:port` (every
/// interface), or `unix:` and the path of a socket. `[::]` takes IPv4 as well, and only IPv4 where the machine has no IPv6.
pub(crate) async fn bind(address: &str, reuse_port: bool) -> Result<Vec<Listener>, BindError> {
    if let Some(path) = address.strip_prefix(UNIX) {
        // `unix:///path` is how names of gRPC have it.
        return Ok(vec![bind_unix(path.strip_prefix("//").unwrap_or(path))?]);
    }
    let bound = tcp::bind(address, reuse_port).await?;
    Ok(bound.into_iter().map(Listener::Tcp).collect())
}

#[cfg(unix)]
fn bind_unix(path: &str) -> Result<Listener, BindError> {
    unix::bind(Path::new(path)).map(Listener::Unix)
}

#[cfg(not(unix))]
fn bind_unix(path: &str) -> Result<Listener, BindError> {
    Err(BindError {
        address: format!("{UNIX}{}", path.escape_debug()),
        what: "this system has no Unix sockets".to_owned(),
        source: None,
    })
}

impl Listener {
    /// Where it listens; `None` for a Unix socket.
    pub(crate) fn address(&self) -> Option<io::Result<SocketAddr>> {
        match self {
            Self::Tcp(listener) => Some(listener.local_addr()),
            #[cfg(unix)]
            Self::Unix(_) => None,
        }
    }

    /// The path of a Unix socket.
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Self::Tcp(_) => None,
            #[cfg(unix)]
            Self::Unix(socket) => Some(socket.path()),
        }
    }

    /// Begins to accept.
    pub(super) fn start(self) -> io::Result<Accepting> {
        Ok(match self {
            Self::Tcp(listener) => Accepting::Tcp(net::TcpListener::from_std(listener)?),
            #[cfg(unix)]
            Self::Unix(socket) => {
                let (listener, place) = socket.into_parts();
                Accepting::Unix {
                    listener: net::UnixListener::from_std(listener)?,
                    _place: place,
                }
            }
        })
    }
}

impl Accepting {
    /// The next connection, and who is at its other end.
    pub(super) async fn accept(&self) -> io::Result<(Link, Peer)> {
        match self {
            Self::Tcp(listener) => {
                let (socket, peer) = listener.accept().await?;
                Ok((Link::Tcp(socket), Peer::at(canonical(peer))))
            }
            #[cfg(unix)]
            Self::Unix { listener, .. } => {
                let (socket, _) = listener.accept().await?;
                let peer = unix::peer(&socket)?;
                Ok((Link::Unix(socket), peer))
            }
        }
    }
}

/// An IPv4 peer of a dual-stack listener by its own address.
fn canonical(peer: SocketAddr) -> SocketAddr {
    SocketAddr::new(peer.ip().to_canonical(), peer.port())
}
