//! What is told of the calls of one method.

use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use descant_descriptors::Method;
use descant_handlers::{Code, TraceContext};
use prometheus::{Histogram, IntCounter, IntGauge};

use super::{exemplars::Exemplars, metrics::Families, payloads::Payloads};
use crate::protocol::Protocol;

/// The label of methods that no schema names.
const UNKNOWN: &str = "unknown";

/// A method, as calls of it are told of.
pub(crate) struct Subject {
    /// `package.Service/Method`.
    name: Box<str>,
    told: Told,
    /// What the schema has of it; `None` for what no schema names.
    method: Option<Method>,
    families: Arc<Families>,
    /// By protocol. Made at the first call: an API of thousands of methods has none that nobody asks for.
    series: [OnceLock<Box<Series>>; 4],
}

/// What is told of calls beside what is counted.
#[derive(Clone, Copy)]
pub(super) struct Told {
    /// Whether they are told of in the log.
    pub(super) logged: bool,
    /// Whether they have spans, if anybody traces.
    pub(super) traced: bool,
    /// How their messages are told of, if they are.
    pub(super) payloads: Option<Payloads>,
}

/// The metrics of one method and one protocol.
pub(super) struct Series {
    duration: Histogram,
    /// From the first call on that is traced.
    exemplars: OnceLock<Arc<Exemplars>>,
    pub(super) in_flight: IntGauge,
    pub(super) received: Flow,
    pub(super) sent: Flow,
    /// By code.
    ended: [OnceLock<IntCounter>; 17],
}

/// Messages that go one way.
pub(super) struct Flow {
    messages: IntCounter,
    bytes: IntCounter,
}

impl Subject {
    /// What no schema names is called `unknown`: names that peers make up are not to become labels.
    pub(super) fn new(method: Option<Method>, told: Told, families: &Arc<Families>) -> Self {
        let name = method.as_ref().map(|method| method.path().trim_start_matches('/'));
        Self {
            name: name.unwrap_or(UNKNOWN).into(),
            told,
            method,
            families: families.clone(),
            series: Default::default(),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn is_logged(&self) -> bool {
        self.told.logged
    }

    pub(super) fn is_traced(&self) -> bool {
        self.told.traced
    }

    /// How its messages are told of, if they are.
    pub(super) fn payloads(&self) -> Option<(Payloads, &Method)> {
        self.told.payloads.zip(self.method.as_ref())
    }

    /// Whether requests may hold what is not for logs.
    pub(super) fn is_private(&self) -> bool {
        self.method
            .as_ref()
            .is_some_and(|method| method.input().has_redacted_fields())
    }

    /// `/package.Service/Method`, if a schema names it.
    pub(crate) fn path(&self) -> Option<&str> {
        self.method.as_ref().map(Method::path)
    }

    pub(super) fn series(&self, protocol: Protocol) -> &Series {
        let [grpc, grpc_web, connect, rest] = &self.series;
        let series = match protocol {
            Protocol::Grpc(_) => grpc,
            Protocol::GrpcWeb { .. } => grpc_web,
            Protocol::Connect(_) => connect,
            Protocol::Rest => rest,
        };
        series.get_or_init(|| Box::new(Series::new(&self.families, &self.name, protocol)))
    }

    /// Counts how long a call took. `span`: that of the call, if anybody will see it.
    pub(super) fn took(&self, protocol: Protocol, took: Duration, span: Option<&TraceContext>) {
        let series = self.series(protocol);
        series.duration.observe(took.as_secs_f64());
        if let Some(span) = span {
            let find = || self.families.exemplars.of(&self.name, protocol.label());
            series.exemplars.get_or_init(find).note(took, span);
        }
    }

    /// Counts a call that has ended.
    pub(super) fn ended(&self, protocol: Protocol, code: Code) {
        let find = || {
            let labels = [&*self.name, code.name(), protocol.label()];
            self.families.requests.with_label_values(&labels)
        };
        match self.series(protocol).ended.get(code as usize) {
            Some(counter) => counter.get_or_init(find).inc(),
            None => find().inc(),
        }
    }
}

impl Series {
    fn new(families: &Families, method: &str, protocol: Protocol) -> Self {
        let labels = [method, protocol.label()];
        Self {
            duration: families.duration.with_label_values(&labels),
            exemplars: OnceLock::new(),
            in_flight: families.in_flight.with_label_values(&labels),
            received: Flow {
                messages: families.request_messages.with_label_values(&labels),
                bytes: families.request_bytes.with_label_values(&labels),
            },
            sent: Flow {
                messages: families.response_messages.with_label_values(&labels),
                bytes: families.response_bytes.with_label_values(&labels),
            },
            ended: Default::default(),
        }
    }
}

impl Flow {
    /// Counts messages of so many bytes in all.
    pub(super) fn passed(&self, messages: usize, bytes: usize) {
        self.messages.inc_by(messages as u64);
        self.bytes.inc_by(bytes as u64);
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
