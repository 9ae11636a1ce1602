//! What a gateway tells about its calls: two log records each, and metrics.
//!
//! ```text
//! Observer (one a gateway) -> Subject (one a method, in the snapshot) -> Series (one a protocol, made at the first call)
//!                                    |
//!                                    +-> Watch (one a call): counts as the call goes on, and tells the rest when dropped
//! ```
//!
//! A call looks no label up, and allocates for its Watch only where its request is a stream.

mod incoming;
mod metrics;
mod records;
mod runtimes;
mod subject;
mod watch;

use std::{fmt, sync::Arc};

use descant_descriptors::Method;
use prometheus::IntGauge;

pub use self::{metrics::Metrics, runtimes::RuntimeWatch};
pub(crate) use self::{metrics::MetricsError, subject::Subject, watch::Watch};
use crate::error::Error;

/// Which calls are told of in the log, with two records each.
///
/// They are events of [`tracing`] at the level `INFO`, with the target `descant.grpc`:
///
/// | record | fields |
/// |---|---|
/// | `grpc.request` | `method`, `protocol`, `request_id`, `peer` |
/// | `grpc.response` | `method`, `protocol`, `request_id`, `code`, `duration_ms`, `request_messages`, `request_bytes`, `response_messages`, `response_bytes` |
///
/// The second is written once the reply has ended, or the caller has gone (`code` is then `CANCELLED`). Bytes are those of
/// messages in the protobuf wire format, whatever the protocol and the compression.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogCalls {
    /// None.
    Off,
    /// Those of the API, but not of health and reflection, which are asked all day.
    #[default]
    Api,
    /// All of them.
    All,
}

/// What observes the calls of a gateway.
pub(crate) struct Observer {
    metrics: Metrics,
    calls: LogCalls,
    /// Calls of what no schema names. One for all: names that peers make up are not to become labels.
    unknown: Arc<Subject>,
}

/// The label of methods that no schema names.
const UNKNOWN: &str = "unknown";

impl Observer {
    /// `metrics`: where they are counted; `None` is a registry of its own.
    pub(crate) fn new(metrics: Option<Metrics>, calls: LogCalls) -> Result<Self, Error> {
        let metrics = metrics.map_or_else(Metrics::own, Ok)?;
        let unknown = Subject::new(UNKNOWN, calls != LogCalls::Off, metrics.families());
        Ok(Self {
            unknown: Arc::new(unknown),
            metrics,
            calls,
        })
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// What is told of the calls of a method. `own`: it is of the gateway's own services.
    pub(crate) fn subject(&self, method: &Method, own: bool) -> Arc<Subject> {
        let logged = match self.calls {
            LogCalls::Off => false,
            LogCalls::Api => !own,
            LogCalls::All => true,
        };
        let name = method.path().strip_prefix('/').unwrap_or_default();
        Arc::new(Subject::new(name, logged, self.metrics.families()))
    }

    /// The subject of what no schema names.
    pub(crate) fn unknown(&self) -> &Arc<Subject> {
        &self.unknown
    }

    /// Counts a connection as open until the answer is dropped.
    pub(crate) fn connected(&self) -> Presence {
        let families = self.metrics.families();
        families.connections.inc();
        families.open_connections.inc();
        Presence(families.open_connections.clone())
    }
}

/// A connection that is open.
#[must_use]
pub(crate) struct Presence(IntGauge);

impl Drop for Presence {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl fmt::Debug for Presence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Presence")
    }
}
