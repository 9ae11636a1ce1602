//! The socket as h2 or hyper sees it: writes are gathered, and leave together.
//!
//! A flush does nothing; the connection calls [`Wire::drain`] once after it has polled h2.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::misfit::Unfit;
use crate::http2::Outbox;

/// Bytes of what comes first that are kept.
const GREETING: usize = 3;

/// What was written to a socket.
#[derive(Debug, Default)]
pub(super) struct Writes {
    times: AtomicU64,
    bytes: AtomicU64,
    waits: AtomicBool,
}

impl Writes {
    /// How often something was written so far, or may have been.
    pub(super) fn times(&self) -> u64 {
        self.times.load(Ordering::Relaxed)
    }

    /// Whether something waits that the socket does not take.
    pub(super) fn waits(&self) -> bool {
        self.waits.load(Ordering::Relaxed)
    }

    /// How many bytes were taken so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

/// A socket and what waits to be written. Clones share it.
#[derive(Debug)]
pub(super) struct Wire<T>(Arc<Mutex<State<T>>>);

#[derive(Debug)]
struct State<T> {
    io: T,
    outbox: Outbox,
    /// What came first, and how much of it.
    greeting: [u8; GREETING],
    greeted: usize,
    /// How often something came.
    reads: u64,
    writes: Arc<Writes>,
    /// Why TLS was ended: h2 keeps no more of an error than its words.
    refusal: Option<Unfit>,
}

impl<T> Clone for Wire<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Wire<T> {
    pub(super) fn new(io: T) -> Self {
        Self(Arc::new(Mutex::new(State {
            io,
            outbox: Outbox::default(),
            greeting: [0; GREETING],
            greeted: 0,
            reads: 0,
            writes: Arc::default(),
            refusal: None,
        })))
    }

    /// The first bytes that came, as far as they did: they tell what a server speaks that does not speak HTTP/2.
    pub(super) fn greeting(&self) -> Vec<u8> {
        let state = self.lock();
        state.greeting.iter().take(state.greeted).copied().collect()
    }

    /// How often something came so far.
    pub(super) fn reads(&self) -> u64 {
        self.lock().reads
    }

    /// What was written so far.
    pub(super) fn writes(&self) -> Arc<Writes> {
        Arc::clone(&self.lock().writes)
    }

    /// Why the server ended TLS, if it did.
    pub(super) fn refusal(&self) -> Option<Unfit> {
        self.lock().refusal.clone()
    }

    /// The state. Nothing panics under the lock that is not fatal to the connection anyway.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: AsyncWrite + Unpin> Wire<T> {
    /// Writes what waits.
    pub(super) fn drain(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.lock().drain(cx)
    }
}

impl<T: AsyncWrite + Unpin> State<T> {
    fn drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let waiting = self.outbox.len();
        if waiting > 0 {
            // Before, for a write that fails may have brought a part of it there, as over TLS.
            self.writes.times.fetch_add(1, Ordering::Relaxed);
        }
        let drained = self.outbox.drain(&mut self.io, cx);
        self.writes.waits.store(drained.is_pending(), Ordering::Relaxed);
        if waiting > 0 {
            let taken = waiting.saturating_sub(self.outbox.len());
            self.writes.bytes.fetch_add(taken as u64, Ordering::Relaxed);
        }
        drained
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Wire<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let state = &mut *self.lock();
        let before = buf.filled().len();
        if let Err(error) = ready!(Pin::new(&mut state.io).poll_read(cx, buf)) {
            state.refusal = Unfit::of_tls(&error);
            return Poll::Ready(Err(error));
        }
        state.reads += 1;
        if state.greeted < GREETING {
            let came = buf.filled().get(before..).unwrap_or_default();
            let kept = state.greeting.iter_mut().skip(state.greeted).zip(came);
            state.greeted += kept.map(|(kept, came)| *kept = *came).count();
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Wire<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut state = self.lock();
        if state.outbox.is_full() {
            ready!(state.drain(cx))?;
        }
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
