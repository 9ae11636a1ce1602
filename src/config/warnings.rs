//! What can be used as it is, and is hardly meant.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

use descant_descriptors::{Finding, Method, Schema};
use tokio_rustls::rustls::pki_types::UnixTime;

use super::{
    Config,
    calls::UpstreamCalls,
    fault::{Faults, shown},
    origin::Placed,
    settings::Upstream,
};
use crate::{
    gateway::{Pattern, answered},
    handlers::tls::{self, Pem},
    transport::UNIX,
};

impl Config {
    /// What it says that can be used, and yet is hardly meant: warnings, each with its place and a remedy.
    pub fn warnings(&self, schema: &Schema) -> Vec<Finding> {
        let mut faults = Faults::default();
        for upstream in self.upstreams() {
            urls(upstream, &mut faults);
            if let Some(calls) = &upstream.service_config {
                calls.check_keys(&mut faults);
            }
        }
        for file in self.own_certificates().chain(self.proxies_certificates()) {
            dates(file, &mut faults);
        }
        // What a server describes itself is not known yet, and may change.
        if !self.is_described_by_upstream() {
            self.unused_calls(schema, &mut faults);
        }
        faults.into_error(self.file.clone()).into_warnings()
    }

    /// The files of the certificates that listeners show to clients.
    pub fn listener_certificates(&self) -> impl Iterator<Item = &Path> {
        self.own_certificates().map(|file| &*file.value)
    }

    /// The files of those that proxies show to servers behind.
    pub fn upstream_certificates(&self) -> impl Iterator<Item = &Path> {
        self.proxies_certificates().map(|file| &*file.value)
    }

    fn own_certificates(&self) -> impl Iterator<Item = &Placed<PathBuf>> {
        let own = self.settings.listen.0.iter().filter_map(|listen| listen.tls.as_ref());
        own.flat_map(|tls| &tls.certificate.0)
    }

    fn proxies_certificates(&self) -> impl Iterator<Item = &Placed<PathBuf>> {
        self.upstreams()
            .filter_map(|upstream| upstream.tls.as_ref()?.certificate.as_ref())
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

/// Of the certificates of a file, those that nobody takes who looks at their dates.
fn dates(file: &Placed<PathBuf>, faults: &mut Faults) {
    // One that cannot be read is a fault, which is told elsewhere.
    let found = tls::certificates(&Pem::File(file.value.clone())).unwrap_or_default();
    for (place, certificate) in found.iter().enumerate() {
        let Some(outdated) = tls::outdated(certificate, UnixTime::now()) else {
            continue;
        };
        let which = match place {
            0 => "the certificate".to_owned(),
            place => format!("certificate {} of its chain", place + 1),
        };
        let path = shown(&file.value.to_string_lossy());
        let mend = match outdated {
            tls::Outdated::Expired(_) => "renew it",
            tls::Outdated::Early(_) => "is the clock right, and is it the right file?",
        };
        faults.add(file.origin, format!("{path}: {which} is not valid: {outdated}"), mend);
    }
}

/// A server that is named twice gets twice the calls.
fn urls(upstream: &Upstream, faults: &mut Faults) {
    let mut seen = HashSet::new();
    for url in &upstream.url.0 {
        let name = url.value.0.trim_end_matches('/');
        // Of a host the case does not matter, of a path it does.
        let name = if name.starts_with(UNIX) {
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
