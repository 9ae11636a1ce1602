//! From routes to snapshots.

use std::{collections::HashSet, fmt, future::Future, iter, sync::Arc};

use descant_descriptors::{Builtin, Method, Schema};
use descant_handlers::{
    Call, Extensions, Handler, Health, Layer, Reflection, Reply, ServingStatus, Status,
    layer::{self, Next},
};

use super::{
    Gateway,
    pattern::{Fit, Pattern, best},
    snapshot::{Entry, Served, Snapshot},
};
use crate::{
    cors::Cors,
    error::{Error, ErrorKind},
    observe::{LogCalls, LogField, Metrics, Observation, Observer},
    protocol::{RestOptions, Settings},
};

/// Which services are the gateway's own, whichever schema describes them.
const REFLECTION: [&str; 2] = [
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
];
const HEALTH: &str = "grpc.health.v1.Health";

/// Says which handler answers which methods.
#[must_use]
pub struct GatewayBuilder {
    schema: Schema,
    plan: Plan,
    routes: Vec<(String, Answering)>,
    layers: Vec<(String, Arc<dyn Layer>)>,
    rest: Vec<(String, RestOptions)>,
    observe: bool,
    observation: Observation,
}

/// What every generation of a gateway has in common.
pub(super) struct Plan {
    routes: Vec<(Pattern, Answering)>,
    /// Each around the methods that its pattern fits.
    layers: Vec<(Pattern, Arc<dyn Layer>)>,
    /// How REST is spoken where that differs from the settings.
    rest: Vec<(Pattern, Arc<RestOptions>)>,
    reflection: Exposure,
    pub(super) health: Option<Health>,
    pub(super) state: Arc<Extensions>,
    pub(super) cors: Option<Arc<Cors>>,
    pub(super) settings: Settings,
    pub(super) send_request_ids: bool,
    /// `None`: nothing is told of calls.
    pub(super) observer: Option<Observer>,
}

/// A handler, and what people call it.
struct Answering {
    handler: Arc<dyn Handler>,
    /// The name of its type.
    kind: &'static str,
}

/// Which services reflection tells of.
enum Exposure {
    Off,
    All,
    Only(Vec<String>),
}

impl GatewayBuilder {
    pub(super) fn new(schema: Schema) -> Self {
        Self {
            schema,
            routes: Vec::new(),
            layers: Vec::new(),
            rest: Vec::new(),
            observe: true,
            observation: Observation::default(),
            plan: Plan {
                routes: Vec::new(),
                rest: Vec::new(),
                layers: Vec::new(),
                reflection: Exposure::All,
                health: Some(Health::new()),
                state: Arc::default(),
                cors: None,
                settings: Settings::default(),
                send_request_ids: true,
                observer: None,
            },
        }
    }

    /// Answers the methods of a pattern: `pkg.Service/Method`, `pkg.Service`, `pkg.*` (the package and those below it) or
    /// `*`. The most specific pattern wins, in whichever order they are given. One that matches nothing is an error, and so is a
    /// handler that does not fit its methods: see [`Handler::check`].
    pub fn route<H: Handler>(mut self, pattern: impl Into<String>, handler: H) -> Self {
        let answering = Answering {
            handler: Arc::new(handler),
            kind: std::any::type_name::<H>(),
        };
        self.routes.push((pattern.into(), answering));
        self
    }

    /// Wraps every handler, those of reflection and health too. The layer that was added first sees a call first.
    pub fn layer(self, layer: impl Layer + 'static) -> Self {
        self.layer_on(Pattern::All.to_string(), layer)
    }

    /// Wraps the handlers of those methods only that a pattern fits, as [`route`](Self::route) has patterns. Among all layers
    /// it is the order in which they were added that counts. A pattern that fits nothing is an error.
    pub fn layer_on(mut self, pattern: impl Into<String>, layer: impl Layer + 'static) -> Self {
        self.layers.push((pattern.into(), Arc::new(layer)));
        self
    }

