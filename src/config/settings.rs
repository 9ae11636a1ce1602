//! Every setting that there is. From these structs come the reader, the JSON Schema, the reference and what flags mean.

use std::{path::PathBuf, time::Duration};

use descant_descriptors::JsonOptions;
use http::HeaderName;

use super::{
    amount::{Memory, Size, Time, TimeOrOff},
    calls::UpstreamCalls,
    check,
    origin::Placed,
    place::{AdminAddress, ListenAddress, PageOrigin, ReceiverUrl, ServerName, UpstreamUrl},
    scalar::{Number, Pattern, Unavailable, choice, unknown},
    setting::{From, FromScalar, OneOrMore, Unfit, section},
    shape::{Flag, Form, Scalar},
};
use crate::{
    LogField,
    handlers::proxy::{Authority, Balance},
};

/// Many more threads are a slip of the hand: each has file descriptors of its own, of which a process may have 1024 or so.
pub(super) const MOST_WORKERS: u64 = 256;
/// A level takes room on the stack.
const MOST_DEPTH: u64 = JsonOptions::MOST_DEPTH as u64;
/// Calls of gRPC and requests of browsers have more than this.
const LEAST_HEADER_BYTES: u64 = 1 << 10;
/// `:method`, `:scheme`, `:authority`, `:path`, `te`, `content-type`, `user-agent` and `grpc-timeout`.
const LEAST_HEADER_FIELDS: u64 = 8;

section! {
    /// Everything that `descant serve` can be told.
    Settings is "the configuration", checked by check::settings;

    /// Where to listen. An address may stand alone.
    listen: OneOrMore<Listen>, default("'[::]:50051'"), flags(&[Flag::value("--listen")]), restart();
    /// What is served: descriptor sets, `.proto` files, or folders of them. A path is relative to this file.
    descriptors: OneOrMore<Placed<PathBuf>>, default("[]"), flags(&[Flag::value("PATH")]);
    /// HTTP rules for methods whose descriptors have none, or others: the section `http` of a `google.api.Service`, in YAML.
    http_rules: OneOrMore<Placed<PathBuf>>, default("[]"), flags(&[Flag::value("--http-rules")]);
    /// What answers which methods. The most specific match wins: `pkg.Service/Method`, `pkg.Service`, `pkg.*`, `*`.
    routes: Vec<Route>, default("[]"), flags(&[
        Flag::means("--echo", "[{ match: '*', echo: {} }]"),
        Flag::means("--to", "[{ match: '*', proxy: { url: $values } }]"),
    ]);
    /// How HTTP and JSON are spoken, along HTTP rules.
    rest: Rest, default("{}");
    /// Which browser pages may call the API.
    cors: CrossOrigin, default("{}");
    /// The admin pages. The address may stand alone.
    admin: Admin, default("{}"), restart();
    /// What peers and descriptors may take, and for how long.
    limits: Limits, default("{}"), restart();
    /// Threads that serve connections.
    workers: Option<Placed<Number<1, MOST_WORKERS>>>, otherwise("one a core"), flags(&[Flag::value("--workers")]), restart();
    /// Share the ports with other processes, a successor for instance.
    reuse_port: Placed<bool>, default("false"), flags(&[Flag::means("--reuse-port", "true")]), restart();
    /// Reload when this file, a descriptor, what a source imported or a certificate changes. SIGHUP and `POST /reload` always do.
    watch: Placed<bool>, default("false"), flags(&[Flag::means("--watch", "true")]), restart();
    /// A file that is written once every listener accepts, one address a line, and removed once it stops.
    ready_file: Option<Placed<PathBuf>>, otherwise("none"), flags(&[Flag::value("--ready-file")]), restart();
    /// Log lines, on standard error.
    log: Log, default("{}");
    /// Where spans of calls go: a receiver of OTLP over HTTP, such as `http://localhost:4318`. OpenTelemetry's environment variables count too.
    otlp: Option<Placed<ReceiverUrl>>, otherwise("what `OTEL_EXPORTER_OTLP_ENDPOINT` names"), flags(&[Flag::value("--otlp")]), restart();
    /// Count calls for `/metrics`, log them as `log.calls` says, and trace them.
    observe: Placed<bool>, default("true"), flags(&[Flag::means("--no-observe", "false")]), restart();
}

section! {
    /// Where to listen.
    Listen is "a listener", short for "address";

    /// A host, which may be left out, and a port (0: the system chooses), or a Unix socket: `unix:PATH`.
    address: Placed<ListenAddress>;
    /// Speak TLS there.
    tls: Option<Tls>, otherwise("plain text");
}

