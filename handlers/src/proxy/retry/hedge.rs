//! Several attempts at once. gRFC A6, "Hedging Policy".

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    task::{Context, Poll},
};

use tokio::time::{Instant, sleep_until};

use super::{Sendings, Spare, Throttle, Tried, Trip};
use crate::{
    Reply, Status,
    proxy::{
        Proxy,
        backoff::LONGEST,
        exchange::Begun,
        fate::{Failed, Fate, Pushback},
        ledger::Entry,
        service_config::HedgingPolicy,
    },
};

/// An attempt under way.
struct Attempt<'a> {
    future: Pin<Box<dyn Future<Output = Result<Begun, Failed>> + Send + 'a>>,
    reader: usize,
    before: u32,
}

/// What happens next.
enum Event {
    /// It is time for another attempt.
    Due,
    /// The messages are more than is kept: only the attempt with this reader can go on.
    Committed(usize),
    Ended(usize, Box<Result<Begun, Failed>>),
}

/// The attempts at a call.
struct Race<'a> {
    proxy: &'a Proxy,
    policy: &'a HedgingPolicy,
    spare: Spare,
    /// What is the same of all.
    trip: Trip<'a>,
    running: Vec<Attempt<'a>>,
    /// Those that count.
    made: u32,
    /// The upstream has not forbidden more.
    more: bool,
    /// When there is to be another.
    due: Instant,
    sendings: Sendings,
    /// How the last one failed.
    failure: Option<Status>,
}

/// Makes attempts, one `delay` behind the other and at once after a failure that is not fatal, until one of them brings a reply, or is the only one
/// that can go on; the others are given up then.
pub(in super::super) async fn hedge(
    proxy: &Proxy,
    policy: &HedgingPolicy,
    spare: Spare,
    tried: Tried,
    wait: bool,
) -> Result<Reply, Status> {
    let trip = Trip {
        wait,
        tried: Some(&tried),
        peeks: true,
        ..Trip::ONLY
    };
    let race = Race {
        proxy,
        policy,
        spare,
        trip,
        running: Vec::new(),
        made: 0,
        more: true,
        due: Instant::now(),
        sendings: Sendings::default(),
        failure: None,
    };
    race.run().await
}

impl Race<'_> {
    async fn run(mut self) -> Result<Reply, Status> {
        loop {
            let left = self.is_left() && (self.made == 0 || self.is_allowed());
            // What holds attempts back may have changed its mind since the last one failed.
            if self.running.is_empty() && !left {
                let failure = self.failure.take();
                return Err(failure.unwrap_or_else(|| Status::unavailable("no attempt may be made")));
            }
            match self.next(left).await {
                Event::Due => self.begin(),
                Event::Committed(reader) => self.running.retain(|attempt| attempt.reader == reader),
                Event::Ended(index, ended) => {
                    let attempt = self.running.swap_remove(index);
                    match *ended {
                        Ok(begun) if self.spare.commit(attempt.reader) => {
                            // Those that lost.
                            self.running.clear();
                            return begun.finish().await;
                        }
                        // The rest of the messages is another's, without which this one comes to no end.
                        Ok(_) => {}
                        Err(failed) => self.failed(&attempt, failed)?,
                    }
                }
            }
        }
    }

    /// Whether the policy has another attempt, and the messages for it are there.
    fn is_left(&self) -> bool {
        self.more && self.made < self.policy.max_attempts && self.spare.is_whole()
    }

    fn is_allowed(&self) -> bool {
        self.proxy.throttle().is_none_or(Throttle::allows)
    }

    /// Waits for an attempt to end or to be the only one; or, if one is left, for it to be due.
    async fn next(&mut self, left: bool) -> Event {
        let mut due = pin!(sleep_until(self.due));
        poll_fn(|cx| match self.poll_attempts(cx) {
            Poll::Pending if left => due.as_mut().poll(cx).map(|()| Event::Due),
            polled => polled,
        })
        .await
    }

    fn poll_attempts(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        if let Poll::Ready(owner) = self.spare.poll_owner(cx)
            && self.running.iter().any(|attempt| attempt.reader != owner)
        {
            return Poll::Ready(Event::Committed(owner));
        }
        for (index, attempt) in self.running.iter_mut().enumerate() {
            if let Poll::Ready(ended) = attempt.future.as_mut().poll(cx) {
                return Poll::Ready(Event::Ended(index, Box::new(ended)));
            }
        }
        Poll::Pending
    }

    /// Makes the attempt that is due.
    fn begin(&mut self) {
        let attempt = if self.made == 0 { Entry::First } else { Entry::Hedge };
        let before = self.made;
        self.made += 1;
        self.start(before, attempt);
        self.due = Instant::now() + self.policy.delay.min(LONGEST);
    }

    fn start(&mut self, before: u32, attempt: Entry) {
        if let Some((call, reader)) = self.spare.call() {
            let trip = Trip {
                before,
                attempt,
                ..self.trip
            };
            self.running.push(Attempt {
                future: Box::pin(self.proxy.attempt(call, trip)),
                reader,
                before,
            });
        }
    }

    /// What a failed attempt leads to. An error: the call ends with it.
    fn failed(&mut self, attempt: &Attempt<'_>, failed: Failed) -> Result<(), Status> {
        // It has failed for want of messages, or might as well have.
        if self.spare.is_lost(attempt.reader) {
            return Ok(());
        }
        // It was never made: those that were go on.
        if failed.fate == Fate::Full {
            return if self.running.is_empty() {
                Err(self.failure.take().unwrap_or(failed.status))
            } else {
                Ok(())
            };
        }
        if self.spare.is_whole() && self.sendings.again(failed.fate, self.spare.method().idempotency()) {
            self.start(attempt.before, Entry::Resent);
            return Ok(());
        }
        let is_listed = self.policy.non_fatal.has(failed.status.code());
        if let Some(throttle) = self.proxy.throttle()
            && failed.takes_a_token(is_listed)
        {
            throttle.failed();
        }
        if matches!(failed.fate, Fate::Ours | Fate::Begun) || !is_listed {
            return Err(failed.status);
        }
        self.advance(failed)
    }

    /// Has the next attempt made at once, or when the upstream says, after a failure that is not fatal.
    fn advance(&mut self, failed: Failed) -> Result<(), Status> {
        match failed.pushback {
            Some(Pushback::Never) => {
                self.more = false;
                self.proxy.tally().count(Entry::Pushback);
            }
            Some(Pushback::After(pause)) => self.due = Instant::now() + pause,
            None => self.due = Instant::now(),
        }
        tracing::debug!(
            target: "descant.proxy",
            upstream = %self.proxy.upstream,
            method = self.spare.method().path(),
            attempt = self.made,
            "one of several attempts failed: {}",
            failed.status
        );
        let (is_left, is_allowed) = (self.is_left(), self.is_allowed());
        if is_left && !is_allowed {
            self.proxy.tally().count(Entry::Throttled);
        }
        let late = self.spare.deadline().is_some_and(|deadline| self.due >= deadline);
        if self.running.is_empty() && (!(is_left && is_allowed) || late) {
            return Err(failed.status);
        }
        self.failure = Some(failed.status);
        Ok(())
    }
}
