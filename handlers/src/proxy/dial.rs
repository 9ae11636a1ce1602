//! From an address to a connection that speaks HTTP.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream, rustls::pki_types::ServerName};

use super::{
    endpoint::{Address, Endpoint},
    line::Line,
    misfit::{ConnectError, Unfit},
    options::ProxyOptions,
    pool::Pool,
    upstream::Upstream,
};

/// How TLS is spoken, and the name that a certificate must have.
pub(super) struct Secure {
    pub(super) connector: TlsConnector,
    pub(super) name: ServerName<'static>,
    /// What is spoken inside: HTTP/1.1, or HTTP/2.
    pub(super) http1: bool,
}

/// A connection that is being made, until it is there or will not be, whatever becomes of the task that makes it.
pub(super) struct Dialling {
    pub(super) pool: Arc<Pool>,
    pub(super) endpoint: Arc<Endpoint>,
}

impl Drop for Dialling {
    fn drop(&mut self) {
        self.endpoint.dialled();
        self.pool.waiting.tell_all();
    }
}

/// How long each part of connecting took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Phases {
    /// The look-up of the host's name; zero for an address or a socket.
    pub lookup: Duration,
    /// The connection itself.
    pub connect: Duration,
    /// The handshake of TLS; `None`: plain text.
    pub tls: Option<Duration>,
    /// Until the server's first SETTINGS of HTTP/2; over HTTP/1.1 nothing is waited for.
    pub greeting: Duration,
}

/// Connects to an address.
pub(super) async fn open(endpoint: &Endpoint, upstream: &Upstream) -> Result<(Line, Phases), ConnectError> {
    let options = &upstream.options;
    let time = options.connect_timeout;
    let opened = async {
        let secure = upstream.secure(&endpoint.target)?;
        let connected = tokio::time::timeout(time, connect(endpoint, secure, options)).await;
        connected.unwrap_or_else(|_| Err(Unfit::late(time)))
    };
    opened
        .await
        .inspect_err(|unfit| endpoint.tally.unconnected(unfit.misfit))
        .map_err(|unfit| ConnectError::new(endpoint, unfit.said_to(options)))
}

async fn connect(endpoint: &Endpoint, secure: Option<Secure>, options: &ProxyOptions) -> Result<(Line, Phases), Unfit> {
    let clock = Clock(Instant::now());
    match &endpoint.address {
        Address::Tcp(address) => {
            let socket = TcpStream::connect(address).await;
            let socket = socket.map_err(|error| Unfit::refused(&error))?;
            socket.set_nodelay(true).map_err(|error| Unfit::of_io(&error))?;
            speak(socket, secure, options, endpoint, clock).await
        }
        #[cfg(unix)]
        Address::Unix(path) => {
            let socket = tokio::net::UnixStream::connect(path).await;
            let socket = socket.map_err(|error| Unfit::refused(&error))?;
            speak(socket, secure, options, endpoint, clock).await
        }
    }
}

async fn speak<T>(
    socket: T,
    secure: Option<Secure>,
    options: &ProxyOptions,
    endpoint: &Endpoint,
    mut clock: Clock,
) -> Result<(Line, Phases), Unfit>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut phases = Phases {
        connect: clock.lap(),
        ..Phases::default()
    };
    let of = (&endpoint.tally, &endpoint.siblings);
    let line = match secure {
        None => Line::over(socket, options, of).await?,
        // A session of rustls takes a kilobyte and more.
        Some(secure) => {
            let stream = Box::pin(secure.shake_hands(socket)).await?;
            phases.tls = Some(clock.lap());
            Box::pin(Line::over(stream, options, of)).await?
        }
    };
    phases.greeting = clock.lap();
    Ok((line, phases))
}

impl Secure {
    async fn shake_hands<T>(self, socket: T) -> Result<TlsStream<T>, Unfit>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        let stream = self.connector.connect(self.name, socket).await;
        let stream = stream.map_err(|error| Unfit::handshake(&error))?;
        match (self.http1, stream.get_ref().1.alpn_protocol()) {
            (false, Some(b"h2")) | (true, Some(b"http/1.1") | None) => Ok(stream),
            (false, _) => Err(Unfit::no_http2()),
            (true, _) => Err(Unfit::no_http1()),
        }
    }
}

/// Since when a phase runs.
struct Clock(Instant);

impl Clock {
    /// Ends a phase, and begins the next.
    fn lap(&mut self) -> Duration {
        let now = Instant::now();
        now.duration_since(std::mem::replace(&mut self.0, now))
    }
}
