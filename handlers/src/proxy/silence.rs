//! Servers that take calls, and say nothing: their callers' deadlines tell of them long before TCP or a PING does.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    runtime::Handle,
    time::{Instant, timeout},
};

use super::{dial, endpoint::Endpoint, misfit::Misfit, pool::Pool};

/// So long a connection says nothing to calls before one that is given up raises a doubt.
const LONG: Duration = Duration::from_secs(1);
/// What a server has to greet in that is in doubt.
const GREETING: Duration = Duration::from_secs(1);
/// How long one that did is not doubted again: it is slow, and not dead.
const TRUST: Duration = Duration::from_secs(300);

/// Since when a connection has calls and says nothing.
#[derive(Debug)]
pub(super) struct Silence {
    made: Instant,
    /// In milliseconds, and one more; 0: something came since the last call.
    since: AtomicU64,
    /// How long calls had waited when there was none any more. In milliseconds.
    waited: AtomicU64,
}

impl Default for Silence {
    fn default() -> Self {
        Self {
            made: Instant::now(),
            since: AtomicU64::new(0),
            waited: AtomicU64::new(0),
        }
    }
}

impl Silence {
    /// A call begins; `alone`: there is no other. It goes on where the last one was given up, for what nobody waits for is no silence.
    pub(super) fn begins(&self, alone: bool) {
        if alone {
            let waited = self.waited.load(Ordering::Relaxed);
            self.since
                .store(self.now().saturating_sub(waited).max(1), Ordering::Relaxed);
        } else if self.since.load(Ordering::Relaxed) == 0 {
            self.since.store(self.now(), Ordering::Relaxed);
        }
    }

    /// There is no call any more.
    pub(super) fn rests(&self) {
        let since = self.since.swap(0, Ordering::Relaxed);
        if since > 0 {
            self.waited.store(self.now().saturating_sub(since), Ordering::Relaxed);
        }
    }

    /// Something came.
    pub(super) fn ends(&self) {
        self.since.store(0, Ordering::Relaxed);
        self.waited.store(0, Ordering::Relaxed);
    }

    pub(super) fn is_long(&self) -> bool {
        let since = self.since.load(Ordering::Relaxed);
        since > 0 && u128::from(self.now() - since) >= LONG.as_millis()
    }

    fn now(&self) -> u64 {
        u64::try_from(self.made.elapsed().as_millis()).map_or(u64::MAX, |passed| passed.saturating_add(1))
    }
}

/// What is thought of an address that says nothing.
#[derive(Debug, Default)]
pub(super) struct Doubt {
    /// It is being asked.
    raised: AtomicBool,
    /// When it last answered.
    laid: Mutex<Option<Instant>>,
}

impl Doubt {
    pub(super) fn is_raised(&self) -> bool {
        self.raised.load(Ordering::Relaxed)
    }

    /// False if it is raised already, or was laid a moment ago.
    fn raise(&self) -> bool {
        let laid = self.laid.lock().unwrap_or_else(PoisonError::into_inner);
        let trusted = laid.is_some_and(|laid| laid.elapsed() < TRUST);
        !trusted && !self.raised.swap(true, Ordering::Relaxed)
    }

    fn lay(&self, answered: bool) {
        if answered {
            *self.laid.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        }
        self.raised.store(false, Ordering::Relaxed);
    }
}

impl Pool {
    /// A call was given up on a connection that says nothing: is anybody there? It is asked by a connection of its own, since
    /// servers of gRPC hang up on those that PING often. Meanwhile it gets no calls, and if it does not greet it is ejected.
    pub(super) fn doubt(self: &Arc<Self>, endpoint: &Arc<Endpoint>) {
        let Some(outlier) = self.upstream.options.outlier else {
            return;
        };
        let Ok(here) = Handle::try_current() else { return };
        if self.endpoints().list.len() < 2 || !endpoint.record.doubt.raise() {
            return;
        }
        let (pool, endpoint) = (Arc::clone(self), Arc::clone(endpoint));
        here.spawn(async move {
            let greeted = timeout(GREETING, dial::open(&endpoint, &pool.upstream)).await;
            if greeted.is_err() {
                pool.tally.unconnected(Misfit::Time);
            }
            let answered = matches!(greeted, Ok(Ok(_)));
            if !answered {
                pool.eject(&endpoint, &outlier, &"it says nothing");
            }
            endpoint.record.doubt.lay(answered);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn silence_is_what_follows_a_call() {
        let silence = Silence::default();
        tokio::time::advance(LONG * 2).await;
        assert!(!silence.is_long(), "nobody has asked");
        silence.begins(true);
        tokio::time::advance(LONG / 2).await;
        silence.begins(false);
        tokio::time::advance(LONG / 2).await;
        assert!(silence.is_long());
        silence.ends();
        assert!(!silence.is_long());
        silence.begins(true);
        tokio::time::advance(LONG / 2).await;
        silence.rests();
        tokio::time::advance(LONG * 2).await;
        assert!(!silence.is_long(), "nobody waits");
        silence.begins(true);
        assert!(!silence.is_long());
        tokio::time::advance(LONG / 2).await;
        assert!(silence.is_long(), "with the one before it was long enough");
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_answered_is_trusted_for_a_while() {
        let doubt = Doubt::default();
        assert!(doubt.raise() && doubt.is_raised() && !doubt.raise());
        doubt.lay(true);
        assert!(!doubt.is_raised() && !doubt.raise());
        tokio::time::advance(TRUST).await;
        assert!(doubt.raise());
        doubt.lay(false);
        assert!(doubt.raise());
    }
}
