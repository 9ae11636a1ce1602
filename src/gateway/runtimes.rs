//! The runtimes that a gateway is served on: the handlers of its plan begin there, and end.
//!
//! What handlers are told is written down in the order in which it came about, and told by one at a time without a lock: their code may start
//! and stop what serves, or replace the plan.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use descant_handlers::Handler;
use tokio::runtime::Handle;

use super::{Gateway, Inner, plan::Plan};
use crate::{observe::RuntimeWatch, protocol::guarded};

#[derive(Default)]
pub(super) struct Runtimes(Mutex<Served>);

#[derive(Default)]
struct Served {
    /// Each as often as something serves there.
    list: Vec<Handle>,
    /// Whose handlers begin there; `None`: nothing serves.
    plan: Option<Arc<Plan>>,
    due: VecDeque<Due>,
    /// Somebody tells handlers what is due.
    is_telling: bool,
}

/// What the handlers of a plan are to be told on a runtime.
struct Due {
    plan: Arc<Plan>,
    runtime: Handle,
    what: fn(&dyn Handler),
}

const BEGIN: fn(&dyn Handler) = |handler| handler.begin();
const END: fn(&dyn Handler) = |handler| handler.end();

impl Runtimes {
    fn served(&self) -> MutexGuard<'_, Served> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells handlers what is due, unless somebody does so already, who goes on with this.
    fn tell(&self) {
        loop {
            let due = self.served().take();
            let Some(due) = due else { return };
            due.tell();
            self.served().is_telling = false;
        }
    }
}

impl Served {
    fn push(&mut self, plan: &Arc<Plan>, runtime: &Handle, what: fn(&dyn Handler)) {
        self.due.push_back(Due {
            plan: Arc::clone(plan),
            runtime: runtime.clone(),
            what,
        });
    }

    /// What is due next, and has to be told before the one after it.
    fn take(&mut self) -> Option<Due> {
        if self.is_telling || is_past_telling() {
            return None;
        }
        let due = self.due.pop_front()?;
        self.is_telling = true;
        Some(due)
    }
}

impl Due {
    fn tell(&self) {
        let _within = self.runtime.enter();
        for (_, answering) in &self.plan.routes {
            // The panic hook has told of a panic, which is no other handler's concern.
            let _ = guarded(|| (self.what)(&*answering.handler));
        }
    }
}

/// Whether this thread ends, and can enter no runtime any more. What is due is left to another.
fn is_past_telling() -> bool {
    Handle::try_current().is_err_and(|error| error.is_thread_local_destroyed())
}

/// The gateway is gone, before those who serve it are.
impl Drop for Runtimes {
    fn drop(&mut self) {
        let served = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(plan) = served.plan.take() {
            for runtime in std::mem::take(&mut served.list) {
                served.push(&plan, &runtime, END);
            }
        }
        self.tell();
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
        let serving = self.serving(runtime, watch);
        self.tell_handlers();
        serving
    }

    /// The same on a runtime that something else shows, and handlers begin there once they are [told](Self::tell_handlers).
    pub(crate) fn is_to_serve_on(&self, runtime: &Handle) -> Serving {
        self.serving(runtime, None)
    }

    fn serving(&self, runtime: &Handle, watch: Option<RuntimeWatch>) -> Serving {
        let mut served = self.0.runtimes.served();
        // Looked at under the lock: who replaces it comes here afterwards.
        let now = self.0.snapshot.load_full();
        let plan = served.plan.get_or_insert_with(|| Arc::clone(now.plan()));
        let plan = Arc::clone(plan);
        served.push(&plan, runtime, BEGIN);
        served.list.push(runtime.clone());
        // Before what it may be the last to hold.
        drop(served);
        Serving {
            gateway: Arc::downgrade(&self.0),
            runtime: runtime.clone(),
            _watch: watch,
        }
    }

    /// Tells handlers where they are to begin and to end. No lock may be held that their code could need.
    pub(crate) fn tell_handlers(&self) {
        self.0.runtimes.tell();
    }

