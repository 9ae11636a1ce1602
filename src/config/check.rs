//! What settings mean to each other: faults that no one of them has alone.

use std::{
    collections::HashSet,
    net::{IpAddr, Ipv4Addr},
    path::{PathBuf, absolute},
};

use descant_descriptors::{Method, Schema};

use super::{
    Config,
    fault::{ConfigError, Faults, shown},
    handlers::{Handlers, options},
    origin::{Origin, Placed},
    scalar,
    settings::{CrossOrigin, LogCalls, Outlier, Route, Settings, Spoken, Tls, Upstream, UpstreamTls, Written},
};
use crate::{
    error::hint,
    gateway::{Pattern, answered},
    handlers::{Handler, Proxy},
    transport::UNIX,
};

/// Whether each route and each listener is there once, and what is logged is observed.
pub(super) fn settings(settings: &Settings, _: Origin, faults: &mut Faults) {
    observed(settings, faults);
    listeners(settings, faults);
    circles(settings, faults);
    twice(settings.routes.iter().map(|route| &route.pattern), faults);
}

/// Whether each route is there once.
pub(super) fn twice<'p>(patterns: impl Iterator<Item = &'p Placed<scalar::Pattern>>, faults: &mut Faults) {
    let mut seen = HashSet::new();
    for pattern in patterns {
        let Ok(parsed) = pattern.value.0.parse::<Pattern>() else {
            continue;
        };
        if !seen.insert(parsed) {
            let what = format!("the route `{}` is there twice", pattern.value.0);
            faults.add(pattern.origin, what, "a method has one handler: leave one of them out");
        }
    }
}

/// Whether nothing is to be told of calls that are not observed. Who types `--no-observe` means it, whatever the file says.
fn observed(settings: &Settings, faults: &mut Faults) {
    if *settings.observe || !matches!(settings.observe.origin, Origin::File { .. }) {
        return;
    }
    let log = &settings.log;
    let calls = (*log.calls != LogCalls::Off && !log.calls.origin.is_default()).then_some(log.calls.origin);
    let payloads = log.payloads.as_ref().map(|payloads| payloads.origin);
    let otlp = settings.otlp.as_ref().map(|otlp| otlp.origin);
    for (origin, what, mend) in [
        (
            calls,
            "calls that are not observed are not logged",
            "leave out `observe: false`, or set `log.calls` to `off`",
        ),
        (
            payloads,
            "messages of calls that are not observed are not logged",
            "leave out `observe: false`, or `log.payloads`",
        ),
        (
            otlp,
            "calls that are not observed have no spans",
            "leave out `observe: false`, or `otlp`",
        ),
    ] {
        if let Some(origin) = origin {
            faults.add(
                origin,
                what,
                origin.mend("leave it out, or `observe: false` in the file", mend),
            );
        }
    }
}

/// Whether each address is listened on once.
fn listeners(settings: &Settings, faults: &mut Faults) {
    let mut seen: Vec<&str> = Vec::new();
    for listen in &settings.listen.0 {
        let address = listen.address.0.as_str();
        let mend = "leave one of them out, or give it another port";
        match seen.iter().find(|other| collide(address, other)) {
            None => seen.push(address),
            Some(other) if *other == address => {
                let what = format!("the listener `{}` is there twice", shown(address));
                faults.add(listen.address.origin, what, mend);
            }
            // The system lets sockets share a port that all want to.
            Some(_) if *settings.reuse_port && !address.starts_with(UNIX) => seen.push(address),
            Some(other) => {
                let what = format!("`{}` is taken by the listener `{}`", shown(address), shown(other));
                faults.add(listen.address.origin, what, mend);
            }
        }
    }
    let admin = &settings.admin.address;
    // One that nobody chose gives way by itself.
    let Some(address) = admin.0.filter(|_| !admin.origin.is_default()) else {
        return;
    };
    let address = address.to_string();
    let mut listens = settings.listen.0.iter().map(|listen| listen.address.0.as_str());
    if let Some(other) = listens.find(|other| collide(&address, other)) {
        faults.add(
            admin.origin,
            format!("`{address}` is taken by the listener `{}`", shown(other)),
            "the admin pages have a port of their own: choose another, or `off`",
        );
    }
}

