//! What the three methods of `grpc.health.v1.Health` answer, from one health or from several.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::{Future, poll_fn},
    pin::Pin,
    task::Poll,
};

use async_trait::async_trait;
use tokio::sync::watch;

use super::{Health, ServingStatus, State};
use crate::{Call, Closed, Handler, Message, Messages, Reply, Sender, Status};

/// `SERVICE_UNKNOWN`: what a watcher of a service without a status sees.
const SERVICE_UNKNOWN: i32 = 3;

/// More services than this are not listed.
///
/// Source: `grpc/health/v1/health.proto`, `Health.List`.
const LISTED: usize = 100;

/// Several healths as one.
pub(super) struct Together(Vec<watch::Receiver<State>>);

impl Together {
    pub(super) fn new(healths: impl IntoIterator<Item = Health>) -> Self {
        let states = healths.into_iter().map(|health| health.state.subscribe());
        Self(states.collect())
    }

    fn look(&self) -> Vec<watch::Ref<'_, State>> {
        self.0.iter().map(watch::Receiver::borrow).collect()
    }

    fn check(&self, service: &str) -> Result<Message, Status> {
        let unknown = || Status::not_found(format!("nothing is known of the health of service {service:?}"));
        let status = status(&self.look(), service).ok_or_else(unknown)?;
        Ok(response(status.number()))
    }

    fn list(&self) -> Result<Message, Status> {
        let states = self.look();
        let names: BTreeSet<&String> = states.iter().flat_map(|state| state.services.keys()).collect();
        if names.len() > LISTED {
            let count = names.len();
            return Err(Status::resource_exhausted(format!(
                "{count} services are more than the {LISTED} a list has"
            )));
        }
        let statuses = names
            .into_iter()
            .filter_map(|name| Some((name.clone(), status(&states, name)?.number().into())));
        Ok(Message::from_prost(&ListResponse {
            statuses: statuses.collect(),
        }))
    }

    fn watch(&self, service: String) -> Messages {
        let states = self.0.clone();
        Messages::generate(|sender| async move { Ok(watch(states, service, sender).await?) })
    }
}

/// How a service is: of those that know it the first that is not serving says it.
fn status(states: &[watch::Ref<'_, State>], service: &str) -> Option<ServingStatus> {
    let known = |down| {
        let states = states.iter().filter(move |state| state.down == down);
        states.filter_map(|state| state.status(service))
    };
    let awake = known(false).find(|status| *status != ServingStatus::Serving);
    awake.or_else(|| known(false).next()).or_else(|| known(true).next())
}

/// Sends the status at each change. While the watcher has no room, changes only replace each other.
async fn watch(
    mut states: Vec<watch::Receiver<State>>,
    service: String,
    sender: Sender<Message>,
) -> Result<(), Closed> {
    let mut told = None;
    loop {
        let (now, down) = {
            let states: Vec<_> = states.iter_mut().map(watch::Receiver::borrow_and_update).collect();
            let down = states.iter().all(|state| state.down);
            let known = status(&states, &service).map_or(SERVICE_UNKNOWN, ServingStatus::number);
            (
                if down {
                    ServingStatus::NotServing.number()
                } else {
                    known
                },
                down,
            )
        };
        if told != Some(now) {
            sender.send(response(now)).await?;
            told = Some(now);
        }
        if down || !any_changed(&mut states).await {
            return Ok(());
        }
    }
}

/// Waits until one of them changes. Those that are gone are forgotten; without any nothing changes any more.
async fn any_changed(states: &mut Vec<watch::Receiver<State>>) -> bool {
    while !states.is_empty() {
        let (place, changed) = {
            let mut waits: Vec<_> = states.iter_mut().map(|state| Box::pin(state.changed())).collect();
            poll_fn(|cx| {
                let mut polled = waits.iter_mut().map(|wait| Pin::new(wait).poll(cx)).enumerate();
                let ready = polled.find_map(|(place, polled)| match polled {
                    Poll::Ready(changed) => Some((place, changed)),
                    Poll::Pending => None,
                });
                ready.map_or(Poll::Pending, Poll::Ready)
            })
            .await
        };
        if changed.is_ok() {
            return true;
        }
        states.remove(place);
    }
    false
}

#[async_trait]
impl Handler for Together {
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

/// `HealthCheckRequest`.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Request {
    #[prost(string, tag = "1")]
    pub(super) service: String,
}

/// `HealthCheckResponse`.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Response {
    #[prost(int32, tag = "1")]
    pub(super) status: i32,
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
