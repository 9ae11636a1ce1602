//! How the calls of an upstream are treated, as gRPC's service config has it.
//! Source: <https://github.com/grpc/grpc/blob/master/doc/service_config.md>, `grpc/service_config/service_config.proto`, gRFC A6.

mod fault;
mod read;

use std::{collections::HashMap, str::FromStr, sync::Arc, time::Duration};

use descant_descriptors::{Method, Schema};

pub use self::fault::{ServiceConfigError, ServiceConfigFault, Step};
use crate::Code;

/// More attempts at a call are not made, whatever a policy says. gRFC A6, "Maximum Number of Retries".
const MOST_ATTEMPTS: u32 = 5;

/// How calls are treated, method by method: timeouts, retries, hedging, whether they wait for a connection. Read from JSON as
/// gRPC's own clients have it; of `methodConfig` the keys `name`, `timeout`, `waitForReady`, `retryPolicy` and `hedgingPolicy` are known,
/// and `retryThrottling` beside it. The other keys that gRPC has are set elsewhere here: see [`passed_over`](Self::passed_over).
///
/// ```
/// use descant_handlers::{Proxy, proxy::{ProxyOptions, ServiceConfig}};
///
/// let mut options = ProxyOptions::default();
/// options.service_config = ServiceConfig::from_json(r#"{
///     "methodConfig": [{
///         "name": [{ "service": "shop.v1.Shop" }],
///         "timeout": "2s",
///         "retryPolicy": {
///             "maxAttempts": 3,
///             "initialBackoff": "0.1s",
///             "maxBackoff": "1s",
///             "backoffMultiplier": 2,
///             "retryableStatusCodes": ["UNAVAILABLE"]
///         }
///     }]
/// }"#)?;
/// let orders = Proxy::to("http://orders:9000")?.options(options);
///
/// let error = ServiceConfig::from_json(r#"{ "methodConfig": [{ "name": [{ "method": "Get" }] }] }"#).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "methodConfig[0].name[0]: a method without its service; add `service`, its full name"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct ServiceConfig {
    names: Vec<Name>,
    /// By the path of a method, `/SERVICE/` or nothing.
    methods: HashMap<String, Arc<MethodConfig>>,
    throttling: Option<RetryThrottling>,
    passed_over: Vec<ServiceConfigFault>,
}

/// What was passed over has no effect.
impl PartialEq for ServiceConfig {
    fn eq(&self, other: &Self) -> bool {
        self.names == other.names && self.methods == other.methods && self.throttling == other.throttling
    }
}

/// What a part of the config is about, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Name {
    service: String,
    method: String,
    place: Vec<Step>,
}

/// How the calls of some methods are treated.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct MethodConfig {
    pub(super) timeout: Option<Duration>,
    pub(super) wait_for_ready: bool,
    pub(super) policy: Option<Policy>,
}

/// Whether and when another attempt at a call is made.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Policy {
    Retry(RetryPolicy),
    Hedge(HedgingPolicy),
}

/// Another attempt once one has failed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct RetryPolicy {
    pub(super) max_attempts: u32,
    pub(super) initial_backoff: Duration,
    pub(super) max_backoff: Duration,
    pub(super) multiplier: f64,
    pub(super) codes: Codes,
}

/// Another attempt while others are under way.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct HedgingPolicy {
    pub(super) max_attempts: u32,
    pub(super) delay: Duration,
    pub(super) non_fatal: Codes,
}

/// When no other attempts are made any more, in thousandths of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RetryThrottling {
    pub(super) max_tokens: u32,
    pub(super) token_ratio: u32,
}

/// A set of codes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Codes(u32);

impl Codes {
    pub(super) fn has(self, code: Code) -> bool {
        self.0 & (1 << code.number()) != 0
    }
}

impl FromIterator<Code> for Codes {
    fn from_iter<T: IntoIterator<Item = Code>>(codes: T) -> Self {
        Self(codes.into_iter().fold(0, |set, code| set | (1 << code.number())))
    }
}

