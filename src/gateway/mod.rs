//! The gateway: what is served now, and the one pipeline that every call takes.

mod builder;
mod deadline;
mod pattern;
mod pipeline;
mod plan;
mod runtimes;
mod snapshot;
mod suggestions;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use arc_swap::ArcSwap;
use descant_descriptors::{Method, Schema};
use descant_handlers::Health;
use http::{Request, header::ACCESS_CONTROL_REQUEST_METHOD};

use self::{plan::Plan, runtimes::Runtimes};
use crate::{
    error::{Error, ErrorKind},
    observe::{Metrics, UpstreamWatch},
    protocol::RestOptions,
};

pub use self::builder::GatewayBuilder;
pub(crate) use self::{
    deadline::Deadline,
    pattern::PatternError,
    plan::{is_own, is_own_path},
    runtimes::Serving,
    snapshot::{Known, Snapshot},
};
#[cfg(feature = "config")]
pub(crate) use self::{pattern::Pattern, plan::answered};

/// Answers the calls of one API. Cheap to clone: clones are the same gateway.
///
/// ```
/// use descant::{Gateway, Schema, handlers::Echo};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let schema = descant::demo::schema()?;
/// let gateway = Gateway::builder(schema).route("*", Echo).build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Gateway(Arc<Inner>);

struct Inner {
    snapshot: ArcSwap<Snapshot>,
    /// As it was when the gateway was built, whatever takes the place of its plan.
    health: Option<Health>,
    /// Likewise.
    metrics: Option<Metrics>,
    upstreams: Option<UpstreamWatch>,
    beside: Mutex<Beside>,
    runtimes: Runtimes,
}

/// The gateways that answer on the same port. Locked while a snapshot is made: one comes after the other.
type Beside = Vec<Weak<Inner>>;

/// How much a gateway has to do with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Claim {
    Nothing,
    /// It knows what is asked for, but nothing answers.
    Knows,
    Answers,
}

impl Gateway {
    /// A gateway for an API, whose methods nothing answers until they are given a handler.
    pub fn builder(schema: Schema) -> GatewayBuilder {
        GatewayBuilder::new(schema)
    }

    fn start(schema: Schema, plan: Plan) -> Result<Self, Error> {
        plan.check_handlers(&schema)?;
        let plan = Arc::new(plan);
        let snapshot = Arc::clone(&plan).snapshot(schema, &[])?;
        plan.tell_health(None, snapshot.schema());
        let metrics = plan.observer.as_ref().map(|observer| observer.metrics().clone());
        let upstreams = metrics.as_ref().map(Metrics::watch_upstreams);
        if let Some(upstreams) = &upstreams {
            upstreams.set(|| plan.upstreams());
        }
        Ok(Self(Arc::new(Inner {
            snapshot: ArcSwap::from_pointee(snapshot),
            health: plan.health.clone(),
            metrics,
            upstreams,
            beside: Mutex::default(),
            runtimes: Runtimes::default(),
        })))
    }

    /// Serves another version of the API from now on, with the same routes. Calls in flight end as they began; if the
    /// new version cannot be served nothing changes.
    pub fn reload(&self, schema: Schema) -> Result<(), Error> {
        self.swap(schema, None)
    }

    /// Serves what this builder says from now on: another schema, routes, layers and options. Calls in flight end as they began;
    /// if something cannot be served nothing changes. Only [`health`](Self::health) and [`metrics`](Self::metrics) stay what they were,
    /// whatever the builder says.
    pub fn replace(&self, builder: GatewayBuilder) -> Result<(), Error> {
        let (schema, plan) = builder.in_place_of(self.0.health.clone(), self.0.metrics.clone())?;
        plan.check_handlers(&schema)?;
        let swapped = self.swap(schema, Some(plan));
        // If others could not tell of it, it is there all the same.
        self.follow_plan();
        if let Some(upstreams) = &self.0.upstreams {
            upstreams.set(|| self.plan().upstreams());
        }
        swapped
    }

    /// `plan`: `None` is the one that there is.
    fn swap(&self, schema: Schema, plan: Option<Plan>) -> Result<(), Error> {
        let others = {
            let beside = self.beside();
            let others = upgraded(&beside);
            let plan = plan.map_or_else(|| self.plan(), Arc::new);
            if let Some(method) = others.iter().find_map(|other| plan.both_answer(&schema, other)) {
                return Err(ErrorKind::ReloadClash(method).into());
            }
            let snapshot = Arc::clone(&plan).snapshot(schema, &others)?;
            let before = self.0.snapshot.swap(Arc::new(snapshot));
            plan.tell_health(Some(before.schema()), &self.schema());
            others
        };
        // They tell of this one as well.
        others.iter().try_for_each(Self::renew)
    }

    /// Reflection and health tell of these others as well from now on.
    pub(crate) fn stand_beside<'a>(&self, others: impl Iterator<Item = &'a Gateway>) -> Result<(), Error> {
        *self.beside() = others.map(|other| Arc::downgrade(&other.0)).collect();
        self.renew()
    }

    /// Makes the snapshot anew, from the same schema.
    fn renew(&self) -> Result<(), Error> {
        let beside = self.beside();
        let snapshot = self.plan().snapshot(self.schema(), &upgraded(&beside))?;
        self.0.snapshot.store(Arc::new(snapshot));
        Ok(())
    }

    fn beside(&self) -> MutexGuard<'_, Beside> {
        self.0.beside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What every generation has in common until it is replaced.
    fn plan(&self) -> Arc<Plan> {
        Arc::clone(self.0.snapshot.load().plan())
    }

    /// A method, or an HTTP rule, that this gateway answers, were this its schema, and the other one answers too.
    pub(crate) fn both_answer(&self, schema: &Schema, other: &Self) -> Option<String> {
        self.plan().both_answer(schema, other)
    }

    /// How much it has to do with a request.
    pub(crate) fn claim<B>(&self, request: &Request<B>) -> Claim {
        // A preflight is for whoever gets the request that it asks leave for.
        let asked = request.headers().get(ACCESS_CONTROL_REQUEST_METHOD);
        let asked = asked.filter(|_| request.method() == http::Method::OPTIONS);
        let verb = asked.and_then(|verb| verb.to_str().ok());
        let verb = verb.unwrap_or(request.method().as_str());
        self.0.snapshot.load().claim(verb, request.uri().path())
    }

    /// The handle of `grpc.health.v1`, if that is served: to say how services are, and that they are about to go.
    pub fn health(&self) -> Option<&Health> {
        self.0.health.as_ref()
    }

    /// What its calls are counted in; `None` if they are not observed.
    pub fn metrics(&self) -> Option<&Metrics> {
        self.0.metrics.as_ref()
    }

    pub(crate) fn describe_handler(&self, method: &Method) -> String {
        self.plan().describe_handler(method)
    }

    /// How REST is spoken to a method.
    pub(crate) fn rest(&self, method: &Method) -> Arc<RestOptions> {
        let snapshot = self.0.snapshot.load();
        snapshot.rest(method).unwrap_or(&snapshot.plan().settings.rest).clone()
    }

    /// What is served now.
    pub fn schema(&self) -> Schema {
        self.0.snapshot.load().schema().clone()
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway")
            .field("schema", &self.schema())
            .finish_non_exhaustive()
    }
}

fn upgraded(beside: &Beside) -> Vec<Gateway> {
    beside.iter().filter_map(Weak::upgrade).map(Gateway).collect()
}
