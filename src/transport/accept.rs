//! Accepting connections until the server stops.

use std::{
    future::Future,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use descant_handlers::Peer;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    runtime::Handle,
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{
    Connection, Drain, Draining, End, Ended, Limits, Memory, Serve, Tls, Visit, converse,
    crew::{Accepted, Crew, Host},
    gate::Gate,
    limits::LONGEST,
    listener::{Accepting, Listener},
    load::Seat,
};

/// How long accepting rests after an error such as too many open files: at first, and at most.
const REST: Duration = Duration::from_millis(20);
const LONGEST_REST: Duration = Duration::from_secs(1);
/// What connections are given beyond the grace to notice that they are over.
const LEEWAY: Duration = Duration::from_secs(2);

/// Everything that serving takes.
#[derive(Debug)]
pub(crate) struct Service<S> {
    pub(crate) serve: S,
    pub(crate) listeners: Vec<Listening>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) drain: Drain,
    pub(crate) workers: usize,
}

/// A listener, and what it shows if it speaks TLS.
#[derive(Debug)]
pub(crate) struct Listening {
    pub(crate) listener: Listener,
    pub(crate) tls: Option<Tls>,
}

impl<S> Service<S> {
    /// The paths of the Unix sockets among its listeners.
    pub(crate) fn unix_paths(&self) -> Vec<PathBuf> {
        let paths = self.listeners.iter().filter_map(|one| one.listener.path());
        paths.map(Path::to_owned).collect()
    }
}

