//! Where a call goes: the addresses of an upstream, and the connections to them.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::Notify,
    task::{AbortHandle, JoinSet},
    time::{Instant, timeout, timeout_at},
};

use super::{
    balance::Endpoints,
    dial::{self, Dialling, Phases},
    endpoint::{Address, Endpoint, Growth},
    gauge::{Admitted, Gauge, Pending},
    health,
    keeper::{self, Alive},
    lease::{LATE, Lease},
    ledger::{Entry, Placeless, Tally},
    line::{Line, Ready},
    misfit::{ConnectError, Misfit, Unfit},
    pick::Pick,
    queue::Queues,
    resolve,
    retry::{Throttle, Tried},
    status,
    target::Target,
    upstream::Upstream,
};
use crate::Status;

/// How often a connection is chosen anew that turns out to be closing.
pub(super) const ATTEMPTS: usize = 4;
/// Who waits for a connection this long tries another address as well. RFC 8305, section 5.
const ANOTHER: Duration = Duration::from_millis(250);

/// The addresses of an upstream as one runtime knows them, with its connections.
#[derive(Debug)]
pub(super) struct Pool {
    pub(super) upstream: Arc<Upstream>,
    endpoints: Mutex<Arc<Endpoints>>,
    /// Those of the targets that are looked up, each with a bell that asks for a new look.
    pub(super) names: Vec<(Arc<Target>, Arc<Notify>)>,
    /// Why nothing was found, of each name.
    lost: Mutex<Vec<Option<Status>>>,
    /// Counts the calls that go in turn.
    pub(super) turn: AtomicUsize,
    pub(super) waiting: Queues,
    gauge: Arc<Gauge>,
    /// What is told of calls that went well, if something holds attempts back.
    pub(super) throttle: Option<Arc<Throttle>>,
    /// Addresses are connected to before a call needs it.
    warm: AtomicBool,
    /// It is there for the calls that it has, and asks after nothing that they do not need.
    ended: AtomicBool,
    /// Its runtime is still there.
    pub(super) alive: Arc<AtomicBool>,
    tasks: Mutex<Vec<AbortHandle>>,
    pub(super) tally: Arc<Tally>,
}

/// What a call wants of its place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Want<'w> {
    /// What it is hashed by.
    pub(super) key: Option<u64>,
    /// Rather another address than these.
    pub(super) tried: Option<&'w Tried>,
    /// At how many addresses a connection may be under way for it.
    pub(super) dials: usize,
    /// Others have waited for longer: it connects, and takes no place.
    pub(super) behind: bool,
    /// It waits where others are refused.
    pub(super) wait: bool,
    /// When its time is over.
    pub(super) deadline: Option<Instant>,
    /// As what it counts.
    pub(super) attempt: Entry,
}

/// Why a call gets no place.
#[derive(Debug)]
pub(super) enum Refusal {
    /// There are as many calls as there may be.
    Full(Status),
    /// There is no connection.
    Unreachable(Status),
    /// The time of the call is over, and there is still no connection.
    Late(Status),
}

impl Pool {
    pub(super) fn start(
        upstream: &Arc<Upstream>,
        gauge: &Arc<Gauge>,
        throttle: Option<Arc<Throttle>>,
        tally: Arc<Tally>,
    ) -> Arc<Self> {
        let targets = upstream.targets.iter();
        let looked_up = targets.filter(|target| resolve::literal(target).is_none());
        let names: Vec<_> = looked_up.map(|target| (Arc::clone(target), Arc::default())).collect();
        let alive = Alive::new();
        let pool = Arc::new(Self {
            upstream: Arc::clone(upstream),
            endpoints: Mutex::default(),
            lost: Mutex::new(vec![None; names.len()]),
            names,
            turn: AtomicUsize::new(fastrand::usize(..1 << 16)),
            waiting: Queues::default(),
            gauge: Arc::clone(gauge),
            throttle,
            warm: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            alive: alive.told(),
            tasks: Mutex::default(),
            tally,
        });
        let written = upstream.targets.iter();
        let written = written.filter_map(|target| Some((Arc::clone(target), resolve::literal(target)?)));
        pool.update(|_| false, |_| written.collect());
        for (target, stale) in &pool.names {
            let looking = resolve::keep(Arc::downgrade(&pool), Arc::clone(target), Arc::clone(stale));
            pool.spawn(looking);
        }
        pool.spawn(keeper::keep(Arc::downgrade(&pool), alive));
        pool
    }

