//! From a connection to the protocol that its peer speaks.

use std::{io, sync::Arc};

use bytes::Bytes;
use descant_handlers::TlsIdentity;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{Instant, timeout_at},
};
use tokio_rustls::{TlsAcceptor, rustls::ServerConnection};

use super::{
    Connection, Draining, Ended, Serve, Tls,
    clock::{Clock, Phase},
    greeting::{Mistake, Spoken},
    http1, http2,
    socket::{Replay, Socket},
};

/// Serves one connection of plain text to its end, on the runtime that polls it.
pub(super) async fn serve<T, S>(io: T, serve: S, connection: Arc<Connection>, draining: Draining) -> Result<(), Ended>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Serve,
{
    let clock = Clock::start(Instant::now(), connection.limits(), fastrand::f64());
    let socket = Socket::Plain(Replay::new(io));
    speak(socket, None, serve, connection, draining, clock).await
}

/// The same through TLS.
pub(super) async fn serve_tls<T, S>(
    io: T,
    tls: &Tls,
    serve: S,
    mut connection: Connection,
    draining: Draining,
) -> Result<(), Ended>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Serve,
{
    let due = Instant::now() + connection.limits().tls_handshake;
    let shaken = tokio::select! {
        biased;
        shaken = timeout_at(due, shake_hands(io, tls)) => shaken.unwrap_or(Err(Ended::Late(Phase::Handshake)))?,
        () = draining.begun() => return Ok(()),
    };
    let Some((socket, spoken, identity)) = shaken else {
        return Ok(());
    };
    connection.prove(identity);
    let clock = Clock::start(Instant::now(), connection.limits(), fastrand::f64());
    speak(socket, spoken, serve, Arc::new(connection), draining, clock).await
}

/// What came of a handshake: the connection, what both sides agreed to speak, and who the client is.
type Shaken<T> = (Socket<T>, Option<Spoken>, TlsIdentity);

/// Agrees on keys and on a protocol. `None`: the peer left before it said anything.
async fn shake_hands<T>(io: T, tls: &Tls) -> Result<Option<Shaken<T>>, Ended>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let mut raw = Replay::new(io);
    match raw.greeting().await.map_err(Ended::Read)? {
        None => return Ok(None),
        Some(Spoken::Tls) => {}
        Some(plain) => return Err(say_farewell(&mut raw, Mistake::without_tls(plain)).await),
    }
    let stream = TlsAcceptor::from(tls.config()).accept(raw).await.map_err(Ended::Tls)?;
    let (_, session) = stream.get_ref();
    let (spoken, identity) = (agreed(session), identity(session));
    Ok(Some((Socket::tls(stream), spoken, identity)))
}

/// What both sides agreed to speak. RFC 7301.
fn agreed(session: &ServerConnection) -> Option<Spoken> {
    match session.alpn_protocol()? {
        b"h2" => Some(Spoken::Http2),
        b"http/1.1" => Some(Spoken::Http1),
        _ => None,
    }
}

fn identity(session: &ServerConnection) -> TlsIdentity {
    let certificates = session.peer_certificates().unwrap_or_default();
    let certificates = certificates.iter().map(|der| Bytes::copy_from_slice(der));
    TlsIdentity::new(certificates.collect())
}

/// Serves what is spoken; `None`: the first bytes have to tell.
async fn speak<T, S>(
    mut socket: Socket<T>,
    agreed: Option<Spoken>,
    serve: S,
    connection: Arc<Connection>,
    draining: Draining,
    clock: Clock,
) -> Result<(), Ended>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Serve,
{
    let greeting = async {
        match agreed {
            None => socket.greeting().await,
            agreed => Ok(agreed),
        }
    };
    let spoken = tokio::select! {
        biased;
        greeted = timeout_at(clock.preface(), greeting) => greeted.map(io::Result::transpose),
        () = draining.begun() => return Ok(()),
    };
    match spoken {
        Ok(Some(Ok(Spoken::Http2))) => http2::serve(socket, serve, connection, draining, clock).await,
        Ok(Some(Ok(Spoken::Http1))) => http1::serve(socket, serve, connection, draining, clock).await,
        Ok(Some(Ok(Spoken::Tls))) => Err(say_farewell(&mut socket, Mistake::Tls).await),
        Ok(Some(Ok(Spoken::Unknown))) => Err(say_farewell(&mut socket, Mistake::Unknown).await),
        Ok(Some(Err(error))) => Err(Ended::Read(error)),
        Ok(None) => Ok(()),
        Err(_) => Err(Ended::Late(Phase::Preface)),
    }
}

async fn say_farewell<T: AsyncRead + AsyncWrite + Unpin>(io: &mut T, mistake: Mistake) -> Ended {
    mistake.say(io).await;
    Ended::Stranger(mistake)
}
