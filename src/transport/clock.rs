//! When a connection has to do something, or has had its time. No timers here: facts in, orders out.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    dismissal::Cause,
    limits::{Keepalive, Limits},
};

/// A peer that takes less than this a second counts as stalled.
pub(super) const SLOWEST: u64 = 1 << 10;
/// How long a peer without requests may take to acknowledge a graceful GOAWAY.
const ACKNOWLEDGE: Duration = Duration::from_secs(2);
/// How long calls that are dismissed may take to say so.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// How long a peer has to read the last of a reply before its stream, or the connection, is reset. A reset that comes in together with it makes
/// some clients forget it, curl 7 among them.
pub(super) const LAST_READ: Duration = Duration::from_millis(50);
/// For a clock without anything to wait for.
const LATER: Duration = Duration::from_secs(24 * 3600);

/// What the connection looks like now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    /// Bytes read and written so far.
    pub(super) read: u64,
    pub(super) written: u64,
    /// Whether requests are being answered.
    pub(super) busy: bool,
    /// Whether the peer's first SETTINGS have come.
    pub(super) settings: bool,
    /// When the frame or header block that is unfinished must be whole.
    pub(super) unfinished: Option<Instant>,
    /// Since when the socket takes nothing, and what had been written then.
    pub(super) blocked: Option<(Instant, u64)>,
    /// Whether nothing is read until the socket takes more: then the peer's silence is not its own.
    pub(super) deaf: bool,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Nothing before this, unless something happens.
    Wait(Instant),
    /// Ask whether the peer is there.
    Ping,
    /// End gracefully: GOAWAY, finish what is in flight.
    Retire,
    /// Tell the requests that are being answered that their time is over.
    Dismiss(Cause),
    /// End now.
    Close(Phase),
}

/// The phase that a peer did not finish in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Phase {
    #[error("no TLS handshake within `limits.tls_handshake`")]
    Handshake,
    #[error("neither a request nor HTTP/2 SETTINGS within `limits.preface`")]
    Preface,
    #[error("a header block or frame was not finished within `limits.header_block` or `limits.message`")]
    Frame,
    #[error("the peer read less than 1 KiB a second for `limits.write_stall`")]
    WriteStall,
    #[error("no answer to a ping within `limits.keepalive`")]
    Keepalive,
    #[error("requests were not finished within `limits.grace`")]
    Grace,
    #[error("nothing was left to do")]
    Farewell,
}

/// The times of one connection.
#[derive(Debug)]
pub(super) struct Clock {
    preface: Instant,
    write_stall: Duration,
    keepalive: Option<Keepalive>,
    idle: Option<Duration>,
    age: Option<Instant>,
    grace: Duration,
    /// When bytes came last, and how many had come then.
    heard: (Instant, u64),
    /// How many bytes the socket had taken at the last judgement.
    taken: u64,
    /// When a ping was sent that nothing has followed yet.
    pinged: Option<Instant>,
    /// When a request was in flight last.
    active: Instant,
    was_busy: bool,
    /// Since when the socket takes too little, and what had been written then.
    stall: Option<(Instant, u64)>,
    /// When GOAWAY was sent.
    retired: Option<Instant>,
    /// Why it is, or will be.
    cause: Cause,
    /// When requests were told that their time is over.
    dismissed: Option<Instant>,
}

impl Clock {
    /// Starts at `now`; `jitter` between 0 and 1 says when within its 20 % the age ends.
    pub(super) fn start(now: Instant, limits: &Limits, jitter: f64) -> Self {
        Self {
            preface: now + limits.preface,
            write_stall: limits.write_stall,
            keepalive: limits.keepalive,
            idle: limits.idle,
            age: limits.age.map(|age| now + age.mul_f64(0.9 + 0.2 * jitter)),
            grace: limits.grace,
            heard: (now, 0),
            taken: 0,
            pinged: None,
            active: now,
            was_busy: false,
            stall: None,
            retired: None,
            cause: Cause::Age,
            dismissed: None,
        }
    }

