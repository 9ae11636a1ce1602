//! A gateway on the network.

use std::{fmt, future::Future, net::SocketAddr, path::PathBuf, sync::Arc};

use tokio::io::{AsyncRead, AsyncWrite};

use crate::{
    Draining, Error, Gateway, Limits, Tls,
    error::ErrorKind,
    transport::{self, Drain, Listening, Serve, Service, bind},
};

/// A gateway that listens. Connections are accepted once [`serve`](Self::serve) runs.
///
/// ```no_run
/// use descant::{Gateway, Schema, Server, handlers::Echo};
///
/// # async fn example() -> Result<(), descant::Error> {
/// let gateway = Gateway::builder(Schema::load("api.binpb")?).route("*", Echo).build()?;
/// let server = Server::builder(gateway).listen("[::]:50051").bind().await?;
/// server.serve(tokio::signal::ctrl_c()).await
/// # }
/// ```
pub struct Server {
    service: Service<Gateway>,
    addresses: Vec<SocketAddr>,
    unix_paths: Vec<PathBuf>,
}

/// Says where and how a server listens.
#[derive(Clone, Debug)]
#[must_use]
pub struct ServerBuilder {
    gateway: Gateway,
    addresses: Vec<Listener>,
    pub(crate) limits: Limits,
    reuse_port: bool,
    workers: usize,
}

/// Where a server listens, and what it shows there.
type Listener = (String, Option<Tls>);

impl Server {
    /// Where a server listens unless told otherwise: every interface, IPv4 and IPv6.
    pub const DEFAULT_ADDRESS: &str = "[::]:50051";

    /// A server for a gateway.
    pub fn builder(gateway: Gateway) -> ServerBuilder {
        ServerBuilder {
            gateway,
            addresses: Vec::new(),
            limits: Limits::default(),
            reuse_port: false,
            workers: 1,
        }
    }

    /// Where it listens, with the ports that the system chose. A host name may stand for several.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The paths of the Unix sockets that it listens on.
    pub fn unix_paths(&self) -> &[PathBuf] {
        &self.unix_paths
    }

    /// Where it listens, each in the words of [`ServerBuilder::listen`], and whether TLS is spoken there.
    pub fn listeners(&self) -> impl Iterator<Item = (String, bool)> {
        self.service.listeners.iter().filter_map(|Listening { listener, tls }| {
            let address = match listener.path() {
                Some(path) => format!("unix:{}", path.display()),
                None => listener.address()?.ok()?.to_string(),
            };
            Some((address, tls.is_some()))
        })
    }

    /// Knows when the server begins to stop. Whoever keeps calls open waits for it and ends them.
    pub fn draining(&self) -> Draining {
        self.service.drain.watch()
    }

    /// Serves until `shutdown` is ready; dropped, it stops as well.
    ///
    /// Then watchers of `grpc.health.v1` hear `NOT_SERVING`, nothing new is accepted, peers are asked to go elsewhere, and
    /// calls in flight may finish within [`Limits::grace`]; what is left after that ends `UNAVAILABLE`.
    ///
    /// Connections are served on the runtime that this is called on; see [`ServerBuilder::workers`].
    ///
    /// # Errors
    /// If a thread or a listener cannot be started.
    pub async fn serve(self, shutdown: impl Future) -> Result<(), Error> {
        let health = self.service.serve.health().cloned();
        let grace = self.service.limits.grace;
        let shutdown = async {
            shutdown.await;
            if let Some(health) = health {
                health.shutdown();
            }
            grace
        };
        let served = self.service.run(shutdown).await;
        Ok(served.map_err(ErrorKind::Serve)?)
    }
}

impl Gateway {
    /// Serves one connection that came some other way than through a [`Server`]: over a socket
    /// that was inherited, say, or an in-memory pipe. [`Limits::memory`] counts for it alone. Returns when the peer or a limit has ended it; dropped, it is cut off.
    ///
    /// # Errors
    /// If it ended because the peer broke the protocol or a limit, or because reading or writing failed.
    pub async fn serve_connection<T>(&self, io: T, limits: &Limits) -> Result<(), Error>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let served = transport::serve_one(io, self.clone(), Arc::new(limits.clone().bounded())).await;
        Ok(served.map_err(ErrorKind::Connection)?)
    }
}

