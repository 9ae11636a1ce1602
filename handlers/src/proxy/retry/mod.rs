//! Another attempt at a call that failed: of itself where the upstream has certainly not seen it, and as a policy says.
//! Source: gRFC A6, <https://github.com/grpc/proposal/blob/master/A6-client-retries.md>.
//!
//! ```text
//! Call -> Spare (head, message or Tape) -> attempt -> Begun: the call is committed
//!             ^                              | Failed: status, Fate, pushback
//!             +------ Course::next, hedge <--+
//! ```

mod hedge;
mod spare;
mod tape;
mod throttle;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use descant_descriptors::Idempotency;
use tokio::time::{Instant, sleep};

pub(super) use self::{hedge::hedge, spare::Spare, throttle::Throttle};
use super::{
    Proxy,
    backoff::jittered,
    endpoint::Endpoint,
    fate::{Failed, Fate, Pushback},
    ledger::Entry,
    pool::ATTEMPTS,
    service_config::RetryPolicy,
};
use crate::{Reply, Status, upstreams::AttemptLog};

/// The addresses that attempts at a call went to.
#[derive(Debug, Default)]
pub(super) struct Tried {
    endpoints: Mutex<Vec<Arc<Endpoint>>>,
    /// Who wants to know of them.
    log: Option<AttemptLog>,
}

/// What an attempt is told beside its call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trip<'t> {
    /// It waits for a connection however long that takes.
    pub(super) wait: bool,
    /// How many attempts were made before it.
    pub(super) before: u32,
    pub(super) tried: Option<&'t Tried>,
    /// As what it counts.
    pub(super) attempt: Entry,
    /// Whether a policy may have another one behind it: then what became of it is known before its reply goes on, as far as that can be.
    pub(super) peeks: bool,
}

impl Trip<'_> {
    /// Of a call that is tried once.
    pub(super) const ONLY: Self = Self {
        wait: false,
        before: 0,
        tried: None,
        attempt: Entry::First,
        peeks: false,
    };
}

impl Tried {
    /// None yet. `log`: who wants to know of them.
    pub(super) fn told_to(log: Option<AttemptLog>) -> Self {
        Self { log, ..Self::default() }
    }

    pub(super) fn log(&self) -> Option<&AttemptLog> {
        self.log.as_ref()
    }

    pub(super) fn add(&self, endpoint: &Arc<Endpoint>) {
        self.endpoints
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Arc::clone(endpoint));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.endpoints.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    pub(super) fn has(&self, endpoint: &Arc<Endpoint>) -> bool {
        let tried = self.endpoints.lock().unwrap_or_else(PoisonError::into_inner);
        tried.iter().any(|tried| Arc::ptr_eq(tried, endpoint))
    }
}

/// The attempts at a call, one behind the other.
pub(super) struct Course<'c> {
    proxy: &'c Proxy,
    policy: Option<&'c RetryPolicy>,
    spare: Spare,
    wait: bool,
    tried: Tried,
    /// Attempts that count.
    made: u32,
    /// Pauses since the upstream last said how long one is to be.
    pauses: i32,
    sendings: Sendings,
}

/// How often a call was sent again that the upstream did not see.
#[derive(Debug, Default)]
struct Sendings {
    refused: bool,
    unsent: usize,
}

/// What comes after a failed attempt.
#[derive(Debug, PartialEq)]
enum Next {
    GiveUp,
    /// The same attempt again, at once.
    Again,
    After(Duration),
}

impl Sendings {
    /// Whether the failed attempt is made again, at once and whatever a policy says: gRFC A6, "Transparent Retries". What never left is
    /// bounded only so that it ends; what the server refused unseen it is asked for once more. So it is where it may not have read a call of a method
    /// that may run twice: RFC 9110, section 9.2.2, which forbids that of all others, and a third time.
    fn again(&mut self, fate: Fate, idempotency: Idempotency) -> bool {
        match fate {
            Fate::Unsent => {
                self.unsent += 1;
                self.unsent < ATTEMPTS
            }
            Fate::Closed if idempotency == Idempotency::Unknown => false,
            Fate::Refused | Fate::Closed => !std::mem::replace(&mut self.refused, true),
            Fate::Ours | Fate::Full | Fate::Unreachable | Fate::Lost | Fate::Answered | Fate::Begun => false,
        }
    }
}

impl<'c> Course<'c> {
    pub(super) fn new(
        proxy: &'c Proxy,
        policy: Option<&'c RetryPolicy>,
        spare: Spare,
        tried: Tried,
        wait: bool,
    ) -> Self {
        Self {
            proxy,
            policy,
            spare,
            wait,
            tried,
            made: 1,
            pauses: 0,
            sendings: Sendings::default(),
        }
    }

