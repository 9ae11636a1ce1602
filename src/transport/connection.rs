//! The facts of a connection.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
};

use descant_handlers::{Peer, TlsIdentity};

use super::{Account, Dismissal, Limits, Memory};

/// What the streams of one connection share.
#[derive(Debug)]
pub(crate) struct Connection {
    peer: Peer,
    limits: Arc<Limits>,
    /// DATA frames of ours: what a peer may answer with control frames.
    sent_frames: AtomicU64,
    /// What is in them, in bytes.
    sent_bytes: AtomicU64,
    /// How many bodies of requests were left before their end.
    abandoned: AtomicUsize,
    /// Bytes of replies that the peer has window for, on their way to it.
    held: Tally,
    /// Bytes of streamed replies that were pulled and wait for window.
    pulled: Tally,
    /// All that is held for it.
    account: Arc<Account>,
    dismissal: Arc<Dismissal>,
}

/// Bytes that the streams of a connection have together, and the tasks that wait for fewer.
#[derive(Debug, Default)]
struct Tally {
    bytes: AtomicUsize,
    waiting: Mutex<Vec<Waker>>,
}

/// Bytes that count for a connection until this is dropped.
#[derive(Debug)]
pub(crate) struct Hold {
    connection: Arc<Connection>,
    tally: fn(&Connection) -> &Tally,
    bytes: usize,
    /// What knows of the bytes of one stream.
    unsent: Option<Unsent>,
}

/// Shared by everything that a stream has handed over to be sent and that is still held.
#[derive(Clone, Debug, Default)]
pub(super) struct Unsent(Arc<()>);

/// For each byte that may be held for a connection, so many may be pulled before its streams pull no more. Some, since a
/// stream whose reader pauses must not stop its neighbours.
const PULLED_PER_HELD: usize = 16;

impl Connection {
    /// A connection of this peer, which stands alone.
    pub(crate) fn new(peer: Peer, limits: Arc<Limits>) -> Self {
        Self::sharing(peer, limits, Memory::new(usize::MAX))
    }

    /// A connection of this peer, to a server that has others.
    pub(crate) fn sharing(peer: Peer, limits: Arc<Limits>, memory: Arc<Memory>) -> Self {
        Self {
            account: Account::open(memory),
            peer,
            limits,
            sent_frames: AtomicU64::new(0),
            sent_bytes: AtomicU64::new(0),
            abandoned: AtomicUsize::new(0),
            held: Tally::default(),
            pulled: Tally::default(),
            dismissal: Arc::default(),
        }
    }

    /// Takes note of what TLS proved of the peer.
    pub(super) fn prove(&mut self, identity: TlsIdentity) {
        let peer = std::mem::take(&mut self.peer);
        self.peer = peer.with_tls(Arc::new(identity));
    }

    /// Who is at the other end.
    pub(crate) fn peer(&self) -> &Peer {
        &self.peer
    }

    /// The limits that the listener was given.
    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What is held for it.
    pub(crate) fn account(&self) -> &Arc<Account> {
        &self.account
    }

    /// Whether its calls are to end.
    pub(crate) fn dismissal(&self) -> &Arc<Dismissal> {
        &self.dismissal
    }

    /// Takes note of a DATA frame of ours.
    pub(super) fn sends(&self, bytes: usize) {
        self.sent_frames.fetch_add(1, Ordering::Relaxed);
        self.sent_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// How many there were, and the bytes in them.
    pub(super) fn sent(&self) -> (u64, u64) {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (count(&self.sent_frames), count(&self.sent_bytes))
    }

    /// Takes note of a body of a request that nobody reads to its end.
    pub(super) fn abandon(&self) {
        self.abandoned.fetch_add(1, Ordering::Relaxed);
    }

    /// How many of them there were.
    pub(super) fn abandoned(&self) -> usize {
        self.abandoned.load(Ordering::Relaxed)
    }

    /// How many bytes are held.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.held.bytes.load(Ordering::Acquire)
    }

    /// How many bytes are pulled and wait for window.
    #[cfg(test)]
    pub(super) fn pulled_bytes(&self) -> usize {
        self.pulled.bytes.load(Ordering::Acquire)
    }

    /// Waits until `bytes` may be held. One piece may always be, however large.
    pub(super) fn poll_hold(self: &Arc<Self>, bytes: usize, cx: &mut Context<'_>) -> Poll<Hold> {
        let most = self.limits.held_per_connection;
        self.held
            .poll(cx, |held| held.grow(bytes, most))
            .map(|()| Hold::new(self, |connection| &connection.held, bytes))
    }

    /// Waits until a stream may pull more.
    pub(super) fn poll_pull(&self, cx: &mut Context<'_>) -> Poll<()> {
        let most = self.limits.held_per_connection.saturating_mul(PULLED_PER_HELD);
        self.pulled
            .poll(cx, |pulled| pulled.bytes.load(Ordering::Acquire) < most)
    }

    /// Counts what a stream has pulled.
    pub(super) fn pulled(self: &Arc<Self>, bytes: usize) -> Hold {
        self.pulled.bytes.fetch_add(bytes, Ordering::AcqRel);
        Hold::new(self, |connection| &connection.pulled, bytes)
    }

    /// Waits until nothing of a stream is held any more.
    pub(super) fn poll_sent(&self, unsent: &Unsent, cx: &mut Context<'_>) -> Poll<()> {
        self.held.poll(cx, |_| Arc::strong_count(&unsent.0) == 1)
    }
}

impl Tally {
    /// Waits until `may` is true; it is asked again whenever bytes are gone.
    fn poll(&self, cx: &mut Context<'_>, may: impl Fn(&Self) -> bool) -> Poll<()> {
        if may(self) {
            return Poll::Ready(());
        }
        let mut waiting = self.waiting();
        if !waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
            waiting.push(cx.waker().clone());
        }
        drop(waiting);
        // What was dropped before the waker stood there woke nobody.
        if may(self) { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Adds bytes, if they stay within `most` or are the only ones.
    fn grow(&self, bytes: usize, most: usize) -> bool {
        let grown = |before: usize| {
            let sum = before.saturating_add(bytes);
            (before == 0 || sum <= most).then_some(sum)
        };
        let grown = self.bytes.fetch_update(Ordering::AcqRel, Ordering::Acquire, grown);
        grown.is_ok()
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Waker>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hold {
    /// Of bytes that the tally has.
    fn new(connection: &Arc<Connection>, tally: fn(&Connection) -> &Tally, bytes: usize) -> Self {
        connection.account.add(bytes);
        Self {
            connection: connection.clone(),
            tally,
            bytes,
            unsent: None,
        }
    }

    /// The same, of this stream.
    pub(super) fn of(self, unsent: Option<&Unsent>) -> Self {
        let mut hold = self;
        hold.unsent = unsent.cloned();
        hold
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        // Before whoever waits is woken.
        self.unsent = None;
        let tally = (self.tally)(&self.connection);
        tally.bytes.fetch_sub(self.bytes, Ordering::AcqRel);
        self.connection.account.release(self.bytes);
        let woken = std::mem::take(&mut *tally.waiting());
        woken.into_iter().for_each(Waker::wake);
    }
}
