//! `--to` and its kin.

use std::path::PathBuf;

use clap::Args;
use descant::handlers::proxy::{Authority, Balance, Proxy, ProxyError};

/// Which server answers, and how it is spoken to.
#[allow(dead_code, reason = "they are taken by their names")]
#[derive(Args, Debug)]
pub(crate) struct Upstream {
    /// Answer every method from this server: `http://HOST:PORT` (without TLS), `https://HOST:PORT` or `unix:/PATH`; may be
    /// given more than once, for servers that do the same; without a PATH it is asked what it serves, by reflection
    #[arg(long, value_name = "URL", value_parser = url, conflicts_with = "echo")]
    pub(crate) to: Vec<String>,

    /// What requests to it say in `:authority`, and over TLS the name that its certificate must have [default: host and port of the URL]
    #[arg(long = "to-authority", value_name = "NAME", value_parser = authority, requires = "to")]
    pub(crate) authority: Option<String>,

    /// What it speaks [default: grpc]
    #[arg(long = "to-protocol", value_name = "PROTOCOL", value_parser = ["grpc", "grpc-web", "connect", "rest"], requires = "to")]
    pub(crate) protocol: Option<String>,

    /// Call it over HTTP/1.1, not HTTP/2; with grpc-web, connect or rest
    #[arg(long = "to-http1", requires = "protocol")]
    pub(crate) http1: bool,

    /// How its messages are written [default: proto]
    #[arg(long = "to-codec", value_name = "CODEC", value_parser = ["proto", "json"], requires = "to")]
    pub(crate) codec: Option<String>,

    /// It takes messages in this coding, whatever it says of that; may be given more than once
    #[arg(long = "to-encoding", value_name = "CODING", value_parser = ["gzip", "zstd", "br", "deflate", "snappy"], requires = "to")]
    pub(crate) encodings: Vec<String>,

    /// What it is told of who calls, in `x-forwarded-for` and `x-forwarded-proto`: what callers say themselves (`pass`), their address
    /// behind those that they name (`add`), or their address alone (`set`) [default: pass]
    #[arg(long = "to-forwarded", value_name = "HOW", value_parser = ["pass", "add", "set"], requires = "to")]
    pub(crate) forwarded: Option<String>,

    /// Call unary methods without side effects (`idempotency_level`) by GET; with connect
    #[arg(long = "to-get", requires = "protocol")]
    pub(crate) get: bool,

    /// Which server, or address of its name, a call goes to: of two that with fewer calls (`power-of-two`), one after the
    /// other (`round-robin`), or the same for each value of a header (`ring-hash:HEADER`)
    #[arg(long = "to-balance", value_name = "HOW", default_value_t, requires = "to")]
    pub(crate) balance: Balance,

    /// Ask each address by grpc.health.v1 whether this service, without a name the whole server, is well
    #[arg(long = "to-health", value_name = "SERVICE", num_args = 0..=1, require_equals = true, default_missing_value = "", requires = "to")]
    pub(crate) health: Option<String>,

    /// How often it is asked what it serves, by reflection, where no PATH says so, or `off` [default: 30s]
    #[arg(long, value_name = "TIME", requires = "to")]
    pub(crate) schema_interval: Option<String>,

    /// The most time that a call to it may take, whatever the caller gives it [default: what the caller gives it]
    #[arg(long = "to-timeout", value_name = "TIME", requires = "to")]
    pub(crate) timeout: Option<String>,

    /// Timeouts, retries and hedging by method, as JSON: gRPC's service config
    #[arg(long, value_name = "FILE", requires = "to")]
    pub(crate) service_config: Option<PathBuf>,

    /// Trust it over TLS if one of these certificates has signed its own (PEM) [default: those that the system trusts]
    #[arg(long = "to-ca", value_name = "FILE", requires = "to")]
    pub(crate) ca: Option<PathBuf>,

    /// Show it this certificate over TLS (PEM, its chain behind it)
    #[arg(long = "to-cert", value_name = "FILE", requires_all = ["to", "key"])]
    pub(crate) certificate: Option<PathBuf>,

    /// The key of that certificate (PEM)
    #[arg(long = "to-key", value_name = "FILE", requires = "certificate")]
    pub(crate) key: Option<PathBuf>,

    /// Ask for this name over TLS, which its certificate must have [default: the host of the `:authority`]
    #[arg(long = "to-server-name", value_name = "NAME", requires = "to")]
    pub(crate) server_name: Option<String>,

    /// Trust whoever answers over TLS
    #[arg(long = "to-insecure", requires = "to", conflicts_with = "ca")]
    pub(crate) insecure: bool,
}

fn authority(text: &str) -> Result<String, String> {
    text.parse().map(|_: Authority| text.to_owned())
}

fn url(text: &str) -> Result<String, ProxyError> {
    Proxy::to(text).map(|_| text.to_owned())
}
