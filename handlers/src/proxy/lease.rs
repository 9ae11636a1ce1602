//! A call's place on a connection.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
    time::{Duration, Instant},
};

use http::{Request, Response};

use super::{
    codings::Taken,
    endpoint::Endpoint,
    fate::{Fate, fate},
    gauge::Admitted,
    ledger::Entry,
    line::{Body, Line, Ready, Unanswered},
    options::ProxyOptions,
    outlier::is_failure,
    pool::Pool,
    status::{self, Stage},
    stream::{Broken, Stream},
    target::Target,
};
use crate::{Code, Status, leaving};

/// What is told of a call whose time is over.
pub(super) const LATE: &str = "the deadline of the call has passed";

/// The time by the clock that calls wait by.
pub(super) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// A call's place on a connection, as long as it lives.
#[derive(Debug)]
pub(super) struct Lease {
    line: Arc<Line>,
    endpoint: Arc<Endpoint>,
    pool: Arc<Pool>,
    #[allow(dead_code, reason = "its drop counts")]
    admitted: Option<Admitted>,
    /// The request was sent, over HTTP/2.
    sent: bool,
    /// Bytes of its message, if it has one alone.
    size: u32,
    /// The reply came to its end.
    whole: bool,
    /// Told of it, where the request may go on for longer.
    answered: Option<Arc<AtomicBool>>,
    deadline: Option<Instant>,
    /// Milliseconds before it at which the caller may leave because of it.
    rounding: u16,
    /// As what it counts, if it is an attempt at a call.
    attempt: Option<Entry>,
    /// How it ended, as an [`Entry`]; [`OPEN`]: it has not.
    outcome: AtomicU8,
    /// The reply broke: it has ended, or its upstream is to blame for the reset that ends it.
    broke: AtomicBool,
}

/// No outcome: that one is where attempts begin.
const OPEN: u8 = Entry::First as u8;

