//! From routes to snapshots.

use std::{collections::HashSet, sync::Arc};

use descant_descriptors::{Method, Schema};
use descant_handlers::{Extensions, Handler, Layer};

use super::{
    Gateway,
    pattern::Pattern,
    snapshot::{Served, Snapshot},
};
use crate::error::{Error, ErrorKind};

/// Says which handler answers which methods.
#[must_use]
pub struct GatewayBuilder {
    schema: Schema,
    plan: Plan,
    routes: Vec<(String, Arc<dyn Handler>)>,
}

/// What every generation of a gateway has in common.
pub(super) struct Plan {
    routes: Vec<(Pattern, Arc<dyn Handler>)>,
    layers: Vec<Box<dyn Layer>>,
    pub(super) state: Extensions,
}

impl GatewayBuilder {
    pub(super) fn new(schema: Schema) -> Self {
        Self {
            schema,
            routes: Vec::new(),
            plan: Plan {
                routes: Vec::new(),
                layers: Vec::new(),
                state: Extensions::new(),
            },
        }
    }

    /// Answers the methods of a pattern: `pkg.Service/Method`, `pkg.Service`, `pkg.*` (the package and those below it) or
    /// `*`. The most specific pattern wins, in whichever order they are given. One that matches nothing is an error.
    pub fn route(mut self, pattern: impl Into<String>, handler: impl Handler) -> Self {
        self.routes.push((pattern.into(), Arc::new(handler)));
        self
    }

    /// Wraps every handler. The layer that was added first sees a call first.
    pub fn layer(mut self, layer: impl Layer + 'static) -> Self {
        self.plan.layers.push(Box::new(layer));
        self
    }

    /// Shares a value with every handler, as `call.extensions.get::<T>()`.
    pub fn state<T: Clone + Send + Sync + 'static>(mut self, value: T) -> Self {
        self.plan.state.insert(value);
        self
    }

    /// Builds the gateway.
    pub fn build(mut self) -> Result<Gateway, Error> {
        let mut seen = HashSet::new();
        for (text, handler) in self.routes {
            let pattern: Pattern = text.parse().map_err(ErrorKind::from)?;
            if !seen.insert(pattern.clone()) {
                return Err(ErrorKind::RouteTwice(text).into());
            }
            self.plan.routes.push((pattern, handler));
        }
        Gateway::start(self.schema, self.plan)
    }
}

impl Plan {
    /// A snapshot that serves `schema`.
    pub(super) fn snapshot(&self, schema: Schema) -> Result<Snapshot, Error> {
        self.check_routes(&schema)?;
        let handlers = schema.methods().map(|method| self.handler(&method)).collect();
        Ok(Snapshot::new(Served { schema, handlers }))
    }

    /// The handler of a loaded method, layers around it.
    fn handler(&self, method: &Method) -> Option<Arc<dyn Handler>> {
        let fitting = self
            .routes
            .iter()
            .filter_map(|(pattern, handler)| Some((pattern.fits(method)?, handler)));
        let (_, best) = fitting.max_by_key(|(fit, _)| *fit)?;
        let layers = self.layers.iter().rev();
        Some(layers.fold(best.clone(), |inner, layer| layer.wrap(inner)))
    }

    fn check_routes(&self, schema: &Schema) -> Result<(), Error> {
        let idle = |pattern: &Pattern| {
            // An empty schema has nothing to match, and is not what a user of `*` is to be told of.
            *pattern != Pattern::All && !schema.methods().any(|method| pattern.fits(&method).is_some())
        };
        match self.routes.iter().find(|(pattern, _)| idle(pattern)) {
            None => Ok(()),
            Some((pattern, _)) => Err(ErrorKind::NothingMatched {
                pattern: pattern.to_string(),
                nearest: pattern.nearest(schema),
            }
            .into()),
        }
    }
}
