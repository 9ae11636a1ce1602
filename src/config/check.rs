//! What settings mean to each other: faults that no one of them has alone.

use std::collections::HashSet;

use descant_descriptors::{Method, Schema};

use super::{
    Config,
    fault::{ConfigError, Faults, shown},
    handlers::Handlers,
    origin::{Origin, Placed},
    settings::{CrossOrigin, LogCalls, Route, Settings, Tls, Upstream, UpstreamTls},
};
use crate::{
    error::hint,
    gateway::Pattern,
    handlers::{Handler, Proxy},
};

/// Whether each route is there once.
pub(super) fn settings(settings: &Settings, _: Origin, faults: &mut Faults) {
    if let (false, true, Origin::File { .. }, calls @ Origin::File { .. }) = (
        *settings.observe,
        *settings.log.calls != LogCalls::Off,
        settings.observe.origin,
        settings.log.calls.origin,
    ) {
        faults.add(
            calls,
            "calls that are not observed are not logged",
            "leave out `observe: false`, or set `log.calls` to `off`",
        );
    }
    let mut seen = HashSet::new();
    for Route { pattern, .. } in &settings.routes {
        let Ok(parsed) = pattern.value.0.parse::<Pattern>() else {
            continue;
        };
        if !seen.insert(parsed) {
            let what = format!("the route `{}` is there twice", pattern.value.0);
            faults.add(pattern.origin, what, "a method has one handler: leave one of them out");
        }
    }
}

/// Whether certificates have their keys, and what is asked of clients makes sense.
pub(super) fn tls(tls: &Tls, place: Origin, faults: &mut Faults) {
    let (certificates, keys) = (&tls.certificate.0, &tls.key.0);
    let origin = |paths: &[Placed<_>]| paths.first().map(|path| path.origin);
    if certificates.len() != keys.len() {
        faults.add(
            origin(keys).or(origin(certificates)),
            format!(
                "`certificate` is {} files, but `key` {}",
                certificates.len(),
                keys.len()
            ),
            "each certificate has its key: the first key is that of the first certificate, and so on",
        );
    } else if certificates.is_empty() {
        faults.add(
            place,
            "`tls` has an empty list of certificates",
            "name one, or leave `tls` out",
        );
    }
    if *tls.client_optional && tls.client_ca.is_none() {
        faults.add(
            tls.client_optional.origin,
            "`client_optional` without `client_ca` means nothing",
            "name who signs the certificates of clients in `client_ca`",
        );
    }
}

/// Whether what pages may do is said of some pages.
pub(super) fn cors(cors: &CrossOrigin, _: Origin, faults: &mut Faults) {
    if cors.origins.0.is_empty() {
        let headers = cors.headers.0.iter().chain(&cors.expose.0).map(|name| name.origin);
        let credentials = cors.credentials.then_some(cors.credentials.origin);
        if let Some(origin) = headers.chain(credentials).next() {
            let what = "`cors` without `origins` lets no page call";
            faults.add(origin, what, "name in `origins` whose pages may");
        }
    }
    if let Some(any) = cors.origins.0.iter().find(|origin| origin.value.0 == "*")
        && *cors.credentials
    {
        faults.add(
            any.origin,
            "pages of every origin may not have credentials",
            "name the origins that may, or turn `credentials` off",
        );
    }
}

/// Whether there is a server, and of TLS something is said only where it is spoken.
pub(super) fn upstream(upstream: &Upstream, place: Origin, faults: &mut Faults) {
    let Some(first) = upstream.url.0.first() else {
        faults.add(place, "`proxy` has an empty list of servers", "name one in `url`");
        return;
    };
    let Some(tls) = &upstream.tls else { return };
    let urls = || upstream.url.0.iter().map(|url| url.value.0.as_str());
    if Proxy::to_each(urls()).is_ok_and(|proxy| proxy.speaks_tls()) {
        return;
    }
    let files = [&tls.ca, &tls.certificate, &tls.key].into_iter().flatten();
    let name = tls.server_name.iter().map(|name| name.origin);
    let insecure = tls.insecure.then_some(tls.insecure.origin);
    let mut places = files.map(|file| file.origin).chain(name).chain(insecure);
    let url = shown(&urls().collect::<Vec<_>>().join(", "));
    faults.add(
        places.next().unwrap_or(first.origin),
        format!("no TLS is spoken with {url}: what is said of it has no meaning"),
        "write https://HOST:PORT",
    );
}

/// Whether whom to trust and what to show is said whole.
pub(super) fn upstream_tls(tls: &UpstreamTls, _: Origin, faults: &mut Faults) {
    match (&tls.certificate, &tls.key) {
        (Some(alone), None) => faults.add(alone.origin, "a certificate without its key", "name its `key`"),
        (None, Some(alone)) => faults.add(alone.origin, "a key without its certificate", "name its `certificate`"),
        _ => {}
    }
    if let (Some(ca), true) = (&tls.ca, *tls.insecure) {
        faults.add(
            ca.origin,
            "whoever answers is trusted: `ca` makes no difference",
            "leave out `insecure`",
        );
    }
}

impl Config {
    /// Whether every route matches methods of this API, which its handler can answer.
    ///
    /// # Errors
    /// Names each that does not, with its place.
    pub fn check_routes(&self, schema: &Schema, handlers: &Handlers) -> Result<(), ConfigError> {
        let mut faults = Faults::default();
        for (route, handler) in handlers.iter() {
            check_route(route, handler, schema, &mut faults);
        }
        self.outcome(faults)
    }
}

fn check_route(route: &Route, handler: &dyn Handler, schema: &Schema, faults: &mut Faults) {
    let written = &route.pattern;
    let Ok(pattern) = written.value.0.parse::<Pattern>() else {
        return;
    };
    let methods: Vec<Method> = schema
        .methods()
        .filter(|method| pattern.fits(method).is_some())
        .collect();
    // An empty API has nothing to match, and is not what a user of `*` is to be told of.
    if methods.is_empty() && pattern != Pattern::All {
        let nearest = hint(&pattern.nearest(schema));
        let mend = match nearest.trim_start_matches("; ") {
            "" => "`descant list` says which services and methods there are",
            nearest => nearest,
        };
        let what = format!("`{pattern}` matches no method of the descriptors");
        faults.add(written.origin, what, mend);
        return;
    }
    if route.echo.is_some() && !methods.is_empty() && methods.iter().all(|method| method.input() != method.output()) {
        faults.add(
            written.origin,
            format!("`echo` cannot answer `{pattern}`: request and reply are of different types"),
            "match other methods, or name another handler",
        );
    }
    if let Err(what) = handler.check(&methods) {
        faults.add(
            written.origin,
            format!("the handler of `{pattern}` {what}"),
            "match other methods, or name another handler",
        );
    }
}
