//! The socket as hyper sees it: reads pass the meter.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Instant,
};

use super::{
    super::{Connection, clock::Facts, socket::Socket},
    meter::{Meter, Violation},
};

/// A socket with its meter. Clones share it.
#[derive(Debug)]
pub(super) struct Wire<T>(Arc<Mutex<State<T>>>);

#[derive(Debug)]
pub(super) struct State<T> {
    pub(super) socket: Socket<T>,
    pub(super) meter: Meter,
    /// Why reading stopped.
    pub(super) violation: Option<Violation>,
    /// Requests that hyper has made of that so far.
    requests: u64,
    /// Whether the end of the connection is that of the reply under way, as in HTTP/1.0. RFC 9112, section 6.3.
    pub(super) open_ended: bool,
    /// Bytes read so far.
    read: u64,
    /// Since when the peer takes nothing, and what had been written then.
    blocked: Option<(Instant, u64)>,
    connection: Arc<Connection>,
}

impl<T> Clone for Wire<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Wire<T> {
    pub(super) fn new(socket: Socket<T>, connection: Arc<Connection>) -> Self {
        Self(Arc::new(Mutex::new(State {
            socket,
            meter: Meter::new(connection.limits()),
            violation: None,
            requests: 0,
            open_ended: false,
            read: 0,
            blocked: None,
            connection,
        })))
    }

    /// The state. No user code runs under the lock, so it is not poisoned.
    pub(super) fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The socket, once nobody else has a hold of the wire.
    pub(super) fn into_socket(self) -> Option<Socket<T>> {
        let state = Arc::into_inner(self.0)?.into_inner();
        Some(state.unwrap_or_else(PoisonError::into_inner).socket)
    }
}

impl<T> State<T> {
    /// Counts a request; says which of the connection it is.
    pub(super) fn count(&mut self) -> u64 {
        self.requests += 1;
        self.requests
    }

    /// What the clock has to know.
    pub(super) fn facts(&mut self, now: Instant, busy: bool) -> Facts {
        // What comes next is not read while a request is being answered.
        if busy {
            self.meter.pause(now);
        }
        Facts {
            read: self.read,
            written: self.socket.written(),
            busy,
            settings: true,
            unfinished: self.meter.due(self.connection.limits()).filter(|_| !busy),
            blocked: self.blocked,
            deaf: false,
        }
    }

    /// The violation that is to be answered: those within a body are for whoever reads it.
    pub(super) fn refusal(&self) -> Option<Violation> {
        let in_head = |violation: &Violation| !matches!(violation, Violation::Body(_));
        self.violation.filter(in_head).filter(|_| self.blocked.is_none())
    }

    fn note<R>(&mut self, written: Poll<R>) -> Poll<R> {
        match written {
            Poll::Pending if self.blocked.is_none() => self.blocked = Some((Instant::now(), self.socket.written())),
            Poll::Ready(_) => self.blocked = None,
            Poll::Pending => {}
        }
        written
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> State<T> {
    fn read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        match self.violation {
            None => ready!(Pin::new(&mut self.socket).poll_read(cx, buf))?,
            Some(broken @ Violation::Body(_)) => return Poll::Ready(Err(io::Error::other(broken))),
            // The connection ends once what came before is answered: see `Driver::poll`.
            Some(_) => return Poll::Pending,
        }
        let new = buf.filled().get(before..).unwrap_or_default();
        let count = new.len();
        self.read += count as u64;
        let (sound, observed) = self.meter.observe(new);
        self.violation = observed.err();
        buf.set_filled(before + sound);
        match self.violation {
            // Nothing read would be the end.
            Some(_) if sound == 0 => self.read(cx, buf),
            _ => Poll::Ready(Ok(())),
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncRead for Wire<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.lock().read(cx, buf)
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Wire<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut state = self.lock();
        let written = Pin::new(&mut state.socket).poll_write(cx, bytes);
        state.note(written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut state = self.lock();
        let written = Pin::new(&mut state.socket).poll_write_vectored(cx, slices);
        state.note(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.lock().socket.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.lock();
        let flushed = Pin::new(&mut state.socket).poll_flush(cx);
        state.note(flushed)
    }

    /// Nothing: how a connection is closed is decided when it has ended.
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
