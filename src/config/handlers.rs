//! What the routes make: handlers, some of which are kept from one reload to the next.

use std::time::Duration;

use descant_descriptors::SchemaBuilder;

use super::{
    Config,
    fault::{ConfigError, Faults},
    origin::{Origin, Placed},
    settings::{self, Route, Spoken, Squeezed, Told, Upstream, UpstreamKeepalive, UpstreamTls, Written},
};
use crate::{
    GatewayBuilder, Schema, UpstreamSchema,
    handlers::{
        Echo, Encoding, Handler, Proxy, ProxyError, UpstreamCodec, UpstreamProtocol,
        proxy::{Forwarded, HealthCheck, Keepalive, Outlier, ProxyOptions},
        tls::{ClientTls, Half},
    },
};

/// The handlers of a configuration's routes.
#[derive(Clone, Debug, Default)]
pub struct Handlers {
    routes: Vec<(Route, Answering)>,
    /// What messages may be, for as long as the server runs; `None`: there were no handlers before.
    bounds: Option<Bounds>,
}

/// What messages may be, where a proxy says nothing of it.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    depth: u32,
    message_bytes: usize,
    header_bytes: usize,
}

/// What answers.
#[derive(Clone, Debug)]
enum Answering {
    Echo,
    Proxy(Box<Proxy>),
}

impl Config {
    /// The handlers of all routes. A proxy of `before` whose settings have not changed is kept, with its connections: that of the same
    /// route, or else one that no route has any more.
    ///
    /// # Errors
    /// If certificates are not what they should be: each, with the place where the file names them.
    pub fn handlers(&self, before: &Handlers) -> Result<Handlers, ConfigError> {
        let mut faults = Faults::default();
        let mut routes = Vec::new();
        // As with all that peers may take, a change of it takes effect with the next start.
        let bounds = before.bounds.unwrap_or_else(|| self.bounds());
        let kept = before.kept(&self.settings.routes);
        for (route, kept) in self.settings.routes.iter().zip(kept) {
            let answering = match &route.proxy {
                None => Some(Answering::Echo),
                Some(proxy) => match kept.map_or_else(|| connect(proxy, bounds), Ok) {
                    Ok(proxy) => Some(Answering::Proxy(Box::new(proxy))),
                    Err(error) => {
                        faults.add(place(proxy), error.to_string(), "");
                        None
                    }
                },
            };
            routes.extend(answering.map(|answering| (route.clone(), answering)));
        }
        self.outcome(faults).map_err(ConfigError::of_tls)?;
        Ok(Handlers {
            routes,
            bounds: Some(bounds),
        })
    }

    fn bounds(&self) -> Bounds {
        let limits = &self.settings.limits;
        Bounds {
            depth: limits.depth.whole(),
            message_bytes: limits.message_bytes.whole(),
            // What is strict with callers is no reason to be so with servers.
            header_bytes: limits
                .header_bytes
                .whole::<usize>()
                .max(ProxyOptions::default().header_bytes),
        }
    }
}

impl Config {
    /// Whether the server that answers everything is the one that describes it: no descriptors are named.
    pub fn is_described_by_upstream(&self) -> bool {
        let settings = &self.settings;
        let only = match settings.routes.as_slice() {
            [route] => route.proxy.is_some() && route.pattern.0 == "*",
            _ => false,
        };
        only && settings.descriptors.0.is_empty()
    }

    /// What the server speaks that describes what it answers, if one does.
    pub(super) fn spoken_by_what_describes(&self) -> Option<&Placed<Spoken>> {
        let route = self
            .settings
            .routes
            .first()
            .filter(|_| self.is_described_by_upstream())?;
        route.proxy.as_ref().map(|proxy| &proxy.protocol)
    }

    /// The schema as that server describes it.
    pub fn upstream_schema(&self, handlers: &Handlers) -> Option<UpstreamSchema> {
        let (proxy, interval) = handlers.only().filter(|_| self.is_described_by_upstream())?;
        Some(UpstreamSchema::new(proxy.clone(), interval, self.added()))
    }

    /// Has `schema` come from the server of these handlers, as this configuration says.
    pub fn change_upstream_schema(&self, schema: &UpstreamSchema, handlers: &Handlers) {
        if let Some((proxy, interval)) = handlers.only() {
            schema.change(proxy.clone(), interval, self.added());
        }
    }

    /// What the files of a server are added to that describes itself.
    fn added(&self) -> impl Fn() -> SchemaBuilder + Send + Sync + 'static {
        let config = self.clone();
        move || config.sources(Schema::builder())
    }
}

