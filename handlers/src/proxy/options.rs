//! What can be set about a proxy.

use std::{fmt, str::FromStr, time::Duration};

use http::HeaderName;

use super::{
    forwarded::Forwarded,
    service_config::ServiceConfig,
    speech::{UpstreamCodec, UpstreamProtocol},
};
use crate::{Encodings, metadata::is_reserved};

/// What can be set about a proxy. Counts of connections are for each address and each runtime that calls; `descant serve` has a
/// runtime for each of its workers.
///
/// ```
/// use descant_handlers::proxy::{Balance, Proxy, ProxyOptions};
///
/// let mut options = ProxyOptions::default();
/// options.balance = Balance::RoundRobin;
/// options.connections = Some(4);
/// let orders = Proxy::to("http://orders:9000")?.options(options);
/// # Ok::<(), descant_handlers::ProxyError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
#[allow(clippy::struct_excessive_bools)] // Each is a setting of its own.
pub struct ProxyOptions {
    /// What the upstream speaks; gRPC.
    pub protocol: UpstreamProtocol,
    /// How messages are written; as protobuf. Whether an upstream is well is asked in protobuf in any case.
    pub codec: UpstreamCodec,
    /// Whether unary methods without side effects (`idempotency_level`) are called by GET, which caches know, as long as a message
    /// does not need more than 8 KiB of a URL. With Connect; not by default.
    pub connect_get: bool,
    /// Whether the messages of a request that is a stream are the elements of a JSON array, as Envoy's transcoder wants them, not lines, as
    /// grpc-gateway does; Descant takes both. With REST; not by default.
    pub rest_array: bool,
    /// Whether it is called over HTTP/1.1, where HTTP/2 is the rule. A connection has one call at a time there, and a stream both ways
    /// gets no reply before its request has ended if the upstream works so. Not for gRPC, whose trailers HTTP/1.1 has no room for:
    /// [`Handler::check`](crate::Handler::check) says so.
    pub http1: bool,
    /// Codings of compressed messages that the upstream takes, whatever it says: many servers do not say so. None: only those of
    /// which a reply has told.
    pub encodings: Encodings,
    /// The largest message of a reply, in bytes as it comes, and where it is inflated after that too; a larger one is `RESOURCE_EXHAUSTED`. 4 MiB, as in gRPC's own clients. (What
    /// requests may have is for the server to say that takes them.)
    pub message_bytes: usize,
    /// Bytes that the head of a reply may take, and its trailers, as HTTP/2 counts them; larger ones are `INTERNAL`. 16 KiB.
    pub header_bytes: usize,
    /// How deep messages may nest that go and come as JSON ([`UpstreamCodec::Json`]); others are not looked into. 100, as in
    /// `JsonOptions::depth`; more than `JsonOptions::MOST_DEPTH` counts as that.
    pub depth: u32,
    /// Whether requests carry [`Call::request_id`](crate::Call::request_id) as `x-request-id`, in the place of what the call's metadata has
    /// there; they do. Else that metadata goes up as any other, which is for clients that say what a user says and nothing else.
    pub request_ids: bool,
    /// What the upstream is told of who calls; what callers say themselves.
    pub forwarded: Forwarded,
    /// How long a connection may take to be made, with TLS and the server's SETTINGS, and the look-up of a name; 10 s.
    pub connect_timeout: Duration,
    /// Which address a call goes to; the less busy of two.
    pub balance: Balance,
    /// At most so many connections; `None`: 16, or 256 over HTTP/1.1. Another one is made when each has as many calls as the server
    /// allows, or 256; over HTTP/1.1, one.
    pub connections: Option<usize>,
    /// Whether each runtime that serves a gateway makes a connection to each address before the first call, so that this does not wait
    /// for it; it does, over HTTP/2. Of an address that cannot be reached the log tells, and calls try again. Where a proxy answers calls of no
    /// gateway, [`Proxy::connect`](super::Proxy::connect) does the same for one address.
    pub warm_up: bool,
    /// So many connections are kept though no call needs them, from when a gateway begins to serve, else from
    /// the first call or [`Proxy::connect`](super::Proxy::connect) on; none.
    pub min_connections: usize,
    /// A connection without calls is closed after this time, or up to an eighth sooner; `None`: never. 3 min: what stands between
    /// often forgets connections after four.
    pub idle: Option<Duration>,
    /// A connection takes no new calls after this time, 10 % more or less; `None`: always. None.
    pub age: Option<Duration>,
    /// Whether a silent server is asked for a sign of life.
    pub keepalive: Option<Keepalive>,
    /// How often names are looked up again; 30 s, 20 % more or less. A failure to connect has them looked up at once.
    pub resolve_every: Duration,
    /// Calls at a time to this upstream, of all runtimes; more are `UNAVAILABLE` at once. `None`: as many as its connections take.
    pub max_calls: Option<usize>,
    /// Calls at a time that wait for a connection, of all runtimes; more are `UNAVAILABLE` at once. 1024.
    pub max_pending: usize,
    /// Addresses whose calls fail get none for a while.
    pub outlier: Option<Outlier>,
    /// Addresses are asked whether they are well; by default they are not.
    pub health: Option<HealthCheck>,
    /// Of the addresses at least so many percent have to be fit (neither ejected nor unwell); of fewer all are used, as if
    /// nothing were known of them. 1: only when none is fit.
    pub panic_percent: u8,
    /// The most time that a call may take, of all attempts together, whatever its caller gives it; longer is `DEADLINE_EXCEEDED`.
    /// `None`: what its caller gives it.
    pub timeout: Option<Duration>,
    /// Timeouts, retries and hedging, method by method; nothing.
    pub service_config: ServiceConfig,
    /// Bytes that are kept of the messages of a call which may have to be sent again; of a larger one there is one attempt. 256 KiB;
    /// of streams that no policy speaks of never more than 512. Each message counts for 64 more.
    pub retry_bytes: usize,
    /// Whether a policy makes another attempt, too, at a call whose connection was lost after it was sent, so that the upstream may have
    /// acted on it; as gRPC's own clients do. Else it does so only for methods whose `idempotency_level` says that this does no harm.
    pub retry_lost: bool,
}

