//! No retries for an upstream that fails: a bucket of tokens, which failures empty and successes fill. gRFC A6, "Throttling Retry
//! Attempts and Hedged RPCs".

use std::sync::atomic::{AtomicU32, Ordering};

use super::super::service_config::RetryThrottling;

/// The tokens of an upstream, for all runtimes, in thousandths.
#[derive(Debug)]
pub(in super::super) struct Throttle {
    tokens: AtomicU32,
    most: u32,
    ratio: u32,
}

impl Throttle {
    /// A full one.
    pub(in super::super) fn new(settings: &RetryThrottling) -> Self {
        Self {
            tokens: AtomicU32::new(settings.max_tokens),
            most: settings.max_tokens,
            ratio: settings.token_ratio,
        }
    }

    /// A call went well, which is known once all of its reply came.
    pub(in super::super) fn succeeded(&self) {
        self.change(|tokens| tokens.saturating_add(self.ratio).min(self.most));
    }

    /// An attempt failed in a way that counts: [`Failed::takes_a_token`](super::super::fate::Failed::takes_a_token).
    pub(super) fn failed(&self) {
        self.change(|tokens| tokens.saturating_sub(1000));
    }

    /// Whether another attempt may be made.
    pub(super) fn allows(&self) -> bool {
        self.tokens.load(Ordering::Relaxed) > self.most / 2
    }

    fn change(&self, to: impl Fn(u32) -> u32) {
        let _ = self
            .tokens
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |tokens| Some(to(tokens)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_empty_the_bucket_and_successes_fill_it() {
        let throttle = Throttle::new(&RetryThrottling {
            max_tokens: 10_000,
            token_ratio: 500,
        });
        for _ in 0..4 {
            throttle.failed();
            assert!(throttle.allows());
        }
        throttle.failed();
        assert!(!throttle.allows());
        throttle.succeeded();
        assert!(throttle.allows());
        for _ in 0..20 {
            throttle.failed();
        }
        for _ in 0..10 {
            assert!(!throttle.allows());
            throttle.succeeded();
        }
        throttle.succeeded();
        assert!(throttle.allows());
        for _ in 0..100 {
            throttle.succeeded();
        }
        assert_eq!(throttle.tokens.load(Ordering::Relaxed), 10_000);
    }
}