section! {
    /// What a listener shows over TLS, and asks of clients.
    Tls is "TLS", checked by check::tls;

    /// Files with certificates, each with its chain behind it (PEM). Of several the one counts whose names fit what a client asks for.
    certificate: OneOrMore<Placed<PathBuf>>, flags(&[Flag::value("--tls-cert")]);
    /// Files with keys (PEM), one for each certificate and in their order.
    key: OneOrMore<Placed<PathBuf>>, flags(&[Flag::value("--tls-key")]);
    /// Let only clients in whose certificate one of these has signed (PEM).
    client_ca: Option<Placed<PathBuf>>, otherwise("clients show none"), flags(&[Flag::value("--tls-client-ca")]);
    /// Let clients in that show no certificate. With `client_ca`.
    client_optional: Placed<bool>, default("false"), flags(&[Flag::means("--tls-client-optional", "true")]);
}

section! {
    /// What answers some methods.
    Route is "a route", one of &["proxy", "mock", "echo"];

    /// Which methods: `pkg.Service/Method`, `pkg.Service`, `pkg.*` (the package and those below it) or `*`.
    pattern["match"]: Placed<Pattern>;
    /// A server of gRPC, gRPC-Web, Connect or REST. Its URL may stand alone.
    proxy: Option<Upstream>;
    /// Made-up data. Not there yet.
    mock: Option<Unavailable>;
    /// Each call's own request, where request and reply have the same type.
    echo: Option<Echo>;
}

section! {
    /// A server that answers calls.
    Upstream is "a proxy", short for "url", checked by check::upstream;

    /// Where it is: `http://HOST:PORT` (without TLS), `https://HOST:PORT` or `unix:/PATH`; or several servers that do the same.
    url: OneOrMore<Placed<UpstreamUrl>>;
    /// What its requests say in `:authority`, and over TLS the name to ask for: `HOST` or `HOST:PORT`.
    authority: Option<Placed<Authority>>, otherwise("the host and port of the URL"), flags(&[Flag::value("--to-authority")]);
    /// What it speaks.
    protocol: Placed<Spoken>, default("grpc"), flags(&[Flag::value("--to-protocol")]);
    /// Call it over HTTP/1.1, not HTTP/2. Not with `protocol: grpc`.
    http1: Placed<bool>, default("false"), flags(&[Flag::means("--to-http1", "true")]);
    /// How its messages are written.
    codec: Placed<Written>, default("proto"), flags(&[Flag::value("--to-codec")]);
    /// Codings of compressed messages that it takes, whatever it says of that.
    encodings: OneOrMore<Placed<Squeezed>>, default("[]"), flags(&[Flag::value("--to-encoding")]);
    /// Call unary methods without side effects (`idempotency_level`) by GET. With `protocol: connect`.
    connect_get: Placed<bool>, default("false"), flags(&[Flag::means("--to-get", "true")]);
    /// Send the messages of streams as a JSON array, which is what Envoy's transcoder takes, not as lines. With `protocol: rest`.
    rest_array: Placed<bool>, default("false");
    /// What it is told of who calls, in `x-forwarded-for` and `x-forwarded-proto`.
    forwarded: Placed<Told>, default("pass"), flags(&[Flag::value("--to-forwarded")]);
    /// How long a connection may take to be made, and the look-up of a name.
    connect_timeout: Placed<Time>, default("10s");
    /// The largest message of a reply, as it comes, and where it is inflated after that too.
    message_bytes: Option<Placed<Size<1>>>, otherwise("as `limits.message_bytes`");
    /// Bytes of the head of a reply, and of its trailers, each field counted with 32 more. More is `INTERNAL`.
    header_bytes: Option<Placed<Size<LEAST_HEADER_BYTES>>>, otherwise("as `limits.header_bytes`, and 16KiB at least");
    /// How often it is asked what it serves, by reflection, where no descriptors are named; or `off`.
    schema_interval: Placed<TimeOrOff>, default("30s"), flags(&[Flag::value("--schema-interval")]);
    /// Which server, or address of its name, a call goes to: `power-of-two`, `round-robin` or `ring-hash:HEADER`.
    balance: Placed<Balance>, default("power-of-two"), flags(&[Flag::value("--to-balance")]);
    /// Connections that each worker may have to an address.
    connections: Option<Placed<Number<1, U32>>>, otherwise("16, or 256 over HTTP/1.1");
    /// Connect to each address from each worker before the first call, over HTTP/2.
    warm_up: Placed<bool>, default("true");
    /// Connections that each worker keeps to an address though no call needs them.
    min_connections: Placed<Number<0, U32>>, default("0");
    /// How long a connection may be without calls before it is closed, or `off`.
    idle: Placed<TimeOrOff>, default("3m");
    /// How old a connection grows before it takes no new calls, within 10 % more or less, or `off`.
    age: Placed<TimeOrOff>, default("off");
    /// Pings to servers from which nothing comes. `off` may stand alone.
    keepalive: UpstreamKeepalive, default("{}");
    /// How often names are looked up again.
    resolve_every: Placed<Time>, default("30s");
    /// Calls at a time; more are refused at once.
    max_calls: Option<Placed<Number<1, U32>>>, otherwise("as many as its connections take");
    /// Calls at a time that wait for a connection; more are refused at once.
    max_pending: Placed<Number<1, U32>>, default("1024");
    /// When an address whose calls fail gets none for a while. `off` may stand alone.
    outlier: Outlier, default("{}");
    /// Ask addresses by `grpc.health.v1` whether they are well. The service may stand alone.
    health: Option<HealthCheck>, otherwise("they are not asked"), flags(&[Flag::means("--to-health", "{ service: $value }")]);
    /// Of the addresses so many percent have to be fit, or all are used; 1: one of them.
    panic_percent: Placed<Number<0, 100>>, default("1");
    /// Whom to trust over TLS, and what to show. With `https://`.
    tls: Option<UpstreamTls>, otherwise("servers that the system trusts; nothing is shown");
    /// The most time that a call may take, whatever its caller gives it.
    timeout: Option<Placed<Time>>, otherwise("what its caller gives it"), flags(&[Flag::value("--to-timeout")]);
    /// Timeouts, retries and hedging by method: gRPC's service config, with `methodConfig` and `retryThrottling`.
    service_config: Option<UpstreamCalls>, otherwise("each call is made as it comes"), flags(&[Flag::value("--service-config")]);
    /// Bytes that are kept of the messages of a call which may have to be sent again; of a larger one there is one attempt.
    retry_bytes: Placed<Size<0>>, default("256KiB");
    /// Let a `retryPolicy` repeat calls that were lost with their connection, which the server may have acted on, whatever their
    /// `idempotency_level`.
    retry_lost: Placed<bool>, default("false");
}

