//! How many connections there may be, in all and from one peer.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{Limits, Memory};

/// Counts open connections.
#[derive(Debug)]
pub(super) struct Gate {
    limits: Arc<Limits>,
    memory: Arc<Memory>,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    all: usize,
    from: HashMap<Network, usize>,
}

/// What counts as one peer: an IPv4 address, or the IPv6 network that one customer usually has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Network {
    V4(Ipv4Addr),
    V6(u64),
}

/// A connection that was let in; dropped, it makes room for another.
#[derive(Debug)]
pub(super) struct Pass {
    gate: Arc<Gate>,
    /// `None` for a peer on this machine, over a Unix socket.
    network: Option<Network>,
}

/// The limit that keeps a connection out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Full {
    #[error("`limits.connections` are open")]
    All,
    #[error("`limits.connections_per_peer` are open from that peer")]
    Peer,
    #[error("more than `limits.memory` is held")]
    Memory,
}

impl Full {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::All, Self::Peer, Self::Memory];

    /// The limit's name among `limits`.
    pub(crate) fn limit(self) -> &'static str {
        match self {
            Self::All => "connections",
            Self::Peer => "connections_per_peer",
            Self::Memory => "memory",
        }
    }
}

impl Gate {
    pub(super) fn new(limits: Arc<Limits>, memory: Arc<Memory>) -> Arc<Self> {
        Arc::new(Self {
            limits,
            memory,
            open: Mutex::default(),
        })
    }

    /// Lets a connection in, if there is room for it. Those of Unix sockets count in all only: they are of one machine.
    pub(super) fn admit(self: &Arc<Self>, peer: Option<IpAddr>) -> Result<Pass, Full> {
        let network = peer.map(Network::of);
        let mut open = self.open();
        if self.memory.is_over() {
            return Err(Full::Memory);
        }
        if open.all >= self.limits.connections {
            return Err(Full::All);
        }
        if let Some(network) = network {
            let from = open.from.entry(network).or_default();
            // A peer that has none open may open one even where the limit is 0; an entry of 0 does not stay.
            if *from >= self.limits.connections_per_peer.max(1) {
                return Err(Full::Peer);
            }
            *from += 1;
        }
        open.all += 1;
        Ok(Pass {
            gate: self.clone(),
            network,
        })
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut open = self.gate.open();
        open.all -= 1;
        let Some(network) = self.network else {
            return;
        };
        if let Some(from) = open.from.get_mut(&network) {
            *from -= 1;
            if *from == 0 {
                open.from.remove(&network);
            }
        }
    }
}

impl Network {
    fn of(peer: IpAddr) -> Self {
        // A dual-stack listener sees IPv4 peers as mapped addresses.
        match peer.to_canonical() {
            IpAddr::V4(address) => Self::V4(address),
            IpAddr::V6(address) => Self::V6((u128::from(address) >> 64) as u64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(connections: usize, connections_per_peer: usize) -> Arc<Gate> {
        let limits = Limits {
            connections,
            connections_per_peer,
            ..Limits::default()
        };
        Gate::new(Arc::new(limits), Memory::new(usize::MAX))
    }

    fn peer(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_peer_fills_its_own_share_only() {
        let gate = gate(10, 2);
        let first = gate.admit(Some(peer("2001:db8::1"))).unwrap();
        let _second = gate.admit(Some(peer("2001:db8::2"))).unwrap();
        assert_eq!(gate.admit(Some(peer("2001:db8::3"))).unwrap_err(), Full::Peer);
        let _other = gate.admit(Some(peer("2001:db8:0:1::1"))).unwrap();
        drop(first);
        gate.admit(Some(peer("2001:db8::3"))).unwrap();
    }

    #[test]
    fn a_mapped_address_is_the_ipv4_one() {
        let gate = gate(10, 1);
        let _pass = gate.admit(Some(peer("::ffff:192.0.2.1"))).unwrap();
        assert_eq!(gate.admit(Some(peer("192.0.2.1"))).unwrap_err(), Full::Peer);
    }

    #[test]
    fn a_unix_socket_counts_in_all_only() {
        let gate = gate(2, 1);
        let _passes = [gate.admit(None).unwrap(), gate.admit(None).unwrap()];
        assert_eq!(gate.admit(None).unwrap_err(), Full::All);
    }

    #[test]
    fn nothing_is_left_of_connections_that_are_closed() {
        let gate = gate(1, 1);
        drop(gate.admit(Some(peer("192.0.2.1"))).unwrap());
        let _pass = gate.admit(Some(peer("192.0.2.2"))).unwrap();
        assert_eq!(gate.admit(Some(peer("192.0.2.3"))).unwrap_err(), Full::All);
        assert_eq!(gate.open().from.len(), 1);
    }
}
