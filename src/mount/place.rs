//! A mount's place on a port, from its start to its stop.

use std::{future::Future, sync::Arc, time::Duration};

use tokio::{sync::Mutex, time::timeout};

use super::{Inner, ServerHandle, port::Port, roster::Member};
use crate::{Error, error::ErrorKind};

/// Who starts or leaves waits for whoever does the same: two mounts must not both listen, nor one join a port that closes.
static TURN: Mutex<()> = Mutex::const_new(());

/// A mount among those that are served on a port. Dropped, it leaves at once.
pub(super) struct Place {
    port: Arc<Port>,
    member: Arc<Member>,
}

impl Place {
    /// Joins the server of the mount's port, or starts it.
    pub(super) async fn take(mount: &Inner) -> Result<Self, Error> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| ErrorKind::NoRuntime(mount.called()))?;
        let member = Arc::new(Member::new(mount.name.clone(), mount.gateway.clone()));
        let _turn = TURN.lock().await;
        let port = match Port::find(&mount.address) {
            Some(port) => {
                port.admit(&member, mount)?;
                port
            }
            None => Port::open(&member, mount, &runtime).await?,
        };
        Ok(Self { port, member })
    }

    /// Whether its server runs.
    pub(super) fn is_open(&self) -> bool {
        self.port.is_open()
    }

    pub(super) fn server(&self) -> ServerHandle {
        self.port.handle()
    }

    /// Ready once the mount leaves, or its server ends.
    pub(super) fn ended(&self) -> impl Future<Output = ()> + use<> {
        let (member, draining) = (self.member.clone(), self.port.handle().draining());
        async move {
            tokio::select! {
                () = member.left.is_set() => {}
                () = draining.begun() => {}
            }
        }
    }

    /// Lets calls in flight finish, and then goes; the last one to go closes the port.
    pub(super) async fn leave(self, grace: Duration) -> Result<(), Error> {
        let turn = TURN.lock().await;
        let leaving = self.port.leave_within(grace);
        self.member.left.set();
        let is_last = !self.port.roster.remove(&self.member);
        if is_last {
            self.port.close().await;
        }
        drop(turn);
        if is_last && leaving.is_alone() {
            return self.port.closed(grace).await;
        }
        if timeout(grace, self.member.calls.empty()).await.is_err() {
            tracing::warn!(mount = &*self.member.name, "calls outlived the grace; they are cut off");
            self.member.cut.set();
        }
        // Of those that left together the one that takes longest sees the server to its end.
        if leaving.is_alone() && !self.port.is_open() {
            return self.port.closed(Duration::ZERO).await;
        }
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.member.left.set();
        self.port.roster.remove(&self.member);
        // The last one takes the port with it, and so is not cut off here: unless another one holds on to the port, whose calls
        // may still finish.
        let is_last = self.port.roster.has(&self.member);
        if is_last && self.port.is_being_left() {
            self.port.end();
        }
        if !is_last || self.port.is_being_left() {
            self.member.cut.set();
            // As long as the port is there for others the last one is too.
            self.member.is_served_no_more();
        }
    }
}
