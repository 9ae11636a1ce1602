//! The families of metrics, and the registry that they are in.

use std::{cell::RefCell, fmt, sync::Arc};

use prometheus::{
    HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
    core::{Collector, Desc},
    proto::{LabelPair, MetricFamily},
};

use super::{exemplars::Shelf, holdings::Holdings, openmetrics, runtimes::Runtimes, upstreams::Upstreams};
use crate::{
    error::{Error, ErrorKind},
    transport::{End, Full},
};

/// Upper bounds of the duration's buckets, in seconds.
pub(super) const BUCKETS: [f64; 15] = [
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
];

/// Metrics in a Prometheus registry. Cheap to clone: clones count together.
///
/// | metric | labels | |
/// |---|---|---|
/// | `descant_grpc_requests_total` | `method`, `code`, `protocol` | calls that have ended |
/// | `descant_grpc_request_duration_seconds` | `method`, `protocol` | histogram, from a call's head to the end of its reply |
/// | `descant_grpc_requests_in_flight` | `method`, `protocol` | calls that have not ended |
/// | `descant_grpc_request_messages_total`, `descant_grpc_request_bytes_total` | `method`, `protocol` | messages that came, and their bytes as protobuf, or of those that came compressed as they came |
/// | `descant_grpc_response_messages_total`, `descant_grpc_response_bytes_total` | `method`, `protocol` | messages that went out |
/// | `descant_open_connections`, `descant_connections_total` | | connections that servers have accepted |
/// | `descant_connections_refused_total` | `limit` | connections that were closed at once, for one of the [limits](crate::Limits) `connections`, `connections_per_peer` and `memory` |
/// | `descant_connections_ended_total` | `reason` | those that were accepted and have ended: `done`, `tls`, `protocol`, `timeout`, `lost` |
/// | `descant_build_info` | `version` | always 1: of which version this is |
/// | `descant_memory_bytes`, `descant_memory_limit_bytes` | | what servers hold for connections, calls and messages, and [may hold](crate::Limits::memory) |
/// | `descant_upstream_attempts_total` | `upstream`, `kind` | attempts at calls of a server behind: `first`, `retry`, `hedge`, `resent` |
/// | `descant_upstream_attempts_ended_total` | `upstream`, `outcome` | those that have ended: `ok`, `error`, `unreachable`, `unseen`, `lost`, `timeout`, `cancelled` |
/// | `descant_upstream_attempts_in_flight`, `descant_upstream_calls_waiting` | `upstream` | those that have not, and calls that wait for a connection |
/// | `descant_upstream_calls_refused_total` | `upstream`, `limit` | calls that `max_calls` or `max_pending` refused |
/// | `descant_upstream_retries_withheld_total` | `upstream`, `reason` | attempts that were not made: `throttled`, `max_attempts`, `pushback`, `deadline` |
/// | `descant_upstream_connections_total`, `descant_upstream_open_connections` | `upstream` | connections that were made, and those that are open |
/// | `descant_upstream_connections_failed_total` | `upstream`, `reason` | those that could not be made: `refused`, `timeout`, `closed`, `tls`, `http`, `other` |
/// | `descant_upstream_addresses` | `upstream`, `state` | addresses that are `ready`, `unreachable`, `unhealthy`, `ejected` |
/// | `descant_upstream_ejections_total`, `descant_upstream_health_checks_failed_total`, `descant_upstream_lookups_failed_total` | `upstream` | addresses that were ejected, that were not well, and names that were not found |
/// | `descant_runtime_workers`, `descant_runtime_alive_tasks`, `descant_runtime_global_queue_depth` | `runtime` | what tokio counts of the runtimes that serve |
/// | `descant_runtime_worker_busy_seconds_total`, `descant_runtime_worker_parks_total` | `runtime`, `worker` | of each of their threads, where the machine has atomics of 64 bits |
///
/// `method` is `package.Service/Method`, or `unknown` for whatever no schema names; `code` a name such as `NOT_FOUND`;
/// `protocol` is `grpc`, `grpc-web`, `connect` or `rest`. No label holds anything that a peer has said. A series is there from
/// the first call on. `upstream` is the URL of a proxy, or the name of other [`UpstreamCounts`](descant_handlers::upstreams::UpstreamCounts)
/// that a handler of a route gives; its series are there, and keep what they counted, for as long as some gateway has a route to it. `runtime` is a number: servers count the one that they were started on first, then those of their workers.
///
/// A gateway has metrics in a registry of its own, [`Gateway::metrics`](crate::Gateway::metrics), unless it is given others:
///
/// ```
/// use descant::{Gateway, Metrics, Schema, prometheus::Registry};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let schema = Schema::from_bytes(&include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/demo/bookshop.binpb"))[..])?;
/// let registry = Registry::new();
/// let metrics = Metrics::in_registry(&registry)?;
/// let gateway = Gateway::builder(schema).metrics(metrics).build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Metrics {
    registry: Registry,
    families: Arc<Families>,
}

