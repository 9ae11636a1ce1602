//! What is to be done about connections and addresses now and then, whether there are calls or not.

use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

use super::{backoff::LONGEST, options::ProxyOptions, pool::Pool};

/// Into so many parts the time is cut after which a connection is idle. It is closed when all but one have passed, or the last one: never
/// later, for the server's own time may be little longer.
const PARTS: u32 = 8;
/// How often is looked after connections that are to be there, or get old.
const OFTEN: Duration = Duration::from_secs(1);
/// Not more often.
const SHORTEST: Duration = Duration::from_millis(10);

/// Until the pool is gone.
pub(super) async fn keep(pool: Weak<Pool>, _alive: Alive) {
    let mut compared = Instant::now();
    while let Some(held) = pool.upgrade() {
        let upstream = Arc::clone(&held.upstream);
        let options = &upstream.options;
        let tick = tick(options);
        let looks = match options.idle {
            // No call is to come.
            _ if held.has_ended() => 1,
            Some(idle) => looks(idle, tick).saturating_sub(1),
            None => u32::MAX,
        };
        let least = held.least_connections();
        for endpoint in &held.endpoints().list {
            if endpoint.sweep(least, looks) {
                held.waiting.tell_all();
            }
            if endpoint.connections() < least && endpoint.is_fit() {
                held.grow(endpoint);
            }
        }
        if let Some(outlier) = &options.outlier
            && compared.elapsed() >= outlier.interval
        {
            compared = Instant::now();
            held.compare(outlier);
        }
        drop(held);
        tokio::time::sleep(tick).await;
    }
}

fn tick(options: &ProxyOptions) -> Duration {
    let often = (options.min_connections > 0 || options.age.is_some()).then_some(OFTEN);
    let times = [
        options.idle.map(|idle| idle / PARTS),
        options.outlier.map(|outlier| outlier.interval),
        options.age.map(|age| age / PARTS),
        often,
    ];
    let shortest = times.into_iter().flatten().min().unwrap_or(LONGEST);
    shortest.clamp(SHORTEST, LONGEST)
}

/// How many ticks a time has.
fn looks(time: Duration, tick: Duration) -> u32 {
    let looks = time.as_millis() / tick.as_millis().max(1);
    u32::try_from(looks).unwrap_or(u32::MAX)
}

/// Says so when it is dropped: with the runtime, if not before, though that had no time for the task that has it.
pub(super) struct Alive(Arc<AtomicBool>);

impl Alive {
    pub(super) fn new() -> Self {
        Self(Arc::new(AtomicBool::new(true)))
    }

    /// Where it will be said.
    pub(super) fn told(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}
