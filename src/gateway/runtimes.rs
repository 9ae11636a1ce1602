//! The runtimes that a gateway is served on: handlers begin there, those of before the start and those that come later.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use tokio::runtime::Handle;

use super::{Gateway, Inner, plan::Plan};
use crate::observe::RuntimeWatch;

/// Each as often as something serves there.
#[derive(Debug, Default)]
pub(super) struct Runtimes(Mutex<Vec<Handle>>);

impl Runtimes {
    fn list(&self) -> MutexGuard<'_, Vec<Handle>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the handlers of a plan begin on all of them.
    pub(super) fn begin(&self, plan: &Plan) {
        let runtimes = self.list().clone();
        for runtime in &runtimes {
            begin(plan, runtime);
        }
    }
}

fn begin(plan: &Plan, runtime: &Handle) {
    let _within = runtime.enter();
    for (_, answering) in &plan.routes {
        answering.handler.begin();
    }
}

/// A runtime serves a gateway until this is dropped.
pub(crate) struct Serving {
    gateway: Weak<Inner>,
    runtime: Handle,
    _watch: Option<RuntimeWatch>,
}

impl Gateway {
    /// Lets handlers begin on a runtime, and shows what tokio counts of it, if anything is counted.
    pub(crate) fn serves_on(&self, runtime: &Handle) -> Serving {
        let watch = self.metrics().map(|metrics| metrics.watch_runtime(runtime));
        self.serving(runtime, watch)
    }

    /// The same on a runtime that another gateway counts.
    pub(crate) fn serves_as_well_on(&self, runtime: &Handle) -> Serving {
        self.serving(runtime, None)
    }

    fn serving(&self, runtime: &Handle, watch: Option<RuntimeWatch>) -> Serving {
        // In this order: handlers that come between the two begin twice rather than never.
        self.0.runtimes.list().push(runtime.clone());
        begin(&self.plan(), runtime);
        Serving {
            gateway: Arc::downgrade(&self.0),
            runtime: runtime.clone(),
            _watch: watch,
        }
    }
}

impl fmt::Debug for Serving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serving")
            .field("runtime", &self.runtime.id())
            .finish_non_exhaustive()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let Some(gateway) = self.gateway.upgrade() else { return };
        let mut runtimes = gateway.runtimes.list();
        if let Some(place) = runtimes.iter().position(|runtime| runtime.id() == self.runtime.id()) {
            runtimes.swap_remove(place);
        }
    }
}