/// Why metrics cannot be registered, or written down.
pub(crate) type MetricsError = prometheus::Error;

impl Metrics {
    /// In a registry of their own.
    pub(crate) fn own() -> Result<Self, Error> {
        Self::in_registry(&Registry::new())
    }

    /// In this registry. If they are there already, for another gateway, it is those.
    ///
    /// # Errors
    /// If the registry has metrics of these names that are somebody else's.
    pub fn in_registry(registry: &Registry) -> Result<Self, Error> {
        let families = Arc::new(Families::new().map_err(ErrorKind::Metrics)?);
        let families = match registry.register(Box::new(Registered(families.clone()))) {
            Ok(()) => families,
            Err(error) => registered(registry).ok_or(ErrorKind::MetricsTaken(error))?,
        };
        let registry = registry.clone();
        Ok(Self { registry, families })
    }

    /// In the registry that all of the process shares, `prometheus::default_registry()`.
    ///
    /// # Errors
    /// As [`in_registry`](Self::in_registry).
    pub fn in_default_registry() -> Result<Self, Error> {
        Self::in_registry(prometheus::default_registry())
    }

    /// The registry that they are in.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Everything in the registry, in Prometheus' text format, version 0.0.4: what is scraped.
    ///
    /// # Errors
    /// If somebody else's metrics in the registry cannot be written.
    pub fn to_text(&self) -> Result<String, Error> {
        let text = TextEncoder::new().encode_to_string(&self.registry.gather());
        Ok(text.map_err(ErrorKind::Metrics)?)
    }

    /// The same in the text format of OpenMetrics, version 1.0.0, in which the buckets of durations have exemplars: the ids of a
    /// call's trace and span, once calls are traced.
    ///
    /// A counter of somebody else whose name does not end in `_total` is of type `unknown` there: its series keeps its name.
    pub fn to_openmetrics(&self) -> String {
        let gathered = self.registry.gather();
        openmetrics::write(&gathered, &|family, labels, bucket| {
            let value = |name| labels.iter().find(|label| label.name() == name).map(LabelPair::value);
            let [method, protocol] = LABELS.map(value);
            let (true, Some(method), Some(protocol)) = (family.ends_with(DURATION), method, protocol) else {
                return None;
            };
            self.families.exemplars.find(method, protocol, bucket)
        })
    }

    /// Everything in the registry in whichever of the two formats a scraper likes better, and the content type of that. `accept` is the
    /// request's header of this name.
    ///
    /// # Errors
    /// As [`to_text`](Self::to_text).
    pub fn to_accepted(&self, accept: Option<&str>) -> Result<(&'static str, String), Error> {
        if openmetrics::is_accepted(accept.unwrap_or_default()) {
            return Ok((openmetrics::CONTENT_TYPE, self.to_openmetrics()));
        }
        Ok(("text/plain; version=0.0.4; charset=utf-8", self.to_text()?))
    }

