//! What can be read of a route with a fault in it: a bad URL must not hide a bad pattern.

use std::path::Path;

use descant_descriptors::Schema;

use super::{
    calls::UpstreamCalls,
    check,
    fault::Faults,
    node::{Node, Value},
    origin::Placed,
    scalar::Pattern,
    setting::{Reader, Setting},
    settings::Route,
};

/// What can be read of a route.
#[derive(Clone)]
pub(super) struct Remnant {
    pub(super) pattern: Placed<Pattern>,
    calls: Option<UpstreamCalls>,
}

impl Remnant {
    /// Of each route that says what it matches, in the order of the file. What is wrong with them has been told.
    pub(super) fn of_all(tree: &Node, folder: Option<&Path>) -> Vec<Self> {
        let mut told = Faults::default();
        let mut reader = Reader::new(&mut told, folder);
        let Some(Value::List(routes)) = tree.get("routes").map(|routes| &routes.value) else {
            return Vec::new();
        };
        let read = |route: &Node| {
            let calls = route.get("proxy").and_then(|proxy| proxy.get("service_config"));
            Some(Self {
                pattern: Placed::read(route.get("match")?, &mut reader)?,
                calls: calls.and_then(|calls| UpstreamCalls::read(calls, &mut reader)),
            })
        };
        routes.iter().filter_map(read).collect()
    }

    /// Whether it is of this route.
    pub(super) fn is_of(&self, route: &Route) -> bool {
        self.pattern.origin == route.pattern.origin
    }

    /// Notes what it names and the API does not have.
    pub(super) fn check(&self, schema: &Schema, faults: &mut Faults) {
        if let Ok(pattern) = self.pattern.value.0.parse() {
            check::matches(&pattern, self.pattern.origin, schema, faults);
        }
        if let Some(calls) = &self.calls {
            calls.check(schema, faults);
        }
    }
}