    /// A connection that takes a call now.
    pub(super) async fn ready(self: &Arc<Self>, want: Want<'_>) -> Result<(Ready, Lease), Refusal> {
        let admitted = self.admit().inspect_err(|_| self.tally.count(Entry::FullInFlight))?;
        let mut placeless = Placeless::new(&self.tally, want.attempt);
        let (mut waits, mut found) = (0, None);
        while waits < ATTEMPTS {
            let behind = self.is_behind(want);
            let (endpoint, line) = match self.pick(Want { behind, ..want }) {
                Pick::Ready(endpoint, line) => (endpoint, line),
                Pick::Refused {
                    status,
                    is_crowded: false,
                } if !want.wait => return Err(Refusal::Unreachable(status)),
                Pick::Refused { .. } | Pick::Later => {
                    waits += 1;
                    let waited = self.wait(want).await;
                    waited.inspect_err(|refusal| placeless.refused(refusal))?
                }
            };
            let lease = Lease::new(self, endpoint, line);
            if let Ok(ready) = lease.ready().await {
                placeless.placed();
                return Ok((ready, lease.admitted(admitted)));
            }
            // It is closing: nothing was sent. It is not taken again.
            lease.give_up();
            found = lease.fault();
        }
        let status = status::of_closed(found.as_deref(), &self.upstream);
        Err(Refusal::Unreachable(status))
    }

    /// The same if there is one, over HTTP/2, without a wait.
    pub(super) fn ready_now(self: &Arc<Self>, want: Want<'_>) -> Option<(Ready, Lease)> {
        if self.upstream.options.http1 {
            // Whether a connection takes a call has to be waited for there.
            return None;
        }
        if self.is_behind(want) {
            return None;
        }
        let admitted = self.admit().ok()?;
        let Pick::Ready(endpoint, line) = self.pick(want) else {
            return None;
        };
        let lease = Lease::new(self, endpoint, line);
        Some((lease.ready_now()?, lease.admitted(admitted)))
    }

    /// A connection to this address that takes a call now.
    pub(super) async fn ready_at(self: &Arc<Self>, endpoint: &Arc<Endpoint>) -> Result<(Ready, Lease), Status> {
        let mut changed = self.waiting.aside.wait();
        loop {
            if let Some(place) = self.place_at(endpoint).await? {
                return Ok(place);
            }
            let _ = timeout(ANOTHER, &mut changed).await;
        }
    }

    /// The same for a health check: on a connection of its own where calls have taken all places that there may be. Nobody learns how a server is
    /// who waits for it to be less busy.
    pub(super) async fn ready_for_check(self: &Arc<Self>, endpoint: &Arc<Endpoint>) -> Result<(Ready, Lease), Status> {
        let mut changed = self.waiting.aside.wait();
        loop {
            if let Some(place) = self.place_at(endpoint).await? {
                return Ok(place);
            }
            if endpoint.is_full(self.upstream.options.most_connections()) {
                let (line, _) = dial::open(endpoint, &self.upstream).await?;
                let line = Arc::new(line);
                endpoint.occupy(&line);
                let lease = Lease::new(self, Arc::clone(endpoint), line);
                return match lease.ready().await {
                    Ok(ready) => Ok((ready, lease)),
                    Err(()) => Err(status::of_closed(lease.fault().as_deref(), endpoint)),
                };
            }
            let _ = timeout(ANOTHER, &mut changed).await;
        }
    }

    /// A place at this address, if there is one now; else it is connected to, if nothing speaks against that.
    async fn place_at(self: &Arc<Self>, endpoint: &Arc<Endpoint>) -> Result<Option<(Ready, Lease)>, Status> {
        while let Some(line) = endpoint.take(&self.upstream.options) {
            let lease = Lease::new(self, Arc::clone(endpoint), line);
            match lease.ready().await {
                Ok(ready) => return Ok(Some((ready, lease))),
                Err(()) => lease.give_up(),
            }
        }
        if endpoint.is_retired() {
            // A connection to it would be kept by nobody.
            let what = format!("{endpoint} is no address of the upstream any more");
            return Err(Status::unavailable(what));
        }
        match self.grow(endpoint) {
            Growth::Resting(status) => Err(status),
            Growth::Dial | Growth::Dialling | Growth::Full => Ok(None),
        }
    }

    fn admit(&self) -> Result<Option<Admitted>, Refusal> {
        let Some(most) = self.upstream.options.max_calls else {
            return Ok(None);
        };
        let admitted = Admitted::among(&self.gauge, most);
        let full = || {
            Refusal::Full(Status::unavailable(format!(
                "{} has {most} calls in flight, and may have no more",
                self.upstream
            )))
        };
        admitted.map(Some).ok_or_else(full)
    }

