//! Telling everything that lives long that the server is about to stop.

use tokio::sync::watch;

/// Knows whether the server has begun to stop. Clones know the same.
///
/// Health services and whoever keeps streams open wait for it, say good-bye, and end.
#[derive(Clone, Debug)]
pub struct Draining(watch::Receiver<bool>);

/// Begins the drain; dropped, it begins it too.
#[derive(Debug)]
pub(crate) struct Drain(watch::Sender<bool>);

impl Drain {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    /// From now on nothing new begins, and what is there ends.
    pub(crate) fn begin(&self) {
        self.0.send_replace(true);
    }

    pub(crate) fn watch(&self) -> Draining {
        Draining(self.0.subscribe())
    }
}

impl Draining {
    /// Whether it has begun.
    pub fn has_begun(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }

    /// Waits until it begins.
    pub async fn begun(&self) {
        // An error says that the server is gone: just as good.
        let _ = self.0.clone().wait_for(|begun| *begun).await;
    }
}
