//! What was typed. What it means is worked out by each command.

mod call;
mod config;
mod server;
mod upstream;

use std::path::PathBuf;

use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum, builder::RangedU64ValueParser};
use descant::{JsonOptions, LogField};

pub(crate) use self::{
    call::{Call, Protocol, ReplyFormat},
    config::{Config, ConfigFormat},
    server::{LiveArgs, ServerTls},
    upstream::Upstream,
};

/// Serve the gRPC APIs that descriptor sets describe.
///
/// `descant serve` alone runs a demo API that is worth trying.
#[derive(Debug, Parser)]
#[command(name = "descant", version, max_term_width = 100, propagate_version = true)]
pub(crate) struct Line {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the API of descriptor sets; without a PATH, the embedded demo API
    Serve(Box<Serve>),
    /// Load descriptor sets and report everything that is wrong with them
    Check(Check),
    /// List services, or the methods of one
    List(List),
    /// Show a symbol as proto source, with its comments
    Describe(Describe),
    /// Convert a message between JSON, the binary wire format and the text format
    Convert(Convert),
    /// Call a method of a live server
    #[command(
        after_help = "Exit codes: 0; 64 and the code of gRPC if the call fails (69 for NOT_FOUND, 78 for UNAVAILABLE); \
                            2 usage; 4 descriptors; 6 data that is no message."
    )]
    Call(Box<Call>),
    /// Tell what would become of an HTTP request: the rule that takes it, its fields, the message
    Explain(Explain),
    /// Show what `serve` would be told by a file and options, or the JSON Schema of such files
    Config {
        /// What to show
        #[command(subcommand)]
        what: Config,
    },
    /// Print a completion script for a shell
    Completions {
        /// The shell that is to complete
        shell: clap_complete::Shell,
    },
    /// Print a manual page (roff), of descant or of one of its commands
    Man {
        /// The command, `serve` or `config print` for instance; without one, the page of descant itself
        command: Vec<String>,
    },
}

/// What `--log-payloads` says alone.
pub(crate) const PAYLOAD_BYTES: &str = "4096";

/// Options of `serve`. Each is a setting as well: what a file says and what is typed come together in
/// [`descant::Config`], which takes options by their names.
#[allow(dead_code, reason = "they are taken by their names")]
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("sources").args(["paths", "config"]).multiple(true))]
#[command(group = ArgGroup::new("certified").args(["certificates", "config"]).multiple(true))]
#[command(group = ArgGroup::new("logging").args(["log_calls", "config"]).multiple(true))]
#[command(group = ArgGroup::new("allowing").args(["origins", "config"]).multiple(true))]
pub(crate) struct Serve {
    /// Take settings from this file, descant.yaml for instance; options win over it
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Descriptor sets (.binpb .pb .desc .protoset .bin .json .txtpb), .proto files, or folders of them
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,

    /// Where to listen: HOST:PORT (port 0 picks a free one) or unix:PATH; may be given more than once [default: [::]:50051]
    #[arg(short, long, value_name = "ADDR")]
    pub(crate) listen: Vec<String>,

    #[command(flatten)]
    pub(crate) tls: TlsFiles,

    /// Answer every method whose request and reply have the same type with its own request
    #[arg(long)]
    pub(crate) echo: bool,

    #[command(flatten, next_help_heading = "Upstream")]
    pub(crate) upstream: Upstream,

    #[command(flatten, next_help_heading = "REST")]
    pub(crate) rest: Rest,

    #[command(flatten, next_help_heading = "Pages of browsers (CORS)")]
    pub(crate) cors: Cors,

    #[command(flatten, next_help_heading = "Server")]
    pub(crate) running: Running,

    #[command(flatten, next_help_heading = "Log records, metrics and traces")]
    pub(crate) observing: Observing,
}

/// How a server runs.
#[allow(dead_code, reason = "they are taken by their names")]
#[derive(Args, Debug)]
pub(crate) struct Running {
    /// Where /metrics /healthz /readyz /schema /explain and POST /reload are, or `off` [default: 127.0.0.1:9901]
    #[arg(long, value_name = "ADDR|off")]
    pub(crate) admin: Option<String>,

    /// How long calls in flight may take once a stop is asked for
    #[arg(long, value_name = "TIME", default_value = "30s")]
    pub(crate) grace: String,

    /// Share the port with other processes, a successor for instance
    #[arg(long)]
    pub(crate) reuse_port: bool,

    /// Threads that serve connections [default: one a core]
    #[arg(long, value_name = "N")]
    pub(crate) workers: Option<String>,

    /// Reload when a descriptor, a certificate or the configuration changes; SIGHUP and POST /reload always do
    #[arg(long)]
    pub(crate) watch: bool,

    /// Written once every listener accepts: one `address` a line
    #[arg(long, value_name = "FILE")]
    pub(crate) ready_file: Option<PathBuf>,
}

/// What a server tells of its calls.
#[allow(dead_code, reason = "they are taken by their names")]
#[derive(Args, Debug)]
pub(crate) struct Observing {
    /// How log lines look
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub(crate) log_format: LogFormat,

