//! From a connection to the protocol that its peer speaks.

use std::{io, sync::Arc};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{Instant, timeout_at},
};

use super::{
    Connection, Draining, Ended, Serve,
    clock::{Clock, Phase},
    greeting::Spoken,
    http1, http2,
    socket::Socket,
};

/// Serves one connection to its end, on the runtime that polls it.
pub(super) async fn serve<T, S>(io: T, serve: S, connection: Arc<Connection>, draining: Draining) -> Result<(), Ended>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Serve,
{
    let clock = Clock::start(Instant::now(), connection.limits(), fastrand::f64());
    let mut socket = Socket::new(io);
    let greeted = tokio::select! {
        biased;
        greeted = timeout_at(clock.preface(), socket.greeting()) => greeted,
        () = draining.begun() => return Ok(()),
    };
    match greeted.map(io::Result::transpose) {
        Ok(Some(Ok(Spoken::Http2))) => http2::serve(socket, serve, connection, draining, clock).await,
        Ok(Some(Ok(Spoken::Http1))) => http1::serve(socket, serve, connection, draining, clock).await,
        Ok(Some(Ok(stranger))) => {
            stranger.say_farewell(&mut socket).await;
            Err(Ended::Stranger(stranger))
        }
        Ok(Some(Err(error))) => Err(Ended::Read(error)),
        Ok(None) => Ok(()),
        Err(_) => Err(Ended::Late(Phase::Preface)),
    }
}
