//! Work on a thread of its own, with an end to waiting for it.
#![allow(clippy::disallowed_types)] // Nothing here runs on a worker: loading is synchronous.

use std::{
    io,
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::Duration,
};

/// How long compiling one source may take. All of googleapis takes a good part of a minute on a slow machine.
pub(super) const TIMEOUT: Duration = Duration::from_secs(120);

/// Compilers recurse over what they compile; this is ample for what they are given.
const STACK: usize = 64 << 20;

/// Work that was begun.
pub(super) struct Aside<T>(Receiver<T>);

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoResult {
    /// The work goes on, but nobody will see what comes of it.
    #[error("it takes more than {} seconds", TIMEOUT.as_secs())]
    Timeout,
    #[error("it crashes")]
    Panic,
    #[error("no thread can be started: {0}")]
    Thread(io::Error),
}

/// Begins some work.
pub(super) fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<Aside<T>> {
    let (sender, receiver) = mpsc::channel();
    thread::Builder::new().stack_size(STACK).spawn(move || {
        // After the timeout nobody listens any more.
        let _ = sender.send(work());
    })?;
    Ok(Aside(receiver))
}

impl<T> Aside<T> {
    /// Waits for the result.
    pub(super) fn wait(self) -> Result<T, NoResult> {
        self.0.recv_timeout(TIMEOUT).map_err(|error| match error {
            RecvTimeoutError::Timeout => NoResult::Timeout,
            RecvTimeoutError::Disconnected => NoResult::Panic,
        })
    }
}
