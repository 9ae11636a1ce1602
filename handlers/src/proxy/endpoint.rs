//! One address of an upstream: its connections, and what is thought of it.

use std::{
    fmt,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use tokio::{
    task::{AbortHandle, JoinHandle},
    time::Instant,
};

use super::{
    backoff::Backoff,
    codings::Taken,
    ledger::Tally,
    line::{Line, Siblings},
    options::ProxyOptions,
    outlier::Record,
    silence::Silence,
    target::{Place, Target},
};
use crate::{Status, upstreams::AddressState};

/// What is connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Address {
    Tcp(SocketAddr),
    #[cfg(unix)]
    Unix(std::path::PathBuf),
}

/// `IP:PORT`, or the path of a socket.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            #[cfg(unix)]
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}

/// An address, as one runtime knows it.
#[derive(Debug)]
pub(super) struct Endpoint {
    pub(super) target: Arc<Target>,
    pub(super) address: Address,
    lines: Mutex<Vec<Arc<Line>>>,
    pub(super) siblings: Arc<Siblings>,
    /// How many connections are being made.
    dialling: AtomicUsize,
    backoff: Mutex<Backoff>,
    calls: AtomicUsize,
    pub(super) record: Record,
    /// Since when its calls over HTTP/1.1 get no answer.
    silence: Silence,
    pub(super) taken: Taken,
    /// What it says of itself.
    pub(super) unwell: AtomicBool,
    /// Its name has another address now.
    retired: AtomicBool,
    /// Asks it how it is.
    watch: OnceLock<AbortHandle>,
    pub(super) tally: Arc<Tally>,
}

/// What can be done for a call that finds no place.
#[derive(Debug)]
pub(super) enum Growth {
    /// Connect, which only the caller who got this may do.
    Dial,
    /// Somebody connects.
    Dialling,
    /// There are as many connections as there may be.
    Full,
    /// It could not be reached a moment ago.
    Resting(Status),
}

impl Endpoint {
    pub(super) fn new(target: Arc<Target>, address: Address, options: &ProxyOptions, tally: &Arc<Tally>) -> Self {
        let name = Name(&target, &address).to_string();
        Self {
            target,
            address,
            lines: Mutex::default(),
            siblings: Arc::new(Siblings::new(name)),
            dialling: AtomicUsize::new(0),
            backoff: Mutex::default(),
            calls: AtomicUsize::new(0),
            record: Record::default(),
            silence: Silence::default(),
            taken: Taken::always(options.encodings),
            unwell: AtomicBool::new(false),
            retired: AtomicBool::new(false),
            watch: OnceLock::new(),
            tally: Arc::clone(tally),
        }
    }

    /// Keeps a task that ends with the address.
    pub(super) fn watch(&self, task: &JoinHandle<()>) {
        let _ = self.watch.set(task.abort_handle());
    }

    /// Where it is, if that is a socket of TCP.
    pub(super) fn socket(&self) -> Option<SocketAddr> {
        match &self.address {
            Address::Tcp(address) => Some(*address),
            #[cfg(unix)]
            Address::Unix(_) => None,
        }
    }

    /// Whether it should get calls.
    pub(super) fn is_fit(&self) -> bool {
        !self.record.is_ejected() && !self.record.doubt.is_raised() && !self.unwell.load(Ordering::Relaxed)
    }

    /// What there is to tell of it.
    pub(super) fn state(&self) -> AddressState {
        if self.record.is_ejected() || self.record.doubt.is_raised() {
            AddressState::Ejected
        } else if self.unwell.load(Ordering::Relaxed) {
            AddressState::Unwell
        } else if self.lines().iter().any(|line| !line.is_gone()) {
            AddressState::Connected
        } else if self.is_doubtful() {
            AddressState::Unreachable
        } else {
            AddressState::Ready
        }
    }

    /// In flight.
    pub(super) fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    /// Whether a connection has a place.
    pub(super) fn has_room(&self, options: &ProxyOptions) -> bool {
        let lines = self.lines();
        let mut free = lines.iter().filter(|line| !line.is_gone() && line.has_room());
        free.any(|line| !line.is_resting() || !self.may_be_more(&lines, options))
    }

