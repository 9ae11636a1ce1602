//! Spans of calls, and what is told of them to others.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use descant::{Gateway, LogCalls, Mount, Schema, otel::OtelTracer};
use descant_handlers::{
    Call, Code, Health, Message, Messages, Metadata, Proxy, Reply, TraceContext, UpstreamProtocol, from_fn,
};
use descant_tests::messages::Failure;
use http::Method;
use opentelemetry::{
    Value,
    trace::{SpanId, SpanKind, Status, TraceId},
};
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{Sampler, SdkTracerProvider, SpanData, SpanExporter},
};

use crate::support::{Answer, Ask, BIDI, FAIL, Peer, SERVER, UNARY, WAIT, framed, soon, text};

const VAULT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/logs/vault.proto");
const PEEK: &str = "/descant.suite.v1.Shapes/Peek";
const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const UNSAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

/// Spans that have ended.
#[derive(Clone, Debug, Default)]
struct Ended(Arc<Mutex<Vec<SpanData>>>);

impl SpanExporter for Ended {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.0.lock().unwrap().extend(batch);
        Ok(())
    }
}

impl Ended {
    fn tracer(&self) -> OtelTracer {
        self.sampling(Sampler::ParentBased(Box::new(Sampler::AlwaysOn)))
    }

    fn sampling(&self, sampler: Sampler) -> OtelTracer {
        let provider = SdkTracerProvider::builder().with_simple_exporter(self.clone());
        let provider = provider.with_sampler(sampler).build();
        let tracer = OtelTracer::new(&provider);
        // Dropped it would stop.
        std::mem::forget(provider);
        tracer
    }

