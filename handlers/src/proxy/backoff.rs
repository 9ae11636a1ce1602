//! How long an upstream that could not be reached is left alone.

use std::time::Duration;

use tokio::time::Instant;

use crate::Status;

/// After the first failure. gRPC's own clients wait for a second; a restart should not cost that much.
const FIRST: Duration = Duration::from_millis(100);
/// At most.
const LAST: Duration = Duration::from_secs(10);
/// By how much each wait is longer than the one before. gRPC core, `doc/connection-backoff.md`.
const GROWTH: f64 = 1.6;
/// Waits differ by so much, up or down: all that lost an upstream at once shall not come back at once.
const JITTER: f64 = 0.2;

/// Times that are set are no longer than this: a month, so that no sum of them is out of range.
pub(super) const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);

/// The failures in a row so far.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: i32,
    failed: Option<Failed>,
}

/// The last of them.
#[derive(Debug)]
struct Failed {
    at: Instant,
    until: Instant,
    why: Status,
}

impl Backoff {
    /// Why nothing is tried now.
    pub(super) fn refusal(&self) -> Option<Status> {
        let failed = self.failed.as_ref()?;
        (Instant::now() < failed.until).then(|| failed.why.clone())
    }

    /// Whether a failure of what began then is a further one. Attempts that were under way together fail together, of one cause.
    pub(super) fn is_news(&self, began: Instant) -> bool {
        let failed = self.failed.as_ref();
        failed.is_none_or(|failed| failed.at < began && failed.until <= Instant::now())
    }

    /// In a row.
    pub(super) fn failures(&self) -> i32 {
        self.failures
    }

    pub(super) fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// Begins a wait, and says how long it is.
    pub(super) fn failed(&mut self, why: Status) -> Duration {
        let wait = (FIRST.as_secs_f64() * GROWTH.powi(self.failures)).min(LAST.as_secs_f64());
        let wait = jittered(Duration::from_secs_f64(wait));
        let at = Instant::now();
        self.failed = Some(Failed {
            at,
            until: at + wait,
            why,
        });
        // Past some dozens the wait grows no longer.
        self.failures = (self.failures + 1).min(64);
        wait
    }
}

/// A time that is a fifth longer or shorter, by chance.
pub(super) fn jittered(time: Duration) -> Duration {
    time.min(LONGEST).mul_f64(1.0 + JITTER * (2.0 * fastrand::f64() - 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn waits_grow_up_to_a_limit_and_end_with_a_success() {
        let mut backoff = Backoff::default();
        assert!(backoff.refusal().is_none());
        for expected in [0.1, 0.16, 0.256] {
            backoff.failed(Status::unavailable("down"));
            tokio::time::advance(Duration::from_secs_f64(expected * 0.79)).await;
            assert_eq!(backoff.refusal().unwrap().message(), "down");
            tokio::time::advance(Duration::from_secs_f64(expected * 0.42)).await;
            assert!(backoff.refusal().is_none());
        }
        for _ in 0..100 {
            backoff.failed(Status::unavailable("down"));
        }
        tokio::time::advance(Duration::from_secs(13)).await;
        assert!(backoff.refusal().is_none());
        backoff.failed(Status::unavailable("down"));
        backoff.succeeded();
        assert!(backoff.refusal().is_none());
    }
}
