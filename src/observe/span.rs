//! The span of a call, if somebody traces it. Names of facts, and which codes are failures, are as OpenTelemetry's semantic
//! conventions have them: for gRPC, for Connect, and for HTTP.

use std::{fmt, sync::Arc};

use descant_descriptors::Binding;
use descant_handlers::{
    Code, Peer, Trace, TraceContext,
    trace::{Span, SpanKind, SpanStart, Tracer, Value, attributes},
};
use http::{Method, StatusCode, Version, header::HOST, request::Parts, uri::Authority};

use super::{REDACTED, Subject, payloads::start};
use crate::protocol::Protocol;

/// Longer paths are not written down whole.
const LONGEST_PATH: usize = 256;

/// What the span of a call is made of, before it is known which method is called.
pub(crate) struct Draft {
    tracer: Arc<dyn Tracer>,
    parent: Option<TraceContext>,
    server: Option<Authority>,
    path: Box<str>,
    /// The template of the HTTP rule that leads to the method.
    route: Option<Box<str>>,
    verb: Method,
    version: Version,
}

impl Draft {
    pub(super) fn new(tracer: &Arc<dyn Tracer>, parts: &Parts) -> Self {
        let host = || parts.headers.get(HOST)?.to_str().ok()?.parse().ok();
        let path = parts.uri.path();
        Self {
            tracer: tracer.clone(),
            parent: TraceContext::from_headers(&parts.headers),
            server: parts.uri.authority().cloned().or_else(host),
            path: start(path, LONGEST_PATH).into(),
            route: None,
            verb: parts.method.clone(),
            version: parts.version,
        }
    }

    /// Which rule leads to the method. `doubtful`: nothing leads anywhere, and some rules hide their paths. As for log records, a path
    /// that may hold what is not to be seen is not written down.
    pub(crate) fn routed(&mut self, binding: Option<&Binding>, doubtful: bool) {
        self.route = binding.map(|binding| binding.template().into());
        if let Some(binding) = binding.filter(|binding| binding.hides_path()) {
            self.path = binding.template().into();
        } else if doubtful {
            self.path = REDACTED.into();
        }
    }

    /// Begins the span; `None`: calls of this method have none.
    pub(crate) fn begin(self: Box<Self>, subject: &Subject, protocol: Protocol, peer: &Peer) -> Option<ServerSpan> {
        let known = subject.path().is_some();
        let traced = subject.is_traced();
        traced.then(|| ServerSpan::begin(*self, subject.name(), known, protocol, peer))
    }
}

/// The span of a call.
pub(crate) struct ServerSpan {
    span: Box<dyn Span>,
    tracer: Arc<dyn Tracer>,
    protocol: Protocol,
    /// What HTTP calls the answer, of calls by REST.
    status: Option<StatusCode>,
}

impl ServerSpan {
    /// Begins it. `known`: a schema has the method.
    fn begin(draft: Draft, method: &str, known: bool, protocol: Protocol, peer: &Peer) -> Self {
        let rest = protocol == Protocol::Rest;
        let system = match protocol {
            Protocol::Connect(_) => "connectrpc",
            Protocol::Grpc(_) | Protocol::GrpcWeb { .. } | Protocol::Rest => "grpc",
        };
        let verb = verb(&draft.verb);
        // A name that a peer made up would make as many names as there are peers.
        let name = match (known, rest) {
            (true, _) => method,
            (false, false) => system,
            (false, true) if verb == attributes::OTHER => "HTTP",
            (false, true) => verb,
        };
        let mut facts = Facts::default();
        if known || !rest {
            facts.text(attributes::RPC_SYSTEM_NAME, system);
            facts.text(attributes::RPC_METHOD, if known { method } else { attributes::OTHER });
        }
        if let Some(server) = &draft.server {
            facts.text(attributes::SERVER_ADDRESS, bare(server.host()));
            facts.port(attributes::SERVER_PORT, server.port_u16());
        }
        if rest {
            facts.text(attributes::HTTP_REQUEST_METHOD, verb);
            facts.text(attributes::URL_PATH, &draft.path);
            if let Some(route) = &draft.route {
                facts.text(attributes::HTTP_ROUTE, route);
            }
            facts.text(
                attributes::URL_SCHEME,
                if peer.tls.is_some() { "https" } else { "http" },
            );
        }
        let start = SpanStart::new(name, SpanKind::Server, &facts.0);
        let mut span = draft.tracer.begin(draft.parent.as_ref(), &start);
        if span.is_recording() {
            if !known && !rest {
                let original = draft.path.strip_prefix('/').unwrap_or(&draft.path);
                span.set(attributes::RPC_METHOD_ORIGINAL, Value::Text(original));
            }
            of_connection(&mut *span, peer, draft.version);
        }
        Self {
            span,
            tracer: draft.tracer,
            protocol,
            status: None,
        }
    }