    /// The handlers of the plan that there is now begin on all runtimes, and then those of the one before end: what both have goes on.
    pub(super) fn follow_plan(&self) {
        let mut served = self.0.runtimes.served();
        let now = self.0.snapshot.load_full();
        let before = served.plan.as_ref().filter(|before| !Arc::ptr_eq(before, now.plan()));
        if let Some(before) = before.cloned() {
            let list = served.list.clone();
            for (plan, what) in [(now.plan(), BEGIN), (&before, END)] {
                for runtime in &list {
                    served.push(plan, runtime, what);
                }
            }
            served.plan = Some(Arc::clone(now.plan()));
        }
        drop(served);
        self.tell_handlers();
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
        let mut served = gateway.runtimes.served();
        let place = served.list.iter().position(|runtime| runtime.id() == self.runtime.id());
        if let (Some(place), Some(plan)) = (place, served.plan.clone()) {
            served.list.swap_remove(place);
            served.push(&plan, &self.runtime, END);
        }
        if served.list.is_empty() {
            served.plan = None;
        }
        drop(served);
        gateway.runtimes.tell();
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, sync::OnceLock, thread};

    use descant_descriptors::{Builtin, Schema};
    use descant_handlers::{Answer, Call, Status};
    use tokio::runtime::Runtime;

    use super::*;
    use crate::GatewayBuilder;

    /// What handlers were told: by which, on which runtime.
    #[derive(Clone, Default)]
    struct Told(Arc<Mutex<Vec<String>>>);

    impl Told {
        fn note(&self, what: &str, name: &str) {
            let here = Handle::current().id();
            self.0.lock().unwrap().push(format!("{name} {what} {here}"));
        }

        /// What came since the last look. The names of runtimes are left to `on`.
        fn take(&self) -> Vec<String> {
            std::mem::take(&mut self.0.lock().unwrap())
        }

        fn handler(&self, name: &'static str) -> Noting {
            Noting {
                name,
                told: self.clone(),
                does: Box::new(|_| {}),
            }
        }
    }

    /// Notes what it is told, and does something about it.
    struct Noting {
        name: &'static str,
        told: Told,
        does: Box<dyn Fn(&str) + Send + Sync>,
    }

    impl Handler for Noting {
        fn call<'this, 'answer>(&'this self, _: Call) -> Answer<'answer>
        where
            'this: 'answer,
        {
            Box::pin(async { Err(Status::unimplemented("it only notes")) })
        }

        fn begin(&self) {
            self.told.note("begins on", self.name);
            (self.does)("begin");
        }

        fn end(&self) {
            self.told.note("ends on", self.name);
            (self.does)("end");
        }
    }

    fn builder(handler: impl Handler) -> GatewayBuilder {
        let schema = Schema::builder().builtin(Builtin::ErrorDetails).build();
        Gateway::builder(schema.unwrap()).route("*", handler)
    }

    fn runtime() -> Runtime {
        tokio::runtime::Builder::new_current_thread().build().unwrap()
    }

    /// What is told on a runtime.
    fn on(runtime: &Handle, what: &[&str]) -> Vec<String> {
        what.iter().map(|what| format!("{what} on {}", runtime.id())).collect()
    }

    #[test]
    fn handlers_end_as_often_as_they_begin() {
        let (told, one, other) = (Told::default(), runtime(), runtime());
        let (one, other) = (one.handle(), other.handle());
        let gateway = builder(told.handler("a")).build().unwrap();
        let first = gateway.serves_on(one);
        let again = gateway.is_to_serve_on(one);
        assert_eq!(told.take(), on(one, &["a begins"]));
        gateway.tell_handlers();
        assert_eq!(told.take(), on(one, &["a begins"]));
        drop(first);
        assert_eq!(told.take(), on(one, &["a ends"]));
        let second = gateway.serves_on(other);
        assert_eq!(told.take(), on(other, &["a begins"]));
        drop(again);
        assert_eq!(told.take(), on(one, &["a ends"]));
        drop(second);
        assert_eq!(told.take(), on(other, &["a ends"]));
    }

