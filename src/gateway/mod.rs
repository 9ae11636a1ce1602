//! The gateway: what is served now, and the one pipeline that every call takes.

mod builder;
mod deadline;
mod pattern;
mod pipeline;
mod snapshot;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use arc_swap::ArcSwap;
use descant_descriptors::{Method, Schema};
use descant_handlers::Health;
use http::Request;

use self::builder::Plan;
use crate::{
    error::{Error, ErrorKind},
    observe::{Metrics, Observer},
    protocol::RestOptions,
};

pub use self::builder::GatewayBuilder;
#[cfg(feature = "config")]
pub(crate) use self::pattern::Pattern;
pub(crate) use self::{builder::is_own, deadline::Deadline, pattern::PatternError, snapshot::Snapshot};

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
    plan: Plan,
    snapshot: ArcSwap<Snapshot>,
    beside: Mutex<Beside>,
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
        let snapshot = ArcSwap::from_pointee(plan.snapshot(schema, &[])?);
        let beside = Mutex::default();
        let gateway = Self(Arc::new(Inner { plan, snapshot, beside }));
        gateway.0.plan.tell_health(None, &gateway.schema());
        Ok(gateway)
    }

    /// Serves another version of the API from now on, with the same routes. Calls in flight end as they began; if the
    /// new version cannot be served nothing changes.
    pub fn reload(&self, schema: Schema) -> Result<(), Error> {
        let others = {
            let beside = self.beside();
            let others = upgraded(&beside);
            if let Some(method) = others.iter().find_map(|other| self.both_answer(&schema, other)) {
                return Err(ErrorKind::ReloadClash(method.full_name().to_owned()).into());
            }
            let snapshot = self.0.plan.snapshot(schema, &others)?;
            let before = self.0.snapshot.swap(Arc::new(snapshot));
            self.0.plan.tell_health(Some(before.schema()), &self.schema());
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
        let snapshot = self.0.plan.snapshot(self.schema(), &upgraded(&beside))?;
        self.0.snapshot.store(Arc::new(snapshot));
        Ok(())
    }

    fn beside(&self) -> MutexGuard<'_, Beside> {
        self.0.beside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A method that this gateway answers, were this its schema, and the other one answers too.
    pub(crate) fn both_answer(&self, schema: &Schema, other: &Self) -> Option<Method> {
        let theirs = other.schema();
        let answered = schema.methods().filter(|method| self.0.plan.is_routed(method));
        let mut both = answered.filter(|method| {
            let same = theirs.method(method.path());
            same.is_some_and(|same| other.0.plan.is_routed(&same))
        });
        both.next()
    }

    /// How much it has to do with a request.
    pub(crate) fn claim<B>(&self, request: &Request<B>) -> Claim {
        self.0
            .snapshot
            .load()
            .claim(request.method().as_str(), request.uri().path())
    }

    /// The handle of `grpc.health.v1`, if that is served: to say how services are, and that they are about to go.
    pub fn health(&self) -> Option<&Health> {
        self.0.plan.health.as_ref()
    }

    /// What its calls are counted in; `None` if they are not observed.
    pub fn metrics(&self) -> Option<&Metrics> {
        self.0.plan.observer.as_ref().map(Observer::metrics)
    }

    pub(crate) fn describe_handler(&self, method: &Method) -> String {
        self.0.plan.describe_handler(method)
    }

    /// How REST is spoken to a method.
    pub(crate) fn rest(&self, method: &Method) -> Arc<RestOptions> {
        let snapshot = self.0.snapshot.load();
        snapshot.rest(method).unwrap_or(&self.0.plan.settings.rest).clone()
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
