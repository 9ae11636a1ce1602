//! From an address to a connection that speaks HTTP/2.

use std::{fmt, io, sync::Arc, sync::atomic::AtomicBool, time::Duration};

use h2::client::SendRequest;
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream, rustls::pki_types::ServerName};

use super::{
    line,
    request::Frame,
    target::{Place, Target},
    upstream::Upstream,
};
use crate::{
    Status,
    tls::{NO_HTTP2, refusal},
};

/// How TLS is spoken, and the name that a certificate must have.
pub(super) struct Secure {
    pub(super) connector: TlsConnector,
    pub(super) name: ServerName<'static>,
}

/// Connects. The flag is set once the connection is closed.
pub(super) async fn open(
    target: &Target,
    upstream: &Upstream,
) -> Result<(SendRequest<Frame>, Arc<AtomicBool>), Status> {
    let refused = |why: &dyn fmt::Display| Status::unavailable(format!("cannot connect to {target}: {why}"));
    let secure = upstream.secure(target).map_err(|error| refused(&error))?;
    let time = upstream.options.connect_timeout;
    match tokio::time::timeout(time, connect(&target.place, secure)).await {
        Ok(Ok(opened)) => Ok(opened),
        Ok(Err(error)) => Err(match refusal(&error) {
            Some(why) => refused(&why),
            None => refused(&error),
        }),
        Err(_) => Err(refused(&Late(time))),
    }
}

async fn connect(place: &Place, secure: Option<Secure>) -> io::Result<(SendRequest<Frame>, Arc<AtomicBool>)> {
    match place {
        Place::Tcp(host, port) => {
            let socket = TcpStream::connect((host.as_str(), *port)).await?;
            socket.set_nodelay(true)?;
            match secure {
                None => line::over(socket).await,
                // A session of rustls takes a kilobyte and more.
                Some(secure) => Box::pin(async { line::over(secure.shake_hands(socket).await?).await }).await,
            }
        }
        #[cfg(unix)]
        Place::Unix(path) => line::over(tokio::net::UnixStream::connect(path).await?).await,
    }
}

impl Secure {
    async fn shake_hands(self, socket: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let stream = self.connector.connect(self.name, socket).await;
        let stream = stream.map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => {
                io::Error::other("it hangs up on a TLS handshake; does it speak TLS at all?")
            }
            _ => error,
        })?;
        match stream.get_ref().1.alpn_protocol() {
            Some(b"h2") => Ok(stream),
            _ => Err(io::Error::other(NO_HTTP2)),
        }
    }
}

/// A connection that took too long.
struct Late(Duration);

impl fmt::Display for Late {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not done within {} s", self.0.as_secs_f64())
    }
}
