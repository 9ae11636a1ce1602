//! From an address to a connection that speaks HTTP/2.

use std::{
    sync::{Arc, atomic::AtomicBool},
    time::{Duration, Instant},
};

use h2::client::SendRequest;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream, rustls::pki_types::ServerName};

use super::{
    line,
    misfit::{ConnectError, Unfit},
    request::Frame,
    target::{Place, Target},
    upstream::Upstream,
};

/// How TLS is spoken, and the name that a certificate must have.
pub(super) struct Secure {
    pub(super) connector: TlsConnector,
    pub(super) name: ServerName<'static>,
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
    /// Until the server's first SETTINGS of HTTP/2.
    pub greeting: Duration,
}

/// A connection that was made.
pub(super) struct Opened {
    pub(super) requests: SendRequest<Frame>,
    /// Set once the connection is closed.
    pub(super) gone: Arc<AtomicBool>,
    pub(super) phases: Phases,
}

/// Connects.
pub(super) async fn open(target: &Target, upstream: &Upstream) -> Result<Opened, ConnectError> {
    let time = upstream.options.connect_timeout;
    let opened = async {
        let secure = upstream.secure(target)?;
        let connected = tokio::time::timeout(time, connect(&target.place, secure)).await;
        connected.unwrap_or_else(|_| Err(Unfit::late(time)))
    };
    opened.await.map_err(|unfit| ConnectError::new(target, unfit))
}

async fn connect(place: &Place, secure: Option<Secure>) -> Result<Opened, Unfit> {
    let mut phases = Phases::default();
    let mut clock = Clock(Instant::now());
    match place {
        Place::Tcp(host, port) => {
            let found = tokio::net::lookup_host((host.as_str(), *port)).await;
            let addresses: Vec<_> = found.map_err(|error| Unfit::host(&error))?.collect();
            phases.lookup = clock.lap();
            let socket = TcpStream::connect(addresses.as_slice()).await;
            let socket = socket.map_err(|error| Unfit::refused(&error))?;
            socket.set_nodelay(true).map_err(|error| Unfit::of_io(&error))?;
            phases.connect = clock.lap();
            speak(socket, secure, phases, clock).await
        }
        #[cfg(unix)]
        Place::Unix(path) => {
            let socket = tokio::net::UnixStream::connect(path).await;
            let socket = socket.map_err(|error| Unfit::refused(&error))?;
            phases.connect = clock.lap();
            speak(socket, secure, phases, clock).await
        }
    }
}

async fn speak<T>(socket: T, secure: Option<Secure>, mut phases: Phases, mut clock: Clock) -> Result<Opened, Unfit>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (requests, gone) = match secure {
        None => line::over(socket).await?,
        // A session of rustls takes a kilobyte and more.
        Some(secure) => {
            let stream = Box::pin(secure.shake_hands(socket)).await?;
            phases.tls = Some(clock.lap());
            Box::pin(line::over(stream)).await?
        }
    };
    phases.greeting = clock.lap();
    Ok(Opened { requests, gone, phases })
}

impl Secure {
    async fn shake_hands<T>(self, socket: T) -> Result<TlsStream<T>, Unfit>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        let stream = self.connector.connect(self.name, socket).await;
        let stream = stream.map_err(|error| Unfit::handshake(&error))?;
        match stream.get_ref().1.alpn_protocol() {
            Some(b"h2") => Ok(stream),
            _ => Err(Unfit::no_http2()),
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
