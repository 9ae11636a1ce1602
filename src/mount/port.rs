//! A server that mounts share.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant},
};

use tokio::{
    runtime::Handle,
    sync::oneshot,
    task::JoinHandle,
    time::{sleep, timeout},
};

use super::{
    Inner, ServerHandle,
    roster::{Member, Roster},
};
use crate::{Draining, Error, ServerBuilder, error::ErrorKind, transport::UNIX};

/// The servers of this process's mounts. Ports are the process's own, and so is this list.
static PORTS: Mutex<Vec<Weak<Port>>> = Mutex::new(Vec::new());

/// What servers that were dropped held, and when. Their listeners close once their runtime gets to it.
static DROPPED: Mutex<Vec<(String, Instant)>> = Mutex::new(Vec::new());
/// How long that may take.
const CLOSING: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(5);
/// How long a server has to stop beyond the grace: more than it takes.
const PATIENCE: Duration = Duration::from_secs(4);

/// No program runs as long.
const FOREVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// The mounts that leave a port and let their calls finish.
#[derive(Debug, Default)]
struct Leaving {
    count: usize,
    /// When the last of them waits no longer.
    until: Option<Instant>,
}

/// A mount that leaves, until it has.
pub(super) struct Leaver(Arc<Port>);

impl Leaver {
    /// Whether no other one leaves as well.
    pub(super) fn is_alone(&self) -> bool {
        lock(&self.0.leaving).count == 1
    }
}

impl Drop for Leaver {
    fn drop(&mut self) {
        lock(&self.0.leaving).count -= 1;
    }
}

/// A server, and the mounts that it serves. Dropped, it stops.
pub(super) struct Port {
    /// Where it listens, as the mounts asked for it.
    address: String,
    addresses: Vec<SocketAddr>,
    unix_paths: Vec<PathBuf>,
    /// How it listens.
    server: ServerBuilder,
    pub(super) roster: Roster,
    draining: Draining,
    /// The mounts that let their calls finish.
    leaving: Mutex<Leaving>,
    /// Takes the grace of a stop.
    stop: Mutex<Option<oneshot::Sender<Duration>>>,
    task: Mutex<Option<JoinHandle<std::io::Result<()>>>>,
}

impl Port {
    /// The server that mounts of this process have there. Ports that the system chooses are nobody else's.
    pub(super) fn find(address: &str) -> Option<Arc<Self>> {
        if held(address) == "0" {
            return None;
        }
        let open = ports().iter().filter_map(Weak::upgrade).collect::<Vec<_>>();
        open.into_iter().find(|port| port.address == address && port.is_open())
    }

    /// Listens, and serves the first mount.
    pub(super) async fn open(member: &Arc<Member>, mount: &Inner, runtime: &Handle) -> Result<Arc<Self>, Error> {
        let roster = Roster::of(member.clone());
        let (service, addresses) = loop {
            match mount.server.clone().listening(roster.clone()).await {
                Err(error) if error.is_bind() && was_dropped(&mount.address) => sleep(PAUSE).await,
                listening => break listening?,
            }
        };
        let unix_paths = service.unix_paths();
        let draining = service.drain.watch();
        let (stop, stopped) = oneshot::channel();
        let task = runtime.spawn(service.run(async move {
            // An error says that the port is gone, and everything with it.
            stopped.await.unwrap_or_default()
        }));
        let port = Arc::new(Self {
            address: mount.address.clone(),
            addresses,
            unix_paths,
            server: mount.server.clone(),
            roster,
            draining,
            leaving: Mutex::default(),
            stop: Mutex::new(Some(stop)),
            task: Mutex::new(Some(task)),
        });
        let mut ports = ports();
        ports.retain(|port| port.strong_count() > 0);
        ports.push(Arc::downgrade(&port));
        Ok(port)
    }

    /// Serves one more, if it gets along with those that are there.
    pub(super) fn admit(&self, member: &Arc<Member>, mount: &Inner) -> Result<(), Error> {
        if let Some(what) = self.server.differs(&mount.server) {
            return Err(ErrorKind::PortClash {
                address: self.address.clone(),
                first: self.roster.first().name.to_string(),
                second: mount.name.to_string(),
                what,
            }
            .into());
        }
        self.roster.add(member, &self.address)
    }