impl ServerBuilder {
    /// Listens here as well: `127.0.0.1:50051`, `localhost:50051` (all addresses of the name), `:50051` (every interface),
    /// `unix:/run/descant.sock` (a Unix socket; `unix:///run/descant.sock` is the same).
    ///
    /// Without any it is `[::]:50051`, which takes IPv4 too. Port 0 lets the system choose.
    ///
    /// The file of a Unix socket has the permissions that the umask leaves, and is removed once nothing is accepted any more.
    /// One that a process left behind which is gone is replaced; one that somebody listens on is an error.
    pub fn listen(mut self, address: impl Into<String>) -> Self {
        self.addresses.push((address.into(), None));
        self
    }

    /// Listens here as well, and speaks TLS there.
    pub fn listen_tls(mut self, address: impl Into<String>, tls: &Tls) -> Self {
        self.addresses.push((address.into(), Some(tls.clone())));
        self
    }

    /// What peers may take; see there for the defaults.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Shares the port with other servers that ask for the same, for instance a successor: `SO_REUSEPORT`. Default no.
    pub fn reuse_port(mut self, reuse_port: bool) -> Self {
        self.reuse_port = reuse_port;
        self
    }

    /// How many runtimes serve connections: the one that [`Server::serve`] is called on, and for each beyond it a thread of
    /// its own with a current-thread runtime. Default 1.
    ///
    /// On a current-thread runtime with as many workers as cores a call takes half the CPU of tokio's multi-thread
    /// runtime. Handlers then must not block, and what they spawn stays on the runtime of their connection.
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// Listens.
    ///
    /// # Errors
    /// If an address cannot be listened on: a message that says why, and how to mend it.
    pub async fn bind(self) -> Result<Server, Error> {
        let gateway = self.gateway.clone();
        let (service, addresses) = self.listening(gateway).await?;
        Ok(Server {
            unix_paths: service.unix_paths(),
            service,
            addresses,
        })
    }

    /// Listens for whatever answers the requests.
    pub(crate) async fn listening<S: Serve>(mut self, serve: S) -> Result<(Service<S>, Vec<SocketAddr>), Error> {
        if self.addresses.is_empty() {
            self.addresses.push((Server::DEFAULT_ADDRESS.to_owned(), None));
        }
        let mut listeners = Vec::new();
        for (address, tls) in &self.addresses {
            let bound = bind(address, self.reuse_port).await.map_err(ErrorKind::Bind)?;
            listeners.extend(bound.into_iter().map(|listener| Listening {
                listener,
                tls: tls.clone(),
            }));
        }
        let addresses = listeners.iter().filter_map(|one| one.listener.address());
        let addresses = addresses.collect::<Result<_, _>>().map_err(ErrorKind::Serve)?;
        let service = Service {
            serve,
            listeners,
            limits: Arc::new(self.limits.bounded()),
            drain: Drain::new(),
            workers: self.workers,
        };
        Ok((service, addresses))
    }

    /// In what two servers differ that are to be one, if anything.
    pub(crate) fn differs(&self, other: &Self) -> Option<&'static str> {
        let tls = |(own, other): (&Listener, &Listener)| match (&own.1, &other.1) {
            (None, None) => true,
            (Some(own), Some(other)) => own.is_same(other),
            _ => false,
        };
        [
            (self.addresses.iter().zip(&other.addresses).all(tls), "TLS"),
            (self.limits == other.limits, "limits"),
            (self.workers == other.workers, "workers"),
            (self.reuse_port == other.reuse_port, "reuse_port"),
        ]
        .into_iter()
        .find_map(|(same, what)| (!same).then_some(what))
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("addresses", &self.addresses)
            .field("unix_paths", &self.unix_paths)
            .finish_non_exhaustive()
    }
}