/// The most of [`ProxyOptions::unseen_bytes`].
const UNSEEN: usize = 512;

/// Which address a call goes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Balance {
    /// Of two by chance, that with fewer calls.
    #[default]
    PowerOfTwo,
    /// One after the other.
    RoundRobin,
    /// Calls with the same value of this header go to the same address for as long as it is there and fit; when one comes or
    /// goes, only its own share moves. Calls without the header go as with [`Balance::PowerOfTwo`].
    RingHash(HeaderName),
}

/// PINGs (RFC 9113, section 6.7) to servers from which nothing comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Keepalive {
    /// After so long a silence, or up to a quarter more; 310 s. gRPC's servers hang up on clients that ping more often than every
    /// five minutes, unless they are told otherwise: set less only where the server allows it.
    pub every: Duration,
    /// How long an answer may take; 20 s. Then the connection is given up, and its calls are `UNAVAILABLE`.
    pub timeout: Duration,
    /// While there are no calls, too; not by default.
    pub without_calls: bool,
}

/// When an address gets no calls for a while because those that it had failed: `UNAVAILABLE`, `INTERNAL`, `UNKNOWN`,
/// `DATA_LOSS`, a connection that broke or could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outlier {
    /// After so many failures one behind the other; 5.
    pub consecutive: u32,
    /// When in an interval so many percent of its calls failed, and at least twice the share of the other addresses; 50.
    pub failure_percent: u8,
    /// Of fewer calls in an interval nothing is concluded; 20.
    pub volume: u32,
    /// Over what time calls are counted; 10 s.
    pub interval: Duration,
    /// How long an address gets no calls, times how often it did so lately; 30 s.
    pub ejection: Duration,
    /// At most; 5 min.
    pub max_ejection: Duration,
    /// At most so many percent of the addresses, but one of several in any case; 50.
    pub max_percent: u8,
}

/// Asks each address `grpc.health.v1.Health/Check`. One that has no such method is well.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HealthCheck {
    /// The service that is asked for; empty, the server as a whole.
    pub service: String,
    /// How often; 10 s, 20 % more or less.
    pub interval: Duration,
    /// How long an answer may take; 5 s.
    pub timeout: Duration,
    /// So many bad answers one behind the other make an address unwell; 2.
    pub unhealthy: u32,
    /// So many good ones make it well again; 1.
    pub healthy: u32,
}