    /// A place on the connection with the fewest calls, if any has one. To be [released](Self::release).
    pub(super) fn take(&self, options: &ProxyOptions) -> Option<Arc<Line>> {
        let mut lines = self.lines();
        lines.retain(|line| !line.is_gone());
        let free = || lines.iter().filter(|line| line.has_room());
        let fresh = free().filter(|line| !line.is_resting());
        let line = match fresh.min_by_key(|line| line.calls()) {
            Some(line) => Arc::clone(line),
            None if self.may_be_more(&lines, options) => {
                // Another one is made. One that rests and has no calls need not be waited for: a new one bears more.
                lines.retain(|line| line.calls() > 0 || !line.is_resting());
                return None;
            }
            // What is given up next is spread over all of them.
            None => Arc::clone(free().max_by(|one, other| one.may_be_reset().total_cmp(&other.may_be_reset()))?),
        };
        self.occupy(&line);
        Some(line)
    }

    /// Whether a connection may be made in place of one that rests. What clients do shall not bring an upstream any number of connections.
    fn may_be_more(&self, lines: &[Arc<Line>], options: &ProxyOptions) -> bool {
        let most = options.most_connections();
        let taking = lines.iter().filter(|line| !line.is_resting()).count();
        taking < most && self.siblings.open() < most.saturating_mul(2) && self.backoff().refusal().is_none()
    }

    /// Takes a place on this connection. To be [released](Self::release).
    pub(super) fn occupy(&self, line: &Line) {
        line.take();
        let others = self.calls.fetch_add(1, Ordering::Relaxed);
        if line.is_http1() {
            self.silence.begins(others == 0);
        }
    }

    /// It answers a call, over HTTP/1.1.
    pub(super) fn heard(&self) {
        self.silence.ends();
    }

    /// Whether it has had calls for long and answers none, over HTTP/1.1.
    pub(super) fn is_silent(&self) -> bool {
        self.silence.is_long()
    }

    pub(super) fn release(&self, line: &Line) {
        line.release();
        if self.calls.fetch_sub(1, Ordering::Relaxed) == 1 && line.is_http1() {
            self.silence.rests();
        }
    }

    /// What can be done, if no connection has a place. [`Growth::Dial`] is to be followed by [`dialled`](Self::dialled).
    /// `waiting`: how many calls there are that wait.
    pub(super) fn growth(&self, options: &ProxyOptions, waiting: usize) -> Growth {
        if self.is_full(options.most_connections()) || self.is_shut() {
            return Growth::Full;
        }
        if let Some(refusal) = self.backoff().refusal() {
            return Growth::Resting(refusal);
        }
        // After a failure one shows whether it can be reached.
        let at_once = if self.is_doubtful() {
            1
        } else {
            options.dials().min(waiting.max(1))
        };
        let left = options.most_connections().saturating_sub(self.taking());
        if self.dialling.fetch_add(1, Ordering::Relaxed) >= at_once.min(left) {
            self.dialling.fetch_sub(1, Ordering::Relaxed);
            return Growth::Dialling;
        }
        Growth::Dial
    }

