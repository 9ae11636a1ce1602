//! The facts of a connection.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
};

use super::Limits;

/// What the streams of one connection share.
#[derive(Debug)]
pub(crate) struct Connection {
    address: Option<SocketAddr>,
    limits: Arc<Limits>,
    /// DATA frames of ours: what a peer may answer with control frames.
    sent_frames: AtomicU64,
    /// Bytes of replies that are held for the peer, and the streams that wait for fewer.
    held: AtomicUsize,
    waiting: Mutex<Vec<Waker>>,
}

/// Bytes that are held for a connection until this is dropped.
#[derive(Debug)]
pub(super) struct Hold {
    connection: Arc<Connection>,
    bytes: usize,
}

impl Connection {
    /// A connection from `address`, if it has one.
    pub(crate) fn new(address: Option<SocketAddr>, limits: Arc<Limits>) -> Self {
        Self {
            address,
            limits,
            sent_frames: AtomicU64::new(0),
            held: AtomicUsize::new(0),
            waiting: Mutex::default(),
        }
    }

    /// Where the peer is.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// The limits that the listener was given.
    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(super) fn sent_frames(&self) -> &AtomicU64 {
        &self.sent_frames
    }

    /// How many bytes are held.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.held.load(Ordering::Acquire)
    }

    /// Waits until `bytes` may be held. One piece may always be, however large.
    pub(super) fn poll_hold(self: &Arc<Self>, bytes: usize, cx: &mut Context<'_>) -> Poll<Hold> {
        if let Some(hold) = self.try_hold(bytes) {
            return Poll::Ready(hold);
        }
        let mut waiting = self.waiting();
        if !waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
            waiting.push(cx.waker().clone());
        }
        drop(waiting);
        // What was dropped before the waker stood there woke nobody.
        self.try_hold(bytes).map_or(Poll::Pending, Poll::Ready)
    }

    fn try_hold(self: &Arc<Self>, bytes: usize) -> Option<Hold> {
        let most = self.limits.held_per_connection;
        let grown = |held: usize| {
            let sum = held.saturating_add(bytes);
            (held == 0 || sum <= most).then_some(sum)
        };
        let held = self.held.fetch_update(Ordering::AcqRel, Ordering::Acquire, grown);
        held.is_ok().then(|| Hold {
            connection: self.clone(),
            bytes,
        })
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Vec<Waker>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.connection.held.fetch_sub(self.bytes, Ordering::AcqRel);
        let woken = std::mem::take(&mut *self.connection.waiting());
        woken.into_iter().for_each(Waker::wake);
    }
}
