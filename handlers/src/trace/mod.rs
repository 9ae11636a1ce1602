//! Tracing of calls: spans, whichever system keeps them.
//!
//! ```text
//! Tracer -> server span of a call -> Call::trace -> client span of what is called for it
//!                                        |
//!                                        +-> TraceContext: a handler's own children
//! ```
//!
//! A [`Tracer`] makes spans, and the crate `descant` has one for OpenTelemetry. Without one no call has a [`Trace`], and what a
//! caller says of its own goes on as any metadata does.

mod client;
mod context;
mod span;
mod state;

pub use self::{
    client::ClientSpan,
    context::{TraceContext, TraceContextError},
    span::{Span, SpanKind, SpanStart, Trace, Tracer, Value, attributes},
};