/// Whether nobody can listen on both addresses.
fn collide(one: &str, other: &str) -> bool {
    let paths = one.strip_prefix(UNIX).zip(other.strip_prefix(UNIX));
    if let Some((one, other)) = paths {
        let path = |path| absolute(path).unwrap_or_else(|_| PathBuf::from(path));
        return path(one) == path(other);
    }
    let port = |address: &str| -> Option<u16> { address.rsplit_once(':')?.1.parse().ok() };
    // Of ports that the system chooses each is another.
    let is_one_port = port(one).is_some_and(|own| own != 0 && port(other) == Some(own));
    let (one, other) = (host(one), host(other));
    is_one_port && (one == other || takes(&one, &other) || takes(&other, &one))
}

/// Whether who listens on this takes that host as well: on all of a kind, where `::` is taken with every address of IPv4, too, or on this machine's own
/// name.
fn takes(own: &str, host: &str) -> bool {
    let is_v4 = host == "localhost" || host.parse::<Ipv4Addr>().is_ok();
    own == "::" || own == "0.0.0.0" && is_v4 || own == "localhost" && ["127.0.0.1", "::1"].contains(&host)
}

/// The host of an address to listen on, without brackets; `::` if it is left out.
fn host(address: &str) -> String {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    let ip = host.parse::<IpAddr>().map(|ip| ip.to_string());
    match host.as_str() {
        "" => "::".to_owned(),
        _ => ip.unwrap_or(host),
    }
}

/// Whether a server behind is this one: its calls would go round and round.
fn circles(settings: &Settings, faults: &mut Faults) {
    let upstreams = settings.routes.iter().filter_map(|route| route.proxy.as_ref());
    for url in upstreams.flat_map(|upstream| &upstream.url.0) {
        let Some(listen) = settings
            .listen
            .0
            .iter()
            .find(|listen| leads_to(&url.value.0, &listen.address.0))
        else {
            continue;
        };
        let what = format!(
            "{} is this server itself, which listens on `{}`: its calls would go round and round",
            shown(&url.value.0),
            shown(&listen.address.0)
        );
        let mend = "name the server behind, or listen on another port";
        faults.add(url.origin, what, mend);
    }
}

/// Whether a URL names this machine, and what is listened on there.
fn leads_to(url: &str, listen: &str) -> bool {
    if url.starts_with(UNIX) || listen.starts_with(UNIX) {
        return url == listen;
    }
    let Ok(uri) = url.parse::<http::Uri>() else {
        return false;
    };
    let usual = if uri.scheme_str() == Some("https") { 443 } else { 80 };
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let ip: Option<IpAddr> = host.parse().ok();
    let is_here = host.eq_ignore_ascii_case("localhost") || ip.is_some_and(|ip| ip.is_loopback());
    let Some((own, port)) = listen.rsplit_once(':') else {
        return false;
    };
    let own = own.trim_matches(['[', ']']);
    let own_ip: Option<IpAddr> = own.parse().ok();
    let everywhere = own.is_empty() || own_ip.is_some_and(|ip| ip.is_unspecified());
    let same = own.eq_ignore_ascii_case(host) || own_ip.is_some() && own_ip == ip;
    port.parse() == Ok(uri.port_u16().unwrap_or(usual)) && (same || is_here && everywhere)
}

/// Whether certificates have their keys, and what is asked of clients makes sense.
pub(super) fn tls(tls: &Tls, place: Origin, faults: &mut Faults) {
    let (certificates, keys) = (&tls.certificate.0, &tls.key.0);
    let origin = |paths: &[Placed<_>]| paths.first().map(|path| path.origin);
    if certificates.len() != keys.len() {
        let typed = |origin: Option<Origin>| origin.is_none_or(|origin| matches!(origin, Origin::Flag(_)));
        let (of_certificates, of_keys) = (origin(certificates), origin(keys));
        let both = typed(of_certificates) && typed(of_keys);
        // What was typed takes the place of what the file says, and no more than that.
        let origin = [of_keys, of_certificates].into_iter().flatten();
        let origin = origin
            .min_by_key(|origin| !matches!(origin, Origin::Flag(_)))
            .unwrap_or(place);
        let (certificates, keys) = (certificates.len(), keys.len());
        let what = match origin {
            Origin::Flag(_) if both => format!(
                "--tls-cert is given {}, but --tls-key {}",
                times(certificates),
                times(keys)
            ),
            Origin::Flag(option) => format!(
                "with {option}, which takes the place of what the file says, `certificate` is {}, but `key` {keys}",
                files(certificates)
            ),
            _ => format!("`certificate` is {}, but `key` {keys}", files(certificates)),
        };
        let mend = "each certificate has its key: the first key is that of the first certificate, and so on";
        faults.add(origin, what, mend);
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
            tls.client_optional.origin.mend(
                "name who signs the certificates of clients by --tls-client-ca",
                "name who signs the certificates of clients in `client_ca`",
            ),
        );
    }
}

