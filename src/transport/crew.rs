//! Who serves a connection: the runtime that accepted it, or one of several threads with a runtime each.
//!
//! tokio's multi-thread runtime takes twice the CPU a request of a current-thread one (measured), so a server of its own
//! machine has one current-thread runtime a core. One accepts and hands each connection to whoever has fewest: few
//! connections that live long would be spread badly by the kernel's hash (`SO_REUSEPORT`).

use std::{io, sync::Arc, thread};

use descant_handlers::Peer;
use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot},
};

use super::{
    Tls,
    gate::Pass,
    link::{Link, Unbound},
    load::{Load, Seat},
};

/// Connections that may wait for a worker.
const QUEUE: usize = 1024;

/// A connection that nobody serves yet.
#[derive(Debug)]
pub(super) struct Accepted {
    pub(super) socket: Link,
    pub(super) peer: Peer,
    pub(super) tls: Option<Tls>,
    pub(super) pass: Pass,
}

/// Serves connections: a task each, on the runtime of the thread that calls it.
pub(super) trait Host: Clone + Send + 'static {
    /// Begins to serve. `seat` is dropped when the connection has ended.
    fn host(&self, accepted: Accepted, seat: Seat);

    /// Takes note of a runtime that serves until the answer is dropped.
    fn serves_on(&self, runtime: &Handle) -> impl Send + 'static;
}

/// All who serve; the first is the runtime that accepts.
#[derive(Debug)]
pub(super) struct Crew<H> {
    host: H,
    home: Arc<Load>,
    workers: Vec<Worker>,
}

/// A thread that serves what is handed to it.
#[derive(Debug)]
struct Worker {
    load: Arc<Load>,
    hand: mpsc::Sender<Handed>,
    ended: oneshot::Receiver<()>,
}

/// A connection on its way to another thread, no longer bound to a runtime.
struct Handed {
    socket: Unbound,
    peer: Peer,
    tls: Option<Tls>,
    pass: Pass,
    seat: Seat,
}

impl<H: Host> Crew<H> {
    /// `size` of them; for the first no thread is started.
    pub(super) fn start(size: usize, host: &H) -> io::Result<Self> {
        let workers = (1..size).map(|number| Worker::start(number, host.clone()));
        Ok(Self {
            host: host.clone(),
            home: Arc::default(),
            workers: workers.collect::<io::Result<_>>()?,
        })
    }

    /// Gives a connection to whoever has fewest.
    pub(super) fn take(&self, accepted: Accepted) {
        let least = self.workers.iter().min_by_key(|worker| worker.load.count());
        match least.filter(|worker| worker.load.count() < self.home.count()) {
            None => self.host.host(accepted, Seat::take(&self.home)),
            Some(worker) => worker.take(accepted),
        }
    }

    /// Waits until nobody serves any more. Nothing may be handed out meanwhile.
    pub(super) async fn end(self) {
        self.home.empty().await;
        for Worker { hand, ended, .. } in self.workers {
            drop(hand);
            // An error says that the thread is gone.
            let _ = ended.await;
        }
    }
}

impl Worker {
    fn start<H: Host>(number: usize, host: H) -> io::Result<Self> {
        let (hand, handed) = mpsc::channel(QUEUE);
        let (ending, ended) = oneshot::channel();
        let load = Arc::<Load>::default();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let own = load.clone();
        let noted = host.serves_on(runtime.handle());
        thread::Builder::new()
            .name(format!("descant-{number}"))
            .spawn(move || {
                runtime.block_on(work(handed, host, own));
                drop(noted);
                // Nobody may be waiting any more.
                let _ = ending.send(());
            })?;
        Ok(Self { load, hand, ended })
    }

    fn take(&self, accepted: Accepted) {
        let Accepted {
            socket,
            peer,
            tls,
            pass,
        } = accepted;
        match socket.unbind() {
            Ok(socket) => {
                let handed = Handed {
                    socket,
                    peer: peer.clone(),
                    tls,
                    pass,
                    seat: Seat::take(&self.load),
                };
                if self.hand.try_send(handed).is_err() {
                    tracing::warn!(%peer, "connection dropped: its worker is blocked; handlers must not block");
                }
            }
            Err(error) => tracing::warn!(%peer, %error, "a connection could not be handed over"),
        }
    }
}

async fn work<H: Host>(mut handed: mpsc::Receiver<Handed>, host: H, load: Arc<Load>) {
    while let Some(Handed {
        socket,
        peer,
        tls,
        pass,
        seat,
    }) = handed.recv().await
    {
        match socket.bind() {
            Ok(socket) => {
                let accepted = Accepted {
                    socket,
                    peer,
                    tls,
                    pass,
                };
                host.host(accepted, seat);
            }
            Err(error) => tracing::warn!(%peer, %error, "a connection could not be taken over"),
        }
    }
    load.empty().await;
}
