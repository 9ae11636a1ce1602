//! Tracing with OpenTelemetry.
//!
//! A gateway has spans for its calls once it is given a [`Tracer`]. [`OtelTracer`] is one over any
//! provider of OpenTelemetry's API: that of a program which has set up an SDK of its own, or the one that [`Otlp`] sets up
//! (feature `otlp`), which sends spans to a collector.
//!
//! ```
//! use descant::{Gateway, Schema, otel::OtelTracer};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let schema = Schema::from_bytes(&include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/demo/bookshop.binpb"))[..])?;
//! // Whatever the program has installed with `opentelemetry::global::set_tracer_provider`.
//! let tracer = OtelTracer::new(&opentelemetry::global::tracer_provider());
//! let gateway = Gateway::builder(schema).tracer(tracer).build()?;
//! # Ok(())
//! # }
//! ```
//!
//! A handler makes children of its call's span with [`context`]:
//!
//! ```
//! use descant::{handlers::Call, otel};
//! use opentelemetry::trace::{Span, Tracer, TracerProvider};
//!
//! fn look_up(call: &Call) {
//!     let tracer = opentelemetry::global::tracer_provider().tracer("shop");
//!     let mut span = tracer.start_with_context("look up", &otel::context(call));
//!     // ...
//!     span.end();
//! }
//! ```

#[cfg(feature = "otlp")]
mod otlp;

use std::{fmt, str::FromStr};

use descant_handlers::{
    Call, TraceContext,
    trace::{Span, SpanKind, SpanStart, Tracer, Value},
};
use opentelemetry::{
    Context, InstrumentationScope, KeyValue, SpanId, TraceFlags, TraceId,
    global::{BoxedSpan, BoxedTracer, ObjectSafeTracerProvider},
    trace::{self, Span as _, SpanBuilder, SpanContext, Status, TraceContextExt, TraceState, Tracer as _},
};

#[cfg(feature = "otlp")]
pub use self::otlp::{Otlp, OtlpError};

/// Where the names of facts are defined: see `descant_handlers::trace::attributes`.
const SCHEMA: &str = "https://opentelemetry.io/schemas/1.42.0";

/// Makes spans with OpenTelemetry.
pub struct OtelTracer(BoxedTracer);

impl OtelTracer {
    /// A tracer of this provider, whose instrumentation scope is `descant`.
    pub fn new(provider: &impl ObjectSafeTracerProvider) -> Self {
        let scope = InstrumentationScope::builder("descant")
            .with_version(env!("CARGO_PKG_VERSION"))
            .with_schema_url(SCHEMA)
            .build();
        Self(BoxedTracer::new(provider.boxed_tracer(scope)))
    }
}

impl Tracer for OtelTracer {
    fn begin(&self, parent: Option<&TraceContext>, start: &SpanStart<'_>) -> Box<dyn Span> {
        let kind = match start.kind {
            SpanKind::Server => trace::SpanKind::Server,
            SpanKind::Client => trace::SpanKind::Client,
        };
        let attributes = start.attributes.iter().map(|(name, value)| fact(name, *value));
        let builder = SpanBuilder::from_name(start.name.to_owned())
            .with_kind(kind)
            .with_attributes(attributes);
        // Not the current one: that may be the application's.
        let within = parent.map_or_else(Context::new, remote);
        let span = self.0.build_with_context(builder, &within);
        let context = told(span.span_context()).map(|context| with_unread(context, parent));
        Box::new(OtelSpan { span, context })
    }
}

impl fmt::Debug for OtelTracer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OtelTracer")
    }
}

/// The context in which a call's handler works: spans that are started in it are children of the call's, or of the caller's if
/// nobody traces here. Its parent is the current context, for whatever else that holds.
pub fn context(call: &Call) -> Context {
    let current = Context::current();
    match call.trace_context() {
        Some(context) => current.with_remote_span_context(span_context(&context)),
        None => current,
    }
}

/// The same span in the words of OpenTelemetry, as one of another process.
pub fn span_context(context: &TraceContext) -> SpanContext {
    // What `TraceContext` takes is legal there too, but for what level 2 added.
    let state = context.state().and_then(|state| TraceState::from_str(state).ok());
    SpanContext::new(
        TraceId::from_bytes(*context.trace_id()),
        SpanId::from_bytes(*context.span_id()),
        TraceFlags::new(context.flags()),
        true,
        state.unwrap_or_default(),
    )
}

fn remote(parent: &TraceContext) -> Context {
    Context::new().with_remote_span_context(span_context(parent))
}

/// What others are told of a span; `None`: it is none.
fn told(span: &SpanContext) -> Option<TraceContext> {
    let flags = span.trace_flags().to_u8();
    let context = TraceContext::new(span.trace_id().to_bytes(), span.span_id().to_bytes(), flags)?;
    Some(match span.trace_state().header() {
        state if state.is_empty() => context,
        state => context.with_state(&state),
    })
}

/// The state that OpenTelemetry cannot read goes on as it came.
fn with_unread(context: TraceContext, parent: Option<&TraceContext>) -> TraceContext {
    let same = parent.filter(|parent| parent.trace_id() == context.trace_id());
    let state = same.and_then(TraceContext::state);
    match state.filter(|state| TraceState::from_str(state).is_err()) {
        Some(state) => context.with_state(state),
        None => context,
    }
}

fn fact(name: &'static str, value: Value<'_>) -> KeyValue {
    match value {
        Value::Text(text) => KeyValue::new(name, text.to_owned()),
        Value::Number(number) => KeyValue::new(name, number),
    }
}

/// Ends as it is dropped.
struct OtelSpan {
    span: BoxedSpan,
    context: Option<TraceContext>,
}

impl Span for OtelSpan {
    fn context(&self) -> Option<&TraceContext> {
        self.context.as_ref()
    }

    fn is_recording(&self) -> bool {
        self.span.is_recording()
    }

    fn set(&mut self, name: &'static str, value: Value<'_>) {
        self.span.set_attribute(fact(name, value));
    }

    fn fail(&mut self) {
        self.span.set_status(Status::error(""));
    }
}

impl Drop for OtelSpan {
    fn drop(&mut self) {
        self.span.end();
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::noop::NoopTracerProvider;

    use super::*;

    #[test]
    fn a_context_goes_there_and_back() {
        let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03";
        let context = parent.parse::<TraceContext>().unwrap().with_state("a=1,b=2");
        let there = span_context(&context);
        assert!(there.is_remote() && there.is_sampled());
        assert_eq!(told(&there), Some(context));
        assert_eq!(told(&SpanContext::empty_context()), None);
    }

    #[test]
    fn a_provider_that_traces_nothing_begins_nothing() {
        let tracer = OtelTracer::new(&NoopTracerProvider::new());
        let span = tracer.begin(None, &SpanStart::new("a", SpanKind::Server, &[]));
        assert!(span.context().is_none() && !span.is_recording());
    }
}
