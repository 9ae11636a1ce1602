//! The socket as h2 sees it: reads pass the meter, writes are gathered.
//!
//! h2 asks for a flush after each chained payload (256 bytes and more), which made a write call of
//! every reply. Here a flush does nothing; the connection calls [`Wire::drain`] once after it has
//! polled h2. Large payloads are not copied to be gathered.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker, ready},
};

use descant_handlers::http2::Outbox;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Instant,
};

use super::{
    super::{Connection, clock::Facts, socket::Socket},
    meter::{Meter, Violation},
};

/// A socket with its meter and what waits to be written. Clones share it.
#[derive(Debug)]
pub(super) struct Wire<T>(Arc<Shared<T>>);

#[derive(Debug)]
struct Shared<T> {
    state: Mutex<State<T>>,
    /// The socket has nothing to read in this turn of the connection's task: h2 asks for more after each request.
    dry: AtomicBool,
}

#[derive(Debug)]
pub(super) struct State<T> {
    io: Socket<T>,
    pub(super) meter: Meter,
    pub(super) outbox: Outbox,
    /// Why reading stopped.
    pub(super) violation: Option<Violation>,
    /// Bytes read so far.
    pub(super) read: u64,
    /// Wakes the connection's task once there is more to read.
    task: Waker,
    /// Since when the peer takes nothing, and what had been written then.
    pub(super) blocked: Option<(Instant, u64)>,
    connection: Arc<Connection>,
}

impl<T> Clone for Wire<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Wire<T> {
    pub(super) fn new(io: Socket<T>, connection: Arc<Connection>) -> Self {
        let state = State {
            io,
            meter: Meter::new(connection.limits()),
            outbox: Outbox::default(),
            violation: None,
            read: 0,
            task: Waker::noop().clone(),
            blocked: None,
            connection,
        };
        Self(Arc::new(Shared {
            state: Mutex::new(state),
            dry: AtomicBool::new(false),
        }))
    }

    /// The state. No user code runs under the lock, so it is not poisoned.
    pub(super) fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection's task has a turn: the socket may have more to read by now.
    pub(super) fn look(&self, task: &Waker) {
        self.lock().task.clone_from(task);
        // Only that task reads.
        self.0.dry.store(false, Ordering::Relaxed);
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Wire<T> {
    /// Writes what waits.
    pub(super) fn drain(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.lock().drain(cx)
    }

    /// Sends GOAWAY past h2, if the socket takes it at once: the connection is about to be closed.
    pub(super) fn goodbye(&self, reason: h2::Reason, cx: &mut Context<'_>) {
        let mut state = self.lock();
        // Length, type, flags, stream. RFC 9113, section 6.8.
        state.outbox.copy(&[0, 0, 8, 7, 0, 0, 0, 0, 0]);
        let last = state.meter.highest_stream();
        state.outbox.copy(&last.to_be_bytes());
        state.outbox.copy(&u32::from(reason).to_be_bytes());
        let _ = state.drain(cx);
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> State<T> {
    pub(super) fn drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let drained = self.outbox.drain(&mut self.io, cx);
        match drained {
            Poll::Pending if self.blocked.is_none() => {
                self.blocked = Some((Instant::now(), self.io.written()));
            }
            Poll::Ready(_) => self.blocked = None,
            Poll::Pending => {}
        }
        drained
    }

    fn make_room(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.outbox.is_full() {
            return Poll::Ready(Ok(()));
        }
        self.drain(cx)
    }
}

impl<T> State<T> {
    /// What the clock has to know.
    pub(super) fn facts(&mut self, now: Instant, busy: bool) -> Facts {
        let deaf = self.outbox.is_full();
        if deaf {
            self.meter.pause(now);
        }
        Facts {
            read: self.read,
            written: self.io.written(),
            busy,
            settings: self.meter.has_settings(),
            unfinished: self.meter.due(self.connection.limits()),
            blocked: self.blocked,
            deaf,
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> State<T> {
    fn read(&mut self, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        // Not the waker that h2 has, which is to wake nobody while h2 is polled.
        ready!(Pin::new(&mut self.io).poll_read(&mut Context::from_waker(&self.task), buf))?;
        let new = buf.filled().get(before..).unwrap_or_default();
        self.read += new.len() as u64;
        if let Err(violation) = self.meter.observe(new, self.connection.sent()) {
            self.violation = Some(violation);
            return Poll::Ready(Err(io::Error::other(violation)));
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncRead for Wire<T> {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.0.dry.load(Ordering::Relaxed) {
            return Poll::Pending;
        }
        let read = self.lock().read(buf);
        self.0.dry.store(read.is_pending(), Ordering::Relaxed);
        read
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Wire<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut state = self.lock();
        ready!(state.make_room(cx))?;
        Poll::Ready(Ok(state.outbox.put(slices)))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// Nothing: see [`Wire::drain`].
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.lock();
        ready!(state.drain(cx))?;
        Pin::new(&mut state.io).poll_shutdown(cx)
    }
}
