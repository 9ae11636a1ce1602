//! The facts of a connection.

use std::{net::SocketAddr, sync::Arc};

use super::Limits;

/// What the streams of one connection share.
#[derive(Debug)]
pub(crate) struct Connection {
    address: Option<SocketAddr>,
    limits: Arc<Limits>,
}

impl Connection {
    /// A connection from `address`, if it has one.
    pub(crate) fn new(address: Option<SocketAddr>, limits: Arc<Limits>) -> Self {
        Self { address, limits }
    }

    /// Where the peer is.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// The limits that the listener was given.
    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }
}
