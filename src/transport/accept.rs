//! Accepting connections until the server stops.

use std::{
    future::Future,
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net,
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{
    Connection, Drain, Draining, Limits, Serve,
    crew::{Accepted, Crew, Host, Seat},
    gate::Gate,
    http2::{self, Ended},
};

/// How long accepting rests after an error such as too many open files: at first, and at most.
const REST: Duration = Duration::from_millis(20);
const LONGEST_REST: Duration = Duration::from_secs(1);
/// What connections are given beyond `limits.grace` to notice that they are over.
const LEEWAY: Duration = Duration::from_secs(2);

/// Everything that serving takes.
#[derive(Debug)]
pub(crate) struct Service<S> {
    pub(crate) serve: S,
    pub(crate) listeners: Vec<TcpListener>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) drain: Drain,
    pub(crate) workers: usize,
}

impl<S: Serve> Service<S> {
    /// Serves until `shutdown` is ready, then lets what is in flight finish, within `limits.grace`.
    pub(crate) async fn run(self, shutdown: impl Future) -> io::Result<()> {
        let grace = self.limits.grace;
        let host = Tasks {
            serve: self.serve,
            limits: self.limits.clone(),
            draining: self.drain.watch(),
        };
        let crew = Arc::new(Crew::start(self.workers, &host)?);
        let gate = Gate::new(self.limits);
        let mut accepting = JoinSet::new();
        for listener in self.listeners {
            let listener = net::TcpListener::from_std(listener)?;
            accepting.spawn(accept(listener, gate.clone(), crew.clone()));
        }
        shutdown.await;
        accepting.shutdown().await;
        self.drain.begin();
        if let Some(crew) = Arc::into_inner(crew)
            && timeout(grace + LEEWAY, crew.end()).await.is_err()
        {
            tracing::warn!("connections outlived `limits.grace`; they are cut off");
        }
        Ok(())
    }
}

/// Serves a connection that was accepted elsewhere.
pub(crate) async fn serve_one<T, S>(io: T, serve: S, limits: Arc<Limits>) -> Result<(), Ended>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Serve,
{
    let drain = Drain::new();
    let connection = Arc::new(Connection::new(None, limits));
    http2::serve(io, serve, connection, drain.watch()).await
}

/// Accepts for ever.
async fn accept<S: Serve>(listener: net::TcpListener, gate: Arc<Gate>, crew: Arc<Crew<Tasks<S>>>) {
    let mut rest = REST;
    loop {
        match listener.accept().await {
            Ok((socket, peer)) => {
                rest = REST;
                match gate.admit(peer.ip()) {
                    Ok(pass) => crew.take(Accepted { socket, peer, pass }),
                    Err(full) => tracing::debug!(%peer, "connection refused: {full}"),
                }
            }
            Err(error) if is_peers(&error) => tracing::debug!(%error, "a connection was gone before it was accepted"),
            Err(error) => {
                tracing::warn!(%error, "cannot accept connections; trying again in {rest:?}");
                sleep(rest).await;
                rest = LONGEST_REST.min(rest * 2);
            }
        }
    }
}

/// Whether an error is of the connection that was about to be accepted, not of the listener.
fn is_peers(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Serves each connection in a task of its own.
#[derive(Clone, Debug)]
struct Tasks<S> {
    serve: S,
    limits: Arc<Limits>,
    draining: Draining,
}

impl<S: Serve> Host for Tasks<S> {
    fn host(&self, accepted: Accepted, seat: Seat) {
        let Accepted { socket, peer, pass } = accepted;
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%peer, %error, "TCP_NODELAY could not be set");
        }
        let connection = Arc::new(Connection::new(Some(canonical(peer)), self.limits.clone()));
        let served = http2::serve(socket, self.serve.clone(), connection, self.draining.clone());
        tokio::spawn(async move {
            match served.await {
                Ok(()) => tracing::trace!(%peer, "connection closed"),
                Err(ended) if ended.is_mistake() => tracing::info!(%peer, "connection closed: {ended}"),
                Err(ended) => tracing::debug!(%peer, "connection closed: {ended}"),
            }
            drop((pass, seat));
        });
    }
}

/// An IPv4 peer of a dual-stack listener by its own address.
fn canonical(peer: SocketAddr) -> SocketAddr {
    SocketAddr::new(peer.ip().to_canonical(), peer.port())
}