    /// Whether it accepts connections.
    pub(super) fn is_open(&self) -> bool {
        lock(&self.stop).is_some() && !self.draining.has_begun()
    }

    /// A mount leaves, and its calls may take so long to finish: whoever closes the port meanwhile grants them that too.
    pub(super) fn leave_within(self: &Arc<Self>, grace: Duration) -> Leaver {
        let mut leaving = lock(&self.leaving);
        leaving.count += 1;
        // A grace without end.
        let until = Instant::now()
            .checked_add(grace)
            .unwrap_or_else(|| Instant::now() + FOREVER);
        leaving.until = leaving.until.max(Some(until));
        Leaver(self.clone())
    }

    /// Whether a mount lets its calls finish.
    pub(super) fn is_being_left(&self) -> bool {
        lock(&self.leaving).count > 0
    }

    /// Begins to stop, if it has not: calls have until the last mount to leave waits no longer.
    fn begin_to_stop(&self) {
        let until = lock(&self.leaving).until;
        let grace = until.map(|until| until.saturating_duration_since(Instant::now()));
        if let Some(stop) = lock(&self.stop).take() {
            // An error says that it has ended.
            let _ = stop.send(grace.unwrap_or_default());
        }
    }

    /// Stops without anybody who waits for it: what the server holds becomes free soon.
    pub(super) fn end(&self) {
        self.begin_to_stop();
        self.drops();
    }

    fn drops(&self) {
        let mut dropped = lock(&DROPPED);
        dropped.retain(|(_, at)| at.elapsed() < CLOSING);
        let ports = self.addresses.iter().map(|address| address.port().to_string());
        let paths = self.unix_paths.iter().map(|_| self.address.clone());
        dropped.extend(ports.chain(paths).map(|held| (held, Instant::now())));
    }

    pub(super) fn handle(&self) -> ServerHandle {
        ServerHandle {
            addresses: self.addresses.clone(),
            unix_paths: self.unix_paths.clone(),
            draining: self.draining.clone(),
            mounts: self.roster.names(),
        }
    }

    /// Begins to stop, and returns once nothing listens any more.
    pub(super) async fn close(&self) {
        self.begin_to_stop();
        // A runtime that nobody runs closes nothing; whoever else starts or stops a mount is not to wait for that.
        let _ = timeout(CLOSING, self.draining.begun()).await;
    }

    /// Waits until it has stopped.
    pub(super) async fn closed(&self, grace: Duration) -> Result<(), Error> {
        let task = lock(&self.task).take();
        let Some(mut task) = task.map(Aborting) else {
            return Ok(());
        };
        match timeout(grace.saturating_add(PATIENCE), &mut task.0).await {
            Ok(Ok(served)) => Ok(served.map_err(ErrorKind::Serve)?),
            // The runtime is gone, and the server with it.
            Ok(Err(_)) => Ok(()),
            Err(_) => {
                tracing::warn!("a server did not stop: the runtime that it was started on is not run");
                Ok(())
            }
        }
    }
}

/// A task that does not outlive whoever waits for it.
struct Aborting(JoinHandle<std::io::Result<()>>);

impl Drop for Aborting {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        if let Some(task) = lock(&self.task).take() {
            task.abort();
            self.drops();
        }
    }
}

/// What of an address a server has to itself: the port, or the whole of a Unix socket's.
fn held(address: &str) -> &str {
    match address.rsplit_once(':') {
        Some((_, port)) if !address.starts_with(UNIX) => port,
        _ => address,
    }
}

/// Whether a server of this process was dropped a moment ago that held what this address needs.
fn was_dropped(address: &str) -> bool {
    let dropped = lock(&DROPPED);
    let mut there = dropped.iter().filter(|(dropped, _)| dropped == held(address));
    there.any(|(_, at)| at.elapsed() < CLOSING)
}

fn ports() -> MutexGuard<'static, Vec<Weak<Port>>> {
    lock(&PORTS)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