    pub(super) fn families(&self) -> &Arc<Families> {
        &self.families
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

/// Every metric that there is.
pub(super) struct Families {
    pub(super) requests: IntCounterVec,
    pub(super) duration: HistogramVec,
    pub(super) in_flight: IntGaugeVec,
    pub(super) request_messages: IntCounterVec,
    pub(super) request_bytes: IntCounterVec,
    pub(super) response_messages: IntCounterVec,
    pub(super) response_bytes: IntCounterVec,
    pub(super) open_connections: IntGauge,
    pub(super) connections: IntCounter,
    pub(super) refused_connections: IntCounterVec,
    pub(super) ended_connections: IntCounterVec,
    build: IntGaugeVec,
    pub(super) memory: Holdings,
    pub(super) runtimes: Runtimes,
    pub(super) upstreams: Upstreams,
    /// Of the durations.
    pub(super) exemplars: Shelf,
}

const DURATION: &str = "descant_grpc_request_duration_seconds";
const LABELS: [&str; 2] = ["method", "protocol"];

impl Families {
    fn new() -> Result<Self, MetricsError> {
        let flow =
            |name: &str, help: &str| IntCounterVec::new(Opts::new(format!("descant_grpc_{name}_total"), help), &LABELS);
        let duration = HistogramOpts::new(DURATION, "Time from the head of a call to the end of its reply.");
        Ok(Self {
            requests: IntCounterVec::new(
                Opts::new(
                    "descant_grpc_requests_total",
                    "Calls that have ended, by their status code.",
                ),
                &["method", "code", "protocol"],
            )?,
            duration: HistogramVec::new(duration.buckets(BUCKETS.to_vec()), &LABELS)?,
            in_flight: IntGaugeVec::new(
                Opts::new("descant_grpc_requests_in_flight", "Calls that have not ended."),
                &LABELS,
            )?,
            request_messages: flow("request_messages", "Messages of requests that were read.")?,
            request_bytes: flow(
                "request_bytes",
                "Bytes of those messages as protobuf; of those that came compressed as they came.",
            )?,
            response_messages: flow("response_messages", "Messages of replies that were sent.")?,
            response_bytes: flow(
                "response_bytes",
                "Bytes of those messages as protobuf; of those that came compressed as they came.",
            )?,
            open_connections: IntGauge::new("descant_open_connections", "Connections that are open.")?,
            connections: IntCounter::new("descant_connections_total", "Connections that were accepted.")?,
            refused_connections: counters(
                Opts::new(
                    "descant_connections_refused_total",
                    "Connections that were closed at once, by the limit that was reached.",
                ),
                "limit",
                Full::ALL.map(Full::limit),
            )?,
            ended_connections: counters(
                Opts::new(
                    "descant_connections_ended_total",
                    "Connections that were accepted and have ended, by the reason.",
                ),
                "reason",
                End::ALL.map(End::name),
            )?,
            build: build()?,
            memory: Holdings::new()?,
            runtimes: Runtimes::new()?,
            upstreams: Upstreams::new()?,
            exemplars: Shelf::default(),
        })
    }

    fn all(&self) -> [&dyn Collector; 15] {
        [
            &self.requests,
            &self.duration,
            &self.in_flight,
            &self.request_messages,
            &self.request_bytes,
            &self.response_messages,
            &self.response_bytes,
            &self.open_connections,
            &self.connections,
            &self.refused_connections,
            &self.ended_connections,
            &self.build,
            &self.memory,
            &self.runtimes,
            &self.upstreams,
        ]
    }
}

/// Counters with one label, whose values are known: each is there from the start, so that the first of a kind is seen to come.
fn counters<const N: usize>(opts: Opts, label: &str, values: [&'static str; N]) -> Result<IntCounterVec, MetricsError> {
    let counters = IntCounterVec::new(opts, &[label])?;
    for value in values {
        counters.get_metric_with_label_values(&[value])?;
    }
    Ok(counters)
}

fn build() -> Result<IntGaugeVec, MetricsError> {
    let opts = Opts::new("descant_build_info", "Of which version this is; always 1.");
    let build = IntGaugeVec::new(opts, &["version"])?;
    build.get_metric_with_label_values(&[env!("CARGO_PKG_VERSION")])?.set(1);
    Ok(build)
}

/// What a registry holds. Not the whole of [`Metrics`], which hold the registry.
struct Registered(Arc<Families>);

thread_local! {
    /// Who looks for families in a registry, and what was found.
    static WANTED: RefCell<Option<Vec<Arc<Families>>>> = const { RefCell::new(None) };
}

/// The families that a registry has already. It gives nothing back that was put into it, but calls each of them for its
/// metrics, on this thread.
fn registered(registry: &Registry) -> Option<Arc<Families>> {
    WANTED.set(Some(Vec::new()));
    registry.gather();
    WANTED.take()?.pop()
}

impl Collector for Registered {
    fn desc(&self) -> Vec<&Desc> {
        self.0.all().into_iter().flat_map(Collector::desc).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        WANTED.with_borrow_mut(|wanted| {
            if let Some(found) = wanted {
                found.push(self.0.clone());
            }
        });
        self.0.all().into_iter().flat_map(Collector::collect).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_that_are_registered_twice_are_the_same() {
        let registry = Registry::new();
        let [first, second] = [(), ()].map(|()| Metrics::in_registry(&registry).unwrap());
        first.families().connections.inc();
        second.families().connections.inc();
        assert!(first.to_text().unwrap().contains("descant_connections_total 2\n"));
        let other = Metrics::own().unwrap();
        assert!(other.to_text().unwrap().contains("descant_connections_total 0\n"));
        Metrics::in_default_registry().unwrap();
        Metrics::in_default_registry().unwrap();
    }

    #[test]
    fn metrics_of_somebody_else_with_these_names_are_an_error() {
        let registry = Registry::new();
        let other = IntCounter::new("descant_connections_total", "Somebody else's.").unwrap();
        registry.register(Box::new(other)).unwrap();
        let error = Metrics::in_registry(&registry).unwrap_err().to_string();
        assert!(
            error.starts_with("metrics named `descant_...` are in that registry"),
            "{error}"
        );
    }
}
