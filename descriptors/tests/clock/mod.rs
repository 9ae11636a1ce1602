//! Time as a thread spends it, for tests that bound work: what else the machine does is not to count.

use std::{
    fs,
    sync::OnceLock,
    time::{Duration, Instant},
};

/// How long this thread has run; where that can't be told, the time of day.
pub(crate) fn clock() -> Duration {
    static START: OnceLock<Instant> = OnceLock::new();
    let schedule = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let busy = schedule
        .split(' ')
        .next()
        .and_then(|nanoseconds| nanoseconds.parse().ok());
    busy.map_or_else(|| START.get_or_init(Instant::now).elapsed(), Duration::from_nanos)
}