    /// Somebody who was to connect has done so, or tried.
    pub(super) fn dialled(&self) {
        self.dialling.fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether there are as many connections as there may be: of those that rest another takes the place, up to as many again.
    pub(super) fn is_full(&self, most: usize) -> bool {
        let taking = self.taking();
        taking >= most || taking < self.connections() && self.siblings.open() >= most.saturating_mul(2)
    }

    /// Connections that do not rest.
    fn taking(&self) -> usize {
        self.lines().iter().filter(|line| !line.is_resting()).count()
    }

    /// Whether it allows no call at all for now: then a further connection helps nobody.
    fn is_shut(&self) -> bool {
        let lines = self.lines();
        !lines.is_empty() && lines.iter().all(|line| line.is_shut())
    }

    /// Whether the last attempt to connect failed: then nobody waits for the next one who has somewhere else to go.
    pub(super) fn is_doubtful(&self) -> bool {
        self.backoff().failures() > 0
    }

    /// Connecting, which began then, has come to this end. Whether that is a further failure.
    pub(super) fn connected(&self, began: Instant, outcome: Result<Line, Status>) -> bool {
        let failed_before = self.is_doubtful();
        match outcome {
            Ok(line) => {
                if failed_before {
                    tracing::info!(target: "descant.proxy", upstream = %self, "reached again");
                } else {
                    tracing::debug!(target: "descant.proxy", upstream = %self, "connected");
                }
                self.backoff().succeeded();
                if !self.retired.load(Ordering::Relaxed) {
                    self.lines().push(Arc::new(line));
                }
                false
            }
            Err(status) => {
                if failed_before {
                    tracing::debug!(target: "descant.proxy", upstream = %self, "{}", status.message());
                } else {
                    tracing::warn!(target: "descant.proxy", upstream = %self, "{}", status.message());
                }
                let mut backoff = self.backoff();
                let is_news = backoff.is_news(began);
                if is_news {
                    backoff.failed(status);
                }
                is_news
            }
        }
    }

    /// Nobody is told of it any more. Its calls end as they would; its connections go with them.
    pub(super) fn retire(&self) {
        self.retired.store(true, Ordering::Relaxed);
        self.lines().clear();
        self.unwatch();
    }

    /// Its pool has ended. It is told of to the calls that are left, whose connections stay.
    pub(super) fn end(&self) {
        self.unwatch();
        self.lines().retain(|line| line.calls() > 0);
    }

    fn unwatch(&self) {
        if let Some(watch) = self.watch.get() {
            watch.abort();
        }
    }

    /// Whether that is so.
    pub(super) fn is_retired(&self) -> bool {
        self.retired.load(Ordering::Relaxed)
    }

    /// Lets go of connections that have been idle for long, but for so many, or are old; says whether there were any. Called every `tick`.
    pub(super) fn sweep(&self, least: usize, ticks: u32) -> bool {
        let mut lines = self.lines();
        let before = lines.len();
        lines.retain(|line| !line.is_gone() && !line.is_old());
        let mut left = lines.len();
        lines.retain(|line| {
            let spare = line.is_idle_for(ticks) && left > least;
            left -= usize::from(spare);
            !spare
        });
        lines.len() < before
    }

    /// Connections that are open.
    pub(super) fn connections(&self) -> usize {
        self.lines().len()
    }

    fn lines(&self) -> MutexGuard<'_, Vec<Arc<Line>>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn backoff(&self) -> MutexGuard<'_, Backoff> {
        self.backoff.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.unwatch();
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Name(&self.target, &self.address).fmt(f)
    }
}

/// As it was written, and the address that was found for a name.
struct Name<'e>(&'e Target, &'e Address);

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(target, address) = self;
        target.fmt(f)?;
        match (&target.place, address) {
            (Place::Tcp(host, _), Address::Tcp(address)) if *host != address.ip().to_string() => {
                write!(f, " ({address})")
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn attempts_that_fail_together_are_one_failure() {
        let target = Arc::new(Target::parse("http://127.0.0.1:1").unwrap());
        let options = ProxyOptions {
            http1: true,
            ..ProxyOptions::default()
        };
        let address = Address::Tcp(([127, 0, 0, 1], 1).into());
        let endpoint = Endpoint::new(target, address, &options, &Arc::default());
        let grows = || matches!(endpoint.growth(&options, 16), Growth::Dial);
        let fails = |began| {
            endpoint.dialled();
            endpoint.connected(began, Err(Status::unavailable("down")))
        };
        let began = Instant::now();
        assert!((0..16).all(|_| grows()));
        assert!(!grows());
        assert!(fails(began));
        assert!((0..14).all(|_| !fails(began)));
        // After one failure it rests for a tenth of a second, or a fifth more.
        tokio::time::advance(Duration::from_millis(121)).await;
        // The slowest of the first.
        assert!(!fails(began));
        assert!(grows());
        assert!(fails(Instant::now()));
        assert!(!grows());
        tokio::time::advance(Duration::from_millis(193)).await;
        assert!(grows());
    }
}
