//! What handlers count of the servers that they call.

mod watched;

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use descant_handlers::upstreams::{AddressState, UpstreamStatistics};
use prometheus::{
    IntCounterVec, IntGaugeVec, Opts,
    core::{Collector, Desc},
    proto::MetricFamily,
};

use self::watched::{Counts, Watched};
use super::{Metrics, metrics::MetricsError};

/// A metric of upstreams: each has the label `upstream`, and perhaps one more.
struct Told {
    name: &'static str,
    help: &'static str,
    label: Option<&'static str>,
    /// The values, with those of that label.
    of: fn(&UpstreamStatistics) -> Vec<(&'static str, u64)>,
}

/// A value without another label.
fn only(value: u64) -> Vec<(&'static str, u64)> {
    vec![("", value)]
}

const COUNTERS: [Told; 9] = [
    Told {
        name: "attempts_total",
        help: "Attempts at calls of an upstream, by what they were made for.",
        label: Some("kind"),
        of: |UpstreamStatistics { attempts, .. }| {
            vec![
                ("first", attempts.first),
                ("retry", attempts.retries),
                ("hedge", attempts.hedges),
                ("resent", attempts.resent),
            ]
        },
    },
    Told {
        name: "attempts_ended_total",
        help: "Attempts at calls of an upstream that have ended, by how.",
        label: Some("outcome"),
        of: |UpstreamStatistics { outcomes, .. }| {
            vec![
                ("ok", outcomes.ok),
                ("error", outcomes.error),
                ("unreachable", outcomes.unreachable),
                ("unseen", outcomes.unseen),
                ("lost", outcomes.lost),
                ("timeout", outcomes.late),
                ("cancelled", outcomes.cancelled),
            ]
        },
    },
    Told {
        name: "calls_refused_total",
        help: "Calls that there was no attempt at, because of a limit.",
        label: Some("limit"),
        of: |UpstreamStatistics { refused, .. }| {
            vec![("max_calls", refused.in_flight), ("max_pending", refused.waiting)]
        },
    },
    Told {
        name: "retries_withheld_total",
        help: "Further attempts that a policy would have had and that were not made, by why.",
        label: Some("reason"),
        of: |UpstreamStatistics { withheld, .. }| {
            vec![
                ("throttled", withheld.throttled),
                ("max_attempts", withheld.exhausted),
                ("pushback", withheld.pushback),
                ("deadline", withheld.late),
            ]
        },
    },
    Told {
        name: "connections_total",
        help: "Connections to an upstream that were made.",
        label: None,
        of: |told| only(told.connections.opened),
    },
    Told {
        name: "connections_failed_total",
        help: "Connections to an upstream that could not be made, by why.",
        label: Some("reason"),
        of: |UpstreamStatistics { unconnected, .. }| {
            vec![
                ("refused", unconnected.refused),
                ("timeout", unconnected.late),
                ("closed", unconnected.hung_up),
                ("tls", unconnected.tls),
                ("http", unconnected.http),
                ("other", unconnected.other),
            ]
        },
    },
    Told {
        name: "ejections_total",
        help: "How often an address of an upstream was ejected for a while.",
        label: None,
        of: |told| only(told.ejections),
    },
    Told {
        name: "health_checks_failed_total",
        help: "Health checks that did not find an address of an upstream well.",
        label: None,
        of: |told| only(told.health_failures),
    },
    Told {
        name: "lookups_failed_total",
        help: "How often the name of an upstream was looked up in vain.",
        label: None,
        of: |told| only(told.lookup_failures),
    },
];

const GAUGES: [Told; 4] = [
    Told {
        name: "attempts_in_flight",
        help: "Attempts at calls of an upstream that have not ended.",
        label: None,
        of: |told| only(told.in_flight()),
    },
    Told {
        name: "calls_waiting",
        help: "Calls that wait for a connection to an upstream.",
        label: None,
        of: |told| only(told.waiting),
    },
    Told {
        name: "open_connections",
        help: "Connections to an upstream that are open.",
        label: None,
        of: |told| only(told.open_connections()),
    },
    Told {
        name: "addresses",
        help: "Addresses of an upstream, by what is thought of them.",
        label: Some("state"),
        of: |told| {
            let states: [(_, &[AddressState]); 4] = [
                ("ready", &[AddressState::Ready, AddressState::Connected]),
                ("unreachable", &[AddressState::Unreachable]),
                ("unhealthy", &[AddressState::Unwell]),
                ("ejected", &[AddressState::Ejected]),
            ];
            let count = |states: &[AddressState]| states.iter().map(|state| told.addresses_in(*state) as u64).sum();
            states.map(|(name, states)| (name, count(states))).to_vec()
        },
    },
];

/// Families of metrics that are read from handlers whenever they are asked for.
pub(super) struct Upstreams {
    counters: Vec<(IntCounterVec, Told)>,
    gauges: Vec<(IntGaugeVec, Told)>,
    /// Locked while they are collected, since what the families hold is of one moment.
    watched: Mutex<Watched>,
}

/// The upstreams of a gateway, whose metrics are shown until this is dropped.
pub(crate) struct UpstreamWatch {
    metrics: Metrics,
    gateway: u64,
}

impl Told {
    fn opts(&self) -> Opts {
        Opts::new(format!("descant_upstream_{}", self.name), self.help)
    }