section! {
    /// When a silent server is pinged, and how long it may take to answer.
    UpstreamKeepalive is "`keepalive` of a proxy", short for "every";

    /// A ping is sent once nothing has come for this long while there are calls, or `off`. Most servers of gRPC take one every 5 minutes.
    every: Placed<TimeOrOff>, default("310s");
    /// If nothing comes for this long after the ping the connection is given up.
    timeout: Placed<Time>, default("20s");
    /// While there are no calls, too.
    without_calls: Placed<bool>, default("false");
}

section! {
    /// When an address whose calls fail gets none for a while.
    Outlier is "`outlier`", short for "ejection", checked by check::outlier;

    /// For how long, times how often it happened lately, or `off`: never.
    ejection: Placed<TimeOrOff>, default("30s");
    /// At most.
    max_ejection: Placed<Time>, default("5m");
    /// After so many failures one behind the other.
    consecutive: Placed<Number<1, U32>>, default("5");
    /// When so many percent of its calls failed, and twice the share of the other addresses.
    failure_percent: Placed<Number<1, 100>>, default("50");
    /// Of so many calls at least.
    volume: Placed<Number<1, U32>>, default("20");
    /// In this time.
    interval: Placed<Time>, default("10s");
    /// Of the addresses so many percent at most, but one of several in any case.
    max_percent: Placed<Number<0, 100>>, default("50");
}

section! {
    /// Asking addresses whether they are well.
    HealthCheck is "`health`", short for "service";

    /// The service that is asked for; without a name the whole server.
    service: Placed<String>, default("''");
    /// How often.
    interval: Placed<Time>, default("10s");
    /// How long an answer may take.
    timeout: Placed<Time>, default("5s");
    /// So many bad answers one behind the other make an address unwell.
    unhealthy: Placed<Number<1, U32>>, default("2");
    /// So many good ones make it well again.
    healthy: Placed<Number<1, U32>>, default("1");
}