    /// Adds a layer that is an async function: it answers the call itself or gives it to the next handler. See
    /// [`layer::from_fn`](descant_handlers::layer::from_fn).
    pub fn intercept<F, Fut>(self, interceptor: F) -> Self
    where
        F: Fn(Call, Next) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Reply, Status>> + Send + 'static,
    {
        self.layer(layer::from_fn(interceptor))
    }

    /// Turns reflection (`grpc.reflection.v1` and `v1alpha`) on or off. Default: on, for all services.
    pub fn reflection(mut self, on: bool) -> Self {
        self.plan.reflection = if on { Exposure::All } else { Exposure::Off };
        self
    }

    /// Limits reflection to these services. A name that no schema has, or no name at all, is an error.
    pub fn reflect_only<N: Into<String>>(mut self, services: impl IntoIterator<Item = N>) -> Self {
        self.plan.reflection = Exposure::Only(services.into_iter().map(Into::into).collect());
        self
    }

    /// Answers `grpc.health.v1` from this handle; `None` turns that service off.
    ///
    /// Default: a handle of the gateway's own, [`Gateway::health`]. Services that nobody has said anything about are
    /// SERVING.
    pub fn health(mut self, health: impl Into<Option<Health>>) -> Self {
        self.plan.health = health.into();
        self
    }

    /// Whether Connect's requests have to say `connect-protocol-version: 1` (by GET: `connect=v1`), so that nothing else is
    /// taken for one. Default no: `curl` need not know of it.
    pub fn require_connect_version(mut self, required: bool) -> Self {
        self.plan.settings.connect_version = required;
        self
    }

    /// How HTTP and JSON are spoken, along the HTTP rules of the schema.
    pub fn rest(mut self, options: RestOptions) -> Self {
        self.plan.settings.rest = Arc::new(options);
        self
    }

    /// The same for the methods of a pattern alone, as [`route`](Self::route) has them: all of these options take the place
    /// of those that [`rest`](Self::rest) gives.
    pub fn rest_for(mut self, pattern: impl Into<String>, options: RestOptions) -> Self {
        self.rest.push((pattern.into(), options));
        self
    }

    /// Whether a call keeps the `x-request-id` that its caller gave it, if that is 32 hexadecimal digits. Default no: each
    /// call gets an id of its own, since whoever may choose ids can make logs say what they like.
    pub fn keep_request_ids(mut self, keep: bool) -> Self {
        self.plan.settings.keep_request_ids = keep;
        self
    }

    /// Whether replies and errors carry the call's id, as the metadata `x-request-id`, in the place of what a handler set of that
    /// name. Default yes.
    pub fn send_request_ids(mut self, send: bool) -> Self {
        self.plan.send_request_ids = send;
        self
    }

    /// Whether calls are observed: counted in [`metrics`](Self::metrics), and told of in the log
    /// ([`log_calls`](Self::log_calls)). Default yes; otherwise nothing of it costs anything.
    pub fn observe(mut self, observe: bool) -> Self {
        self.observe = observe;
        self
    }

    /// Counts calls in these metrics, which other gateways may share. Default: a registry of the gateway's own.
    pub fn metrics(mut self, metrics: Metrics) -> Self {
        self.observation.metrics = Some(metrics);
        self
    }

    /// Which calls are told of in the log. Default: all but those of the gateway's own health and reflection.
    pub fn log_calls(mut self, calls: LogCalls) -> Self {
        self.observation.calls = calls;
        self
    }

    /// Which fields the log records of calls have, in this order. Default: [`LogField::defaults`].
    ///
    /// ```
    /// # fn example(builder: descant::GatewayBuilder) -> Result<descant::GatewayBuilder, descant::LogFieldError> {
    /// use descant::LogField;
    ///
    /// let tenant = "metadata.x-tenant".parse()?;
    /// let builder = builder.log_fields([LogField::Method, LogField::Code, LogField::Duration, tenant]);
    /// # Ok(builder)
    /// # }
    /// ```
    pub fn log_fields(mut self, fields: impl IntoIterator<Item = LogField>) -> Self {
        self.observation.fields = fields.into_iter().collect();
        self
    }

