//! A call's place on a connection, and how many calls there are.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Instant,
};

use http::{Request, Response};

use super::{
    codings::Taken,
    endpoint::Endpoint,
    line::{Body, Line, Ready, Unanswered},
    options::ProxyOptions,
    outlier::is_failure,
    pool::Pool,
    status,
    stream::{Broken, Stream},
    target::Target,
};
use crate::{Code, Status};

/// What is told of a call whose time is over.
pub(super) const LATE: &str = "the deadline of the call has passed";

/// The time by the clock that calls wait by.
pub(super) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// How many calls an upstream has, from all runtimes.
#[derive(Debug, Default)]
pub(super) struct Gauge {
    /// Counted only where there is a limit.
    calls: AtomicUsize,
    pending: AtomicUsize,
}

impl Gauge {
    /// Whether some call waits for a place.
    pub(super) fn is_awaited(&self) -> bool {
        self.pending() > 0
    }

    /// How many do.
    pub(super) fn pending(&self) -> usize {
        self.pending.load(Ordering::Relaxed)
    }
}

/// One of a number of things of which there may be so many.
#[derive(Debug)]
struct Counted {
    gauge: Arc<Gauge>,
    which: fn(&Gauge) -> &AtomicUsize,
}

impl Counted {
    fn among(gauge: &Arc<Gauge>, which: fn(&Gauge) -> &AtomicUsize, most: usize) -> Option<Self> {
        let counted = Self {
            gauge: Arc::clone(gauge),
            which,
        };
        let before = which(gauge).fetch_add(1, Ordering::Relaxed);
        (before < most).then_some(counted)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        (self.which)(&self.gauge).fetch_sub(1, Ordering::Relaxed);
    }
}

/// A call in flight.
#[derive(Debug)]
pub(super) struct Admitted(#[allow(dead_code, reason = "its drop counts")] Counted);

impl Admitted {
    pub(super) fn among(gauge: &Arc<Gauge>, most: usize) -> Option<Self> {
        Counted::among(gauge, |gauge| &gauge.calls, most).map(Self)
    }
}

/// A call that waits for a connection.
#[derive(Debug)]
pub(super) struct Pending(#[allow(dead_code, reason = "its drop counts")] Counted);

impl Pending {
    pub(super) fn among(gauge: &Arc<Gauge>, most: usize) -> Option<Self> {
        Counted::among(gauge, |gauge| &gauge.pending, most).map(Self)
    }
}

/// A call's place on a connection, as long as it lives.
#[derive(Debug)]
pub(super) struct Lease {
    line: Arc<Line>,
    endpoint: Arc<Endpoint>,
    pool: Arc<Pool>,
    #[allow(dead_code, reason = "its drop counts")]
    admitted: Option<Admitted>,
    /// The reply came to its end.
    whole: bool,
    deadline: Option<Instant>,
    /// What is thought of the address is said.
    judged: AtomicBool,
}

impl Lease {
    /// Of a place that was taken.
    pub(super) fn new(pool: &Arc<Pool>, endpoint: Arc<Endpoint>, line: Arc<Line>) -> Self {
        Self {
            line,
            endpoint,
            pool: Arc::clone(pool),
            admitted: None,
            whole: false,
            deadline: None,
            judged: AtomicBool::new(false),
        }
    }

    pub(super) fn admitted(mut self, admitted: Option<Admitted>) -> Self {
        self.admitted = admitted;
        self
    }

    /// What a call is sent by, once the connection takes one. An error: it is closing.
    pub(super) async fn ready(&self) -> Result<Ready, ()> {
        self.line.ready().await
    }

    /// The same if that is so at once.
    pub(super) fn ready_now(&self) -> Option<Ready> {
        self.line.ready_now()
    }

    /// Sends a request over HTTP/1.1, and waits for the head of its reply.
    pub(super) async fn send(&self, request: Request<Body>) -> Result<Response<Stream>, Unanswered> {
        self.line.send(request).await
    }

    /// Another place at the same address, in the place of this one, which is given up.
    pub(super) async fn again(mut self) -> Result<Self, Status> {
        self.give_up();
        let (_, mut other) = self.pool.ready_at(&self.endpoint).await?;
        other.wait_until(self.deadline);
        Ok(other.admitted(self.admitted.take()))
    }

    /// When the caller stops waiting.
    pub(super) fn wait_until(&mut self, deadline: Option<Instant>) {
        self.deadline = deadline;
    }

    /// All of the reply came.
    pub(super) fn came_whole(&mut self) {
        self.whole = true;
    }

    pub(super) fn target(&self) -> &Target {
        &self.endpoint.target
    }

    pub(super) fn endpoint(&self) -> &Arc<Endpoint> {
        &self.endpoint
    }

    /// How often something was written on the connection: while that stays the same nothing that is asked for has left.
    pub(super) fn written(&self) -> u64 {
        self.line.written()
    }

    /// What is set about the upstream.
    pub(super) fn options(&self) -> &ProxyOptions {
        &self.pool.upstream.options
    }

    /// The codings that the address takes.
    pub(super) fn taken(&self) -> &Taken {
        &self.endpoint.taken
    }

    /// The connection takes no more calls.
    pub(super) fn give_up(&self) {
        self.line.give_up();
    }

    /// The call was answered.
    pub(super) fn went_well(&self) {
        self.judged.store(true, Ordering::Relaxed);
        self.endpoint.record.went_well();
    }

    /// The call ended like this, for which the upstream is to blame or not.
    pub(super) fn went_wrong(&self, status: &Status) {
        if is_failure(status.code()) {
            self.judged.store(true, Ordering::Relaxed);
            self.pool.went_wrong(&self.endpoint);
        } else {
            self.went_well();
        }
    }

    /// What HTTP says of the call or of its connection.
    pub(super) fn broken(&self, broken: &Broken) -> Status {
        let status = status::of(broken, self.line.fault(), &self.endpoint);
        let late = || self.deadline.is_some_and(|deadline| deadline <= now());
        // A server gives a call up that is late, and may say so before it is noticed here. As in grpc-go.
        match status.code() {
            Code::Cancelled if late() => Status::deadline_exceeded(LATE),
            _ => status,
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if !self.judged.load(Ordering::Relaxed) && self.line.is_silent() {
            self.pool.doubt(&self.endpoint);
        }
        self.line.ended(self.whole);
        self.endpoint.release(&self.line);
        self.pool.freed();
    }
}
