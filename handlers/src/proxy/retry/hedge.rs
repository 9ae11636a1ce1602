//! Several attempts at once. gRFC A6, "Hedging Policy".

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    task::Poll,
};

use tokio::time::{Instant, Sleep, sleep_until};

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
    Ended(usize, Box<Result<Begun, Failed>>),
}

/// Makes attempts, one `delay` behind the other and at once after a failure that is not fatal, until one of them brings a reply; the others are
/// given up then.
pub(in super::super) async fn hedge(
    proxy: &Proxy,
    policy: &HedgingPolicy,
    mut spare: Spare,
    wait: bool,
) -> Result<Reply, Status> {
    let tried = Tried::default();
    let trip = |before, attempt| Trip {
        wait,
        before,
        tried: Some(&tried),
        attempt,
    };
    let throttle = proxy.throttle();
    let (mut made, mut more, mut sendings) = (0, true, Sendings::default());
    let mut running: Vec<Attempt<'_>> = Vec::new();
    let mut due = pin!(sleep_until(Instant::now()));
    let (mut again, mut failure) = (None, None);
    loop {
        let left = more
            && made < policy.max_attempts
            && spare.is_whole()
            && (made == 0 || throttle.is_none_or(Throttle::allows));
        let event = match again.take() {
            Some(before) => {
                start(proxy, &mut spare, &mut running, trip(before, Entry::Resent));
                continue;
            }
            // What holds attempts back may have changed its mind since the last one failed.
            None if running.is_empty() && !left => {
                return Err(failure.unwrap_or_else(|| Status::unavailable("no attempt may be made")));
            }
            None => next(&mut running, left.then_some(due.as_mut())).await,
        };
        let failed = match event {
            Event::Due => {
                let (before, attempt) = (made, if made == 0 { Entry::First } else { Entry::Hedge });
                made += 1;
                start(proxy, &mut spare, &mut running, trip(before, attempt));
                due.as_mut().reset(Instant::now() + policy.delay.min(LONGEST));
                continue;
            }
            Event::Ended(index, ended) => {
                let Attempt { reader, before, .. } = running.swap_remove(index);
                match *ended {
                    Ok(begun) => {
                        spare.commit(reader);
                        // Those that lost.
                        running.clear();
                        let reply = begun.finish().await;
                        if let (Some(throttle), Ok(_)) = (throttle, &reply) {
                            throttle.succeeded();
                        }
                        return reply;
                    }
                    // It was never made, or another attempt has taken the messages that are no longer kept: those that were made go on.
                    Err(failed) if failed.fate == Fate::Full || failed.fate == Fate::Ours && !spare.is_whole() => {
                        if running.is_empty() {
                            return Err(failure.unwrap_or(failed.status));
                        }
                        continue;
                    }
                    Err(failed) if spare.is_whole() && sendings.again(failed.fate, spare.method().idempotency()) => {
                        again = Some(before);
                        continue;
                    }
                    Err(failed) => failed,
                }
            }
        };
        let is_listed = policy.non_fatal.has(failed.status.code());
        if let Some(throttle) = throttle
            && failed.takes_a_token(is_listed)
        {
            throttle.failed();
        }
        if failed.fate == Fate::Ours || !is_listed {
            return Err(failed.status);
        }
        match failed.pushback {
            Some(Pushback::Never) => {
                more = false;
                proxy.tally().count(Entry::Pushback);
            }
            Some(Pushback::After(pause)) => due.as_mut().reset(Instant::now() + pause),
            None => due.as_mut().reset(Instant::now()),
        }
        tracing::debug!(
            target: "descant.proxy",
            upstream = %proxy.upstream,
            method = spare.method().path(),
            attempt = made,
            "one of several attempts failed: {}",
            failed.status
        );
        let is_due = more && made < policy.max_attempts && spare.is_whole();
        let goes_on = is_due && throttle.is_none_or(Throttle::allows);
        if is_due && !goes_on {
            proxy.tally().count(Entry::Throttled);
        }
        let late = spare.deadline().is_some_and(|deadline| due.deadline() >= deadline);
        if running.is_empty() && (!goes_on || late) {
            return Err(failed.status);
        }
        failure = Some(failed.status);
    }
}

fn start<'a>(proxy: &'a Proxy, spare: &mut Spare, running: &mut Vec<Attempt<'a>>, trip: Trip<'a>) {
    if let Some((call, reader)) = spare.call() {
        running.push(Attempt {
            future: Box::pin(proxy.attempt(call, trip)),
            reader,
            before: trip.before,
        });
    }
}

/// Waits for an attempt to end, or for the next to be due if there is one.
async fn next(running: &mut [Attempt<'_>], mut due: Option<Pin<&mut Sleep>>) -> Event {
    poll_fn(|cx| {
        for (index, attempt) in running.iter_mut().enumerate() {
            if let Poll::Ready(ended) = attempt.future.as_mut().poll(cx) {
                return Poll::Ready(Event::Ended(index, Box::new(ended)));
            }
        }
        match &mut due {
            Some(due) => due.as_mut().poll(cx).map(|()| Event::Due),
            None => Poll::Pending,
        }
    })
    .await
}