    /// So many, once there are. A span ends a moment after its call.
    async fn spans<const N: usize>(&self) -> [SpanData; N] {
        soon(async {
            while self.0.lock().unwrap().len() < N {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
        self.0.lock().unwrap().clone().try_into().unwrap()
    }

    async fn one(&self) -> SpanData {
        let [span] = self.spans().await;
        span
    }

    /// How many there are once whatever is still to come has come.
    async fn count(&self) -> usize {
        tokio::time::sleep(Duration::from_millis(100)).await;
        self.0.lock().unwrap().len()
    }
}

/// The suites' own server, traced.
async fn serve(tracer: OtelTracer) -> Mount {
    let mount = descant_tests::mount(&Health::new()).gateway(|gateway| gateway.tracer(tracer));
    mount.host("127.0.0.1").port(0).start().await.unwrap()
}

async fn connect(mount: &Mount) -> Peer {
    Peer::over(tokio::net::TcpStream::connect(mount.addresses()[0]).await.unwrap()).await
}

async fn send(mount: &Mount, ask: Ask) -> Answer {
    connect(mount).await.send(ask).await
}

fn fact(span: &SpanData, name: &str) -> Option<String> {
    let mut facts = span.attributes.iter().filter(|fact| fact.key.as_str() == name);
    let fact = facts.next()?;
    assert!(facts.next().is_none(), "{name} twice");
    Some(match &fact.value {
        Value::String(text) => text.to_string(),
        other => other.to_string(),
    })
}

fn facts<const N: usize>(span: &SpanData, wanted: [(&str, &str); N]) {
    for (name, value) in wanted {
        let wanted = (!value.is_empty()).then(|| value.to_owned());
        assert_eq!(fact(span, name), wanted, "{name}: {span:#?}");
    }
}

#[tokio::test]
async fn a_call_has_a_span_that_says_what_it_was() {
    let ended = Ended::default();
    let mount = serve(ended.tracer()).await;
    send(&mount, Ask::one(UNARY, &text("hi"))).await;
    let span = ended.one().await;
    assert_eq!(span.name, "descant.suite.v1.Shapes/Unary");
    assert_eq!((&span.span_kind, &span.status), (&SpanKind::Server, &Status::Unset));
    assert_eq!(span.parent_span_id, SpanId::INVALID);
    assert_eq!(span.instrumentation_scope.name(), "descant");
    facts(
        &span,
        [
            ("rpc.system.name", "grpc"),
            ("rpc.method", "descant.suite.v1.Shapes/Unary"),
            ("rpc.response.status_code", "OK"),
            ("error.type", ""),
            ("server.address", "descant.test"),
            ("server.port", ""),
            ("client.address", "127.0.0.1"),
            ("network.peer.address", "127.0.0.1"),
            ("network.transport", "tcp"),
            ("network.protocol.name", "http"),
            ("network.protocol.version", "2"),
            ("http.request.method", ""),
        ],
    );
    assert_eq!(fact(&span, "client.port"), fact(&span, "network.peer.port"));
}

#[tokio::test]
async fn codes_that_are_the_servers_fault_are_errors() {
    for (code, failed) in [
        (Code::NotFound, false),
        (Code::InvalidArgument, false),
        (Code::ResourceExhausted, false),
        (Code::Unknown, true),
        (Code::DeadlineExceeded, true),
        (Code::Unimplemented, true),
        (Code::Internal, true),
        (Code::Unavailable, true),
        (Code::DataLoss, true),
    ] {
        let ended = Ended::default();
        let mount = serve(ended.tracer()).await;
        let failure = Failure {
            code: code.number(),
            ..Failure::default()
        };
        send(&mount, Ask::one(FAIL, &failure)).await;
        let span = ended.one().await;
        facts(
            &span,
            [
                ("rpc.response.status_code", code.name()),
                ("error.type", if failed { code.name() } else { "" }),
            ],
        );
        assert_eq!(span.status == Status::error(""), failed, "{span:#?}");
    }
}

#[tokio::test]
async fn every_protocol_has_its_words() {
    let ended = Ended::default();
    let mount = serve(ended.tracer()).await;
    let json = |path: &str, body: &'static [u8]| {
        let ask = Ask::bytes(path, [body]).without("content-type");
        ask.header("content-type", "application/json")
    };
    send(&mount, json(PEEK, b"{}").header("traceparent", PARENT)).await;
    let span = ended.one().await;
    facts(
        &span,
        [("rpc.system.name", "connectrpc"), ("rpc.response.status_code", "")],
    );
    assert_eq!(span.span_context.trace_id().to_string(), PARENT[3..35]);
    ended.0.lock().unwrap().clear();
    send(&mount, json(PEEK, b"{")).await;
    let span = ended.one().await;
    facts(
        &span,
        [("rpc.response.status_code", "invalid_argument"), ("error.type", "")],
    );
    ended.0.lock().unwrap().clear();
    let web = Ask::one(PEEK, &text("hi")).without("content-type");
    let web = web.header("content-type", "application/grpc-web+proto");
    send(&mount, web.header("traceparent", PARENT)).await;
    let span = ended.one().await;
    facts(&span, [("rpc.system.name", "grpc"), ("rpc.response.status_code", "OK")]);
    assert_eq!(span.span_context.trace_id().to_string(), PARENT[3..35]);
}

#[tokio::test]
async fn what_a_peer_makes_up_is_no_name() {
    let ended = Ended::default();
    let mount = serve(ended.tracer()).await;
    send(&mount, Ask::empty("/made.Up/Name")).await;
    let span = ended.one().await;
    assert_eq!((&*span.name, span.status.clone()), ("grpc", Status::error("")));
    facts(
        &span,
        [
            ("rpc.method", "_OTHER"),
            ("rpc.method_original", "made.Up/Name"),
            ("rpc.response.status_code", "UNIMPLEMENTED"),
        ],
    );
    ended.0.lock().unwrap().clear();
    for (method, name) in [
        (Method::DELETE, "DELETE"),
        (Method::from_bytes(b"MADEUP").unwrap(), "HTTP"),
    ] {
        send(&mount, Ask::empty("/whatever").without("content-type").method(method)).await;
        let span = ended.one().await;
        assert_eq!((&*span.name, span.status.clone()), (name, Status::Unset));
        facts(
            &span,
            [
                ("rpc.method", ""),
                ("url.path", "/whatever"),
                ("url.scheme", "http"),
                ("http.response.status_code", "404"),
            ],
        );
        ended.0.lock().unwrap().clear();
    }
}

/// As for log records: where a path binds a field with the option `debug_redact`, and where it may.
#[tokio::test]
async fn what_is_not_to_be_seen_is_in_no_span() {
    const ROUTE: &str = "/v1/vaults/{name}/keys/{token}";
    let ended = Ended::default();
    let mount = Mount::builder(Schema::load(VAULT).unwrap())
        .route("*", descant_handlers::Echo)
        .gateway(|gateway| gateway.tracer(ended.tracer()))
        .host("127.0.0.1")
        .port(0);
    let mount = mount.start().await.unwrap();
    let get = |path: &str| Ask::empty(path).without("content-type").method(Method::GET);
    for (ask, path, route) in [
        (get("/v1/words/hello"), "/v1/words/hello", "/v1/words/{word}"),
        (get("/v1/vaults/a/keys/SESAME"), ROUTE, ROUTE),
        (get("/v1/vaults/a/keys/SESAME/what"), "[REDACTED]", ""),
        (Ask::empty("/v1/vaults/a/keys/SESAME"), "", ""),
    ] {
        send(&mount, ask).await;
        let span = ended.one().await;
        facts(&span, [("url.path", path), ("http.route", route)]);
        assert!(!format!("{span:?}").contains("SESAME"), "{span:#?}");
        ended.0.lock().unwrap().clear();
    }
}

#[tokio::test]
async fn log_records_say_which_trace_it_is() {
    let (lines, _guard) = crate::logs::Lines::json(tracing::Level::INFO);
    let ended = Ended::default();
    let mount = descant_tests::mount(&Health::new()).gateway(|gateway| {
        let fields = [descant::LogField::TraceId, descant::LogField::Method];
        gateway.tracer(ended.tracer()).log_fields(fields)
    });
    let mount = mount.host("127.0.0.1").port(0).start().await.unwrap();
    send(&mount, Ask::one(UNARY, &text("hi")).header("traceparent", PARENT)).await;
    for record in ["grpc.request", "grpc.response"] {
        let record = lines.records(record, 1).await.remove(0);
        assert_eq!(record["trace_id"], PARENT[3..35], "{record}");
    }
}

#[tokio::test]
async fn the_gateways_own_services_are_traced_if_all_calls_are() {
    for (calls, wanted) in [(LogCalls::Off, 0), (LogCalls::Api, 1), (LogCalls::All, 2)] {
        let ended = Ended::default();
        let (health, tracer) = (Health::new(), ended.tracer());
        let mount = descant_tests::mount(&health).gateway(|gateway| gateway.tracer(tracer).trace_calls(calls));
        let mount = mount.host("127.0.0.1").port(0).start().await.unwrap();
        send(&mount, Ask::empty("/grpc.health.v1.Health/Check")).await;
        send(&mount, Ask::one(UNARY, &text("hi"))).await;
        assert_eq!(ended.count().await, wanted, "{calls:?}");
    }
}

#[tokio::test]
async fn streams_have_spans_to_their_ends() {
    let ended = Ended::default();
    let mount = serve(ended.tracer()).await;
    let peer = connect(&mount).await;
    let mut stream = peer.open(Ask::bytes(BIDI, [framed(&text("one"))])).await;
    stream.push(framed(&text("one")));
    let (mut sending, _receiving) = stream.head().await;
    assert_eq!(ended.count().await, 0);
    sending.send_reset(h2::Reason::CANCEL);
    let span = ended.one().await;
    facts(&span, [("rpc.response.status_code", "CANCELLED"), ("error.type", "")]);
    ended.0.lock().unwrap().clear();
    send(&mount, Ask::empty(WAIT).header("grpc-timeout", "20m")).await;
    let span = ended.one().await;
    facts(&span, [("error.type", "DEADLINE_EXCEEDED")]);
}

/// Over REST, where the status was sent when nobody knew.
#[tokio::test]
async fn a_stream_that_fails_on_its_way_is_an_error() {
    let ended = Ended::default();
    let spell = from_fn(|_: Call| async {
        Ok(Reply::new(Messages::generate(|sender| async move {
            sender.send(Message::from_prost(&String::from("a"))).await?;
            Err(descant_handlers::Status::unavailable("out of letters"))
        })))
    });
    let mount = Mount::builder(Schema::load(VAULT).unwrap())
        .route("*", spell)
        .gateway(|gateway| gateway.tracer(ended.tracer()))
        .host("127.0.0.1")
        .port(0);
    let mount = mount.start().await.unwrap();
    let get = Ask::bytes("/v1/words/hello:spell", [""]).without("content-type");
    send(&mount, get.method(Method::GET)).await;
    let span = ended.one().await;
    facts(
        &span,
        [("http.response.status_code", "200"), ("error.type", "UNAVAILABLE")],
    );
    assert_eq!(span.status, Status::error(""));
}

#[tokio::test]
async fn long_paths_are_cut() {
    let ended = Ended::default();
    let mount = serve(ended.tracer()).await;
    let path = format!("/{}", "a".repeat(1000));
    send(&mount, Ask::empty(&path).without("content-type").method(Method::GET)).await;
    facts(&ended.one().await, [("url.path", &path[..256])]);
}

/// A gateway before an upstream, each of which traces on its own.
async fn in_a_row(front: OtelTracer, back: OtelTracer) -> (Mount, Mount) {
    in_a_row_by(|upstream| upstream, front, back).await
}

async fn in_a_row_by(speaks: impl FnOnce(Proxy) -> Proxy, front: OtelTracer, back: OtelTracer) -> (Mount, Mount) {
    let back = serve(back).await;
    let upstream = Proxy::to(&format!("http://{}", back.addresses()[0])).unwrap();
    let upstream = speaks(upstream);
    let protos = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("suites/protos");
    let front = Mount::builder(Schema::load(protos).unwrap())
        .route("*", upstream)
        .gateway(|gateway| gateway.tracer(front))
        .host("127.0.0.1")
        .port(0);
    (front.start().await.unwrap(), back)
}

#[tokio::test]
async fn a_call_over_http_1_says_so() {
    let (near, far) = (Ended::default(), Ended::default());
    let speaks = |upstream: Proxy| upstream.protocol(UpstreamProtocol::Connect).http1();
    let (front, _back) = in_a_row_by(speaks, near.tracer(), far.tracer()).await;
    assert_eq!(send(&front, Ask::one(UNARY, &text("hi"))).await.code(), Some(0));
    let spans = near.spans::<2>().await;
    let client = spans.iter().find(|span| span.span_kind == SpanKind::Client).unwrap();
    for span in [client, &far.one().await] {
        facts(span, [("network.protocol.version", "1.1")]);
    }
}

#[tokio::test]
async fn spans_of_two_in_a_row_are_parents_and_children() {
    for ask in [Ask::one(UNARY, &text("hi")), Ask::one(SERVER, &text("hi"))] {
        let (near, far) = (Ended::default(), Ended::default());
        let (front, back) = in_a_row(near.tracer(), far.tracer()).await;
        let ask = ask.header("traceparent", PARENT).header("tracestate", "a=1,b=2");
        assert_eq!(send(&front, ask).await.code(), Some(0));
        let (spans, behind) = (near.spans::<2>().await, far.one().await);
        let of = |kind| spans.iter().find(|span| span.span_kind == kind).unwrap();
        let (server, client) = (of(SpanKind::Server), of(SpanKind::Client));
        for span in [server, client, &behind] {
            assert_eq!(span.span_context.trace_id(), TraceId::from_hex(&PARENT[3..35]).unwrap());
            assert_eq!(span.span_context.trace_state().header(), "a=1,b=2");
        }
        assert_eq!(server.parent_span_id, SpanId::from_hex(&PARENT[36..52]).unwrap());
        assert_eq!(client.parent_span_id, server.span_context.span_id());
        assert_eq!(behind.parent_span_id, client.span_context.span_id());
        assert_eq!(client.name, server.name);
        facts(
            client,
            [
                ("rpc.system.name", "grpc"),
                ("rpc.response.status_code", "OK"),
                ("server.address", "127.0.0.1"),
                ("server.port", &back.port().unwrap().to_string()),
                ("network.peer.address", "127.0.0.1"),
                ("network.peer.port", &back.port().unwrap().to_string()),
                ("network.transport", "tcp"),
            ],
        );
    }
}

#[tokio::test]
async fn to_a_client_every_failure_is_an_error() {
    let (near, far) = (Ended::default(), Ended::default());
    let (front, _back) = in_a_row(near.tracer(), far.tracer()).await;
    let failure = Failure {
        code: Code::NotFound.number(),
        ..Failure::default()
    };
    for path in [FAIL, "/descant.suite.v1.Shapes/FailLate"] {
        send(&front, Ask::one(path, &failure)).await;
        for span in near.spans::<2>().await {
            let client = span.span_kind == SpanKind::Client;
            assert_eq!(span.status == Status::error(""), client, "{span:#?}");
            facts(&span, [("rpc.response.status_code", "NOT_FOUND")]);
        }
        near.0.lock().unwrap().clear();
    }
}

#[tokio::test]
async fn who_is_not_sampled_has_no_spans_and_passes_it_on() {
    let (near, far) = (Ended::default(), Ended::default());
    let (front, _back) = in_a_row(near.tracer(), far.tracer()).await;
    let ask = Ask::one(UNARY, &text("hi")).header("traceparent", UNSAMPLED);
    send(&front, ask).await;
    assert_eq!(near.count().await + far.count().await, 0);
    // Who decides on its own decides for those behind it too.
    let never = near.sampling(Sampler::ParentBased(Box::new(Sampler::AlwaysOff)));
    let (front, _back) = in_a_row(never, far.tracer()).await;
    send(&front, Ask::one(UNARY, &text("hi"))).await;
    assert_eq!(near.count().await + far.count().await, 0);
    send(&front, Ask::one(UNARY, &text("hi")).header("traceparent", PARENT)).await;
    near.spans::<2>().await;
    far.one().await;
}

/// `@` may stand anywhere in a key since level 2, which OpenTelemetry does not read.
#[tokio::test]
async fn a_state_goes_on_as_it_came() {
    let ended = Ended::default();
    let tells = from_fn(|call: Call| async move {
        let context = call.trace_context();
        let mut metadata = Metadata::new();
        metadata.insert(
            "state",
            context.as_ref().and_then(TraceContext::state).unwrap_or_default(),
        )?;
        Ok(Reply::new(call.messages).with_metadata(metadata))
    });
    let mount = Mount::builder(Schema::load(VAULT).unwrap())
        .route("*", tells)
        .gateway(|gateway| gateway.tracer(ended.tracer()))
        .host("127.0.0.1")
        .port(0);
    let mount = mount.start().await.unwrap();
    for state in ["a=1,b=2", "a=1,0x@y@z=2"] {
        let ask = Ask::empty("/vault.v1.Plain/Say").header("traceparent", PARENT);
        let answer = send(&mount, ask.header("tracestate", state)).await;
        assert_eq!(answer.headers["state"], state);
    }
}

#[tokio::test]
async fn of_two_parents_none_is_one() {
    let ended = Ended::default();
    let mount = serve(ended.tracer()).await;
    let ask = Ask::one(UNARY, &text("hi")).header("traceparent", PARENT);
    send(&mount, ask.header("traceparent", PARENT)).await;
    let span = ended.one().await;
    assert_eq!(span.parent_span_id, SpanId::INVALID);
    assert_ne!(span.span_context.trace_id().to_string(), PARENT[3..35]);
}

#[tokio::test]
async fn a_handler_makes_children_of_its_calls_span() {
    use opentelemetry::trace::{Span, Tracer, TracerProvider};

    let ended = Ended::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(ended.clone()).build();
    let own = provider.tracer("shop");
    let handler = from_fn(move |call: Call| {
        let mut span = own.start_with_context("look up", &descant::otel::context(&call));
        async move {
            assert!(call.trace.is_some());
            span.end();
            Ok(Reply::new(call.messages))
        }
    });
    let protos = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("suites/protos");
    let mount = Mount::builder(Schema::load(protos).unwrap())
        .route("descant.suite.v1.Shapes/Unary", handler)
        .gateway(|gateway| gateway.tracer(OtelTracer::new(&provider)))
        .host("127.0.0.1")
        .port(0);
    let mount = mount.start().await.unwrap();
    send(&mount, Ask::one(UNARY, &text("hi"))).await;
    let [child, parent] = ended.spans().await;
    assert_eq!(child.name, "look up");
    assert_eq!(child.parent_span_id, parent.span_context.span_id());
}

#[tokio::test]
async fn a_call_that_is_sampled_is_an_exemplar() {
    let ended = Ended::default();
    let mount = serve(ended.tracer()).await;
    send(&mount, Ask::one(UNARY, &text("hi")).header("traceparent", UNSAMPLED)).await;
    let metrics = mount.gateway().metrics().unwrap();
    assert!(!metrics.to_openmetrics().contains("trace_id"));
    send(&mount, Ask::one(UNARY, &text("hi")).header("traceparent", PARENT)).await;
    let span = ended.one().await;
    let exemplar = format!(
        " # {{trace_id=\"{}\",span_id=\"{}\"}} ",
        span.span_context.trace_id(),
        span.span_context.span_id()
    );
    let written = metrics.to_openmetrics();
    let mut lines = written.lines().filter(|line| line.contains(&exemplar));
    let line = lines.next().unwrap_or_else(|| panic!("no exemplar:\n{written}"));
    assert!(
        line.starts_with("descant_grpc_request_duration_seconds_bucket{"),
        "{line}"
    );
    assert!(line.contains("method=\"descant.suite.v1.Shapes/Unary\""), "{line}");
    assert!(lines.next().is_none());
}

#[tokio::test]
async fn a_gateway_that_is_not_observed_traces_nothing() {
    let ended = Ended::default();
    let (health, tracer) = (Health::new(), ended.tracer());
    let mount =
        descant_tests::mount(&health).gateway(|gateway: descant::GatewayBuilder| gateway.tracer(tracer).observe(false));
    let mount = mount.host("127.0.0.1").port(0).start().await.unwrap();
    send(&mount, Ask::one(UNARY, &text("hi"))).await;
    assert_eq!(ended.count().await, 0);
    let _: &Gateway = mount.gateway();
}