impl Handlers {
    /// What answers a route, if that can be made.
    pub(super) fn of(&self, route: &Route) -> Option<&dyn Handler> {
        let found = self.routes.iter().find(|(known, _)| known == route);
        found.map(|(_, answering)| -> &dyn Handler {
            match answering {
                Answering::Echo => &Echo,
                Answering::Proxy(proxy) => &**proxy,
            }
        })
    }

    /// Adds them to a gateway.
    pub(super) fn route(&self, gateway: GatewayBuilder) -> GatewayBuilder {
        self.routes.iter().fold(gateway, |gateway, (route, answering)| {
            let pattern = route.pattern.0.as_str();
            match answering {
                Answering::Echo => gateway.route(pattern, Echo),
                Answering::Proxy(proxy) => gateway.route(pattern, (**proxy).clone()),
            }
        })
    }

    /// Reads the certificates anew that are used toward servers; `None`: there are none.
    ///
    /// # Errors
    /// If one of them is not what it should be. Those that were used stay.
    pub fn reload_certificates(&self) -> Option<Result<(), ProxyError>> {
        let proxies = self.routes.iter().filter_map(|(_, answering)| match answering {
            Answering::Proxy(proxy) if proxy.speaks_tls() => Some(proxy),
            _ => None,
        });
        // All of them, whatever is wrong with one.
        let read = proxies.map(|proxy| proxy.reload());
        read.reduce(Result::and)
    }

    /// The one server that answers everything, if that is all there is.
    pub(super) fn only(&self) -> Option<(&Proxy, Option<Duration>)> {
        let [(route, Answering::Proxy(proxy))] = self.routes.as_slice() else {
            return None;
        };
        let settings = route.proxy.as_ref().filter(|_| route.pattern.0 == "*")?;
        Some((proxy, settings.schema_interval.0))
    }

    /// The proxy that each of these routes keeps, if it keeps one.
    fn kept(&self, routes: &[Route]) -> Vec<Option<Proxy>> {
        let mut free: Vec<_> = self.routes.iter().collect();
        let mut kept = vec![None; routes.len()];
        for of_same_route in [true, false] {
            for (route, kept) in routes.iter().zip(&mut kept).filter(|(_, kept)| kept.is_none()) {
                let Some(wanted) = &route.proxy else { continue };
                let place = free.iter().position(|(known, _)| {
                    let is_same = known.proxy.as_ref().is_some_and(|known| is_same(known, wanted));
                    is_same && (!of_same_route || known.pattern == route.pattern)
                });
                if let Some((_, Answering::Proxy(proxy))) = place.map(|place| free.swap_remove(place)) {
                    *kept = Some((**proxy).clone());
                }
            }
        }
        kept
    }
}

/// Whether two proxies do the same. How often a server is asked what it serves is not the proxy's concern.
fn is_same(one: &Upstream, other: &Upstream) -> bool {
    // What they say of these may be nothing, which is more than options can tell.
    let is_bounded_so = one.message_bytes == other.message_bytes && one.header_bytes == other.header_bytes;
    let is_called_so = one.url == other.url && one.authority == other.authority && one.tls == other.tls;
    is_called_so && is_bounded_so && options(one) == options(other)
}

fn connect(settings: &Upstream, bounds: Bounds) -> Result<Proxy, ProxyError> {
    let mut options = options(settings);
    options.depth = bounds.depth;
    if settings.message_bytes.is_none() {
        options.message_bytes = bounds.message_bytes;
    }
    if settings.header_bytes.is_none() {
        options.header_bytes = bounds.header_bytes;
    }
    let mut proxy = Proxy::to_each(settings.url.0.iter().map(|url| &url.value.0))?.options(options);
    if let Some(authority) = &settings.authority {
        proxy = proxy.authority(authority);
    }
    match &settings.tls {
        Some(settings) => proxy.tls(tls(settings)),
        None => Ok(proxy),
    }
}

