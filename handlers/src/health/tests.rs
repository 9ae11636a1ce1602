use std::{
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use prost::Message as _;
use tokio::time::{Duration, timeout};

use super::{
    together::{Request, Response},
    *,
};
use crate::{Code, Message, Messages, fixtures::schema};

async fn call(health: &Health, method: &str, request: impl Into<Bytes>) -> Result<Messages, Status> {
    let method = schema().method(&format!("/grpc.health.v1.Health/{method}")).unwrap();
    let reply = health
        .call(Call::new(method, Message::from_wire(request.into())))
        .await?;
    Ok(reply.messages)
}

async fn check(health: &Health, service: &str) -> Result<Bytes, Status> {
    let request = Request {
        service: service.into(),
    }
    .encode_to_vec();
    call(health, "Check", request).await?.only().await?.into_wire()
}

async fn watch(health: &Health, service: &str) -> Messages {
    call(
        health,
        "Watch",
        Request {
            service: service.into(),
        }
        .encode_to_vec(),
    )
    .await
    .unwrap()
}

/// The number of the status that is there now; `None` when the watcher has to wait.
fn now(watcher: &mut Messages) -> Option<i32> {
    let next = pin!(watcher.next());
    match next.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(message) => Some(message.unwrap().unwrap().decode::<Response>().unwrap().status),
        Poll::Pending => None,
    }
}

