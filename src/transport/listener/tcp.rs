//! Listening on addresses of the network.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener},
};

use socket2::{Domain, Protocol, Socket, Type};

use super::{BACKLOG, BindError};

/// Listens on `address`: an IP address and a port, a host name and a port (all of its addresses), or `:port` (every
/// interface). `[::]` takes IPv4 as well, and only IPv4 where the machine has no IPv6.
pub(super) async fn bind(address: &str, reuse_port: bool) -> Result<Vec<TcpListener>, BindError> {
    let mut listeners: Vec<TcpListener> = Vec::new();
    let mut refused = None;
    for mut resolved in resolve(address).await? {
        // One port for all addresses of a name, also if the system chooses it.
        if let (0, Some(first)) = (resolved.port(), listeners.first()) {
            resolved.set_port(first.local_addr().map_or(0, |first| first.port()));
        }
        match open(resolved, reuse_port) {
            Ok(listener) => listeners.push(listener),
            // A name often stands for an IPv6 address that the machine does not have.
            Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => refused = Some((resolved, error)),
            Err(error) => return Err(BindError::new(resolved, error)),
        }
    }
    match (listeners.is_empty(), refused) {
        (true, Some((resolved, error))) => Err(BindError::new(resolved, error)),
        (true, None) => Err(BindError::unresolved(address, None)),
        (false, _) => Ok(listeners),
    }
}

async fn resolve(address: &str) -> Result<Vec<SocketAddr>, BindError> {
    if let Ok(address) = address.parse() {
        return Ok(vec![address]);
    }
    if let Some(Ok(port)) = address.strip_prefix(':').map(str::parse) {
        return Ok(vec![SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port)]);
    }
    let mut found = Vec::new();
    let resolved = tokio::net::lookup_host(address).await;
    for address in resolved.map_err(|error| BindError::unresolved(address, Some(error)))? {
        if !found.contains(&address) {
            found.push(address);
        }
    }
    Ok(found)
}

fn open(address: SocketAddr, reuse_port: bool) -> io::Result<TcpListener> {
    let opened = listen(address, reuse_port);
    match &opened {
        Err(error) if address.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED) && !is_refusal(error) => {
            let fallback = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), address.port());
            // If neither works, what stood in the way of what was asked for is said.
            listen(fallback, reuse_port).or(opened)
        }
        _ => opened,
    }
}

/// Whether the machine could listen there but must not: another address would be no remedy.
fn is_refusal(error: &io::Error) -> bool {
    use io::ErrorKind::{AddrInUse, PermissionDenied};
    matches!(error.kind(), AddrInUse | PermissionDenied)
}

fn listen(address: SocketAddr, reuse_port: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(address.ip() != IpAddr::V6(Ipv6Addr::UNSPECIFIED))?;
    }
    // On Unix it lets a server start again while connections of the last one fade; elsewhere it would share the port.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    #[cfg(unix)]
    if reuse_port {
        socket.set_reuse_port(true)?;
    }
    #[cfg(not(unix))]
    if reuse_port {
        return Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "ports cannot be shared on this system",
        ));
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

impl BindError {
    fn new(address: SocketAddr, source: io::Error) -> Self {
        let port = address.port();
        let what = match source.kind() {
            io::ErrorKind::AddrInUse => format!(
                "port {port} is taken; `ss -ltnp 'sport = :{port}'` (or `lsof -nP -iTCP:{port} -sTCP:LISTEN`) shows by \
                 whom. Stop that process, choose another port, or start both with `--reuse-port` to share it"
            ),
            io::ErrorKind::PermissionDenied => format!(
                "the system does not allow it ({source}); ports below 1024 take a privilege \
                 (CAP_NET_BIND_SERVICE on Linux), so choose a higher one than {port} or grant it"
            ),
            io::ErrorKind::AddrNotAvailable => {
                "no interface of this machine has that address; `[::]` stands for all of them".to_owned()
            }
            _ => source.to_string(),
        };
        Self {
            address: address.to_string(),
            what,
            source: Some(source),
        }
    }

    fn unresolved(address: &str, source: Option<io::Error>) -> Self {
        let reason = source
            .as_ref()
            .map_or_else(|| "it has no addresses".to_owned(), ToString::to_string);
        Self {
            address: format!("`{}`", address.escape_debug()),
            what: format!(
                "{reason}; an address is HOST:PORT, such as `[::]:50051`, `127.0.0.1:50051` or `localhost:50051`, or \
                 unix:PATH"
            ),
            source,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(listener: &TcpListener) -> SocketAddr {
        listener.local_addr().unwrap()
    }

    #[tokio::test]
    async fn the_unspecified_address_takes_both_families() {
        let bound = bind("[::]:0", false).await.unwrap();
        let [listener] = bound.as_slice() else {
            panic!("one listener was expected: {bound:?}")
        };
        listener.set_nonblocking(false).unwrap();
        let port = address(listener).port();
        std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
        listener.accept().unwrap();
        if address(listener).is_ipv6() {
            std::net::TcpStream::connect(("::1", port)).unwrap();
            listener.accept().unwrap();
        }
    }

    #[tokio::test]
    async fn a_port_that_is_taken_is_named_with_a_remedy() {
        let first = bind("127.0.0.1:0", false).await.unwrap();
        let taken = address(&first[0]).to_string();
        let error = bind(&taken, false).await.unwrap_err().to_string();
        for part in [taken.as_str(), "is taken", "ss -ltnp", "--reuse-port"] {
            assert!(error.contains(part), "{error}");
        }
        let wide = format!("[::]:{}", address(&first[0]).port());
        assert!(bind(&wide, false).await.unwrap_err().to_string().contains("is taken"));
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_port_is_shared_by_those_who_both_ask_for_it() {
        let first = bind("127.0.0.1:0", true).await.unwrap();
        let taken = address(&first[0]).to_string();
        bind(&taken, true).await.unwrap();
        bind(&taken, false).await.unwrap_err();
    }

    #[tokio::test]
    async fn a_name_stands_for_all_of_its_addresses_with_one_port() {
        let bound = bind("localhost:0", false).await.unwrap();
        assert!(bound.iter().all(|listener| address(listener).ip().is_loopback()));
        assert!(
            bound
                .iter()
                .all(|listener| address(listener).port() == address(&bound[0]).port())
        );
    }

    #[tokio::test]
    async fn a_bare_port_is_every_interface() {
        let bound = bind(":0", false).await.unwrap();
        assert!(address(&bound[0]).ip().is_unspecified());
    }

    #[tokio::test]
    async fn what_is_no_address_is_told_what_one_is() {
        for wrong in ["localhost", "50051", "", "no such host:1", "127.0.0.1:99999"] {
            let error = bind(wrong, false).await.unwrap_err().to_string();
            assert!(error.contains("HOST:PORT"), "{error}");
        }
    }

    #[tokio::test]
    async fn an_address_of_another_machine_is_refused() {
        let error = bind("192.0.2.1:0", false).await.unwrap_err().to_string();
        assert!(error.contains("no interface of this machine"), "{error}");
    }
}
