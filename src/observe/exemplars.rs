//! Exemplars: for each bucket of a histogram, a call that fell into it and that is traced.

use std::{
    array, fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use descant_handlers::TraceContext;

use super::metrics::BUCKETS;

/// One for each bucket, the last of which has no bound.
pub(super) struct Exemplars([Mutex<Option<Exemplar>>; BUCKETS.len() + 1]);

/// A call that was traced.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Exemplar {
    pub(super) trace_id: [u8; 16],
    pub(super) span_id: [u8; 8],
    /// Seconds.
    pub(super) value: f64,
    pub(super) at: SystemTime,
}

impl Exemplars {
    /// Takes note of a call that took so long, in the place of the one before.
    pub(super) fn note(&self, took: Duration, context: &TraceContext) {
        let value = took.as_secs_f64();
        let bucket = BUCKETS.partition_point(|bound| *bound < value);
        // Who finds it locked leaves it: one is as good as the other.
        let Some(Ok(mut place)) = self.0.get(bucket).map(Mutex::try_lock) else {
            return;
        };
        #[allow(clippy::disallowed_methods, reason = "it is told when on the calendar that was")]
        let at = SystemTime::now();
        *place = Some(Exemplar {
            trace_id: *context.trace_id(),
            span_id: *context.span_id(),
            value,
            at,
        });
    }

    /// That of a bucket.
    fn get(&self, bucket: usize) -> Option<Exemplar> {
        *self.0.get(bucket)?.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Exemplars {
    fn default() -> Self {
        Self(array::from_fn(|_| Mutex::default()))
    }
}

/// The exemplars of every series that has some.
#[derive(Default)]
pub(super) struct Shelf(Mutex<Vec<Kept>>);

/// A method, a protocol, and the exemplars of their series.
type Kept = (Box<str>, &'static str, Arc<Exemplars>);

impl Shelf {
    /// Those of a method and a protocol, which many gateways may share.
    pub(super) fn of(&self, method: &str, protocol: &'static str) -> Arc<Exemplars> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = all.iter().find(|entry| *entry.0 == *method && entry.1 == protocol);
        if let Some((.., exemplars)) = found {
            return exemplars.clone();
        }
        let exemplars = Arc::<Exemplars>::default();
        all.push((method.into(), protocol, exemplars.clone()));
        exemplars
    }

    /// That of a bucket of a series.
    pub(super) fn find(&self, method: &str, protocol: &str, bucket: usize) -> Option<Exemplar> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = all.iter().find(|entry| *entry.0 == *method && entry.1 == protocol);
        found.and_then(|(.., exemplars)| exemplars.get(bucket))
    }
}

impl fmt::Debug for Shelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shelf")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_that_of_the_bucket_that_it_fell_into() {
        let context = TraceContext::new([1; 16], [2; 8], 1).unwrap();
        let exemplars = Exemplars::default();
        // A bound belongs to its bucket.
        for (micros, bucket) in [
            (1, 0),
            (100, 0),
            (101, 1),
            (1_000_000, 12),
            (1_000_001, 13),
            (60_000_000, 15),
        ] {
            exemplars.note(Duration::from_micros(micros), &context);
            let found = exemplars.get(bucket).unwrap();
            assert_eq!((found.trace_id, found.span_id), ([1; 16], [2; 8]));
            assert!(
                (found.value - Duration::from_micros(micros).as_secs_f64()).abs() < 1e-9,
                "{bucket}"
            );
        }
        assert_eq!(exemplars.get(5), None);
        assert_eq!(exemplars.get(16), None);
    }

    #[test]
    fn series_of_the_same_labels_share_theirs() {
        let shelf = Shelf::default();
        let first = shelf.of("a/B", "grpc");
        assert!(Arc::ptr_eq(&first, &shelf.of("a/B", "grpc")));
        assert!(!Arc::ptr_eq(&first, &shelf.of("a/B", "rest")));
        first.note(Duration::ZERO, &TraceContext::new([1; 16], [2; 8], 1).unwrap());
        assert!(shelf.find("a/B", "grpc", 0).is_some());
        assert!(shelf.find("a/B", "rest", 0).is_none());
    }
}
