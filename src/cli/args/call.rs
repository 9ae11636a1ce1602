//! `call`: what is called, with what, and how replies look.

use std::{path::PathBuf, time::Duration};

use clap::{
    Args, ValueEnum,
    builder::{PossibleValuesParser, TypedValueParser},
};
use descant::handlers::{Encoding, Encodings, proxy::Authority};

use super::{Json, ServerTls, depth};

/// Options of `call`.
#[derive(Args, Debug)]
pub(crate) struct Call {
    /// Where the server is: HOST:PORT, https://HOST:PORT over TLS, or unix:PATH
    #[arg(value_name = "ADDRESS")]
    pub(crate) address: String,

    /// What is called: package.Service/Method, or package.Service.Method
    #[arg(value_name = "METHOD")]
    pub(crate) method: String,

    /// Descriptor sets, .proto files or folders that describe it; without one the server is asked, by reflection
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,

    /// The request's message as JSON, several one after another for a stream; `@FILE` takes them from a file, `@-` from standard
    /// input, each as soon as it is there [default: {} where one message is due, else none]
    #[arg(short, long, value_name = "JSON", allow_hyphen_values = true)]
    pub(crate) data: Option<String>,

    /// Metadata, `name: value`, to reflection too; that of names that end in -bin is base64; may be given more than once
    #[arg(short = 'H', long = "header", value_name = "HEADER")]
    pub(crate) headers: Vec<String>,

    /// Say this in `:authority`, and ask for this host over TLS [default: host and port of ADDRESS]
    #[arg(long, value_name = "NAME")]
    pub(crate) authority: Option<Authority>,

    /// What the server speaks
    #[arg(long, value_name = "PROTOCOL", value_enum, default_value_t)]
    pub(crate) protocol: Protocol,

    /// Over HTTP/1.1, not HTTP/2; with --protocol grpc-web, connect or rest
    #[arg(long)]
    pub(crate) http1: bool,

    /// Send the messages of a stream as a JSON array, which is what Envoy's transcoder takes, not as lines; with --protocol rest
    #[arg(long)]
    pub(crate) array: bool,

    /// HTTP rules of methods that have none, or others: the section `http` of a google.api.Service, in YAML; may be given more than
    /// once; with --protocol rest
    #[arg(long, value_name = "FILE")]
    pub(crate) http_rules: Vec<PathBuf>,

    /// Compress messages of the request; replies are taken in any coding
    #[arg(long, value_name = "CODING", value_parser = coding())]
    pub(crate) compress: Option<Encoding>,

    /// How long all of it may take: the server is told what is left of it
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) timeout: Option<Duration>,

    /// How long the connection may take
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    pub(crate) connect_timeout: Duration,

    /// The largest message of a reply, in bytes, or such as 16MiB
    #[arg(long, value_name = "SIZE", default_value = "4MiB", value_parser = size)]
    pub(crate) max_message: usize,

    /// How deep messages may nest, up to 256
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = depth())]
    pub(crate) depth: u32,

    /// How replies look [default: pretty on a terminal, else json]
    #[arg(long, value_name = "FORMAT", value_enum)]
    pub(crate) format: Option<ReplyFormat>,

    #[command(flatten)]
    pub(crate) json: Json,

    /// Tell on standard error what goes out and comes back beside the messages, and how long each part took; twice: sizes too
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,

    /// Print nothing: the exit code tells
    #[arg(short, long, conflicts_with = "verbose")]
    pub(crate) quiet: bool,

    #[command(flatten, next_help_heading = "TLS")]
    pub(crate) tls: ServerTls,
}

/// What a server speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Protocol {
    /// gRPC, over HTTP/2
    #[default]
    Grpc,
    /// gRPC-Web
    GrpcWeb,
    /// Connect
    Connect,
    /// HTTP and JSON, along the HTTP rule (google.api.http) of the method
    Rest,
}

/// What replies look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReplyFormat {
    /// JSON, one reply a line
    Json,
    /// JSON, indented
    Pretty,
    /// The text format
    Text,
}

/// By name, so that shells complete it.
fn coding() -> impl TypedValueParser<Value = Encoding> {
    let known = Encodings::all().split(',').filter(|name| *name != "identity");
    let missing = "this build does not have that coding";
    PossibleValuesParser::new(known).try_map(move |name| Encoding::named(&name).ok_or(missing))
}

fn size(text: &str) -> Result<usize, String> {
    let split = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let factor = match unit.trim() {
        "" => Some(1),
        "KiB" => Some(1 << 10),
        "MiB" => Some(1 << 20),
        "GiB" => Some(1 << 30),
        _ => None,
    };
    let size = number.parse::<usize>().ok().zip(factor);
    size.and_then(|(number, factor)| number.checked_mul(factor))
        .filter(|size| *size > 0)
        .ok_or_else(|| "expected bytes above 0, such as 65536, 64KiB or 16MiB".to_owned())
}

fn duration(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).ok().filter(|time| !time.is_zero());
    time.ok_or_else(|| {
        let lacks_unit = text.parse::<u64>().is_ok_and(|number| number > 0);
        let mend = if lacks_unit {
            format!("; say the unit: `{text}s` are seconds, `{text}ms` thousandths")
        } else {
            String::new()
        };
        format!("expected a time above 0 such as 30s, 500ms or 2m{mend}")
    })
}