    /// The least severe log lines to write
    #[arg(long, value_name = "LEVEL", value_enum, default_value_t = LogLevel::Info)]
    pub(crate) log_level: LogLevel,

    /// Log calls, each when it comes and when it is over: none, those of the API, or those of health and reflection too
    #[arg(long, value_name = "WHICH", value_enum, default_value_t = LogCalls::Off)]
    pub(crate) log_calls: LogCalls,

    /// What those records say, in this order, out of `method`, `service`, `protocol`, `request_id`, `trace_id`, `peer`, `tls_fingerprint`,
    /// `user_agent`, `http_method`, `http_path`, `http_route`, `timeout_ms`, `code`, `status_message`, `http_status`, `duration_ms`,
    /// `time_left_ms`, `request_messages`, `request_bytes`, `response_messages`, `response_bytes`, `upstream_address`, `upstream_attempts`,
    /// `metadata.NAME`, `response_metadata.NAME`, `trailer.NAME`, with commas between them [default: `method,protocol,request_id,peer,code,duration_ms` and the
    /// four sizes]
    #[arg(long, value_name = "FIELD,...", value_delimiter = ',', requires = "logging")]
    pub(crate) log_fields: Vec<LogField>,

    /// Log messages as JSON, of each no more than so many bytes; fields with the option `debug_redact` are masked
    #[arg(long, value_name = "BYTES", num_args = 0..=1, require_equals = true, default_missing_value = PAYLOAD_BYTES)]
    pub(crate) log_payloads: Option<String>,

    /// Send spans of calls to this receiver of OTLP over HTTP, such as `http://localhost:4318` [default: what
    /// `OTEL_EXPORTER_OTLP_ENDPOINT` names; OpenTelemetry's other variables count too]
    #[arg(long, value_name = "URL")]
    pub(crate) otlp: Option<String>,

    /// Neither count calls nor log nor trace them: there are no /metrics
    #[arg(long, conflicts_with_all = ["log_calls", "log_payloads", "otlp"])]
    pub(crate) no_observe: bool,
}

/// Which browser pages may call the API.
#[allow(dead_code, reason = "they are taken by their names")]
#[derive(Args, Debug)]
pub(crate) struct Cors {
    /// Let browser pages of this origin call the API: an origin such as `https://shop.example`, `http://host:*`,
    /// `https://*.host`, localhost, or *; may be given more than once [default: none; localhost for the demo API]
    #[arg(long = "cors-origin", value_name = "ORIGIN")]
    pub(crate) origins: Vec<String>,

    /// Let those pages send this request header too, or * for any; may be given more than once
    #[arg(long = "cors-header", value_name = "NAME", requires = "allowing")]
    pub(crate) headers: Vec<String>,

    /// Let those pages read this response header too; may be given more than once
    #[arg(long = "cors-expose", value_name = "NAME", requires = "allowing")]
    pub(crate) exposed: Vec<String>,

    /// Let those pages send cookies and client certificates
    #[arg(long = "cors-credentials", requires = "allowing")]
    pub(crate) credentials: bool,

    /// How long a browser may remember what those pages may do
    #[arg(long = "cors-max-age", value_name = "TIME", default_value = "2h")]
    pub(crate) max_age: String,
}

/// What listeners show over TLS, and ask of clients.
#[allow(dead_code, reason = "they are taken by their names")]
#[derive(Args, Debug)]
pub(crate) struct TlsFiles {
    /// Speak TLS with this certificate (PEM, its chain behind it); of several, with the one that a client asks for
    #[arg(long = "tls-cert", value_name = "FILE")]
    pub(crate) certificates: Vec<PathBuf>,

    /// The key of the certificate (PEM); one for each --tls-cert, in the same order
    #[arg(long = "tls-key", value_name = "FILE")]
    pub(crate) keys: Vec<PathBuf>,

    /// Let only clients in whose certificate one of these has signed (PEM)
    #[arg(long = "tls-client-ca", value_name = "FILE", requires = "certified")]
    pub(crate) client_ca: Option<PathBuf>,

    /// Let clients in that show no certificate
    #[arg(long = "tls-client-optional", requires = "certified")]
    pub(crate) client_optional: bool,
}

/// Options of `check`.
#[derive(Args, Debug)]
pub(crate) struct Check {
    /// Check this configuration, and the descriptors that it names unless a PATH is given
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Descriptor sets, .proto files, or folders of them; without one, the embedded demo API
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,

    /// HTTP rules for methods whose descriptors have none, or others: the section `http` of a google.api.Service, in YAML;
    /// may be given more than once
    #[arg(long, value_name = "FILE")]
    pub(crate) http_rules: Vec<PathBuf>,

    /// How the report looks
    #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
    pub(crate) format: ReportFormat,
}

/// Options of `list`.
#[derive(Args, Debug)]
pub(crate) struct List {
    /// Descriptor sets, .proto files or folders; a last word that is no path is a service's name
    #[arg(value_name = "PATH|SERVICE")]
    pub(crate) words: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) live: LiveArgs,
}