    /// Logs each message of a call as JSON, of which so many bytes are shown; `None`: none, which is the default. Calls of the
    /// gateway's own health and reflection are left out, unless [all calls](LogCalls::All) are logged.
    ///
    /// They are events of [`tracing`] at the level `DEBUG` with the target `descant.payload` and the text `grpc.payload`. Their fields
    /// are `method`, `protocol`, `request_id`, `direction` (`request` or `response`), `number` (from 1, for each direction), `bytes` (in the
    /// wire format), `payload`, `cut` (`true` if there is more of it than is shown), and `error` in the place of a `payload`
    /// that has no JSON form.
    ///
    /// Fields with the option `debug_redact` are `[REDACTED]`, however deep they stand, and so is what stands in an `Any` whose type
    /// is not known; unknown fields are left out. Whoever reads the log sees everything else.
    pub fn log_payloads(mut self, bytes: impl Into<Option<usize>>) -> Self {
        self.observation.payloads = bytes.into();
        self
    }

    /// Shares a value with every handler, as `call.state::<T>()`. There is one of each type.
    pub fn state<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        Arc::make_mut(&mut self.plan.state).insert(value);
        self
    }

    /// Lets pages of other origins call the API. Default: browsers let none.
    pub fn cors(mut self, cors: impl Into<Option<Cors>>) -> Self {
        self.plan.cors = cors.into().map(Arc::new);
        self
    }

    /// Builds the gateway.
    pub fn build(mut self) -> Result<Gateway, Error> {
        if self.plan.cors.as_ref().is_some_and(|cors| cors.is_reckless()) {
            return Err(ErrorKind::RecklessCors.into());
        }
        self.plan.routes = parsed(self.routes, ErrorKind::RouteTwice)?;
        for (text, layer) in self.layers {
            let pattern: Pattern = text.parse().map_err(ErrorKind::from)?;
            self.plan.layers.push((pattern, layer));
        }
        let rest = self.rest.into_iter().map(|(text, options)| (text, Arc::new(options)));
        self.plan.rest = parsed(rest, ErrorKind::RestTwice)?;
        if self.observe {
            self.plan.observer = Some(Observer::new(self.observation)?);
        }
        Gateway::start(self.schema, self.plan)
    }
}

/// What is said of patterns, each of which may be there once.
fn parsed<T>(
    said: impl IntoIterator<Item = (String, T)>,
    twice: fn(String) -> ErrorKind,
) -> Result<Vec<(Pattern, T)>, Error> {
    let mut seen = HashSet::new();
    let parse = |(text, what): (String, T)| {
        let pattern: Pattern = text.parse().map_err(ErrorKind::from)?;
        let first = seen.insert(pattern.clone());
        first.then_some((pattern, what)).ok_or_else(|| twice(text).into())
    };
    said.into_iter().map(parse).collect()
}

impl Plan {
    /// A snapshot that serves `schema`, and tells of what others answer on the same port.
    pub(super) fn snapshot(&self, schema: Schema, beside: &[Gateway]) -> Result<Snapshot, Error> {
        let own = Schema::builder()
            .builtin(Builtin::Reflection)
            .builtin(Builtin::Health)
            .build();
        let own = own.map_err(ErrorKind::from)?;
        self.check_patterns(&schema, &own)?;
        let builtins = self.builtins(&schema, &own, beside)?;
        let rest = self.rest(&schema);
        let loaded = Served {
            entries: schema
                .methods()
                .map(|method| self.entry(&method, self.handler(&method, &builtins)))
                .collect(),
            schema,
        };
        let own = Served {
            // No route is about these: `*` means what was loaded.
            entries: own
                .methods()
                .map(|method| {
                    let builtin = builtins.of(&method);
                    self.entry(&method, builtin.map(|builtin| self.wrap(&method, builtin)))
                })
                .collect(),
            schema: own,
        };
        Ok(Snapshot::new(loaded, own, rest))
    }