impl Lease {
    /// Of a place that was taken.
    pub(super) fn new(pool: &Arc<Pool>, endpoint: Arc<Endpoint>, line: Arc<Line>) -> Self {
        Self {
            line,
            endpoint,
            pool: Arc::clone(pool),
            admitted: None,
            sent: false,
            size: 0,
            whole: false,
            answered: None,
            deadline: None,
            rounding: 0,
            attempt: None,
            outcome: AtomicU8::new(OPEN),
            broke: AtomicBool::new(false),
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

    /// Why its connection was given up here, if it was.
    pub(super) fn fault(&self) -> Option<String> {
        self.line.fault()
    }

    /// Bytes of a message of its reply, as it comes and inflated.
    pub(super) fn message_bytes(&self) -> usize {
        self.options().message_bytes
    }

    /// Bytes of the head of its reply.
    pub(super) fn header_bytes(&self) -> usize {
        self.pool.upstream.options.header_bytes
    }

    /// The same if that is so at once.
    pub(super) fn ready_now(&self) -> Option<Ready> {
        self.line.ready_now()
    }

    /// Sends a request over HTTP/1.1, and waits for the head of its reply.
    pub(super) async fn send(&self, request: Request<Body>) -> Result<Response<Stream>, Unanswered> {
        let sent = self.line.send(request).await;
        if sent.is_ok() {
            self.endpoint.heard();
        }
        sent
    }

    /// Another place at the same address, in the place of this one, which is given up.
    pub(super) async fn again(mut self) -> Result<Self, Status> {
        self.give_up();
        let found = self.pool.ready_at(&self.endpoint).await;
        let (_, mut other) = found.inspect_err(|_| self.came_to(Fate::Unreachable))?;
        (other.deadline, other.rounding) = (self.deadline, self.rounding);
        other.attempt = self.attempt.take();
        Ok(other.admitted(self.admitted.take()))
    }

    /// An attempt at a call begins.
    pub(super) fn begin(&mut self, attempt: Entry) {
        self.attempt = Some(attempt);
        self.pool.tally.count(attempt);
    }

    /// The attempt got no further than this.
    pub(super) fn came_to(&self, fate: Fate) {
        let outcome = match fate {
            Fate::Unreachable => Entry::Unreachable,
            Fate::Unsent | Fate::Refused => Entry::Unseen,
            Fate::Closed | Fate::Lost => Entry::Lost,
            Fate::Answered | Fate::Begun => Entry::Error,
            Fate::Ours | Fate::Full => return,
        };
        self.outcome.store(outcome as u8, Ordering::Relaxed);
    }

    /// When the caller stops waiting.
    pub(super) fn wait_until(&mut self, deadline: Option<Instant>) {
        self.deadline = deadline;
        if let Some(deadline) = deadline {
            let rounding = leaving::rounding(deadline.saturating_duration_since(now()));
            self.rounding = u16::try_from(rounding.as_millis()).unwrap_or(u16::MAX);
        }
    }

    /// All of the reply came.
    pub(super) fn came_whole(&mut self) {
        self.whole = true;
        if let Some(answered) = &self.answered {
            answered.store(true, Ordering::Relaxed);
        }
    }

    /// For a request that is a stream.
    pub(super) fn uplink(&mut self) -> Uplink {
        Uplink {
            line: Arc::clone(&self.line),
            answered: Arc::clone(self.answered.get_or_insert_default()),
        }
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

    /// The largest header block that the upstream takes.
    pub(super) fn header_list(&self) -> u32 {
        self.line.header_list()
    }

    /// Whether the upstream was about to close the connection, and nobody there has looked at the call: that says nothing against the address, unless
    /// it happens to the call again. RFC 9113, section 6.8.
    pub(super) fn was_declined(&self, broken: &Broken, fate: Fate, repeats: bool) -> bool {
        let closing = match fate {
            Fate::Unsent => true,
            // What is not sent again has failed.
            Fate::Closed => repeats,
            // Else it refuses calls, and may have too many.
            Fate::Refused => broken.is_go_away(),
            _ => false,
        };
        closing && self.attempt != Some(Entry::Resent)
    }

    /// The call was answered, to its end.
    pub(super) fn went_well(&self) {
        self.ended(Entry::Ok);
        self.speaks_well();
        if let Some(throttle) = self.pool.throttle.as_ref().filter(|_| self.attempt.is_some()) {
            throttle.succeeded();
        }
    }

    /// What a health check finds is told otherwise, and shall not hide how the calls go.
    fn speaks_well(&self) {
        if self.attempt.is_some() {
            self.endpoint.record.went_well();
        }
    }

    /// The call ended like this, for which the upstream is to blame or not.
    pub(super) fn went_wrong(&self, status: &Status) {
        // Nor does a code say anything of the call that no server has said of it.
        if is_failure(status.code()) || status.is_presumed() {
            self.ended(Entry::Error);
            if self.attempt.is_some() {
                self.pool.went_wrong(&self.endpoint);
            }
        } else {
            self.was_refused();
        }
    }

    /// The call failed in a way that may be the fault of the server, or of all: it is held against the address beside others alone.
    pub(super) fn went_oddly(&self) {
        self.ended(Entry::Error);
        if self.attempt.is_some() {
            self.endpoint.record.went_oddly();
        }
    }

    /// How the call went was said before its reply broke.
    pub(super) fn was_told(&self) {
        self.outcome.store(OPEN, Ordering::Relaxed);
    }

    /// The call failed, for which its request is to blame.
    pub(super) fn was_refused(&self) {
        self.ended(Entry::Error);
        self.speaks_well();
    }

    /// The request goes up, over HTTP/2; `size`: bytes of its message, if it has one alone.
    pub(super) fn was_sent(&mut self, size: usize) {
        self.sent = true;
        self.size = u32::try_from(size).unwrap_or(u32::MAX);
    }

    /// Whether the reply broke.
    pub(super) fn is_broken(&self) -> bool {
        self.broke.load(Ordering::Relaxed)
    }

    /// Whether the upstream is told by a reset that nobody waits for the rest.
    fn is_reset(&self) -> bool {
        let broken = [Entry::Unreachable, Entry::Unseen, Entry::Lost];
        let outcome = self.outcome.load(Ordering::Relaxed);
        let has_ended = self.is_broken() || broken.iter().any(|entry| *entry as u8 == outcome);
        self.sent && !self.whole && !has_ended
    }

    /// What was noticed first counts.
    fn ended(&self, outcome: Entry) {
        if !self.has_ended() {
            self.outcome.store(outcome as u8, Ordering::Relaxed);
        }
    }

    fn has_ended(&self) -> bool {
        self.outcome.load(Ordering::Relaxed) != OPEN
    }

    fn is_late(&self) -> bool {
        // What goes up is what is left, rounded.
        leaving::is_late(self.deadline, Duration::from_millis(self.rounding.into()), now)
    }

    /// What HTTP says of the call or of its connection.
    pub(super) fn broken(&self, broken: &Broken, stage: Stage) -> Status {
        self.broke.store(true, Ordering::Relaxed);
        let status = status::of(broken, stage, self.line.fault().as_deref(), &self.endpoint);
        // A server gives a call up that is late, and may say so before it is noticed here. As in grpc-go.
        match status.code() {
            Code::Cancelled if self.is_late() => {
                self.ended(Entry::Late);
                Status::deadline_exceeded(LATE)
            }
            _ => {
                self.came_to(fate(broken));
                status.presumed()
            }
        }
    }
}

/// The request of a call, as long as it goes on. Its reply may have ended before.
#[derive(Debug)]
pub(super) struct Uplink {
    line: Arc<Line>,
    answered: Arc<AtomicBool>,
}

impl Uplink {
    /// Nothing more of it goes up, of which the upstream is told by a reset. Of a call without a whole reply the lease tells.
    pub(super) fn broke_off(&self) {
        if self.answered.load(Ordering::Relaxed) {
            self.line.was_reset();
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.is_reset() {
            self.line.was_reset();
            self.line.strand(self.size as usize);
        }
        if !self.has_ended() {
            // Of a call that stayed here the connection knows nothing.
            if self.sent && self.line.is_silent() {
                self.pool.doubt(&self.endpoint);
            }
            let late = self.is_late();
            if late && self.attempt.is_some() && self.line.is_unheard() && self.endpoint.is_silent() {
                self.pool.went_wrong(&self.endpoint);
            }
            self.ended(if late { Entry::Late } else { Entry::Cancelled });
        }
        if self.attempt.is_some() {
            self.pool.tally.count_of(self.outcome.load(Ordering::Relaxed));
        }
        self.line.ended(self.whole);
        self.endpoint.release(&self.line);
        self.pool.waiting.freed();
    }
}