    /// Makes attempts until one brings a reply or none is worth another. `failed`: one that was made already.
    pub(super) async fn run(mut self, mut failed: Option<Failed>) -> Result<Reply, Status> {
        loop {
            let mut attempt = Entry::First;
            if let Some(failed) = &failed {
                match self.next(failed) {
                    Next::GiveUp => return Err(failed.status.clone()),
                    Next::Again => {
                        attempt = Entry::Resent;
                        self.tell(failed, Duration::ZERO);
                    }
                    Next::After(pause) => {
                        attempt = Entry::Retry;
                        self.tell(failed, pause);
                        sleep(pause).await;
                    }
                }
            }
            let Some((call, reader)) = self.spare.call() else {
                let gone = || Status::internal("the request cannot be sent again");
                return Err(failed.map_or_else(gone, |failed| failed.status));
            };
            let trip = Trip {
                wait: self.wait,
                before: self.made - 1,
                tried: Some(&self.tried),
                attempt,
                peeks: self.policy.is_some(),
            };
            match self.proxy.attempt(call, trip).await {
                Ok(begun) => {
                    self.spare.commit(reader);
                    return begun.finish().await;
                }
                Err(error) => failed = Some(error),
            }
        }
    }

    fn next(&mut self, failed: &Failed) -> Next {
        if matches!(failed.fate, Fate::Ours | Fate::Full) {
            return Next::GiveUp;
        }
        let is_whole = self.spare.is_whole();
        if is_whole && self.sendings.again(failed.fate, self.spare.method().idempotency()) {
            return Next::Again;
        }
        let Some(policy) = self.policy else {
            return Next::GiveUp;
        };
        let throttle = self.proxy.throttle();
        let is_listed = policy.codes.has(failed.status.code());
        // Before all else that speaks against another attempt: the upstream has failed whether there is one or not.
        if let Some(throttle) = throttle
            && failed.takes_a_token(is_listed)
        {
            throttle.failed();
        }
        let lost = matches!(failed.fate, Fate::Lost | Fate::Closed);
        let is_committed = !is_whole || failed.fate == Fate::Begun;
        if is_committed || lost && !self.may_run_twice() || !is_listed {
            return Next::GiveUp;
        }
        if self.made >= policy.max_attempts {
            return self.withheld(Entry::Exhausted);
        }
        if throttle.is_some_and(|throttle| !throttle.allows()) {
            return self.withheld(Entry::Throttled);
        }
        let pause = match failed.pushback {
            Some(Pushback::Never) => return self.withheld(Entry::Pushback),
            Some(Pushback::After(pause)) => {
                self.pauses = 0;
                pause
            }
            None => {
                self.pauses += 1;
                backoff(policy, self.pauses - 1)
            }
        };
        if self
            .spare
            .deadline()
            .is_some_and(|deadline| Instant::now() + pause >= deadline)
        {
            return self.withheld(Entry::TooLate);
        }
        self.made += 1;
        Next::After(pause)
    }

    /// The policy would have another attempt.
    fn withheld(&self, why: Entry) -> Next {
        self.proxy.tally().count(why);
        Next::GiveUp
    }

    /// Whether it is no harm if the upstream has run the call, and lost the connection afterwards.
    fn may_run_twice(&self) -> bool {
        self.proxy.upstream.options.retry_lost || self.spare.method().idempotency() != Idempotency::Unknown
    }

    fn tell(&self, failed: &Failed, pause: Duration) {
        tracing::debug!(
            target: "descant.proxy",
            upstream = %self.proxy.upstream,
            method = self.spare.method().path(),
            attempt = self.made,
            pause_ms = pause.as_secs_f64() * 1e3,
            "another attempt after: {}",
            failed.status
        );
    }
}

/// The pause after so many others. gRFC A6, "Exponential Backoff".
fn backoff(policy: &RetryPolicy, before: i32) -> Duration {
    let pause = policy.initial_backoff.as_secs_f64() * policy.multiplier.powi(before);
    let longest = policy.max_backoff;
    jittered(Duration::try_from_secs_f64(pause).map_or(longest, |pause| pause.min(longest)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::service_config::Codes;

    #[test]
    fn pauses_grow_up_to_a_limit() {
        let policy = RetryPolicy {
            max_attempts: 5,
            initial_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(1),
            multiplier: 3.0,
            codes: Codes::default(),
        };
        for (before, expected) in [(0, 0.1), (1, 0.3), (2, 0.9), (3, 1.0), (1000, 1.0)] {
            let pause = backoff(&policy, before).as_secs_f64();
            assert!(
                (expected * 0.79..=expected * 1.21).contains(&pause),
                "{before}: {pause}"
            );
        }
    }

    #[test]
    fn what_was_not_seen_is_sent_again() {
        let mut sendings = Sendings::default();
        assert!(sendings.again(Fate::Refused, Idempotency::Unknown));
        assert!(!sendings.again(Fate::Refused, Idempotency::Unknown));
        assert!((1..ATTEMPTS).all(|_| sendings.again(Fate::Unsent, Idempotency::Unknown)));
        assert!(!sendings.again(Fate::Unsent, Idempotency::Unknown));
        for fate in [Fate::Ours, Fate::Unreachable, Fate::Lost, Fate::Answered, Fate::Begun] {
            assert!(!Sendings::default().again(fate, Idempotency::NoSideEffects));
        }
    }

    #[test]
    fn what_may_not_have_been_read_is_sent_again_if_it_may_run_twice() {
        assert!(!Sendings::default().again(Fate::Closed, Idempotency::Unknown));
        for idempotency in [Idempotency::NoSideEffects, Idempotency::Idempotent] {
            let mut sendings = Sendings::default();
            assert!(sendings.again(Fate::Closed, idempotency));
            assert!(!sendings.again(Fate::Closed, idempotency));
        }
    }
}
