//! Callers that leave since their time is over.

use std::time::{Duration, Instant};

/// Longer before its end no call is taken for one whose time is over.
const MOST: Duration = Duration::from_secs(1);

/// How long before its deadline a caller may leave because of it, of a call that may take `allowed` in all.
///
/// A client rounds up the time that it tells, and resets the call when its own is over, which is earlier: gRPC's C core tells of 1001 ms
/// as 1010 ms. It rounds to a hundredth from a second on, and to whole milliseconds below.
pub fn rounding(allowed: Duration) -> Duration {
    (allowed / 100 + Duration::from_millis(1)).min(MOST)
}

/// Whether a call that its caller leaves at `now` has ended since its time was over; `rounding` is that of the [function](rounding).
pub fn is_late(deadline: Option<Instant>, rounding: Duration, now: impl FnOnce() -> Instant) -> bool {
    deadline.is_some_and(|deadline| deadline <= now() + rounding)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_may_leave_as_much_earlier_as_clients_round() {
        for (allowed, before) in [(50, 1), (1010, 11), (15_100, 152), (3_600_000, 1000)] {
            assert_eq!(
                rounding(Duration::from_millis(allowed)).as_millis(),
                before,
                "{allowed}"
            );
        }
    }

    #[test]
    fn what_has_no_deadline_is_never_late() {
        let now = Instant::now();
        assert!(!is_late(None, MOST, || now));
        assert!(is_late(Some(now), Duration::ZERO, || now));
        assert!(is_late(Some(now + MOST), MOST, || now));
        assert!(!is_late(Some(now + MOST), Duration::ZERO, || now));
    }
}