/// Options of `describe`.
#[derive(Args, Debug)]
pub(crate) struct Describe {
    /// Descriptor sets, .proto files or folders, then the symbol, or a file's name as imports spell it; without one,
    /// every service
    #[arg(value_name = "PATH|SYMBOL")]
    pub(crate) words: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) live: LiveArgs,
}

/// Options of `convert`.
#[derive(Args, Debug)]
pub(crate) struct Convert {
    /// Descriptor sets, .proto files, or folders of them; without one, the embedded demo API
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,

    /// The full name of the message's type
    #[arg(short = 't', long = "type", value_name = "NAME")]
    pub(crate) message: String,

    /// The form that it comes in [default: what the ending of the input says]
    #[arg(long, value_name = "FORMAT", value_enum)]
    pub(crate) from: Option<MessageFormat>,

    /// The form that it is to have [default: what the ending of the output says]
    #[arg(long, value_name = "FORMAT", value_enum)]
    pub(crate) to: Option<MessageFormat>,

    /// Where the message is, or `-` [default: standard input]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) input: Option<PathBuf>,

    /// Where to write it, or `-` [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) json: Json,

    /// Write unknown fields by number, in the text format
    #[arg(long)]
    pub(crate) print_unknown: bool,

    /// Mask fields that have the option `debug_redact`
    #[arg(long)]
    pub(crate) redact: bool,

    /// How deep messages may nest, up to 256
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = depth())]
    pub(crate) depth: u32,
}

/// What messages may nest.
fn depth() -> RangedU64ValueParser<u32> {
    RangedU64ValueParser::new().range(1..=u64::from(JsonOptions::MOST_DEPTH))
}

/// How JSON is written and read.
#[allow(clippy::struct_excessive_bools)] // Each is a flag of its own.
#[derive(Args, Debug)]
pub(crate) struct Json {
    /// Indent JSON
    #[arg(long)]
    pub(crate) pretty: bool,

    /// Write fields that are not set too, where not set means zero
    #[arg(long)]
    pub(crate) emit_defaults: bool,

    /// Call fields in JSON by the names that their file gives them
    #[arg(long)]
    pub(crate) proto_names: bool,

    /// Write enums by number
    #[arg(long)]
    pub(crate) enums_as_numbers: bool,

    /// Write 64-bit integers in JSON without quotes
    #[arg(long)]
    pub(crate) integers_as_numbers: bool,

    /// Skip unknown fields and unknown names of enum values instead of refusing them
    #[arg(long)]
    pub(crate) ignore_unknown: bool,
}

/// How HTTP and JSON are spoken, along HTTP rules.
#[allow(dead_code, reason = "they are taken by their names")]
#[derive(Args, Debug)]
pub(crate) struct Rest {
    /// HTTP rules for methods whose descriptors have none, or others: the section `http` of a google.api.Service, in YAML;
    /// may be given more than once
    #[arg(long, value_name = "FILE")]
    pub(crate) http_rules: Vec<PathBuf>,

    /// Pass over query parameters of this name where no field has it, or * for any; may be given more than once
    #[arg(long, value_name = "NAME")]
    pub(crate) ignore_parameter: Vec<String>,

    /// Leave a PATCH without `update_mask` as it is, instead of naming there what its body has
    #[arg(long)]
    pub(crate) no_update_mask: bool,

    /// Serve methods without an HTTP rule too: POST /package.Service/Method with the message as JSON; of type
    /// application/json it is a call of Connect in any case
    #[arg(long)]
    pub(crate) unbound_methods: bool,

    #[command(flatten)]
    pub(crate) json: Json,
}

/// What a message may look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum MessageFormat {
    /// ProtoJSON
    Json,
    /// The binary wire format
    Binpb,
    /// The text format
    #[value(alias = "textproto")]
    Txtpb,
}

/// Options of `explain`.
#[derive(Args, Debug)]
pub(crate) struct Explain {
    /// Descriptor sets, .proto files or folders, without one the demo API; then the request as one word: 'GET /v1/books'
    #[arg(value_name = "PATH|REQUEST", required = true)]
    pub(crate) words: Vec<PathBuf>,

    /// The body of the request; `@FILE` takes it from a file, `@-` from standard input
    #[arg(short, long, value_name = "BODY")]
    pub(crate) data: Option<String>,

    /// A header of the request, `name: value`; may be given more than once
    #[arg(short = 'H', long = "header", value_name = "HEADER")]
    pub(crate) headers: Vec<String>,

    /// How the explanation looks
    #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
    pub(crate) format: ReportFormat,

    #[command(flatten, next_help_heading = "REST")]
    pub(crate) rest: Rest,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

/// Which calls are logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogCalls {
    /// None
    Off,
    /// All but those of health and reflection
    Api,
    /// All
    All,
}

/// The least severe log lines that are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum LogLevel {
    /// Nothing, neither lines nor the banner
    Off,
    /// What failed
    Error,
    /// What may go wrong
    Warn,
    /// What the server does
    Info,
    /// What its connections do
    Debug,
    /// Everything, of the libraries below too
    Trace,
}

/// How the report of `check` looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    /// For people
    Text,
    /// One JSON object
    Json,
}
