//! What can be used as it is, and is hardly meant.

use descant_descriptors::{Finding, Method, Schema};

use super::{Config, calls::UpstreamCalls, fault::Faults};
use crate::gateway::{Pattern, answered};

impl Config {
    /// What it says that can be used, and yet is hardly meant: warnings, each with its place and a remedy.
    pub fn warnings(&self, schema: &Schema) -> Vec<Finding> {
        let mut faults = Faults::default();
        // What a server describes itself is not known yet, and may change.
        if !self.is_described_by_upstream() {
            self.unused_calls(schema, &mut faults);
        }
        faults.into_error(self.file.clone()).into_warnings()
    }

    /// Of a service config, what names no method of its route. Routes may share one, which then is for the methods of all of them.
    fn unused_calls(&self, schema: &Schema, faults: &mut Faults) {
        let parsed = self.settings.routes.iter().filter_map(|route| {
            let pattern: Pattern = route.pattern.value.0.parse().ok()?;
            Some((
                pattern,
                route.proxy.as_ref().and_then(|proxy| proxy.service_config.as_ref()),
            ))
        });
        let routes: Vec<_> = parsed.collect();
        let answered = answered(&routes, schema);
        let of = |calls: &UpstreamCalls| -> Vec<Method> {
            let sharing = routes.iter().zip(&answered);
            let sharing = sharing.filter(|((_, other), _)| *other == Some(calls));
            sharing.flat_map(|(_, methods)| methods.iter().cloned()).collect()
        };
        for calls in routes.iter().filter_map(|(_, calls)| *calls) {
            calls.check_use(&of(calls), faults);
        }
    }
}
