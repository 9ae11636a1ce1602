//! A call's place on a connection, and how many calls there are.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use h2::client::SendRequest;

use super::{
    codings::Taken, endpoint::Endpoint, line::Line, outlier::is_failure, pool::Pool, request::Frame, status,
    target::Target,
};
use crate::Status;

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
        self.pending.load(Ordering::Relaxed) > 0
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
}

impl Lease {
    /// Of a place that was taken.
    pub(super) fn new(pool: &Arc<Pool>, endpoint: Arc<Endpoint>, line: Arc<Line>) -> Self {
        Self {
            line,
            endpoint,
            pool: Arc::clone(pool),
            admitted: None,
        }
    }

    pub(super) fn admitted(mut self, admitted: Option<Admitted>) -> Self {
        self.admitted = admitted;
        self
    }

    pub(super) fn requests(&self) -> SendRequest<Frame> {
        self.line.requests.clone()
    }

    pub(super) fn target(&self) -> &Target {
        &self.endpoint.target
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
        self.endpoint.record.went_well();
    }

    /// The call ended like this, for which the upstream is to blame or not.
    pub(super) fn went_wrong(&self, status: &Status) {
        if is_failure(status.code()) {
            self.pool.went_wrong(&self.endpoint);
        } else {
            self.went_well();
        }
    }

    /// What HTTP/2 says of the call or of its connection.
    pub(super) fn broken(&self, error: &h2::Error) -> Status {
        status::of(error, self.line.fault(), &self.endpoint)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.endpoint.release(&self.line);
        self.pool.freed();
    }
}