/// What a proxy is told of itself; what [`Bounds`] say is left to them.
pub(super) fn options(settings: &Upstream) -> ProxyOptions {
    let mut options = ProxyOptions::default();
    options.protocol = match settings.protocol.value {
        Spoken::Grpc => UpstreamProtocol::Grpc,
        Spoken::GrpcWeb => UpstreamProtocol::GrpcWeb,
        Spoken::Connect => UpstreamProtocol::Connect,
        Spoken::Rest => UpstreamProtocol::Rest,
    };
    options.http1 = *settings.http1;
    options.codec = match settings.codec.value {
        Written::Proto => UpstreamCodec::Proto,
        Written::Json => UpstreamCodec::Json,
    };
    let codings = settings.encodings.0.iter();
    options.encodings = codings.filter_map(|coding| coding.value.encoding()).collect();
    options.connect_get = *settings.connect_get;
    options.rest_array = *settings.rest_array;
    options.forwarded = match settings.forwarded.value {
        Told::Pass => Forwarded::Pass,
        Told::Add => Forwarded::Add,
        Told::Set => Forwarded::Set,
    };
    options.connect_timeout = settings.connect_timeout.0;
    if let Some(most) = &settings.message_bytes {
        options.message_bytes = most.whole();
    }
    if let Some(most) = &settings.header_bytes {
        options.header_bytes = most.whole();
    }
    options.balance = settings.balance.value.clone();
    options.connections = settings.connections.as_ref().map(|most| most.whole());
    options.warm_up = *settings.warm_up;
    options.min_connections = settings.min_connections.whole();
    options.idle = settings.idle.0;
    options.age = settings.age.0;
    options.keepalive = keepalive(&settings.keepalive);
    options.resolve_every = settings.resolve_every.0;
    options.max_calls = settings.max_calls.as_ref().map(|calls| calls.whole());
    options.max_pending = settings.max_pending.whole();
    options.outlier = outlier(&settings.outlier);
    options.health = settings.health.as_ref().map(health);
    options.panic_percent = settings.panic_percent.whole();
    options.timeout = settings.timeout.as_ref().map(|time| time.0);
    if let Some(calls) = &settings.service_config {
        options.service_config = calls.config().clone();
    }
    options.retry_bytes = settings.retry_bytes.whole();
    options.retry_lost = *settings.retry_lost;
    options
}

impl Squeezed {
    /// `None`: this build has none of that name.
    pub(super) fn encoding(self) -> Option<Encoding> {
        Encoding::named(match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Brotli => "br",
            Self::Deflate => "deflate",
            Self::Snappy => "snappy",
        })
    }
}

fn keepalive(settings: &UpstreamKeepalive) -> Option<Keepalive> {
    let mut keepalive = Keepalive::default();
    keepalive.every = settings.every.0?;
    keepalive.timeout = settings.timeout.0;
    keepalive.without_calls = *settings.without_calls;
    Some(keepalive)
}

fn outlier(settings: &settings::Outlier) -> Option<Outlier> {
    let mut outlier = Outlier::default();
    outlier.ejection = settings.ejection.0?;
    outlier.max_ejection = settings.max_ejection.0;
    outlier.consecutive = settings.consecutive.whole();
    outlier.failure_percent = settings.failure_percent.whole();
    outlier.volume = settings.volume.whole();
    outlier.interval = settings.interval.0;
    outlier.max_percent = settings.max_percent.whole();
    Some(outlier)
}

fn health(settings: &settings::HealthCheck) -> HealthCheck {
    let mut health = HealthCheck::default();
    health.service.clone_from(&settings.service.value);
    health.interval = settings.interval.0;
    health.timeout = settings.timeout.0;
    health.unhealthy = settings.unhealthy.whole();
    health.healthy = settings.healthy.whole();
    health
}

fn tls(settings: &UpstreamTls) -> ClientTls {
    let mut tls = ClientTls::new().insecure(*settings.insecure);
    if let Some(ca) = &settings.ca {
        tls = tls.ca_file(&ca.value);
    }
    if let (Some(certificate), Some(key)) = (&settings.certificate, &settings.key) {
        tls = tls.certificate_files(&certificate.value, &key.value);
    }
    if let Some(name) = &settings.server_name {
        tls = tls.server_name(&name.value.0);
    }
    tls
}

/// Where the file is named that a fault of its certificates is about, or else the server.
fn place(settings: &Upstream) -> Origin {
    let url = settings.url.0.first().map_or(Origin::Default, |url| url.origin);
    let Some(files) = &settings.tls else { return url };
    let Some(error) = tls(files).config().err() else {
        return url;
    };
    let named = match error.half() {
        Some(Half::Certificate) => &files.certificate,
        Some(Half::Key) => &files.key,
        None => &files.ca,
    };
    let wrong = named
        .as_ref()
        .filter(|named| Some(named.value.as_path()) == error.file());
    wrong.map_or(url, |named| named.origin)
}
