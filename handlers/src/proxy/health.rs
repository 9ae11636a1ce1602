//! Asking addresses whether they are well: `grpc.health.v1`, gRPC core, `doc/health-checking.md`.

use std::{
    sync::{Arc, Weak, atomic::Ordering},
    time::Duration,
};

use descant_descriptors::Shape;
use http::HeaderMap;
use prost::Message as _;
use tokio::time::{sleep, timeout};

use super::{
    backoff::jittered,
    codings::Sent,
    endpoint::Endpoint,
    exchange::{Terms, exchange},
    ledger::Entry,
    options::HealthCheck,
    pool::Pool,
    request,
    speech::UpstreamCodec,
};
use crate::{Code, Message, Messages, Status};

const CHECK: &str = "/grpc.health.v1.Health/Check";
/// Not more often.
const SHORTEST: Duration = Duration::from_millis(10);

/// `HealthCheckRequest`.
#[derive(Clone, PartialEq, prost::Message)]
struct Asked {
    #[prost(string, tag = "1")]
    service: String,
}

/// `HealthCheckResponse`.
#[derive(Clone, PartialEq, prost::Message)]
struct Answered {
    #[prost(int32, tag = "1")]
    status: i32,
}

/// `SERVING`.
const SERVING: i32 = 1;

/// Asks again and again, until the pool or the address is gone.
pub(super) async fn watch(pool: Weak<Pool>, endpoint: Weak<Endpoint>) {
    let (mut row, mut pause) = (0, Duration::ZERO);
    loop {
        sleep(pause).await;
        let (Some(pool), Some(endpoint)) = (pool.upgrade(), endpoint.upgrade()) else {
            return;
        };
        let Some(options) = &pool.upstream.options.health else {
            return;
        };
        let answer = timeout(options.timeout, check(&pool, &endpoint, options)).await;
        let answer = answer.unwrap_or_else(|_| {
            let time = options.timeout.as_secs_f64();
            Err(format!("no answer to a health check within {time} s"))
        });
        if answer.is_err() {
            pool.tally.count(Entry::Unhealthy);
        }
        row = tell(&endpoint, options, row, answer);
        pause = jittered(options.interval.max(SHORTEST));
    }
}

/// Takes an answer, the next after so many that said other than what is known; says how many they are now.
fn tell(endpoint: &Endpoint, options: &HealthCheck, row: u32, answer: Result<(), String>) -> u32 {
    let unwell = endpoint.unwell.load(Ordering::Relaxed);
    if answer.is_err() == unwell {
        return 0;
    }
    let row = row.saturating_add(1);
    let needed = if unwell { options.healthy } else { options.unhealthy };
    if row < needed {
        return row;
    }
    endpoint.unwell.store(!unwell, Ordering::Relaxed);
    match answer {
        Ok(()) => tracing::info!(target: "descant.proxy", upstream = %endpoint, "is well again"),
        Err(why) => tracing::warn!(target: "descant.proxy", upstream = %endpoint, "is unwell: {why}"),
    }
    0
}

async fn check(pool: &Arc<Pool>, endpoint: &Arc<Endpoint>, options: &HealthCheck) -> Result<(), String> {
    match ask(pool, endpoint, options).await {
        Ok(SERVING) => Ok(()),
        Ok(status) => Err(format!("its health is {}", name(status))),
        // It does not tell.
        Err(status) if status.code() == Code::Unimplemented && !status.is_presumed() => Ok(()),
        Err(status) => Err(format!("a health check failed: {status}")),
    }
}

async fn ask(pool: &Arc<Pool>, endpoint: &Arc<Endpoint>, options: &HealthCheck) -> Result<i32, Status> {
    let (ready, lease) = pool.ready_for_check(endpoint).await?;
    let speech = pool.upstream.options.protocol.speech(Shape::Unary);
    let service = options.service.clone();
    let asked = Message::from_wire(Asked { service }.encode_to_vec().into());
    let terms = Terms {
        speech,
        codec: UpstreamCodec::Proto,
        sent: Sent::PLAIN,
        shape: Shape::Unary,
        depth: pool.upstream.options.depth,
        repeats: true,
        peeks: false,
        named: false,
    };
    // "A deadline should be set on the rpc": gRPC health checking.
    let mut headers = HeaderMap::new();
    speech.set_timeout(&mut headers, options.timeout)?;
    let head = request::bare(lease.target(), &terms, CHECK, headers)?;
    let reply = exchange(ready, lease, head, Messages::one(asked), terms).await?;
    let answered = reply.messages.only().await?.into_wire()?;
    let answered = Answered::decode(answered).map_err(|error| Status::internal(error.to_string()))?;
    Ok(answered.status)
}

fn name(status: i32) -> String {
    match status {
        0 => "UNKNOWN".to_owned(),
        2 => "NOT_SERVING".to_owned(),
        3 => "SERVICE_UNKNOWN".to_owned(),
        other => other.to_string(),
    }
}
