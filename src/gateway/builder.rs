//! From routes to snapshots.

use std::{collections::HashSet, fmt, future::Future, sync::Arc};

use descant_descriptors::Schema;
use descant_handlers::{
    Call, Handler, Health, Layer, Reply, Status,
    layer::{self, Next},
    trace::Tracer,
};

use super::{
    Gateway,
    pattern::Pattern,
    plan::{Answering, Exposure, Plan},
};
use crate::{
    cors::Cors,
    error::{Error, ErrorKind},
    observe::{LogCalls, LogField, Metrics, Observation, Observer},
    protocol::{RestOptions, Settings},
};

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
                absence: None,
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

    /// Whether calls are observed: counted in [`metrics`](Self::metrics), told of in the log
    /// ([`log_calls`](Self::log_calls)), and traced ([`tracer`](Self::tracer)). Default yes; otherwise nothing of it costs anything.
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

    /// Gives calls spans: their method, where they come from and how they end, as children of their callers' (W3C Trace Context). What
    /// makes them is OpenTelemetry's tracer (`otel::OtelTracer`, feature `otel`) or any other. Handlers find the span in
    /// [`Call::trace`], and a `Proxy` makes a child of it. Default: nobody traces, and that costs nothing.
    pub fn tracer(mut self, tracer: impl Tracer) -> Self {
        self.observation.tracer = Some(Arc::new(tracer));
        self
    }

    /// Which calls have spans, if there is a [`tracer`](Self::tracer). Default: all but those of the gateway's own health and
    /// reflection.
    pub fn trace_calls(mut self, calls: LogCalls) -> Self {
        self.observation.traces = calls;
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

    /// What is said where nothing is found, in the place of that there is none.
    #[cfg(feature = "proxy")]
    pub(crate) fn absence(mut self, absence: Arc<super::plan::Absence>) -> Self {
        self.plan.absence = Some(absence);
        self
    }

    /// Builds the gateway.
    pub fn build(self) -> Result<Gateway, Error> {
        let (schema, plan) = self.plan()?;
        Gateway::start(schema, plan)
    }

    /// What takes the place of a plan with these.
    pub(super) fn in_place_of(
        mut self,
        health: Option<Health>,
        metrics: Option<Metrics>,
    ) -> Result<(Schema, Plan), Error> {
        self.plan.health = health;
        self.observe &= metrics.is_some();
        self.observation.metrics = metrics;
        self.plan()
    }

    fn plan(mut self) -> Result<(Schema, Plan), Error> {
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
        Ok((self.schema, self.plan))
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

impl fmt::Debug for GatewayBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let patterns: Vec<_> = self.routes.iter().map(|(pattern, _)| pattern).collect();
        f.debug_struct("GatewayBuilder")
            .field("schema", &self.schema)
            .field("routes", &patterns)
            .finish_non_exhaustive()
    }
}