section! {
    /// How a server is spoken to over TLS.
    UpstreamTls is "TLS toward a server", checked by check::upstream_tls;

    /// Trust servers whose certificate one of these has signed (PEM).
    ca: Option<Placed<PathBuf>>, otherwise("those that the system trusts"), flags(&[Flag::value("--to-ca")]);
    /// Show this certificate, its chain behind it (PEM).
    certificate: Option<Placed<PathBuf>>, otherwise("none"), flags(&[Flag::value("--to-cert")]);
    /// The key of that certificate (PEM).
    key: Option<Placed<PathBuf>>, flags(&[Flag::value("--to-key")]);
    /// The name to ask for, which the server's certificate must have.
    server_name: Option<Placed<ServerName>>, otherwise("the host of `authority`, else of the URL"), flags(&[Flag::value("--to-server-name")]);
    /// Trust whoever answers.
    insecure: Placed<bool>, default("false"), flags(&[Flag::means("--to-insecure", "true")]);
}

section! {
    /// Answers calls with their own requests.
    Echo is "`echo`";
}

section! {
    /// How HTTP and JSON are spoken, along HTTP rules.
    Rest is "`rest`";

    /// Query parameters that are passed over where no field has their name; `*` for any.
    ignore_parameters: OneOrMore<Placed<String>>, default("[]"), flags(&[Flag::value("--ignore-parameter")]);
    /// Name in the `update_mask` of a PATCH that has none what its body has.
    update_mask: Placed<bool>, default("true"), flags(&[Flag::means("--no-update-mask", "false")]);
    /// Serve methods without an HTTP rule too: `POST /package.Service/Method`, with the message as JSON.
    unbound_methods: Placed<bool>, default("false"), flags(&[Flag::means("--unbound-methods", "true")]);
    /// Indent JSON.
    pretty: Placed<bool>, default("false"), flags(&[Flag::means("--pretty", "true")]);
    /// Write fields that are not set too, where not set means zero.
    emit_defaults: Placed<bool>, default("false"), flags(&[Flag::means("--emit-defaults", "true")]);
    /// Call fields in JSON by the names that their file gives them.
    proto_names: Placed<bool>, default("false"), flags(&[Flag::means("--proto-names", "true")]);
    /// Write enums by number.
    enums_as_numbers: Placed<bool>, default("false"), flags(&[Flag::means("--enums-as-numbers", "true")]);
    /// Write 64-bit integers in JSON without quotes.
    integers_as_numbers: Placed<bool>, default("false"), flags(&[Flag::means("--integers-as-numbers", "true")]);
    /// Skip unknown fields and unknown names of enum values instead of refusing them.
    ignore_unknown: Placed<bool>, default("false"), flags(&[Flag::means("--ignore-unknown", "true")]);
}

section! {
    /// Which browser pages may call the API.
    CrossOrigin is "`cors`", checked by check::cors;

    /// Origins whose pages may: `https://host`, `http://host:*`, `https://*.host`, `localhost`, or `*`.
    origins: OneOrMore<Placed<PageOrigin>>, default("[]"), flags(&[Flag::value("--cors-origin")]);
    /// Request headers that those pages may send besides those of the protocols; `*` for any.
    headers: OneOrMore<Placed<HeaderText>>, default("[]"), flags(&[Flag::value("--cors-header")]);
    /// Response headers that those pages may read besides those of the protocols.
    expose: OneOrMore<Placed<HeaderText>>, default("[]"), flags(&[Flag::value("--cors-expose")]);
    /// Let those pages send cookies and client certificates.
    credentials: Placed<bool>, default("false"), flags(&[Flag::means("--cors-credentials", "true")]);
    /// How long a browser may remember what those pages may do; `0s`: not at all.
    max_age: Placed<Duration>, default("2h"), flags(&[Flag::value("--cors-max-age")]);
}

section! {
    /// The admin pages.
    Admin is "`admin`", short for "address";

    /// Where `/metrics`, `/healthz`, `/readyz`, `/schema`, `/explain` and `POST /reload` are, or `off`.
    address: Placed<AdminAddress>, default("127.0.0.1:9901"), flags(&[Flag::value("--admin")]);
}