    #[test]
    fn those_of_another_plan_begin_before_those_of_the_last_end() {
        let (told, one) = (Told::default(), runtime());
        let gateway = builder(told.handler("a")).build().unwrap();
        gateway.replace(builder(told.handler("b"))).unwrap();
        assert!(told.take().is_empty(), "nothing serves");
        let serving = [gateway.serves_on(one.handle()), gateway.serves_on(one.handle())];
        assert_eq!(told.take(), on(one.handle(), &["b begins", "b begins"]));
        gateway.reload(gateway.schema()).unwrap();
        assert!(told.take().is_empty(), "the plan is the same");
        gateway.replace(builder(told.handler("c"))).unwrap();
        assert_eq!(
            told.take(),
            on(one.handle(), &["c begins", "c begins", "b ends", "b ends"])
        );
        drop(serving);
        assert_eq!(told.take(), on(one.handle(), &["c ends", "c ends"]));
    }

    #[test]
    fn handlers_of_a_gateway_that_is_gone_end() {
        let (told, one) = (Told::default(), runtime());
        let gateway = builder(told.handler("a")).build().unwrap();
        let serving = gateway.serves_on(one.handle());
        told.take();
        drop(gateway);
        assert_eq!(told.take(), on(one.handle(), &["a ends"]));
        drop(serving);
        assert!(told.take().is_empty());
    }

    #[test]
    fn handlers_may_start_and_stop_what_serves_and_replace_each_other() {
        let (told, one) = (Told::default(), runtime());
        let (whole, held) = (
            Arc::<OnceLock<Gateway>>::default(),
            Arc::<Mutex<Vec<Serving>>>::default(),
        );
        let mut busy = told.handler("busy");
        let (gateway, kept, next, handle) = (whole.clone(), held.clone(), told.clone(), one.handle().clone());
        busy.does = Box::new(move |what| {
            let gateway = gateway.get().unwrap();
            if what == "end" {
                return kept.lock().unwrap().clear();
            }
            kept.lock().unwrap().push(gateway.is_to_serve_on(&handle));
            gateway.replace(builder(next.handler("next"))).unwrap();
        });
        let gateway = whole.get_or_init(|| builder(busy).build().unwrap());
        let serving = gateway.serves_on(one.handle());
        let told_now = told.take();
        assert_eq!(told_now[..2], on(one.handle(), &["busy begins", "busy begins"]));
        let count = |what: &str| told_now.iter().filter(|told| told.contains(what)).count();
        assert_eq!(count("busy begins"), count("busy ends"));
        assert_eq!(count("next begins") - count("next ends"), 1, "{told_now:?}");
        drop(serving);
        assert_eq!(told.take(), on(one.handle(), &["next ends"]));
    }

    #[test]
    fn one_that_panics_keeps_nothing_from_the_others() {
        let (told, one) = (Told::default(), runtime());
        let mut panics = told.handler("a");
        panics.does = Box::new(|what| panic!("at its {what}"));
        let gateway = builder(panics).build().unwrap();
        let serving = gateway.serves_on(one.handle());
        gateway.replace(builder(told.handler("b"))).unwrap();
        drop(serving);
        assert_eq!(
            told.take(),
            on(one.handle(), &["a begins", "b begins", "a ends", "b ends"])
        );
    }

    #[test]
    fn they_end_where_the_runtime_or_the_thread_is_gone() {
        let (told, one) = (Told::default(), runtime());
        let handle = one.handle().clone();
        let gateway = builder(told.handler("a")).build().unwrap();
        let serving = gateway.serves_on(&handle);
        drop(one);
        drop(serving);
        assert_eq!(told.take(), on(&handle, &["a begins", "a ends"]));
        thread_local!(static KEPT: RefCell<Option<Serving>> = const { RefCell::new(None) });
        let (own, at) = (gateway.clone(), handle.clone());
        let thread = thread::spawn(move || {
            // Gone when the thread's context of tokio may be.
            KEPT.with(|kept| kept.replace(Some(own.serves_on(&at))));
        });
        thread.join().unwrap();
        gateway.tell_handlers();
        assert_eq!(told.take(), on(&handle, &["a begins", "a ends"]));
    }
}