    /// What the call's handler gets of it.
    pub(super) fn trace(&self) -> Option<Trace> {
        let context = self.span.context()?;
        Some(Trace::new(context.clone(), self.tracer.clone()))
    }

    /// Which span of which trace it is.
    pub(super) fn context(&self) -> Option<&TraceContext> {
        self.span.context()
    }

    /// The same, if anybody will see it.
    pub(super) fn sampled(&self) -> Option<&TraceContext> {
        self.context().filter(|context| context.is_sampled())
    }

    /// What HTTP calls the answer.
    pub(super) fn answered(&mut self, status: StatusCode) {
        self.status = (self.protocol == Protocol::Rest).then_some(status);
    }

    /// How the call ended.
    pub(super) fn ended(&mut self, code: Code) {
        if !self.span.is_recording() {
            return;
        }
        let connects = matches!(self.protocol, Protocol::Connect(_));
        let lower = connects.then(|| code.name().to_ascii_lowercase());
        let name = lower.as_deref().unwrap_or(code.name());
        // Connect has no code for success.
        if !connects || code != Code::Ok {
            self.span.set(attributes::RPC_RESPONSE_STATUS_CODE, Value::Text(name));
        }
        if let Some(status) = self.status {
            let status = Value::Number(status.as_u16().into());
            self.span.set(attributes::HTTP_RESPONSE_STATUS_CODE, status);
        }
        // A stream may fail after it began as a success.
        let failed = self.status.map_or(is_failure(code), |status| {
            status.is_server_error() || (status.is_success() && is_failure(code))
        });
        if failed {
            self.span.set(attributes::ERROR_TYPE, Value::Text(name));
            self.span.fail();
        }
    }
}

impl fmt::Debug for Draft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Draft")
            .field("parent", &self.parent)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ServerSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerSpan")
            .field("context", &self.span.context())
            .finish_non_exhaustive()
    }
}

/// What is known of a span as it begins.
#[derive(Default)]
struct Facts<'a>(Vec<(&'static str, Value<'a>)>);

impl<'a> Facts<'a> {
    fn text(&mut self, name: &'static str, value: &'a str) {
        self.0.push((name, Value::Text(value)));
    }

    fn port(&mut self, name: &'static str, port: Option<u16>) {
        self.0.extend(port.map(|port| (name, Value::Number(port.into()))));
    }
}

/// Codes that say that the server failed, and not its caller: semantic conventions for gRPC, "Server".
fn is_failure(code: Code) -> bool {
    use Code::{DataLoss, DeadlineExceeded, Internal, Unavailable, Unimplemented, Unknown};
    matches!(
        code,
        Unknown | DeadlineExceeded | Unimplemented | Internal | Unavailable | DataLoss
    )
}

/// Methods of HTTP that are known: a peer may make others up. RFC 9110, section 9; RFC 5789.
fn verb(verb: &Method) -> &'static str {
    const KNOWN: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"];
    let known = KNOWN.into_iter().find(|known| *known == verb.as_str());
    known.unwrap_or(attributes::OTHER)
}

/// A host without the brackets of IPv6.
fn bare(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

fn of_connection(span: &mut dyn Span, peer: &Peer, version: Version) {
    if let Some(address) = peer.address {
        let (ip, port) = (address.ip().to_canonical().to_string(), i64::from(address.port()));
        for (address, at) in [
            (attributes::CLIENT_ADDRESS, attributes::CLIENT_PORT),
            (attributes::NETWORK_PEER_ADDRESS, attributes::NETWORK_PEER_PORT),
        ] {
            span.set(address, Value::Text(&ip));
            span.set(at, Value::Number(port));
        }
        span.set(attributes::NETWORK_TRANSPORT, Value::Text("tcp"));
    } else if peer.unix.is_some() {
        span.set(attributes::NETWORK_TRANSPORT, Value::Text("unix"));
    }
    let version = match version {
        Version::HTTP_2 => "2",
        Version::HTTP_10 => "1.0",
        _ => "1.1",
    };
    span.set(attributes::NETWORK_PROTOCOL_NAME, Value::Text("http"));
    span.set(attributes::NETWORK_PROTOCOL_VERSION, Value::Text(version));
}
