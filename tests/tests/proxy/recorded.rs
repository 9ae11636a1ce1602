//! Which server took a call, in the call's log record.

use std::time::Duration;

use descant_handlers::{Proxy, proxy::ProxyOptions};
use serde_json::Value;
use tracing::Level;

use super::{
    builder,
    hedge::hedging,
    replica::call,
    script::{Scripted, retrying},
};
use crate::{
    logs::Lines,
    support::{Ask, SERVER, envelope, serve_gateway},
};

/// The record of a call of `path` that goes to these.
async fn record(upstreams: &[&Scripted], options: ProxyOptions, path: &str) -> Value {
    let (lines, _guard) = Lines::json(Level::INFO);
    let urls = upstreams.iter().map(|one| format!("http://{}", one.upstream.address));
    let proxy = Proxy::to_each(urls.collect::<Vec<_>>()).unwrap().options(options);
    let fields = ["code", "upstream_address", "upstream_attempts"].map(|field| field.parse().unwrap());
    let gateway = builder(proxy).log_fields(fields.to_vec()).build().unwrap();
    let front = serve_gateway(gateway, |_| {}).await;
    front.connect().await.send(Ask::empty(path)).await;
    lines.records("grpc.response", 1).await.remove(0)
}

#[tokio::test]
async fn it_is_the_one_that_answered() {
    for path in [crate::support::FAIL, SERVER] {
        let scripted = Scripted::failing(&[]).await;
        let record = record(&[&scripted], ProxyOptions::default(), path).await;
        assert_eq!(record["upstream_address"], scripted.upstream.address.to_string());
        assert_eq!(
            (&record["upstream_attempts"], &record["code"]),
            (&1.into(), &"OK".into())
        );
    }
}

#[tokio::test]
async fn attempts_are_counted_and_the_last_one_told() {
    let (bad, good) = (Scripted::failing(&["14"; 9]).await, Scripted::failing(&[]).await);
    let mut options = retrying(4);
    options.balance = descant_handlers::proxy::Balance::RoundRobin;
    let mut attempts = Vec::new();
    for _ in 0..2 {
        let record = record(&[&bad, &good], options.clone(), SERVER).await;
        assert_eq!(record["upstream_address"], good.upstream.address.to_string());
        attempts.push(record["upstream_attempts"].as_u64().unwrap());
    }
    assert!(attempts.iter().all(|count| (1..=2).contains(count)), "{attempts:?}");
    let record = record(&[&bad], retrying(3), SERVER).await;
    assert_eq!(record["upstream_address"], bad.upstream.address.to_string());
    assert_eq!(
        (&record["upstream_attempts"], &record["code"]),
        (&3.into(), &"UNAVAILABLE".into())
    );
}

#[tokio::test]
async fn of_attempts_at_once_it_is_the_one_that_was_faster() {
    let slow = Scripted::start(|_, asked| async move {
        let _asked = asked;
        tokio::time::sleep(Duration::from_secs(60)).await;
    })
    .await;
    let quick = Scripted::start(|_, mut asked| async move {
        asked.whole().await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        asked.answer(envelope(0, b"done"), "0");
    })
    .await;
    let record = record(&[&slow, &quick], hedging(2, "0.01s"), SERVER).await;
    assert_eq!(record["upstream_address"], quick.upstream.address.to_string());
    assert_eq!(record["upstream_attempts"], 2);
}

#[tokio::test]
async fn of_attempts_at_once_it_is_the_one_that_failed_for_good() {
    let slow = || {
        Scripted::start(|_, asked| async move {
            let _asked = asked;
            tokio::time::sleep(Duration::from_secs(60)).await;
        })
    };
    let refusing = || {
        Scripted::start(|_, mut asked| async move {
            asked.whole().await;
            tokio::time::sleep(Duration::from_millis(100)).await;
            asked.refuse("3", &[]);
        })
    };
    let (slow, refusing) = (slow().await, refusing().await);
    let record = record(&[&refusing, &slow], hedging(2, "0.01s"), SERVER).await;
    assert_eq!(record["upstream_address"], refusing.upstream.address.to_string());
    assert_eq!(
        (&record["upstream_attempts"], &record["code"]),
        (&2.into(), &"INVALID_ARGUMENT".into())
    );
}

#[tokio::test]
async fn a_call_that_reached_none_has_no_address() {
    let (lines, _guard) = Lines::json(Level::INFO);
    let proxy = Proxy::to("http://127.0.0.1:1").unwrap();
    let fields = ["upstream_address", "upstream_attempts", "code"].map(|field| field.parse().unwrap());
    let gateway = builder(proxy).log_fields(fields.to_vec()).build().unwrap();
    let front = serve_gateway(gateway, |_| {}).await;
    call(&front.connect().await).await;
    let record = lines.records("grpc.response", 1).await.remove(0);
    assert_eq!(record["code"], "UNAVAILABLE");
    assert!(
        record.get("upstream_address").is_none() && record.get("upstream_attempts").is_none(),
        "{record}"
    );
}