impl ServiceConfig {
    /// Reads it.
    ///
    /// # Errors
    /// Everything that is wrong with it, each fault with its place and a remedy.
    pub fn from_json(json: &str) -> Result<Self, ServiceConfigError> {
        read::read(json)
    }

    /// Whether it says nothing: each call is made as it comes.
    pub fn is_empty(&self) -> bool {
        self.methods.is_empty()
    }

    /// The keys in it that gRPC's clients know and that have no effect here, each with its place and the setting that says the same: of balancing,
    /// health checks and the size of messages.
    pub fn passed_over(&self) -> &[ServiceConfigFault] {
        &self.passed_over
    }

    /// Whether each method and service that it names is there.
    ///
    /// # Errors
    /// Each that is not, with its place and the nearest names.
    pub fn check(&self, schema: &Schema) -> Result<(), ServiceConfigError> {
        let faults = self.names.iter().filter_map(|name| name.check(schema));
        ServiceConfigError::among(faults.collect())
    }

    /// Whether what it names is among `methods`, those that it is used for. What the schema does not have is for [`check`](Self::check) to tell.
    ///
    /// # Errors
    /// Each service and method that is not, with its place.
    pub fn check_use(&self, methods: &[Method]) -> Result<(), ServiceConfigError> {
        let faults = self.names.iter().filter_map(|name| name.check_use(methods));
        ServiceConfigError::among(faults.collect())
    }

    pub(super) fn throttling(&self) -> Option<&RetryThrottling> {
        self.throttling.as_ref()
    }

    /// What is said of a method; the most exact name wins, and what others say does not count.
    pub(super) fn of(&self, method: &Method) -> Option<&Arc<MethodConfig>> {
        if self.methods.is_empty() {
            return None;
        }
        let path = method.path();
        let service = path.rfind('/').and_then(|slash| path.get(..=slash)).unwrap_or_default();
        [path, service, ""].iter().find_map(|name| self.methods.get(*name))
    }
}

impl Name {
    /// As [`ServiceConfig::methods`] has it.
    fn key(&self) -> String {
        match (&*self.service, &*self.method) {
            ("", _) => String::new(),
            (service, method) => format!("/{service}/{method}"),
        }
    }

    fn check_use(&self, methods: &[Method]) -> Option<ServiceConfigFault> {
        let key = self.key();
        let is_whole = self.method.is_empty();
        let fits = |path: &str| path == key || (is_whole && path.starts_with(&key));
        if methods.iter().any(|method| fits(method.path())) || key.is_empty() {
            return None;
        }
        let (step, named) = match self.method.as_str() {
            "" => ("service", format!("the service {}", self.service)),
            method => ("method", format!("the method {}/{method}", self.service)),
        };
        let mut place = self.place.clone();
        place.push(Step::Key(step.to_owned()));
        let what = format!("{named} is not among the methods of this route: what is said of it has no effect");
        let mend = "say it where that is routed, or leave it out";
        Some(ServiceConfigFault::new(place, what, mend).quoting())
    }

    fn check(&self, schema: &Schema) -> Option<ServiceConfigFault> {
        if self.service.is_empty() {
            return None;
        }
        let (key, what, nearest) = match schema.service(&self.service) {
            None => (
                "service",
                format!("there is no service {:?}", self.service),
                schema.nearest_services(&self.service),
            ),
            Some(_) if self.method.is_empty() || schema.method(&self.key()).is_some() => return None,
            Some(_) => {
                let nearest = schema.nearest_methods(&self.key());
                let own = nearest
                    .iter()
                    .filter_map(|path| path.rsplit('/').next().map(str::to_owned));
                (
                    "method",
                    format!("the service {} has no method {:?}", self.service, self.method),
                    own.collect(),
                )
            }
        };
        let mut place = self.place.clone();
        place.push(Step::Key(key.to_owned()));
        let fault = ServiceConfigFault::new(place, what, "`descant list` says which there are");
        Some(fault.near(nearest.first().map(String::as_str)).quoting())
    }
}

impl FromStr for ServiceConfig {
    type Err = ServiceConfigError;

    fn from_str(json: &str) -> Result<Self, ServiceConfigError> {
        Self::from_json(json)
    }
}