fn files(count: usize) -> String {
    format!("{count} file{}", if count == 1 { "" } else { "s" })
}

fn times(count: usize) -> String {
    match count {
        1 => "once".to_owned(),
        count => format!("{count} times"),
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
            cors.credentials.origin.mend(
                "name the origins that may, or leave out --cors-credentials",
                "name the origins that may, or turn `credentials` off",
            ),
        );
    }
}

/// Whether there is a server, and of TLS something is said only where it is spoken.
pub(super) fn upstream(upstream: &Upstream, place: Origin, faults: &mut Faults) {
    let Some(first) = upstream.url.0.first() else {
        faults.add(place, "`proxy` has an empty list of servers", "name one in `url`");
        return;
    };
    let options = options(upstream);
    let (least, most) = (options.min_connections, options.most_connections());
    if least > most {
        faults.add(
            upstream.min_connections.origin,
            format!("{least} connections are to be kept of at most {most}"),
            "lower `min_connections`, or raise `connections`",
        );
    }
    speech(upstream, faults);
    health(upstream, faults);
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

/// Whether a service is named, where a word may be meant that turns it on or off.
fn health(upstream: &Upstream, faults: &mut Faults) {
    let Some(health) = &upstream.health else { return };
    let word = health.service.value.as_str();
    let mend = match word.to_ascii_lowercase().as_str() {
        "off" | "false" | "no" | "none" | "never" => ("leave it out", "leave `health` out: nobody is asked then"),
        "on" | "true" | "yes" => (
            "say --to-health alone to ask of the whole server",
            "write `health: {}` to ask of the whole server",
        ),
        _ => return,
    };
    let origin = health.service.origin;
    let what = format!("the service that servers are asked for would be `{word}`");
    faults.add(origin, what, origin.mend(mend.0, mend.1));
}

/// Whether what is said of how it is spoken to goes together.
fn speech(upstream: &Upstream, faults: &mut Faults) {
    let protocol = upstream.protocol.value;
    if *upstream.http1 && protocol == Spoken::Grpc {
        let origin = upstream.http1.origin;
        faults.add(
            origin,
            "gRPC is not spoken over HTTP/1.1, which has no room for its trailers",
            origin.mend(
                "say --to-protocol grpc-web, connect or rest, or leave it out",
                "set `protocol` to grpc-web, connect or rest, or leave out `http1`",
            ),
        );
    }
    if *upstream.connect_get && protocol != Spoken::Connect {
        let origin = upstream.connect_get.origin;
        faults.add(
            origin,
            "calls by GET are known to Connect alone",
            origin.mend(
                "say --to-protocol connect, or leave it out",
                "set `protocol: connect`, or leave out `connect_get`",
            ),
        );
    }
    if *upstream.rest_array && protocol != Spoken::Rest {
        faults.add(
            upstream.rest_array.origin,
            "streams that are an array are known to REST alone",
            "set `protocol: rest`, or leave out `rest_array`",
        );
    }
    if protocol == Spoken::Rest {
        rest(upstream, faults);
    }
    for coding in &upstream.encodings.0 {
        if coding.value.encoding().is_none() {
            faults.add(coding.origin, "this build does not have that coding", "leave it out");
        }
    }
}

/// Whether nothing is said that REST has no room for.
fn rest(upstream: &Upstream, faults: &mut Faults) {
    if upstream.codec.value == Written::Proto && !upstream.codec.origin.is_default() {
        let origin = upstream.codec.origin;
        faults.add(
            origin,
            "messages of REST are JSON in any case",
            origin.mend("leave it out", "leave out `codec`"),
        );
    }
    if let Some(health) = &upstream.health {
        let origin = said(health.service.origin, upstream.protocol.origin);
        faults.add(
            origin,
            "whether a server is well is asked by gRPC, and this one speaks REST",
            origin.mend("leave it out", "leave out `health`"),
        );
    }
}

/// Whether an address is ejected for no longer than it may be.
pub(super) fn outlier(outlier: &Outlier, _: Origin, faults: &mut Faults) {
    let (first, longest) = (&outlier.ejection, &outlier.max_ejection);
    if first.0.is_some_and(|first| first > longest.0) {
        faults.add(
            said(first.origin, longest.origin),
            "`ejection` is longer than `max_ejection`",
            "raise `max_ejection`, or lower `ejection`",
        );
    }
}

/// Of two values that do not go together, the one that somebody chose.
fn said(first: Origin, second: Origin) -> Origin {
    if first.is_default() { second } else { first }
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
    /// Whether something is named that can be served.
    ///
    /// # Errors
    /// If a file names neither descriptors nor a server that describes itself. Where there is no file nothing need be named.
    pub fn check_descriptors(&self) -> Result<(), ConfigError> {
        let mut faults = Faults::default();
        if let Some(protocol) = self.spoken_by_what_describes()
            && protocol.value == Spoken::Rest
        {
            faults.add(
                protocol.origin,
                "a server of REST does not describe itself: reflection is a service of gRPC",
                "name descriptors that have the HTTP rules of its methods",
            );
        }
        let named = !self.settings.descriptors.0.is_empty() || self.is_described_by_upstream();
        let is_all = self.is_whole("descriptors") && self.is_whole("routes");
        if self.file.is_some() && is_all && !named && self.settings.routes.iter().any(|route| route.proxy.is_some()) {
            faults.add(
                None,
                "it names no descriptors, and nothing else says which methods its routes answer",
                "add `descriptors: api.binpb`; without descriptors there may be one route, `match: '*'`, \
                 whose upstream describes itself by gRPC's reflection",
            );
        } else if self.file.is_some() && is_all && !named {
            faults.add(
                None,
                "it names nothing that could be served",
                "add `descriptors: api.binpb`, or answer all from a gRPC server that describes itself: \
                 `routes: [{ match: '*', proxy: 'http://HOST:PORT' }]`",
            );
        }
        self.outcome(faults)
    }

    /// Whether every route matches methods of this API, which its handler can answer, as far as there are `handlers`.
    ///
    /// # Errors
    /// Names each that does not, with its place.
    pub fn check_routes(&self, schema: &Schema, handlers: &Handlers) -> Result<(), ConfigError> {
        let mut faults = Faults::default();
        let parsed = self.settings.routes.iter().filter_map(|route| {
            let pattern: Pattern = route.pattern.value.0.parse().ok()?;
            Some((pattern, route))
        });
        let routes: Vec<_> = parsed.collect();
        for ((pattern, route), methods) in routes.iter().zip(answered(&routes, schema)) {
            // What a server describes itself is not known yet, and may change.
            let calls = route.proxy.as_ref().and_then(|proxy| proxy.service_config.as_ref());
            if let Some(calls) = calls.filter(|_| !self.is_described_by_upstream()) {
                calls.check(schema, &mut faults);
            }
            check_route(route, pattern, handlers.of(route), (schema, &methods), &mut faults);
        }
        // Nor where no descriptors are named: a route that is left out may be one that says who describes them.
        let is_known = !self.settings.descriptors.0.is_empty();
        for remnant in self.remnants.iter().filter(|_| is_known) {
            remnant.check(schema, &mut faults);
        }
        self.outcome(faults)
    }
}

/// Notes a pattern that no method fits.
pub(super) fn matches(pattern: &Pattern, origin: Origin, schema: &Schema, faults: &mut Faults) -> bool {
    // An empty API has nothing to match, and is not what a user of `*` is to be told of.
    if *pattern == Pattern::All || schema.methods().any(|method| pattern.fits(&method).is_some()) {
        return true;
    }
    let nearest = hint(&pattern.nearest(schema));
    let mend = match nearest.trim_start_matches("; ") {
        "" => "`descant list` says which services and methods there are",
        nearest => nearest,
    };
    let what = format!("`{pattern}` matches no method of the descriptors");
    faults.add(origin, what, mend);
    false
}

/// `methods`: those of the schema that the route answers.
fn check_route(
    route: &Route,
    pattern: &Pattern,
    handler: Option<&dyn Handler>,
    (schema, methods): (&Schema, &[Method]),
    faults: &mut Faults,
) {
    let written = &route.pattern;
    if methods.is_empty() && !matches(pattern, written.origin, schema, faults) {
        return;
    }
    if route.echo.is_some() && !methods.is_empty() && methods.iter().all(|method| method.input() != method.output()) {
        faults.add(
            written.origin,
            format!("`echo` cannot answer `{pattern}`: request and reply are of different types"),
            "match other methods, or name another handler",
        );
    }
    if let Some(Err(what)) = handler.map(|handler| handler.check(methods)) {
        faults.add(
            written.origin,
            format!("the handler of `{pattern}` {what}"),
            "match other methods, or name another handler",
        );
    }
}
