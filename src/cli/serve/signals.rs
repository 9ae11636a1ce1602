//! Signals: the first wish to stop drains, the second ends at once; SIGHUP reloads.

use std::{io, process, sync::Arc, time::Duration};

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::reload::Reloader;

/// What a shell says of a process that a signal ended: 128 and the signal's number.
const INTERRUPTED: i32 = 128 + 2;
const TERMINATED: i32 = 128 + 15;

/// The signals that a server listens to.
#[derive(Debug)]
pub(super) struct Signals {
    #[cfg(unix)]
    terminate: Signal,
    #[cfg(unix)]
    interrupt: Signal,
    #[cfg(unix)]
    hang_up: Signal,
}

/// A wish to stop, and the exit code if it is the second.
#[derive(Clone, Copy, Debug)]
struct Wish(&'static str, i32);

impl Signals {
    /// From now on signals do not end the process.
    #[cfg(unix)]
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Ctrl-C needs no preparation there.
    #[cfg(not(unix))]
    #[allow(clippy::unnecessary_wraps)] // Elsewhere it can fail.
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self {})
    }

    /// Ready once the server is to stop; the next wish then ends the process, whatever is in flight.
    pub(super) async fn stop(mut self, reloader: &Arc<Reloader>, grace: Duration) {
        let Wish(name, _) = self.wish(reloader).await;
        tracing::info!(
            "{name}: stopping; calls in flight have {} to finish, and the same again ends at once",
            humantime::format_duration(grace)
        );
        let reloader = Arc::clone(reloader);
        tokio::spawn(async move {
            let Wish(name, code) = self.wish(&reloader).await;
            tracing::warn!("{name} again: ending at once");
            #[allow(clippy::disallowed_methods, reason = "that is what a second signal asks for")]
            process::exit(code);
        });
    }

    #[cfg(unix)]
    async fn wish(&mut self, reloader: &Arc<Reloader>) -> Wish {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return Wish("SIGTERM", TERMINATED),
                _ = self.interrupt.recv() => return Wish("Ctrl-C", INTERRUPTED),
                _ = self.hang_up.recv() => {
                    let reloader = Arc::clone(reloader);
                    tokio::task::spawn_blocking(move || reloader.reload());
                }
            }
        }
    }

    #[cfg(not(unix))]
    async fn wish(&mut self, _: &Arc<Reloader>) -> Wish {
        if tokio::signal::ctrl_c().await.is_err() {
            // Without a handler Ctrl-C ends the process by itself.
            std::future::pending::<()>().await;
        }
        Wish("Ctrl-C", INTERRUPTED)
    }
}
