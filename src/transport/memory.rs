//! What all connections of a server hold together.
//!
//! ```text
//! Share (a call, a body, a reply) -> Account (a connection) -> Memory (a server)
//! ```
//!
//! It is counted, not measured: the resident set of a process shrinks long after its memory was given back, if at all, and then a server that
//! was full once would be full for ever. A connection tells the server in steps, so that calls that hold little do not
//! meet at one counter.

use std::sync::{
    Arc,
    atomic::{AtomicIsize, AtomicUsize, Ordering},
};

/// What a connection takes without a request: its task, buffers, tables of HPACK.
const CONNECTION: usize = 16 << 10;
/// What a call takes beside its messages: its task, headers, state of its stream.
const CALL: usize = 4 << 10;
/// In such steps a connection tells what it holds.
const STEP: usize = 16 << 10;
/// Beyond this part more of the limit no connection is let in either.
const RESERVE: usize = 8;

/// Bytes that a server holds, and how many it may.
#[derive(Debug)]
pub(crate) struct Memory {
    /// Less than nothing for a moment where two tell at the same time.
    used: AtomicIsize,
    limit: usize,
}

/// Bytes that a connection holds.
#[derive(Debug)]
pub(crate) struct Account {
    memory: Arc<Memory>,
    own: AtomicUsize,
    /// What the server has been told.
    told: AtomicUsize,
}

/// Bytes that something holds for its connection until it is dropped.
#[derive(Debug)]
pub(crate) struct Share {
    account: Arc<Account>,
    bytes: usize,
}

impl Memory {
    /// `limit`: see [`Limits::memory`](super::Limits::memory).
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            used: AtomicIsize::new(0),
            limit,
        })
    }

    pub(crate) fn used(&self) -> usize {
        usize::try_from(self.used.load(Ordering::Relaxed)).unwrap_or_default()
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// Whether calls are not to be taken.
    pub(crate) fn is_full(&self) -> bool {
        self.used() >= self.limit
    }

    /// Whether connections are not to be taken either. Later than calls: those who have one are told why.
    pub(super) fn is_over(&self) -> bool {
        self.used() >= self.limit.saturating_add(self.limit / RESERVE)
    }
}

impl Account {
    pub(super) fn open(memory: Arc<Memory>) -> Arc<Self> {
        let account = Self {
            memory,
            own: AtomicUsize::new(0),
            told: AtomicUsize::new(0),
        };
        account.add(CONNECTION);
        Arc::new(account)
    }

    pub(crate) fn memory(&self) -> &Memory {
        &self.memory
    }

    pub(super) fn add(&self, bytes: usize) {
        let own = self.own.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        if own > self.told.load(Ordering::Relaxed) {
            self.tell(own);
        }
    }

    pub(super) fn release(&self, bytes: usize) {
        let own = self.own.fetch_sub(bytes, Ordering::Relaxed).saturating_sub(bytes);
        // Not at once: what goes up and down within a step is nobody else's affair.
        if own.saturating_add(2 * STEP) <= self.told.load(Ordering::Relaxed) {
            self.tell(own);
        }
    }

    /// Tells the server, in whole steps. Whoever does so at the same time tells the difference to this.
    fn tell(&self, own: usize) {
        let now = own.div_ceil(STEP).saturating_mul(STEP);
        let before = self.told.swap(now, Ordering::Relaxed);
        // Memory has fewer bytes than that.
        self.memory
            .used
            .fetch_add(now.wrapping_sub(before).cast_signed(), Ordering::Relaxed);
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        self.memory
            .used
            .fetch_sub(self.told.get_mut().cast_signed(), Ordering::Relaxed);
    }
}

impl Share {
    /// Of a call that begins.
    pub(crate) fn of_call(account: &Arc<Account>) -> Self {
        Self::of(account, CALL)
    }

    pub(crate) fn of(account: &Arc<Account>, bytes: usize) -> Self {
        if bytes > 0 {
            account.add(bytes);
        }
        Self {
            account: account.clone(),
            bytes,
        }
    }

    /// It holds so many more.
    pub(crate) fn grow(&mut self, bytes: usize) {
        self.account.add(bytes);
        self.bytes += bytes;
    }

    /// It holds so many and no more.
    pub(crate) fn shrink_to(&mut self, bytes: usize) {
        if let Some(less) = self.bytes.checked_sub(bytes).filter(|less| *less > 0) {
            self.account.release(less);
            self.bytes = bytes;
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.account.release(self.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_given_back() {
        let memory = Memory::new(1 << 20);
        let account = Account::open(memory.clone());
        assert_eq!(memory.used(), STEP);
        let small: Vec<_> = (0..4).map(|_| Share::of_call(&account)).collect();
        assert_eq!(memory.used(), 2 * STEP);
        let mut body = Share::of(&account, 0);
        body.grow(1 << 20);
        assert!(memory.is_full() && !memory.is_over());
        body.grow(1 << 17);
        assert!(memory.is_over());
        body.shrink_to(1 << 10);
        assert!(!memory.is_full());
        drop((small, body));
        assert!(memory.used() <= 3 * STEP, "{}", memory.used());
        drop(account);
        assert_eq!(memory.used(), 0);
    }

    #[test]
    fn threads_that_count_at_the_same_time_lose_nothing() {
        let memory = Memory::new(1);
        let account = Account::open(memory.clone());
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (1..1000).for_each(|bytes| drop(Share::of(&account, bytes * 100))));
            }
        });
        assert_eq!(account.own.load(Ordering::Relaxed), CONNECTION);
        assert_eq!(memory.used(), account.told.load(Ordering::Relaxed));
        drop(account);
        assert_eq!(memory.used(), 0);
    }
}
