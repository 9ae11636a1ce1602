//! What can be used as it is, and is hardly meant.

use std::collections::HashSet;

use descant_descriptors::{Finding, Method, Schema};

use super::{
    Config,
    calls::UpstreamCalls,
    fault::{Faults, shown},
    settings::Upstream,
};
use crate::gateway::{Pattern, answered};

impl Config {
    /// What it says that can be used, and yet is hardly meant: warnings, each with its place and a remedy.
    pub fn warnings(&self, schema: &Schema) -> Vec<Finding> {
        let mut faults = Faults::default();
        for upstream in self.upstreams() {
            urls(upstream, &mut faults);
        }
        // What a server describes itself is not known yet, and may change.
        if !self.is_described_by_upstream() {
            self.unused_calls(schema, &mut faults);
        }
        faults.into_error(self.file.clone()).into_warnings()
    }

    fn upstreams(&self) -> impl Iterator<Item = &Upstream> {
        self.settings.routes.iter().filter_map(|route| route.proxy.as_ref())
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

/// A server that is named twice gets twice the calls.
fn urls(upstream: &Upstream, faults: &mut Faults) {
    let mut seen = HashSet::new();
    for url in &upstream.url.0 {
        let name = url.value.0.trim_end_matches('/');
        // Of a host the case does not matter, of a path it does.
        let name = if name.starts_with("unix:") {
            name.to_owned()
        } else {
            name.to_ascii_lowercase()
        };
        if !seen.insert(name) {
            let what = format!(
                "the server `{}` is there twice: it gets twice the calls, over twice the connections",
                shown(&url.value.0)
            );
            faults.add(url.origin, what, "leave one of them out");
        }
    }
}
