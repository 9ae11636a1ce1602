//! Whether a server and its services are well.

#[cfg(test)]
mod tests;

mod together;

use std::{collections::BTreeMap, fmt, sync::Arc};

use async_trait::async_trait;
use descant_descriptors::Schema;
use tokio::sync::watch;

use self::together::Together;
use crate::{Call, Handler, Reply, Status};

/// How a service is.
///
/// Source: `grpc/health/v1/health.proto`, `HealthCheckResponse.ServingStatus`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ServingStatus {
    /// Nobody said yet.
    Unknown,
    /// It answers calls.
    Serving,
    /// It does not, for now.
    NotServing,
}

/// Health checking, `grpc.health.v1.Health`: the handler of its three methods, and the handle by
/// which the application says how its services are. Clones are the same health.
///
/// | method | a service with a status | another one |
/// |---|---|---|
/// | `Check` | its status | `NOT_FOUND` |
/// | `Watch` | its status, then each change | `SERVICE_UNKNOWN`, then each change |
/// | `List` | all of them; `RESOURCE_EXHAUSTED` for more than 100 | |
///
/// The service `""` is the server as a whole. A watcher that is slow gets the latest status and
/// misses those between; nobody waits for it.
///
/// Source: gRPC core, `doc/health-checking.md`, and `grpc/health/v1/health.proto`.
///
/// ```
/// use descant_handlers::{Health, ServingStatus};
///
/// let health = Health::new();
/// health.set("acme.orders.v1.OrderService", ServingStatus::NotServing);
/// assert_eq!(health.get(""), Some(ServingStatus::Serving));
/// ```
#[derive(Clone)]
pub struct Health {
    state: Arc<watch::Sender<State>>,
}

#[derive(Default)]
struct State {
    services: BTreeMap<String, ServingStatus>,
    down: bool,
}

impl State {
    fn status(&self, service: &str) -> Option<ServingStatus> {
        let status = self.services.get(service).copied();
        status.map(|status| if self.down { ServingStatus::NotServing } else { status })
    }
}

impl ServingStatus {
    fn number(self) -> i32 {
        match self {
            Self::Unknown => 0,
            Self::Serving => 1,
            Self::NotServing => 2,
        }
    }
}

impl Health {
    /// The server as a whole is serving; no service has a status yet.
    pub fn new() -> Self {
        let state = State {
            services: BTreeMap::from([(String::new(), ServingStatus::Serving)]),
            down: false,
        };
        Self {
            state: Arc::new(watch::Sender::new(state)),
        }
    }

    /// The server as a whole and every service of the schema are serving.
    pub fn of(schema: &Schema) -> Self {
        let health = Self::new();
        for service in schema.services() {
            health.set(service.full_name(), ServingStatus::Serving);
        }
        health
    }

    /// Says how a service is. Nothing changes any more after [`Health::shutdown`].
    pub fn set(&self, service: impl Into<String>, status: ServingStatus) {
        let service = service.into();
        self.change(|services| services.insert(service, status) != Some(status));
    }

    /// Forgets a service. Nothing changes any more after [`Health::shutdown`].
    pub fn clear(&self, service: &str) {
        self.change(|services| services.remove(service).is_some());
    }

    /// How a service is, if someone said so.
    pub fn get(&self, service: &str) -> Option<ServingStatus> {
        self.state.borrow().status(service)
    }

    /// Says that nothing is serving any more. Every watcher is told so, and its stream ends well:
    /// nothing can follow, and the server need not wait for it.
    pub fn shutdown(&self) {
        self.state
            .send_if_modified(|state| !std::mem::replace(&mut state.down, true));
    }

    /// Takes a [`shutdown`](Health::shutdown) back, for a server that starts again: services are as they were before.
    pub fn resume(&self) {
        self.state
            .send_if_modified(|state| std::mem::replace(&mut state.down, false));
    }

    /// Answers from several healths as if they were one, for servers that share a port. A service is as the first of them says
    /// that is not `SERVING`; those that are shut down count only once all are.
    pub fn together(healths: impl IntoIterator<Item = Health>) -> impl Handler {
        Together::new(healths)
    }

    fn change(&self, change: impl FnOnce(&mut BTreeMap<String, ServingStatus>) -> bool) {
        self.state
            .send_if_modified(|state| !state.down && change(&mut state.services));
    }
}

#[async_trait]
impl Handler for Health {
    async fn call(&self, call: Call) -> Result<Reply, Status> {
        Together::new([self.clone()]).call(call).await
    }
}

impl Default for Health {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Health").field(&self.state.borrow().services).finish()
    }
}