    async fn wait(self: &Arc<Self>, mut want: Want<'_>) -> Result<(Arc<Endpoint>, Arc<Line>), Refusal> {
        let most = self.upstream.options.max_pending;
        let full = || {
            self.tally.count(Entry::FullWaiting);
            Refusal::Full(Status::unavailable(format!(
                "{most} calls wait for {} already, and no more may",
                self.upstream
            )))
        };
        // Before the look at the connections, so that nothing is missed that happens after it.
        let mut in_line = want.key.is_none() && want.tried.is_none();
        let mut changed = if in_line {
            &self.waiting.line
        } else {
            &self.waiting.apart
        }
        .wait();
        want.behind = self.is_behind(want);
        let Some(_pending) = Pending::among(&self.gauge, most) else {
            // Those that wait may be another runtime's.
            return match self.pick(want) {
                Pick::Ready(endpoint, line) => Ok((endpoint, line)),
                Pick::Refused { .. } | Pick::Later => Err(full()),
            };
        };
        changed.stand(in_line);
        let (mut told, mut is_patient, mut due) = (false, true, Instant::now() + ANOTHER);
        let mut refused = None;
        loop {
            match self.pick(want) {
                Pick::Ready(endpoint, line) => {
                    // There may be a place for the next one, too.
                    drop(changed);
                    self.waiting.line.tell_first();
                    self.waiting.apart.tell_first();
                    return Ok((endpoint, line));
                }
                Pick::Refused { status, is_crowded } if !(want.wait || is_crowded && is_patient) => {
                    return Err(Refusal::Unreachable(status));
                }
                Pick::Refused { status, .. } => {
                    // Nobody has to stand behind who cannot be helped.
                    changed.stand(false);
                    refused = Some(status);
                }
                Pick::Later => changed.stand(in_line),
            }
            if told && !in_line {
                changed.step_back();
            }
            want.behind = false;
            let until = want.deadline.map_or(due, |deadline| deadline.min(due));
            told = timeout_at(until, &mut changed).await.is_ok();
            if want.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                // Whoever bounds the call would not know why it waits.
                if let Some(why) = refused.take().filter(|_| self.is_cut_off()) {
                    let what = format!("{LATE}, and there is no connection: {}", why.message());
                    return Err(Refusal::Late(Status::deadline_exceeded(what)));
                }
                want.deadline = None;
            }
            if due <= Instant::now() {
                due = Instant::now() + ANOTHER;
                is_patient = false;
                // One address more; and rather one that was tried than to wait for long.
                want.dials += 1;
                if want.tried.take().is_some() && want.key.is_none() {
                    in_line = true;
                    changed = self.waiting.line.wait();
                }
            }
        }
    }

    /// Connects to an address, if nothing speaks against it. As many calls as wait here may be helped by that: others wait for their own pools.
    pub(super) fn grow(self: &Arc<Self>, endpoint: &Arc<Endpoint>) -> Growth {
        let growth = endpoint.growth(&self.upstream.options, self.waiting.len());
        if let Growth::Dial = growth {
            let dialling = Dialling {
                pool: Arc::clone(self),
                endpoint: Arc::clone(endpoint),
            };
            // In a task of its own, so that a call that is given up does not undo what others wait for.
            tokio::spawn(async move {
                // What is wrong is told by the address from now on.
                let _ = dialling.pool.open(&dialling.endpoint).await;
            });
        }
        growth
    }

    async fn open(self: &Arc<Self>, endpoint: &Arc<Endpoint>) -> Result<Phases, ConnectError> {
        let began = Instant::now();
        let opened = dial::open(endpoint, &self.upstream).await;
        let (outcome, told) = match opened {
            Ok((line, phases)) => (Ok(line), Ok(phases)),
            Err(error) => (Err(error.clone().into()), Err(error)),
        };
        let is_failure = endpoint.connected(began, outcome);
        if told.is_err() {
            // Health checks connect too, and tell by themselves of an address that is away.
            if is_failure && self.upstream.options.health.is_none() {
                self.went_wrong(endpoint);
            }
            let mut named = self.names.iter();
            if let Some((_, stale)) = named.find(|(target, _)| Arc::ptr_eq(target, &endpoint.target)) {
                stale.notify_one();
            }
        }
        told
    }

    /// Connects to each address, those that are still to be found too.
    pub(super) fn warm_up(self: &Arc<Self>) {
        self.warm.store(true, Ordering::Relaxed);
        self.endpoints().list.iter().for_each(|endpoint| self.warm(endpoint));
    }

    fn warm(self: &Arc<Self>, endpoint: &Arc<Endpoint>) {
        if endpoint.connections() == 0 {
            self.grow(endpoint);
        }
    }

    /// Connects now, whatever connections there are and whatever failed before: to the first address that can be connected to, of which
    /// those that say nothing are tried side by side.
    pub(super) async fn connect_now(self: &Arc<Self>) -> Result<Phases, ConnectError> {
        let (mut lookup, mut failed) = (Duration::ZERO, None);
        for (target, _) in &self.names {
            let began = Instant::now();
            let upstream = &self.upstream;
            match resolve::look_up(&*upstream.resolver, target, upstream.options.connect_timeout).await {
                Ok((addresses, _)) => self.found(target, &addresses),
                Err(unfit) => {
                    self.tally.count(Entry::NotFound);
                    failed = Some(ConnectError::new(target, unfit));
                }
            }
            lookup += began.elapsed();
        }
        let endpoints = self.endpoints();
        let (mut next, mut dials) = (endpoints.list.iter().peekable(), JoinSet::new());
        loop {
            if let Some(endpoint) = next.next() {
                let (this, endpoint) = (Arc::clone(self), Arc::clone(endpoint));
                dials.spawn(async move { this.open(&endpoint).await });
            }
            let ended = if next.peek().is_none() {
                dials.join_next().await
            } else if let Ok(ended) = timeout(ANOTHER, dials.join_next()).await {
                ended
            } else {
                // One that says nothing is not waited for: the next is tried beside it.
                continue;
            };
            match ended {
                Some(Ok(Ok(phases))) => {
                    self.waiting.tell_all();
                    return Ok(Phases { lookup, ..phases });
                }
                Some(Ok(Err(error))) => failed = Some(error),
                Some(Err(_)) => {}
                None => break,
            }
        }
        let nothing = || ConnectError::new(&self.upstream, Unfit::new(Misfit::Host, "it has no address"));
        Err(failed.unwrap_or_else(nothing))
    }

    /// Drops some addresses, and adds others, which are asked for once no other look-up can add any.
    pub(super) fn update(
        self: &Arc<Self>,
        gone: impl Fn(&Endpoint) -> bool,
        new: impl FnOnce(&[Arc<Endpoint>]) -> Vec<(Arc<Target>, Address)>,
    ) {
        let mut slot = self.endpoints.lock().unwrap_or_else(PoisonError::into_inner);
        let new = new(&slot.list);
        let (old, mut list): (Vec<_>, Vec<_>) = slot.list.iter().cloned().partition(|endpoint| gone(endpoint));
        if old.is_empty() && new.is_empty() {
            return;
        }
        for (target, address) in new {
            let endpoint = Arc::new(Endpoint::new(target, address, &self.upstream.options, &self.tally));
            if self.upstream.options.health.is_some() && !self.has_ended() {
                let watch = health::watch(Arc::downgrade(self), Arc::downgrade(&endpoint));
                endpoint.watch(&tokio::spawn(watch));
            }
            tracing::debug!(target: "descant.proxy", upstream = %endpoint, "an address of the upstream");
            list.push(endpoint);
        }
        let now = Arc::new(Endpoints::new(list, &self.upstream.options.balance));
        *slot = Arc::clone(&now);
        drop(slot);
        if self.warm.load(Ordering::Relaxed) {
            now.list.iter().for_each(|endpoint| self.warm(endpoint));
        }
        for endpoint in old {
            tracing::info!(target: "descant.proxy", upstream = %endpoint, "no address of the upstream any more");
            endpoint.retire();
        }
        self.waiting.tell_all();
    }

    /// Nobody needs it any more but the calls that it has: what goes on by itself stops, and connections without calls close.
    pub(super) fn end(&self) {
        self.warm.store(false, Ordering::Relaxed);
        // Before the look at the addresses: those that come after it find it set.
        self.ended.store(true, Ordering::Relaxed);
        for endpoint in &self.endpoints().list {
            endpoint.end();
        }
        // There may be others now.
        self.waiting.tell_all();
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    /// How many connections there are to be to an address though no call needs them.
    pub(super) fn least_connections(&self) -> usize {
        if self.has_ended() {
            return 0;
        }
        self.upstream.options.min_connections
    }

    pub(super) fn endpoints(&self) -> Arc<Endpoints> {
        Arc::clone(&self.endpoints.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether a call stands behind others. One that belongs to an address does not, nor one that was tried at some.
    fn is_behind(&self, want: Want<'_>) -> bool {
        want.key.is_none() && want.tried.is_none() && self.waiting.line.is_awaited()
    }

    /// Whether there is no connection at all.
    fn is_cut_off(&self) -> bool {
        self.endpoints().list.iter().all(|endpoint| endpoint.connections() == 0)
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let task = tokio::spawn(task).abort_handle();
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).push(task);
    }

    pub(super) fn lost(&self) -> MutexGuard<'_, Vec<Option<Status>>> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let tasks = self.tasks.get_mut().unwrap_or_else(PoisonError::into_inner);
        tasks.iter().for_each(AbortHandle::abort);
    }
}
