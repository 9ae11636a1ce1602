//! Whether a server and its services are well.

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, fmt, sync::Arc};

use async_trait::async_trait;
use descant_descriptors::Schema;
use tokio::sync::watch;

use crate::{Call, Closed, Handler, Message, Messages, Reply, Sender, Status};

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

/// `SERVICE_UNKNOWN`: what a watcher of a service without a status sees.
const SERVICE_UNKNOWN: i32 = 3;

/// More services than this are not listed.
///
/// Source: `grpc/health/v1/health.proto`, `Health.List`.
const LISTED: usize = 100;

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
    fn watched(&self, service: &str) -> i32 {
        match self.services.get(service) {
            _ if self.down => ServingStatus::NotServing.number(),
            Some(status) => status.number(),
            None => SERVICE_UNKNOWN,
        }
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
        self.state.borrow().services.get(service).copied()
    }

    /// Says for good that nothing is serving. Every watcher is told so, and its stream ends well:
    /// nothing can follow, and the server need not wait for it.
    pub fn shutdown(&self) {
        self.state.send_if_modified(|state| {
            state
                .services
                .values_mut()
                .for_each(|status| *status = ServingStatus::NotServing);
            !std::mem::replace(&mut state.down, true)
        });
    }

    fn change(&self, change: impl FnOnce(&mut BTreeMap<String, ServingStatus>) -> bool) {
        self.state
            .send_if_modified(|state| !state.down && change(&mut state.services));
    }

    fn check(&self, service: &str) -> Result<Message, Status> {
        let unknown = || Status::not_found(format!("nothing is known of the health of service {service:?}"));
        let status = self.get(service).ok_or_else(unknown)?;
        Ok(response(status.number()))
    }

    fn list(&self) -> Result<Message, Status> {
        let state = self.state.borrow();
        if state.services.len() > LISTED {
            let count = state.services.len();
            return Err(Status::resource_exhausted(format!(
                "{count} services are more than the {LISTED} a list has"
            )));
        }
        let statuses = state
            .services
            .iter()
            .map(|(name, status)| (name.clone(), status.number().into()));
        Ok(Message::from_prost(&ListResponse {
            statuses: statuses.collect(),
        }))
    }

    fn watch(&self, service: String) -> Messages {
        let state = self.state.subscribe();
        Messages::generate(|sender| async move { Ok(watch(state, service, sender).await?) })
    }
}

/// Sends the status at each change. While the watcher has no room, changes only replace each other.
async fn watch(mut state: watch::Receiver<State>, service: String, sender: Sender<Message>) -> Result<(), Closed> {
    let mut told = None;
    loop {
        let (status, down) = {
            let state = state.borrow_and_update();
            (state.watched(&service), state.down)
        };
        if told != Some(status) {
            sender.send(response(status)).await?;
            told = Some(status);
        }
        // Without the health itself nothing changes any more either.
        if down || state.changed().await.is_err() {
            return Ok(());
        }
    }
}

#[async_trait]
impl Handler for Health {
    async fn call(&self, call: Call) -> Result<Reply, Status> {
        let request = call.messages.only().await?;
        match call.method.name() {
            "Check" => Ok(self.check(&request.decode::<Request>()?.service)?.into()),
            "List" => Ok(self.list()?.into()),
            "Watch" => Ok(self.watch(request.decode::<Request>()?.service).into()),
            _ => {
                let name = call.method.full_name();
                Err(Status::unimplemented(format!(
                    "{name} is no method of grpc.health.v1.Health"
                )))
            }
        }
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

/// `HealthCheckRequest`.
#[derive(Clone, PartialEq, prost::Message)]
struct Request {
    #[prost(string, tag = "1")]
    service: String,
}

/// `HealthCheckResponse`.
#[derive(Clone, PartialEq, prost::Message)]
struct Response {
    #[prost(int32, tag = "1")]
    status: i32,
}

/// `HealthListResponse`.
#[derive(Clone, PartialEq, prost::Message)]
struct ListResponse {
    #[prost(btree_map = "string, message", tag = "1")]
    statuses: BTreeMap<String, Response>,
}

impl From<i32> for Response {
    fn from(status: i32) -> Self {
        Self { status }
    }
}

fn response(status: i32) -> Message {
    Message::from_prost(&Response::from(status))
}
