//! The gateway: what is served now, and the one pipeline that every call takes.

mod builder;
mod deadline;
mod pattern;
mod pipeline;
mod snapshot;
#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc};

use arc_swap::ArcSwap;
use descant_descriptors::{Method, Schema};
use descant_handlers::Health;

use self::builder::Plan;
use crate::{error::Error, protocol::RestOptions};

pub use self::builder::GatewayBuilder;
pub(crate) use self::{deadline::Deadline, pattern::PatternError, snapshot::Snapshot};

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
}

impl Gateway {
    /// A gateway for an API, whose methods nothing answers until they are given a handler.
    pub fn builder(schema: Schema) -> GatewayBuilder {
        GatewayBuilder::new(schema)
    }

    fn start(schema: Schema, plan: Plan) -> Result<Self, Error> {
        let snapshot = ArcSwap::from_pointee(plan.snapshot(schema)?);
        let gateway = Self(Arc::new(Inner { plan, snapshot }));
        gateway.0.plan.tell_health(None, &gateway.schema());
        Ok(gateway)
    }

    /// Serves another version of the API from now on, with the same routes. Calls in flight end as they began; if the
    /// new version cannot be served nothing changes.
    pub fn reload(&self, schema: Schema) -> Result<(), Error> {
        let snapshot = self.0.plan.snapshot(schema)?;
        let before = self.0.snapshot.swap(Arc::new(snapshot));
        self.0.plan.tell_health(Some(before.schema()), &self.schema());
        Ok(())
    }

    /// The handle of `grpc.health.v1`, if that is served: to say how services are, and that they are about to go.
    pub fn health(&self) -> Option<&Health> {
        self.0.plan.health.as_ref()
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