section! {
    /// What peers and descriptors may take, and for how long. Times bound a phase as a whole, whatever trickles in meanwhile.
    Limits is "`limits`";

    /// From the accepted connection to the end of its TLS handshake.
    tls_handshake: Placed<Time>, default("10s");
    /// From there to the first byte of a request, or to the HTTP/2 preface and the first SETTINGS.
    preface: Placed<Time>, default("10s");
    /// From a header block's first byte to its last.
    header_block: Placed<Time>, default("10s");
    /// From a message's first byte to its last.
    message: Placed<Time>, default("30s");
    /// How long a peer may take less than 1 KiB a second while bytes wait for it.
    write_stall: Placed<Time>, default("10s");
    /// How long a connection may be open without a request, or `off`.
    idle: Placed<TimeOrOff>, default("5m");
    /// Pings to peers of HTTP/2 from which nothing comes. `off` may stand alone.
    keepalive: Keepalive, default("{}");
    /// How old a connection may grow before it is asked to go, within 10 % more or less, or `off`. Its calls then have `grace` to end.
    age: Placed<TimeOrOff>, default("30m");
    /// How long calls in flight may take once a stop is asked for, or their connection has reached `age`; `0s`: they end at once.
    grace: Placed<Duration>, default("30s"), flags(&[Flag::value("--grace")]);
    /// Requests at a time on one connection.
    streams: Placed<Number<1, U32>>, default("100");
    /// Bytes of a request's headers, each field counted with 32 more. More is HTTP 431, of every protocol. What is more than 16KiB holds for the head of a proxy's reply too, and for its trailers, unless the proxy says otherwise.
    header_bytes: Placed<Size<LEAST_HEADER_BYTES>>, default("16KiB");
    /// Fields among a request's headers. More is HTTP 431, of every protocol.
    header_fields: Placed<Number<LEAST_HEADER_FIELDS, U32>>, default("100");
    /// Bytes of a message as it comes, and where it is inflated after that too; of a proxy's reply too, unless the proxy says otherwise.
    message_bytes: Placed<Size<1>>, default("4MiB");
    /// Bytes of a request's body that a peer may send before they are read, and a sixty-fourth more for what stands around a message of that size.
    stream_window: Placed<Size<1>>, default("64KiB");
    /// The same for all requests of a connection together.
    connection_window: Placed<Size<1>>, default("1MiB");
    /// Frames that carry nothing: PING, SETTINGS, PRIORITY, `WINDOW_UPDATE`, `RST_STREAM`, unknown ones and empty DATA.
    control_frames: ControlFrames, default("{}");
    /// Open connections.
    connections: Placed<Number<1, U32>>, default("20000");
    /// Open connections from one IPv4 address or one IPv6 network of 64 bits.
    connections_per_peer: Placed<Number<1, U32>>, default("1000");
    /// Bytes of replies that are held for one connection until its peer takes them.
    held_per_connection: Placed<Size<1>>, default("1MiB");
    /// Bytes that all connections hold together; beyond it new calls are refused. 0 is three quarters of the container's memory.
    memory: Placed<Memory>, default("0");
    /// How deep messages may nest that are looked into: those that are JSON on one side. An array or object in a `google.protobuf.Value` is two levels.
    depth: Placed<Number<1, MOST_DEPTH>>, default("100");
    /// Bytes of all descriptors together, after inflation.
    descriptor_bytes: Placed<Size<1>>, default("128MiB"), live();
    /// Files, messages, fields, enums, values, methods and ranges of all descriptors together.
    descriptor_elements: Placed<Number<1, U32>>, default("1000000"), live();
}

section! {
    /// When a silent peer is pinged, and how long it may take to answer.
    Keepalive is "`keepalive`", short for "every";

    /// A ping is sent once nothing has come for this long, or `off`.
    every: Placed<TimeOrOff>, default("30s");
    /// If nothing comes for this long after the ping the connection is closed.
    timeout: Placed<Time>, default("20s");
}

section! {
    /// A budget that fills up again as time passes.
    ControlFrames is "`control_frames`";

    /// How many at once.
    burst: Placed<Number<1, U32>>, default("1000");
    /// How many more a second, up to `burst`.
    per_second: Placed<Number<1, U32>>, default("100");
}

section! {
    /// Log lines, on standard error.
    Log is "`log`";

    /// How lines look.
    format: Placed<LogFormat>, default("text"), flags(&[Flag::value("--log-format")]), restart();
    /// The least severe lines to write.
    level: Placed<LogLevel>, default("info"), flags(&[Flag::value("--log-level")]);
    /// Which calls are logged, each when it comes and when it is over.
    calls: Placed<LogCalls>, default("off"), flags(&[Flag::value("--log-calls")]);
    /// What the records of calls say, in this order. There is also `metadata.NAME`, `response_metadata.NAME` and `trailer.NAME`.
    fields: OneOrMore<Placed<LogField>>, default(
        "[method, protocol, request_id, peer, code, duration_ms, request_messages, request_bytes, response_messages, response_bytes]"
    ), flags(&[Flag::value("--log-fields")]);
    /// Log messages as JSON, of each no more than so many bytes. Fields with the option `debug_redact` are masked.
    payloads: Option<Placed<Size<1>>>, otherwise("messages are not logged"), flags(&[Flag::value("--log-payloads")]);
}

