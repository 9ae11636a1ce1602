//! What the connections to one address have in common.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use crate::proxy::{backoff::LONGEST, options::Keepalive};

/// How often a silent peer may be asked at most, in the end: by then it is as good as never.
const RAREST: Duration = Duration::from_secs(24 * 3600);

/// What the connections to one address have in common, those as well that take no more calls.
#[derive(Debug)]
pub(in crate::proxy) struct Siblings {
    /// What the address is called.
    name: String,
    open: AtomicUsize,
    /// As often as this the server does not want to be asked whether it is there.
    too_often: Mutex<Option<Duration>>,
}

impl Siblings {
    pub(in crate::proxy) fn new(name: String) -> Self {
        Self {
            name,
            open: AtomicUsize::new(0),
            too_often: Mutex::default(),
        }
    }

    /// How many are open.
    pub(in crate::proxy) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    pub(super) fn opened(&self) {
        self.open.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn closed(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }

    /// How a new one asks: half as often as was too often.
    pub(super) fn calmed(&self, mut keepalive: Keepalive) -> Keepalive {
        if let Some(too_often) = *self.too_often.lock().unwrap_or_else(PoisonError::into_inner) {
            keepalive.every = keepalive.every.max(too_often.saturating_mul(2).min(RAREST));
        }
        keepalive
    }

    /// The server has hung up on one that asked as often as this. gRFC A8: the next ones ask half as often.
    pub(super) fn calm_down(&self, every: Duration) {
        let mut too_often = self.too_often.lock().unwrap_or_else(PoisonError::into_inner);
        if too_often.is_some_and(|known| known >= every) {
            return;
        }
        *too_often = Some(every);
        let next = every.saturating_mul(2).min(RAREST).min(LONGEST);
        tracing::warn!(
            target: "descant.proxy",
            upstream = %self.name,
            "it closed a connection for too many PINGs, one every {} s: the next ones are every {} s; raise `keepalive.every`, or allow more there",
            every.as_secs_f64(),
            next.as_secs_f64()
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asked_too_often_asks_half_as_often() {
        let siblings = Siblings::new("a:1".to_owned());
        let keepalive = Keepalive {
            every: Duration::from_secs(30),
            ..Keepalive::default()
        };
        assert_eq!(siblings.calmed(keepalive).every, Duration::from_secs(30));
        for _ in 0..3 {
            siblings.calm_down(Duration::from_secs(30));
        }
        assert_eq!(siblings.calmed(keepalive).every, Duration::from_secs(60));
        siblings.calm_down(Duration::from_secs(60));
        siblings.calm_down(Duration::from_secs(30));
        assert_eq!(siblings.calmed(keepalive).every, Duration::from_secs(120));
        siblings.calm_down(Duration::MAX);
        assert_eq!(siblings.calmed(keepalive).every, RAREST);
    }
}
