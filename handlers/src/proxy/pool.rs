//! The connections to an upstream.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use h2::client::SendRequest;
use tokio::{
    runtime::{Handle, Id},
    sync::{Mutex as AsyncMutex, Notify, OwnedMutexGuard},
};

use super::{
    backoff::Backoff,
    dial::{self, Phases},
    line,
    misfit::ConnectError,
    request::Frame,
    upstream::Upstream,
};
use crate::Status;

/// Connections that one runtime may have to an upstream.
const MOST_LINES: usize = 16;
/// How often a connection is chosen anew that turns out to be closing.
const ATTEMPTS: usize = 4;

/// A pool for each runtime that calls: a connection lives and dies with the runtime that drives it.
#[derive(Debug, Default)]
pub(super) struct Pools(Mutex<Vec<(Id, Arc<Pool>)>>);

/// The connections of one runtime.
#[derive(Debug)]
pub(super) struct Pool {
    upstream: Arc<Upstream>,
    lines: Mutex<Vec<Arc<Line>>>,
    /// Held by who connects: one at a time.
    connecting: Arc<AsyncMutex<Backoff>>,
    /// A call has ended.
    freed: Notify,
}

/// A connection.
#[derive(Debug)]
struct Line {
    requests: SendRequest<Frame>,
    calls: AtomicUsize,
    /// Takes no more calls: it is closed, or the upstream said that it will be.
    gone: Arc<AtomicBool>,
}

/// A call's place on a connection, as long as it lives.
#[derive(Debug)]
pub(super) struct Lease {
    line: Arc<Line>,
    pool: Arc<Pool>,
}

impl Pools {
    /// The pool of the runtime that asks.
    pub(super) fn here(&self, upstream: &Arc<Upstream>) -> Arc<Pool> {
        let here = Handle::current().id();
        let mut pools = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, pool)) = pools.iter().find(|(id, _)| *id == here) {
            return Arc::clone(pool);
        }
        // Those of runtimes that are no more have no open connection left.
        pools.retain(|(_, pool)| pool.is_used());
        let pool = Arc::new(Pool {
            upstream: Arc::clone(upstream),
            lines: Mutex::default(),
            connecting: Arc::default(),
            freed: Notify::new(),
        });
        pools.push((here, Arc::clone(&pool)));
        pool
    }
}

impl Pool {
    /// A connection that takes a call now.
    pub(super) async fn ready(self: &Arc<Self>) -> Result<(SendRequest<Frame>, Lease), Status> {
        for _ in 0..ATTEMPTS {
            let lease = self.lease().await?;
            match lease.line.requests.clone().ready().await {
                Ok(requests) => return Ok((requests, lease)),
                // It is closing: nothing was sent.
                Err(_) => lease.line.gone.store(true, Ordering::Relaxed),
            }
        }
        let target = &self.upstream.target;
        Err(Status::unavailable(format!("{target} closes each connection at once")))
    }

    async fn lease(self: &Arc<Self>) -> Result<Lease, Status> {
        loop {
            // Before the look at the connections, so that none that becomes free after it is missed.
            let freed = self.freed.notified();
            if let Some(lease) = self.find() {
                return Ok(lease);
            }
            if self.lines().len() >= MOST_LINES {
                freed.await;
                continue;
            }
            let connecting = Arc::clone(&self.connecting).lock_owned().await;
            // Another call may have connected meanwhile.
            if let Some(lease) = self.find() {
                return Ok(lease);
            }
            if let Some(refusal) = connecting.refusal() {
                return Err(refusal);
            }
            // In a task of its own, so that a call that is given up does not undo what others wait for.
            let connected = tokio::spawn(Arc::clone(self).connect(connecting)).await;
            connected.map_err(|error| {
                Status::unavailable(format!("cannot connect to {}: {error}", self.upstream.target))
            })??;
        }
    }

    /// A place on the connection with the fewest calls, if any has one.
    fn find(self: &Arc<Self>) -> Option<Lease> {
        let mut lines = self.lines();
        lines.retain(|line| !line.gone.load(Ordering::Relaxed));
        let free = lines.iter().filter(|line| line.has_room());
        let line = free.min_by_key(|line| line.calls.load(Ordering::Relaxed))?;
        line.calls.fetch_add(1, Ordering::Relaxed);
        Some(Lease {
            line: Arc::clone(line),
            pool: Arc::clone(self),
        })
    }

    async fn connect(self: Arc<Self>, mut connecting: OwnedMutexGuard<Backoff>) -> Result<Phases, ConnectError> {
        match dial::open(&self.upstream.target, &self.upstream).await {
            Ok(opened) => {
                connecting.succeeded();
                self.lines().push(Arc::new(Line {
                    requests: opened.requests,
                    calls: AtomicUsize::new(0),
                    gone: opened.gone,
                }));
                Ok(opened.phases)
            }
            Err(error) => {
                connecting.failed(error.clone().into());
                Err(error)
            }
        }
    }

    /// Connects now, whatever connections there are and whatever failed before.
    pub(super) async fn connect_now(self: Arc<Self>) -> Result<Phases, ConnectError> {
        let connecting = Arc::clone(&self.connecting).lock_owned().await;
        self.connect(connecting).await
    }

    fn is_used(&self) -> bool {
        self.lines().iter().any(|line| !line.gone.load(Ordering::Relaxed))
    }

    fn lines(&self) -> MutexGuard<'_, Vec<Arc<Line>>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    fn has_room(&self) -> bool {
        // An upstream that allows no call at all for now still gets one, which waits.
        let allowed = self.requests.current_max_send_streams().clamp(1, line::MOST_CALLS);
        self.calls.load(Ordering::Relaxed) < allowed
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.line.calls.fetch_sub(1, Ordering::Relaxed);
        self.pool.freed.notify_one();
    }
}
