//! A connection's bytes: plain or through TLS, and the first of them looked at before they are read.

use std::{
    any::Any,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::server::TlsStream;

use super::{greeting::Spoken, link::Link};

/// As many bytes as are looked at.
const FIRST: usize = 1 << 10;

/// A connection, by whatever way its bytes come.
#[derive(Debug)]
pub(super) enum Socket<T> {
    Plain(Replay<T>),
    Tls(Box<Replay<TlsStream<Replay<T>>>>),
}

/// Bytes of which the first may be looked at: they are read again.
#[derive(Debug)]
pub(super) struct Replay<T> {
    io: T,
    first: Vec<u8>,
    /// How many of `first` have been read again.
    replayed: usize,
    /// How many bytes were written.
    written: u64,
}

impl<T> Replay<T> {
    pub(super) fn new(io: T) -> Self {
        Self {
            io,
            first: Vec::new(),
            replayed: 0,
            written: 0,
        }
    }

    fn replay(&mut self, buf: &mut ReadBuf<'_>) -> bool {
        let left = self.first.get(self.replayed..).unwrap_or_default();
        let count = left.len().min(buf.remaining());
        buf.put_slice(left.get(..count).unwrap_or_default());
        self.replayed += count;
        let replayed = count > 0;
        if replayed && self.replayed == self.first.len() {
            self.first = Vec::new();
            self.replayed = 0;
        }
        replayed
    }
}

impl<T: AsyncRead + Unpin> Replay<T> {
    /// Waits until it is clear what the peer speaks; `None`: it left before that.
    pub(super) async fn greeting(&mut self) -> io::Result<Option<Spoken>> {
        self.first.reserve(FIRST);
        loop {
            if let Some(spoken) = Spoken::of(&self.first) {
                return Ok(Some(spoken));
            }
            if self.io.read_buf(&mut self.first).await? == 0 {
                return Ok(None);
            }
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Socket<T> {
    /// What TLS has made of a connection.
    pub(super) fn tls(stream: TlsStream<Replay<T>>) -> Self {
        Self::Tls(Box::new(Replay::new(stream)))
    }

    /// As [`Replay::greeting`].
    pub(super) async fn greeting(&mut self) -> io::Result<Option<Spoken>> {
        match self {
            Self::Plain(socket) => socket.greeting().await,
            Self::Tls(socket) => socket.greeting().await,
        }
    }

    fn stream(self: Pin<&mut Self>) -> Pin<&mut (dyn Stream + '_)> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket),
            Self::Tls(socket) => Pin::new(&mut **socket),
        }
    }
}

impl<T: 'static> Socket<T> {
    /// Has the connection end with a reset once it is dropped, for what was sent must not look whole. A Unix socket has no
    /// such thing; over TLS the missing `close_notify` says it as well.
    pub(super) fn reset(&self) {
        let io: &dyn Any = match self {
            Self::Plain(socket) => &socket.io,
            Self::Tls(socket) => &socket.io.get_ref().0.io,
        };
        let accepted = io.downcast_ref::<Link>().and_then(Link::tcp);
        // One that was accepted elsewhere may be of any type.
        if let Some(tcp) = accepted.or_else(|| io.downcast_ref::<TcpStream>())
            && let Err(error) = SockRef::from(tcp).set_linger(Some(Duration::ZERO))
        {
            tracing::debug!("a connection ends without a reset: {error}");
        }
    }
}

impl<T> Socket<T> {
    /// How many bytes the network has taken. TLS may have more of them.
    pub(super) fn written(&self) -> u64 {
        match self {
            Self::Plain(socket) => socket.written,
            Self::Tls(socket) => socket.io.get_ref().0.written,
        }
    }
}

/// What both kinds of sockets are.
trait Stream: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Stream for T {}

impl<T: AsyncRead + Unpin> AsyncRead for Replay<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.replay(buf) {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Replay<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let count = ready!(Pin::new(&mut self.io).poll_write(cx, bytes))?;
        self.written += count as u64;
        Poll::Ready(Ok(count))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let count = ready!(Pin::new(&mut self.io).poll_write_vectored(cx, slices))?;
        self.written += count as u64;
        Poll::Ready(Ok(count))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncRead for Socket<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_read(cx, buf)
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Socket<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.stream().poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream().poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(socket) => socket.is_write_vectored(),
            Self::Tls(socket) => socket.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_shutdown(cx)
    }
}