    /// How REST is spoken to each method of a schema; empty: as the settings say.
    fn rest(&self, schema: &Schema) -> Vec<Option<Arc<RestOptions>>> {
        if self.rest.is_empty() {
            return Vec::new();
        }
        let of = |method| best(&self.rest, &method).map(|(.., options)| options.clone());
        schema.methods().map(of).collect()
    }

    fn entry(&self, method: &Method, handler: Option<Arc<dyn Handler>>) -> Entry {
        let observer = self.observer.as_ref();
        let subject = observer.map(|observer| observer.subject(method, is_own(method)));
        Entry { handler, subject }
    }

    /// The handler of a loaded method, layers around it.
    fn handler(&self, method: &Method, builtins: &Builtins) -> Option<Arc<dyn Handler>> {
        let builtin = builtins.of(method);
        let routed = best(&self.routes, method).filter(|best| builtin.is_none() || is_meant(best));
        let handler = routed.map(|(_, _, answering)| answering.handler.clone()).or(builtin)?;
        Some(self.wrap(method, handler))
    }

    /// Whether a route answers a method, and not the gateway itself.
    pub(super) fn is_routed(&self, method: &Method) -> bool {
        best(&self.routes, method).is_some_and(|best| !is_own(method) || is_meant(&best))
    }

    /// What people call that which answers a method, and why it does.
    pub(super) fn describe_handler(&self, method: &Method) -> String {
        match best(&self.routes, method) {
            Some((_, pattern, answering)) => format!("{}, by route `{pattern}`", short(answering.kind)),
            None => "the gateway itself".to_owned(),
        }
    }

    fn wrap(&self, method: &Method, handler: Arc<dyn Handler>) -> Arc<dyn Handler> {
        let layers = self.layers.iter().rev();
        let fitting = layers.filter(|(pattern, _)| pattern.fits(method).is_some());
        fitting.fold(handler, |inner, (_, layer)| layer.wrap(inner))
    }

    fn builtins(&self, loaded: &Schema, own: &Schema, beside: &[Gateway]) -> Result<Builtins, Error> {
        let others = beside.iter().map(|other| (&other.0.plan, other.schema()));
        let all: Vec<_> = iter::once((self, loaded.clone())).chain(others).collect();
        let healths: Vec<_> = all.iter().filter_map(|(plan, _)| plan.health.clone()).collect();
        let reflection = reflection(&all, own)?;
        Ok(Builtins {
            reflection: reflection.map(|reflection| Arc::new(reflection) as _),
            health: (!healths.is_empty()).then(|| Arc::new(Health::together(healths)) as _),
        })
    }

    /// Services that came with a new schema serve; those that went are forgotten. What the application said stays.
    pub(super) fn tell_health(&self, before: Option<&Schema>, now: &Schema) {
        let Some(health) = &self.health else {
            return;
        };
        let gone = before.into_iter().flat_map(Schema::services);
        for service in gone.filter(|service| now.service(service.full_name()).is_none()) {
            health.clear(service.full_name());
        }
        for service in now
            .services()
            .filter(|service| health.get(service.full_name()).is_none())
        {
            health.set(service.full_name(), ServingStatus::Serving);
        }
    }

    /// Whether each handler can answer what it is there for. A reload may take methods away; then their handlers rest.
    pub(super) fn check_handlers(&self, schema: &Schema) -> Result<(), Error> {
        for (pattern, answering) in &self.routes {
            let fits = |method: &Method| pattern.fits(method).is_some();
            let methods: Vec<_> = schema.methods().filter(fits).collect();
            if let Err(what) = answering.handler.check(&methods) {
                let pattern = pattern.to_string();
                return Err(ErrorKind::Unfit { pattern, what }.into());
            }
        }
        Ok(())
    }