#[tokio::test]
async fn check_tells_what_was_set() {
    let health = Health::new();
    assert_eq!(check(&health, "").await.unwrap(), &b"\x08\x01"[..]);
    assert_eq!(check(&health, "acme").await.unwrap_err().code(), Code::NotFound);
    let same = health.clone();
    same.set("acme", ServingStatus::NotServing);
    assert_eq!(check(&health, "acme").await.unwrap(), &b"\x08\x02"[..]);
    same.set("acme", ServingStatus::Unknown);
    assert_eq!(check(&health, "acme").await.unwrap(), &b""[..]);
    same.clear("acme");
    assert_eq!(check(&health, "acme").await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn list_tells_everything() {
    let health = Health::new();
    health.set("acme", ServingStatus::NotServing);
    health.set("shop.v1.Shop", ServingStatus::Serving);
    let list = call(&health, "List", "")
        .await
        .unwrap()
        .only()
        .await
        .unwrap()
        .into_wire()
        .unwrap();
    let golden =
        b"\x0a\x04\x12\x02\x08\x01\x0a\x0a\x0a\x04acme\x12\x02\x08\x02\x0a\x12\x0a\x0cshop.v1.Shop\x12\x02\x08\x01";
    assert_eq!(list, &golden[..]);
}

#[test]
fn a_schemas_services_are_serving_at_first() {
    let health = Health::of(&schema());
    for service in ["", "shop.v1.Shop", "grpc.health.v1.Health"] {
        assert_eq!(health.get(service), Some(ServingStatus::Serving), "{service}");
    }
}

#[tokio::test]
async fn a_list_has_at_most_a_hundred() {
    let health = Health::new();
    (0..99).for_each(|number| health.set(format!("acme.{number}"), ServingStatus::Serving));
    assert!(call(&health, "List", "").await.is_ok());
    health.set("one.more", ServingStatus::Serving);
    assert_eq!(
        call(&health, "List", "").await.unwrap_err().code(),
        Code::ResourceExhausted
    );
}

#[tokio::test]
async fn watchers_see_changes() {
    let health = Health::new();
    let mut acme = watch(&health, "acme").await;
    let mut server = watch(&health, "").await;
    assert_eq!(now(&mut acme), Some(3));
    assert_eq!(now(&mut server), Some(1));
    assert_eq!(now(&mut acme), None);
    health.set("acme", ServingStatus::Serving);
    assert_eq!(now(&mut acme), Some(1));
    // Neither another service's change nor one that changes nothing is told.
    health.set("acme", ServingStatus::Serving);
    assert_eq!((now(&mut acme), now(&mut server)), (None, None));
    health.clear("acme");
    assert_eq!(now(&mut acme), Some(3));
}

#[tokio::test]
async fn slow_watchers_get_the_latest() {
    let health = Health::new();
    let mut watcher = watch(&health, "acme").await;
    assert_eq!(now(&mut watcher), Some(3));
    for _ in 0..10_000 {
        health.set("acme", ServingStatus::NotServing);
        health.set("acme", ServingStatus::Serving);
    }
    assert_eq!(now(&mut watcher), Some(1));
    assert_eq!(now(&mut watcher), None);
    // There and back again in between is no change.
    health.set("acme", ServingStatus::NotServing);
    health.set("acme", ServingStatus::Serving);
    assert_eq!(now(&mut watcher), None);
}

#[tokio::test]
async fn watchers_wake_up() {
    let health = Health::new();
    let mut watcher = watch(&health, "acme").await;
    assert_eq!(now(&mut watcher), Some(3));
    let waiting = tokio::spawn(async move { watcher.next().await });
    tokio::task::yield_now().await;
    health.set("acme", ServingStatus::Serving);
    let message = timeout(Duration::from_secs(10), waiting)
        .await
        .unwrap()
        .unwrap()
        .unwrap()
        .unwrap();
    assert_eq!(message.into_wire().unwrap(), &b"\x08\x01"[..]);
}

#[tokio::test]
async fn shutdown_is_told_and_is_the_end() {
    let health = Health::new();
    health.set("acme", ServingStatus::Serving);
    let mut watchers = [
        watch(&health, "acme").await,
        watch(&health, "").await,
        watch(&health, "unknown").await,
    ];
    assert_eq!(watchers.each_mut().map(now), [Some(1), Some(1), Some(3)]);
    health.shutdown();
    for watcher in &mut watchers {
        assert_eq!(now(watcher), Some(2));
        assert!(watcher.next().await.is_none());
    }
    health.set("acme", ServingStatus::Serving);
    health.clear("");
    assert_eq!(health.get("acme"), Some(ServingStatus::NotServing));
    assert_eq!(check(&health, "").await.unwrap(), &b"\x08\x02"[..]);
    let mut late = watch(&health, "acme").await;
    assert_eq!(now(&mut late), Some(2));
    assert!(late.next().await.is_none());
}

#[tokio::test]
async fn a_shutdown_can_be_taken_back() {
    let health = Health::new();
    health.set("acme", ServingStatus::Unknown);
    health.shutdown();
    health.resume();
    assert_eq!(health.get("acme"), Some(ServingStatus::Unknown));
    health.set("acme", ServingStatus::Serving);
    assert_eq!(now(&mut watch(&health, "acme").await), Some(1));
}

#[tokio::test]
async fn several_healths_answer_as_one() {
    let (one, other) = (Health::new(), Health::new());
    one.set("one", ServingStatus::Serving);
    other.set("other", ServingStatus::Serving);
    let together = Health::together([one.clone(), other.clone()]);
    let ask = async |name: &str, service: &str| {
        let method = schema().method(&format!("/grpc.health.v1.Health/{name}")).unwrap();
        let service = service.into();
        let request = Message::from_prost(&Request { service });
        together.call(Call::new(method, request)).await.unwrap().messages
    };
    let checked = async |service: &str| {
        let reply = ask("Check", service).await.only().await.unwrap();
        reply.decode::<Response>().unwrap().status
    };
    let mut watcher = ask("Watch", "other").await;
    let mut unknown = ask("Watch", "late").await;
    assert_eq!((now(&mut watcher), now(&mut unknown)), (Some(1), Some(3)));
    assert_eq!(
        [checked("one").await, checked("other").await, checked("").await],
        [1, 1, 1]
    );
    other.set("", ServingStatus::NotServing);
    assert_eq!(checked("").await, 2, "the first that is not well");
    other.set("late", ServingStatus::Serving);
    assert_eq!((now(&mut watcher), now(&mut unknown)), (None, Some(1)));
    other.shutdown();
    assert_eq!((now(&mut watcher), checked("other").await), (Some(2), 2));
    assert_eq!(
        (checked("").await, checked("one").await),
        (1, 1),
        "the one that is left is well"
    );
    drop(other);
    assert_eq!(now(&mut watcher), None, "the other one may still learn of it");
    one.shutdown();
    assert!(watcher.next().await.is_none());
}

#[tokio::test]
async fn watchers_of_a_health_that_is_gone_end() {
    let health = Health::new();
    let mut watcher = watch(&health, "").await;
    assert_eq!(now(&mut watcher), Some(1));
    drop(health);
    assert!(watcher.next().await.is_none());
}

#[tokio::test]
async fn other_methods_are_unimplemented() {
    let call = Call::new(crate::fixtures::method("Get"), Message::from_wire(Bytes::new()));
    assert_eq!(Health::new().call(call).await.unwrap_err().code(), Code::Unimplemented);
}