const U32: u64 = u32::MAX as u64;

choice! {
    /// How log lines look.
    LogFormat {
        /// For people
        Text = "text",
        /// One JSON object a line
        Json = "json",
    }
}

choice! {
    /// What a server speaks.
    Spoken {
        /// gRPC
        Grpc = "grpc",
        /// gRPC-Web, in its binary form
        GrpcWeb = "grpc-web",
        /// Connect
        Connect = "connect",
        /// HTTP and JSON, along the HTTP rules of methods
        Rest = "rest",
    }
}

choice! {
    /// How messages are written.
    Written {
        /// Protobuf's wire format
        Proto = "proto",
        /// `ProtoJSON`
        Json = "json",
    }
}

choice! {
    /// What a server is told of who calls.
    Told {
        /// What callers say themselves
        Pass = "pass",
        /// The caller's address behind those that it named
        Add = "add",
        /// The caller's address alone
        Set = "set",
    }
}

choice! {
    /// A coding of compressed messages.
    Squeezed {
        /// gzip
        Gzip = "gzip",
        /// Zstandard
        Zstd = "zstd",
        /// Brotli
        Brotli = "br",
        /// zlib
        Deflate = "deflate",
        /// Snappy, framed
        Snappy = "snappy",
    }
}

choice! {
    /// The least severe log lines that are written.
    LogLevel {
        /// Nothing, neither lines nor the banner
        Off = "off",
        /// What failed
        Error = "error",
        /// What may go wrong
        Warn = "warn",
        /// What the server does
        Info = "info",
        /// What its connections do
        Debug = "debug",
        /// Everything, of the libraries below too
        Trace = "trace",
    }
}

choice! {
    /// Which calls are logged.
    LogCalls {
        /// None
        Off = "off",
        /// All but those of health and reflection
        Api = "api",
        /// All
        All = "all",
    }
}

/// The name of a header, or `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderText(pub String);

impl FromScalar for Balance {
    fn scalar() -> Scalar {
        Scalar {
            due: "power-of-two, round-robin or ring-hash:HEADER".to_owned(),
            form: Form::Text(Some(
                "^(power-of-two|round-robin|ring-hash:[!#$%&'*+.^_`|~0-9A-Za-z-]+)$",
            )),
            private: false,
        }
    }

    fn from_scalar(text: &str, _: From<'_>) -> Result<Self, Unfit> {
        text.parse().map_err(|why| match text.split_once(':') {
            Some(("ring-hash", _)) => Unfit::Because(why),
            _ => unknown(text, &["power-of-two", "round-robin", "ring-hash:HEADER"]),
        })
    }
}

impl FromScalar for Authority {
    fn scalar() -> Scalar {
        Scalar {
            due: "a host, or a host and a port, such as orders.example:443".to_owned(),
            form: Form::AnyText(Some("^[^/@ ]+$")),
            private: false,
        }
    }

    fn from_scalar(text: &str, _: From<'_>) -> Result<Self, Unfit> {
        text.parse().map_err(Unfit::Because)
    }
}

impl FromScalar for LogField {
    fn scalar() -> Scalar {
        Scalar {
            due: "a field such as method, code or metadata.NAME".to_owned(),
            form: Form::Text(Some(r"^[a-z_]+(\.[!#$%&'*+.^_`|~0-9A-Za-z-]+)?$")),
            private: false,
        }
    }

    fn from_scalar(text: &str, _: From<'_>) -> Result<Self, Unfit> {
        text.parse()
            .map_err(|error: crate::LogFieldError| Unfit::Because(error.to_string()))
    }
}

impl FromScalar for HeaderText {
    fn scalar() -> Scalar {
        Scalar {
            due: "the name of a header, or `*`".to_owned(),
            form: Form::AnyText(Some("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")),
            private: false,
        }
    }

    fn from_scalar(text: &str, _: From<'_>) -> Result<Self, Unfit> {
        if text == "*" || HeaderName::from_bytes(text.as_bytes()).is_ok() {
            Ok(Self(text.to_owned()))
        } else {
            Err(Unfit::Other)
        }
    }
}