    /// A pattern that fits nothing is misspelt. Layers may stand before the gateway's own services as well.
    fn check_patterns(&self, schema: &Schema, own: &Schema) -> Result<(), Error> {
        let fits = |pattern: &Pattern, schema: &Schema| schema.methods().any(|method| pattern.fits(&method).is_some());
        // An empty schema has nothing to match, and is not what a user of `*` is to be told of.
        let idle = |pattern: &Pattern| *pattern != Pattern::All && !fits(pattern, schema);
        let route = self.routes.iter().map(|(pattern, _)| pattern).find(|route| idle(route));
        let layers = self.layers.iter().map(|(pattern, _)| pattern);
        let layer = || layers.clone().find(|layer| idle(layer) && !fits(layer, own));
        let rest = || self.rest.iter().map(|(pattern, _)| pattern).find(|rest| idle(rest));
        let (what, pattern) = match (route, layer(), rest()) {
            (Some(route), ..) => ("route", route),
            (None, Some(layer), _) => ("layer on", layer),
            (None, None, Some(rest)) => ("REST options of", rest),
            (None, None, None) => return Ok(()),
        };
        Err(ErrorKind::NothingMatched {
            what,
            pattern: pattern.to_string(),
            nearest: pattern.nearest(schema),
        }
        .into())
    }
}

/// What reflection tells, if any of those that are served on one port has it told.
fn reflection(all: &[(&Plan, Schema)], own: &Schema) -> Result<Option<Reflection>, Error> {
    let exposures = || all.iter().map(|(plan, schema)| (&plan.reflection, schema));
    if exposures().all(|(exposure, _)| matches!(exposure, Exposure::Off)) {
        return Ok(None);
    }
    let schemas = all.iter().map(|(_, schema)| schema.clone()).chain([own.clone()]);
    if exposures().all(|(exposure, _)| matches!(exposure, Exposure::All)) {
        return Ok(Some(Reflection::of(schemas)));
    }
    let every = |schema: &Schema| {
        schema
            .services()
            .map(|service| service.full_name().to_owned())
            .collect::<Vec<_>>()
    };
    let names = exposures().flat_map(|(exposure, schema)| match exposure {
        Exposure::Off => Vec::new(),
        Exposure::All => [every(schema), every(own)].concat(),
        Exposure::Only(names) => names.clone(),
    });
    let only = Reflection::only(schemas, names);
    Ok(Some(only.map_err(ErrorKind::from)?))
}

/// Whether a route that fits one of the gateway's own services so is meant for it.
fn is_meant((fit, ..): &(Fit, &Pattern, &Answering)) -> bool {
    Pattern::names_service(*fit)
}

/// Whether a method is of a service that the gateway answers itself.
/// Whether a method is of reflection or health, whichever schema describes it.
pub(crate) fn is_own(method: &Method) -> bool {
    let service = method.service();
    let service = service.full_name();
    service == HEALTH || REFLECTION.contains(&service)
}

/// The name of a type without the modules around it, and without what it is made of.
fn short(kind: &str) -> &str {
    let kind = kind.split('<').next().unwrap_or(kind);
    kind.rsplit("::").next().unwrap_or(kind)
}

/// What answers the gateway's own services.
struct Builtins {
    reflection: Option<Arc<dyn Handler>>,
    health: Option<Arc<dyn Handler>>,
}

impl Builtins {
    fn of(&self, method: &Method) -> Option<Arc<dyn Handler>> {
        match method.service().full_name() {
            HEALTH => self.health.clone(),
            name if REFLECTION.contains(&name) => self.reflection.clone(),
            _ => None,
        }
    }
}

impl fmt::Debug for GatewayBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let patterns: Vec<_> = self.routes.iter().map(|(pattern, _)| pattern).collect();
        f.debug_struct("GatewayBuilder")
            .field("schema", &self.schema)
            .field("routes", &patterns)
            .finish_non_exhaustive()
    }
}