    /// The same for a protocol without pings.
    pub(super) fn without_pings(mut self) -> Self {
        self.keepalive = None;
        self
    }

    /// When the preface must be there.
    pub(super) fn preface(&self) -> Instant {
        self.preface
    }

    /// The grace of a drain counts, in the place of that of the limits.
    pub(super) fn drain(&mut self, grace: Duration) {
        self.grace = grace;
        self.cause = Cause::Stop;
        // From now on, though it may be on its way out for another reason.
        self.retired = None;
    }

    /// Takes note that GOAWAY was sent.
    pub(super) fn retire(&mut self, now: Instant) {
        self.retired.get_or_insert(now);
    }

    /// Whether requests were told that their time is over: then the connection does not end by agreement.
    pub(super) fn has_dismissed(&self) -> bool {
        self.dismissed.is_some()
    }

    /// What is to be done at `now`.
    pub(super) fn judge(&mut self, now: Instant, facts: Facts) -> Order {
        self.note(now, facts);
        let mut next = now + LATER;
        let mut passed = |due: Instant| {
            next = next.min(if due > now { due } else { next });
            due <= now
        };
        if !facts.settings && passed(self.preface) {
            return Order::Close(Phase::Preface);
        }
        if facts.unfinished.is_some_and(&mut passed) {
            return Order::Close(Phase::Frame);
        }
        if let Some((since, _)) = self.stall
            && passed(since + self.write_stall)
        {
            return Order::Close(Phase::WriteStall);
        }
        if let Some(sent) = self.pinged
            && let Some(keepalive) = self.keepalive
            && passed(sent + keepalive.timeout)
        {
            return Order::Close(Phase::Keepalive);
        }
        if let Some(retired) = self.retired {
            if let Some(dismissed) = self.dismissed {
                let read = !facts.busy && facts.blocked.is_none() && passed(self.active + LAST_READ);
                if read || passed(dismissed + LAST_WORDS) {
                    return Order::Close(Phase::Grace);
                }
            } else if passed(retired + self.grace) {
                if !facts.busy {
                    return Order::Close(Phase::Farewell);
                }
                self.dismissed = Some(now);
                return Order::Dismiss(self.cause);
            } else if !facts.busy && passed((retired + ACKNOWLEDGE).max(self.active)) {
                return Order::Close(Phase::Farewell);
            }
        } else {
            let idle = self.idle.filter(|_| !facts.busy);
            if idle.is_some_and(|idle| passed(self.active + idle)) {
                self.cause = Cause::Idle;
                return Order::Retire;
            }
            if self.age.is_some_and(&mut passed) {
                return Order::Retire;
            }
        }
        if self.pinged.is_none()
            && let Some(keepalive) = self.keepalive
            && passed(self.heard.0 + keepalive.every)
        {
            self.pinged = Some(now);
            return Order::Ping;
        }
        Order::Wait(next)
    }

    fn note(&mut self, now: Instant, facts: Facts) {
        // Room in a socket that had none shows that the peer reads, though its answers may be far behind.
        let takes = facts.blocked.is_some() && facts.written != self.taken;
        self.taken = facts.written;
        if facts.read != self.heard.1 || takes || facts.deaf {
            self.heard = (now, facts.read);
            self.pinged = None;
        }
        if facts.busy || self.was_busy {
            self.active = now;
        }
        self.was_busy = facts.busy;
        self.stall = match (facts.blocked, self.stall) {
            (None, _) => None,
            (blocked, None) => blocked,
            (Some(_), Some((since, written))) if now >= since + self.write_stall => {
                let least = SLOWEST * self.write_stall.as_secs().max(1);
                let enough = facts.written - written >= least;
                Some(if enough { (now, facts.written) } else { (since, written) })
            }
            (_, stall) => stall,
        };
    }
}
