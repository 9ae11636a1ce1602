//! What a gateway tells about its calls: two log records each, metrics, and spans.
//!
//! ```text
//! Observer (one a gateway) -> Subject (one a method, in the snapshot) -> Series (one a protocol, made at the first call)
//!                                    |
//!                                    +-> Watch (one a call): counts as the call goes on, and tells the rest when dropped
//! ```
//!
//! A call looks no label up, and allocates for its Watch only where its request is a stream or somebody traces it.

mod exemplars;
mod fields;
mod holdings;
mod incoming;
mod metrics;
mod openmetrics;
mod payloads;
mod records;
mod runtimes;
mod site;
mod span;
mod subject;
mod upstreams;
mod watch;

use std::{fmt, sync::Arc};

use self::{metrics::Families, payloads::Payloads, records::Records, subject::Told};
use descant_descriptors::Method;
use descant_handlers::{Peer, trace::Tracer};
use http::request::Parts;

#[cfg(feature = "proxy")]
pub(crate) use self::records::on_one_line;
pub use self::{
    fields::{LogField, LogFieldError},
    metrics::Metrics,
    runtimes::RuntimeWatch,
};
pub(crate) use self::{
    holdings::MemoryWatch,
    metrics::MetricsError,
    records::{Log, REDACTED},
    span::Draft,
    subject::Subject,
    upstreams::UpstreamWatch,
    watch::Watch,
};
use crate::{
    error::Error,
    transport::{End, Full, Visit},
};

/// Which calls are told of in the log, with two records each.
///
/// They are events of [`tracing`] at the level `INFO`, with the target `descant.grpc` and the texts `grpc.request` and
/// `grpc.response`. The first is written when a request has come, and has those of its [fields](LogField) that are known then. The
/// second is written once the reply has ended, or the caller has gone (`code` is then `CANCELLED`, or `DEADLINE_EXCEEDED` if its time was over), and has all of them, so that one
/// line tells of a call. [`GatewayBuilder::log_fields`](crate::GatewayBuilder::log_fields) chooses which. Nothing is put together for a
/// record that no subscriber wants.
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

impl LogCalls {
    /// Whether those of a method are among them. `own`: it is of the gateway's own services.
    fn has(self, own: bool) -> bool {
        match self {
            Self::Off => false,
            Self::Api => !own,
            Self::All => true,
        }
    }
}

/// What observes the calls of a gateway.
pub(crate) struct Observer {
    metrics: Metrics,
    calls: LogCalls,
    /// `None`: nobody traces.
    tracer: Option<Arc<dyn Tracer>>,
    traces: LogCalls,
    /// `None`: no call leaves any.
    records: Option<Arc<Records>>,
    payloads: Option<Payloads>,
    /// Calls of what no schema names. One for all: names that peers make up are not to become labels.
    unknown: Arc<Subject>,
}

/// What is observed of calls, and how.
pub(crate) struct Observation {
    /// Where they are counted; `None` is a registry of the gateway's own.
    pub(crate) metrics: Option<Metrics>,
    pub(crate) calls: LogCalls,
    pub(crate) fields: Vec<LogField>,
    /// How many bytes of each message's JSON are logged, if any.
    pub(crate) payloads: Option<usize>,
    /// What makes their spans; `None`: they have none.
    pub(crate) tracer: Option<Arc<dyn Tracer>>,
    /// Which have spans.
    pub(crate) traces: LogCalls,
}

impl Default for Observation {
    fn default() -> Self {
        Self {
            metrics: None,
            calls: LogCalls::default(),
            fields: LogField::defaults(),
            payloads: None,
            tracer: None,
            traces: LogCalls::default(),
        }
    }
}

impl Observer {
    pub(crate) fn new(how: Observation) -> Result<Self, Error> {
        let metrics = how.metrics.map_or_else(Metrics::own, Ok)?;
        let told = Told {
            logged: how.calls.has(false),
            traced: how.traces.has(false),
            payloads: None,
        };
        let records = Records::of(how.fields)?;
        let unknown = Subject::new(None, told, metrics.families());
        Ok(Self {
            unknown: Arc::new(unknown),
            metrics,
            calls: how.calls,
            tracer: how.tracer,
            traces: how.traces,
            records: told.logged.then_some(records),
            payloads: how.payloads.map(Payloads::new),
        })
    }

    /// Begins the log of a call, if it may have one and anybody wants to read it.
    pub(crate) fn begin_log(&self, parts: &Parts, peer: &Peer) -> Option<Box<Log>> {
        self.records.as_ref()?.begin(parts, peer)
    }

    /// What the span of a call is made of, if anybody traces.
    pub(crate) fn draft_span(&self, parts: &Parts) -> Option<Box<Draft>> {
        let tracer = self.tracer.as_ref()?;
        Some(Box::new(Draft::new(tracer, parts)))
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// What is told of the calls of a method. `own`: it is of the gateway's own services.
    pub(crate) fn subject(&self, method: &Method, own: bool) -> Arc<Subject> {
        let told = Told {
            logged: self.calls.has(own),
            traced: self.traces.has(own),
            payloads: self.payloads.filter(|_| !own || self.calls == LogCalls::All),
        };
        Arc::new(Subject::new(Some(method.clone()), told, self.metrics.families()))
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
        Presence(families.clone())
    }

    /// Counts a connection that was not let in.
    pub(crate) fn refused(&self, full: Full) {
        let refused = &self.metrics.families().refused_connections;
        refused.with_label_values(&[full.limit()]).inc();
    }
}

/// A connection that is open.
#[must_use]
pub(crate) struct Presence(Arc<Families>);

impl Visit for Presence {
    fn ends(&self, end: End) {
        self.0.ended_connections.with_label_values(&[end.name()]).inc();
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.0.open_connections.dec();
    }
}

impl fmt::Debug for Presence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Presence")
    }
}
