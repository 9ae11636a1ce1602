//! Spans, and what makes them.

use std::{fmt, sync::Arc};

use super::TraceContext;

/// Makes spans: a system of tracing.
pub trait Tracer: Send + Sync + 'static {
    /// Begins a span, now. Whether it is recorded is the tracer's to decide.
    fn begin(&self, parent: Option<&TraceContext>, start: &SpanStart<'_>) -> Box<dyn Span>;
}

/// Something that takes time, and ends when it is dropped.
pub trait Span: Send + Sync {
    /// What whoever is called for it is told; `None` if the tracer traces nothing.
    fn context(&self) -> Option<&TraceContext>;

    /// Whether anybody will ever see it. If not, whatever costs something can be left out.
    fn is_recording(&self) -> bool;

    /// Adds a fact, in the place of one of this name.
    fn set(&mut self, name: &'static str, value: Value<'_>);

    /// It failed, as those see it who look for failures.
    fn fail(&mut self);
}

/// A span as it begins.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct SpanStart<'a> {
    /// What it is called: one of few names, however many spans there are.
    pub name: &'a str,
    /// Which end of a call it is.
    pub kind: SpanKind,
    /// What a sampler may want to know.
    pub attributes: &'a [(&'static str, Value<'a>)],
}

impl<'a> SpanStart<'a> {
    /// A span of this name, of this end of a call, about which so much is known.
    pub fn new(name: &'a str, kind: SpanKind, attributes: &'a [(&'static str, Value<'a>)]) -> Self {
        Self { name, kind, attributes }
    }
}

/// Which end of a call a span is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanKind {
    /// It answers.
    Server,
    /// It asks.
    Client,
}

/// What a fact says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// Words.
    Text(&'a str),
    /// A number.
    Number(i64),
}

/// Names of facts, as OpenTelemetry's semantic conventions have them, version 1.42.0.
/// <https://opentelemetry.io/docs/specs/semconv/rpc/>
pub mod attributes {
    /// Which way a call takes: `grpc` or `connectrpc`.
    pub const RPC_SYSTEM_NAME: &str = "rpc.system.name";
    /// `package.Service/Method`; [`OTHER`] if no schema has it.
    pub const RPC_METHOD: &str = "rpc.method";
    /// What a caller named that no schema has.
    pub const RPC_METHOD_ORIGINAL: &str = "rpc.method_original";
    /// The name of a status code.
    pub const RPC_RESPONSE_STATUS_CODE: &str = "rpc.response.status_code";
    /// Why it failed; absent if it did not.
    pub const ERROR_TYPE: &str = "error.type";
    /// The server's name or address.
    pub const SERVER_ADDRESS: &str = "server.address";
    /// The server's port.
    pub const SERVER_PORT: &str = "server.port";
    /// The client's address.
    pub const CLIENT_ADDRESS: &str = "client.address";
    /// The client's port.
    pub const CLIENT_PORT: &str = "client.port";
    /// The address at the other end of the connection.
    pub const NETWORK_PEER_ADDRESS: &str = "network.peer.address";
    /// The port at the other end of the connection.
    pub const NETWORK_PEER_PORT: &str = "network.peer.port";
    /// `http`.
    pub const NETWORK_PROTOCOL_NAME: &str = "network.protocol.name";
    /// `1.1` or `2`.
    pub const NETWORK_PROTOCOL_VERSION: &str = "network.protocol.version";
    /// `tcp` or `unix`.
    pub const NETWORK_TRANSPORT: &str = "network.transport";
    /// The method of HTTP, of calls by REST.
    pub const HTTP_REQUEST_METHOD: &str = "http.request.method";
    /// The status of HTTP, of calls by REST.
    pub const HTTP_RESPONSE_STATUS_CODE: &str = "http.response.status_code";
    /// The template of the HTTP rule that leads to the method, of calls by REST.
    pub const HTTP_ROUTE: &str = "http.route";
    /// The path, of calls by REST.
    pub const URL_PATH: &str = "url.path";
    /// `http` or `https`, of calls by REST.
    pub const URL_SCHEME: &str = "url.scheme";
    /// What stands for all names and methods that are not known.
    pub const OTHER: &str = "_OTHER";
}

/// What a call brings along that is traced: the span that stands for it, and what makes its children. Cheap to clone.
#[derive(Clone)]
pub struct Trace(Arc<Inner>);

struct Inner {
    context: TraceContext,
    tracer: Arc<dyn Tracer>,
}

impl Trace {
    /// A span that stands for a call, and the tracer that made it.
    pub fn new(context: TraceContext, tracer: Arc<dyn Tracer>) -> Self {
        Self(Arc::new(Inner { context, tracer }))
    }

    /// The span that stands for the call.
    pub fn context(&self) -> &TraceContext {
        &self.0.context
    }

    /// Begins a child of it.
    pub fn begin(&self, start: &SpanStart<'_>) -> Box<dyn Span> {
        self.0.tracer.begin(Some(self.context()), start)
    }
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Trace").field(self.context()).finish()
    }
}