impl Default for ProxyOptions {
    fn default() -> Self {
        Self {
            protocol: UpstreamProtocol::default(),
            codec: UpstreamCodec::default(),
            connect_get: false,
            rest_array: false,
            http1: false,
            encodings: Encodings::default(),
            message_bytes: 4 << 20,
            header_bytes: 16 << 10,
            depth: 100,
            request_ids: true,
            forwarded: Forwarded::default(),
            connect_timeout: Duration::from_secs(10),
            balance: Balance::default(),
            connections: None,
            warm_up: true,
            min_connections: 0,
            idle: Some(Duration::from_secs(180)),
            age: None,
            keepalive: Some(Keepalive::default()),
            resolve_every: Duration::from_secs(30),
            max_calls: None,
            max_pending: 1024,
            outlier: Some(Outlier::default()),
            health: None,
            panic_percent: 1,
            timeout: None,
            service_config: ServiceConfig::default(),
            retry_bytes: 256 << 10,
            retry_lost: false,
        }
    }
}

impl ProxyOptions {
    /// Bytes that are kept of a stream of which no policy speaks: it is refused early if it is, and there is one of them for each in flight.
    pub(super) fn unseen_bytes(&self) -> usize {
        self.retry_bytes.min(UNSEEN)
    }

    /// How many connections there may be to an address.
    pub fn most_connections(&self) -> usize {
        let usual = if self.http1 { 256 } else { 16 };
        self.connections.unwrap_or(usual).max(1)
    }

    /// How many of them may be made at once: where each takes one call, all who wait must not queue for one.
    pub(super) fn dials(&self) -> usize {
        if self.http1 { 16 } else { 1 }
    }
}

impl Default for Keepalive {
    fn default() -> Self {
        Self {
            every: Duration::from_secs(310),
            timeout: Duration::from_secs(20),
            without_calls: false,
        }
    }
}

impl Default for Outlier {
    fn default() -> Self {
        Self {
            consecutive: 5,
            failure_percent: 50,
            volume: 20,
            interval: Duration::from_secs(10),
            ejection: Duration::from_secs(30),
            max_ejection: Duration::from_secs(300),
            max_percent: 50,
        }
    }
}

impl Default for HealthCheck {
    fn default() -> Self {
        Self {
            service: String::new(),
            interval: Duration::from_secs(10),
            timeout: Duration::from_secs(5),
            unhealthy: 2,
            healthy: 1,
        }
    }
}

/// `power-of-two`, `round-robin` or `ring-hash:HEADER`.
impl FromStr for Balance {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "power-of-two" => Ok(Self::PowerOfTwo),
            None if text == "round-robin" => Ok(Self::RoundRobin),
            Some(("ring-hash", header)) => match header.parse::<HeaderName>() {
                Ok(header) if is_reserved(header.as_str()) => Err(format!(
                    "{header:?} belongs to HTTP or gRPC, and no call has it in its metadata"
                )),
                Ok(header) => Ok(Self::RingHash(header)),
                Err(_) => Err(format!("{header:?} is no name of a header")),
            },
            _ => Err("expected power-of-two, round-robin or ring-hash:HEADER".to_owned()),
        }
    }
}

impl fmt::Display for Balance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PowerOfTwo => f.write_str("power-of-two"),
            Self::RoundRobin => f.write_str("round-robin"),
            Self::RingHash(header) => write!(f, "ring-hash:{header}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn balances_are_written_and_read() {
        for text in ["power-of-two", "round-robin", "ring-hash:x-user"] {
            assert_eq!(text.parse::<Balance>().unwrap().to_string(), text);
        }
        for (text, why) in [
            ("random", "expected power-of-two"),
            ("ring-hash", "expected"),
            ("ring-hash:", "\"\" is no name"),
            ("ring-hash:a b", "\"a b\" is no name of a header"),
            ("ring-hash:Content-Type", "\"content-type\" belongs to HTTP or gRPC"),
            ("ring-hash:grpc-timeout", "\"grpc-timeout\" belongs to HTTP or gRPC"),
        ] {
            let error = text.parse::<Balance>().unwrap_err();
            assert!(error.starts_with(why), "{error}");
        }
    }
}
