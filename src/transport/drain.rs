//! Telling everything that lives long that the server is about to stop.

use std::time::Duration;

use tokio::sync::watch;

/// Knows whether the server has begun to stop. Clones know the same.
///
/// Health services and whoever keeps streams open wait for it, say good-bye, and end.
#[derive(Clone, Debug)]
pub struct Draining(watch::Receiver<Option<Duration>>);

/// Begins the drain. Dropped, it begins one that waits for nothing.
#[derive(Debug)]
pub(crate) struct Drain(watch::Sender<Option<Duration>>);

impl Drain {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(None))
    }

    /// From now on nothing new begins, and what is there has so long to end.
    pub(crate) fn begin(&self, grace: Duration) {
        self.0
            .send_if_modified(|begun| std::mem::replace(begun, begun.or(Some(grace))).is_none());
    }

    pub(crate) fn watch(&self) -> Draining {
        Draining(self.0.subscribe())
    }
}

impl Drop for Drain {
    fn drop(&mut self) {
        self.begin(Duration::ZERO);
    }
}

impl Draining {
    /// Whether it has begun.
    pub fn has_begun(&self) -> bool {
        self.0.borrow().is_some()
    }

    /// Waits until it begins.
    pub async fn begun(&self) {
        self.grace().await;
    }

    /// Waits until it begins, and says how long what is in flight may take.
    pub(crate) async fn grace(&self) -> Duration {
        let mut drain = self.0.clone();
        let begun = drain.wait_for(Option::is_some).await;
        // An error says that the server is gone.
        begun.ok().and_then(|grace| *grace).unwrap_or_default()
    }
}