    fn labels(&self) -> Vec<&'static str> {
        ["upstream"].into_iter().chain(self.label).collect()
    }

    /// Sets what there is to tell of one upstream.
    fn tell(&self, upstream: &str, told: &UpstreamStatistics, set: impl Fn(&[&str], u64)) {
        for (value, number) in (self.of)(told) {
            match self.label {
                Some(_) => set(&[upstream, value], number),
                None => set(&[upstream], number),
            }
        }
    }
}

impl Upstreams {
    pub(super) fn new() -> Result<Self, MetricsError> {
        let counter = |told: Told| Ok((IntCounterVec::new(told.opts(), &told.labels())?, told));
        let gauge = |told: Told| Ok((IntGaugeVec::new(told.opts(), &told.labels())?, told));
        Ok(Self {
            counters: COUNTERS.into_iter().map(counter).collect::<Result<_, MetricsError>>()?,
            gauges: GAUGES.into_iter().map(gauge).collect::<Result<_, MetricsError>>()?,
            watched: Mutex::default(),
        })
    }

    fn families(&self) -> impl Iterator<Item = &dyn Collector> {
        let counters = self.counters.iter().map(|(family, _)| -> &dyn Collector { family });
        counters.chain(self.gauges.iter().map(|(family, _)| -> &dyn Collector { family }))
    }

    fn watched(&self) -> MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Collector for Upstreams {
    fn desc(&self) -> Vec<&Desc> {
        self.families().flat_map(Collector::desc).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let mut watched = self.watched();
        let read = watched.read();
        for (family, told) in &self.counters {
            family.reset();
            for (upstream, statistics) in &read {
                let set = |labels: &[&str], number| family.with_label_values(labels).inc_by(number);
                told.tell(upstream, statistics, set);
            }
        }
        for (family, told) in &self.gauges {
            family.reset();
            for (upstream, statistics) in &read {
                let set = |labels: &[&str], number| {
                    family
                        .with_label_values(labels)
                        .set(i64::try_from(number).unwrap_or(i64::MAX));
                };
                told.tell(upstream, statistics, set);
            }
        }
        self.families().flat_map(Collector::collect).collect()
    }
}

impl Metrics {
    /// Shows what is counted of the upstreams of a gateway, once it says which it has.
    pub(crate) fn watch_upstreams(&self) -> UpstreamWatch {
        UpstreamWatch {
            gateway: self.families().upstreams.watched().add(),
            metrics: self.clone(),
        }
    }
}

impl UpstreamWatch {
    /// These are shown from now on. What was counted of an upstream stays with it for as long as it is among them.
    pub(crate) fn set(&self, counts: impl FnOnce() -> Vec<Counts>) {
        let mut watched = self.metrics.families().upstreams.watched();
        // Within the lock: of two changes the later one looks last.
        watched.set(self.gateway, counts());
    }
}

impl Drop for UpstreamWatch {
    fn drop(&mut self) {
        self.metrics.families().upstreams.watched().forget(self.gateway);
    }
}

impl fmt::Debug for UpstreamWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpstreamWatch")
            .field("gateway", &self.gateway)
            .finish_non_exhaustive()
    }
}