impl<S: Serve> Service<S> {
    /// Serves until `shutdown` is ready, then lets what is in flight finish, within the grace that `shutdown` gives.
    pub(crate) async fn run(self, shutdown: impl Future<Output = Duration>) -> io::Result<()> {
        let memory = Memory::new(self.limits.memory_in_all());
        let _held = self.serve.holds(&memory);
        let host = Tasks {
            memory: memory.clone(),
            serve: self.serve.clone(),
            limits: self.limits.clone(),
            draining: self.drain.watch(),
        };
        let _noted = host.serves_on(&Handle::current());
        let crew = Arc::new(Crew::start(self.workers, &host)?);
        let gate = Gate::new(self.limits, memory);
        let mut accepting = JoinSet::new();
        for Listening { listener, tls } in self.listeners {
            let to = (self.serve.clone(), gate.clone(), crew.clone());
            accepting.spawn(accept(listener.start()?, tls, to));
        }
        let grace = shutdown.await.min(LONGEST);
        accepting.shutdown().await;
        self.drain.begin(grace);
        if let Some(crew) = Arc::into_inner(crew)
            && timeout(grace + LEEWAY, crew.end()).await.is_err()
        {
            tracing::warn!("connections outlived the grace; they are cut off");
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
    let memory = Memory::new(limits.memory_in_all());
    let _held = serve.holds(&memory);
    let connection = Arc::new(Connection::sharing(Peer::default(), limits, memory));
    let connected = serve.connected();
    let ended = converse::serve(io, serve, connection, drain.watch()).await;
    connected.ends(End::of(&ended));
    ended
}

/// Accepts for ever.
async fn accept<S: Serve>(
    listener: Accepting,
    tls: Option<Tls>,
    (serve, gate, crew): (S, Arc<Gate>, Arc<Crew<Tasks<S>>>),
) {
    let mut rest = REST;
    loop {
        match listener.accept().await {
            Ok((socket, peer)) => {
                rest = REST;
                match gate.admit(peer.address.map(|address| address.ip())) {
                    Ok(pass) => crew.take(Accepted {
                        socket,
                        peer,
                        tls: tls.clone(),
                        pass,
                    }),
                    Err(full) => {
                        serve.refused(full);
                        tracing::debug!(%peer, "connection refused: {full}");
                    }
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
    memory: Arc<Memory>,
    draining: Draining,
}

impl<S: Serve> Host for Tasks<S> {
    fn host(&self, accepted: Accepted, seat: Seat) {
        let Accepted {
            socket,
            peer,
            tls,
            pass,
        } = accepted;
        if let Err(error) = socket.set_nodelay() {
            tracing::debug!(%peer, %error, "TCP_NODELAY could not be set");
        }
        let connection = Connection::sharing(peer.clone(), self.limits.clone(), self.memory.clone());
        let (serve, draining) = (self.serve.clone(), self.draining.clone());
        let connected = serve.connected();
        tokio::spawn(async move {
            let ended = match tls {
                None => converse::serve(socket, serve, Arc::new(connection), draining).await,
                // A session of rustls takes a kilobyte and more: plain connections need not have room for it.
                Some(tls) => Box::pin(converse::serve_tls(socket, &tls, serve, connection, draining)).await,
            };
            connected.ends(End::of(&ended));
            match ended {
                Ok(()) => tracing::trace!(%peer, "connection closed"),
                Err(ended) if ended.is_notable() => tracing::info!(%peer, "connection closed: {ended}"),
                Err(ended) => tracing::debug!(%peer, "connection closed: {ended}"),
            }
            drop((connected, pass, seat));
        });
    }

    fn serves_on(&self, runtime: &Handle) -> impl Send + 'static {
        self.serve.serves_on(runtime)
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, net::SocketAddr, thread, time::Instant};

    use bytes::Bytes;
    use http::{Request, Response};
    use tokio::{io::AsyncReadExt, net::TcpStream, sync::oneshot, task::JoinHandle};

    use super::*;
    use crate::transport::{Inbound, Outbound, bind};

    /// Names its thread; at `/slow` after a while, at `/never` not at all.
    #[derive(Clone)]
    struct Where;

    impl Serve for Where {
        fn serve(
            &self,
            request: Request<Inbound>,
            _: &Arc<Connection>,
        ) -> impl Future<Output = Response<Outbound>> + Send + use<> {
            async move {
                match request.uri().path() {
                    "/slow" => sleep(Duration::from_millis(300)).await,
                    "/never" => std::future::pending().await,
                    _ => {}
                }
                let mut response = Response::new(Outbound::Empty);
                let thread = format!("{:?}", thread::current().id());
                response.headers_mut().insert("thread", thread.parse().unwrap());
                response
            }
        }
    }

    struct Running {
        address: SocketAddr,
        stop: oneshot::Sender<()>,
        served: JoinHandle<io::Result<()>>,
    }

    async fn start(workers: usize, limits: Limits) -> Running {
        let listeners = bind("127.0.0.1:0", false).await.unwrap();
        let address = listeners[0].address().unwrap().unwrap();
        let service = Service {
            serve: Where,
            listeners: listeners
                .into_iter()
                .map(|listener| Listening { listener, tls: None })
                .collect(),
            limits: Arc::new(limits),
            drain: Drain::new(),
            workers,
        };
        let (stop, stopped) = oneshot::channel();
        let grace = service.limits.grace;
        let served = tokio::spawn(service.run(async move {
            stopped.await.unwrap_or_default();
            grace
        }));
        Running { address, stop, served }
    }

    type Client = h2::client::SendRequest<Bytes>;

    async fn connect(address: SocketAddr) -> Client {
        let socket = TcpStream::connect(address).await.unwrap();
        let (client, connection) = h2::client::handshake(socket).await.unwrap();
        tokio::spawn(connection);
        client
    }

    /// The thread that answered.
    async fn ask(client: &Client, path: &str) -> Result<String, h2::Error> {
        let request = Request::post(format!("http://test{path}")).body(()).unwrap();
        let mut client = client.clone().ready().await?;
        let (response, _) = client.send_request(request, true)?;
        Ok(response.await?.headers()["thread"].to_str().unwrap().to_owned())
    }

    #[tokio::test]
    async fn one_worker_is_the_thread_that_accepts() {
        let running = start(1, Limits::default()).await;
        let client = connect(running.address).await;
        let own = format!("{:?}", thread::current().id());
        assert_eq!(ask(&client, "/").await.unwrap(), own);
    }

    #[tokio::test]
    async fn connections_go_to_whoever_has_fewest() {
        let running = start(3, Limits::default()).await;
        let (mut clients, mut threads) = (Vec::new(), HashMap::new());
        for _ in 0..9 {
            let client = connect(running.address).await;
            *threads.entry(ask(&client, "/").await.unwrap()).or_insert(0) += 1;
            clients.push(client);
        }
        assert_eq!(threads.into_values().collect::<Vec<_>>(), [3, 3, 3]);
        running.stop.send(()).unwrap();
        timeout(Duration::from_secs(5), running.served)
            .await
            .unwrap()
            .unwrap()
            .unwrap();
    }

    #[tokio::test]
    async fn a_stop_lets_requests_finish_and_frees_the_port() {
        for workers in [1, 2] {
            let running = start(workers, Limits::default()).await;
            let clients = [connect(running.address).await, connect(running.address).await];
            let asking = clients
                .clone()
                .map(|client| tokio::spawn(async move { ask(&client, "/slow").await }));
            sleep(Duration::from_millis(100)).await;
            running.stop.send(()).unwrap();
            for asked in asking {
                asked.await.unwrap().unwrap();
            }
            drop(clients);
            timeout(Duration::from_secs(5), running.served)
                .await
                .unwrap()
                .unwrap()
                .unwrap();
            bind(&running.address.to_string(), false).await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_stop_ends_in_spite_of_requests_that_do_not() {
        for workers in [1, 2] {
            let limits = Limits {
                grace: Duration::from_millis(200),
                ..Limits::default()
            };
            let running = start(workers, limits).await;
            let clients = [connect(running.address).await, connect(running.address).await];
            let asking = clients.map(|client| tokio::spawn(async move { ask(&client, "/never").await }));
            sleep(Duration::from_millis(100)).await;
            let since = Instant::now();
            running.stop.send(()).unwrap();
            running.served.await.unwrap().unwrap();
            assert!(since.elapsed() < Duration::from_secs(2), "{:?}", since.elapsed());
            for asked in asking {
                asked.await.unwrap().unwrap_err();
            }
        }
    }

    #[tokio::test]
    async fn one_connection_too_many_is_closed() {
        let limits = Limits {
            connections_per_peer: 1,
            ..Limits::default()
        };
        let running = start(1, limits).await;
        let client = connect(running.address).await;
        ask(&client, "/").await.unwrap();
        let mut refused = TcpStream::connect(running.address).await.unwrap();
        assert_eq!(refused.read(&mut [0]).await.unwrap(), 0);
        ask(&client, "/").await.unwrap();
        drop(client);
        sleep(Duration::from_millis(100)).await;
        ask(&connect(running.address).await, "/").await.unwrap();
    }

    #[tokio::test]
    async fn a_server_that_is_dropped_stops() {
        let running = start(2, Limits::default()).await;
        let client = connect(running.address).await;
        ask(&client, "/").await.unwrap();
        running.served.abort();
        sleep(Duration::from_millis(300)).await;
        ask(&client, "/").await.unwrap_err();
        TcpStream::connect(running.address).await.unwrap_err();
    }
}
