//! What tokio counts of the runtimes that serve.

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use prometheus::{
    CounterVec, IntCounterVec, IntGaugeVec, Opts,
    core::{Collector, Desc},
    proto::MetricFamily,
};
use tokio::runtime::Handle;

use super::{Metrics, metrics::MetricsError};

/// Families of metrics that are read from tokio whenever they are asked for.
pub(super) struct Runtimes {
    workers: IntGaugeVec,
    tasks: IntGaugeVec,
    queue: IntGaugeVec,
    busy: CounterVec,
    parks: IntCounterVec,
    /// By the number that is their label; locked while they are collected, since what the families hold is of one moment.
    watched: Mutex<Vec<Option<Watched>>>,
}

/// A runtime, and how many serve on it.
struct Watched {
    runtime: Handle,
    watches: usize,
}

/// A runtime whose metrics are shown until the last of these is dropped.
///
/// Made by [`Metrics::watch_runtime`].
#[must_use = "the metrics of the runtime are gone with it"]
pub struct RuntimeWatch {
    metrics: Metrics,
    number: usize,
}

impl Runtimes {
    pub(super) fn new() -> Result<Self, MetricsError> {
        let of = |name: &str, help: &str| Opts::new(format!("descant_runtime_{name}"), help);
        let [runtime, both] = [&["runtime"][..], &["runtime", "worker"]];
        Ok(Self {
            workers: IntGaugeVec::new(of("workers", "Threads of a runtime that run tasks."), runtime)?,
            tasks: IntGaugeVec::new(of("alive_tasks", "Tasks of a runtime that have not ended."), runtime)?,
            queue: IntGaugeVec::new(
                of("global_queue_depth", "Tasks that wait in a runtime's global queue."),
                runtime,
            )?,
            busy: CounterVec::new(
                of("worker_busy_seconds_total", "Time that a worker did not wait."),
                both,
            )?,
            parks: IntCounterVec::new(
                of(
                    "worker_parks_total",
                    "How often a worker went to wait for something to do.",
                ),
                both,
            )?,
            watched: Mutex::default(),
        })
    }

    /// A runtime that is watched already keeps its number; another takes the first that is free.
    fn watch(&self, runtime: &Handle) -> usize {
        let mut watched = self.watched();
        let same = |one: &Watched| one.runtime.id() == runtime.id();
        let known = watched.iter().position(|one| one.as_ref().is_some_and(same));
        let free = || watched.iter().position(Option::is_none).unwrap_or(watched.len());
        let number = known.unwrap_or_else(free);
        if number == watched.len() {
            watched.push(None);
        }
        if let Some(place) = watched.get_mut(number) {
            let runtime = runtime.clone();
            place.get_or_insert(Watched { runtime, watches: 0 }).watches += 1;
        }
        number
    }

    fn forget(&self, number: usize) {
        let mut watched = self.watched();
        let Some(place) = watched.get_mut(number) else {
            return;
        };
        *place = place.take().filter(|one| one.watches > 1).map(|one| Watched {
            watches: one.watches - 1,
            ..one
        });
    }

    fn watched(&self) -> MutexGuard<'_, Vec<Option<Watched>>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn families(&self) -> [&dyn Collector; 5] {
        [&self.workers, &self.tasks, &self.queue, &self.busy, &self.parks]
    }

    /// Reads what tokio has counted of a runtime.
    fn read(&self, number: usize, runtime: &Handle) {
        let metrics = runtime.metrics();
        let name = number.to_string();
        let set = |gauge: &IntGaugeVec, value: usize| {
            let value = i64::try_from(value).unwrap_or(i64::MAX);
            gauge.with_label_values(&[&name]).set(value);
        };
        set(&self.workers, metrics.num_workers());
        set(&self.tasks, metrics.num_alive_tasks());
        set(&self.queue, metrics.global_queue_depth());
        // tokio counts these where the machine has atomics for it.
        #[cfg(target_has_atomic = "64")]
        for worker in 0..metrics.num_workers() {
            let labels = [&*name, &worker.to_string()];
            let busy = metrics.worker_total_busy_duration(worker).as_secs_f64();
            self.busy.with_label_values(&labels).inc_by(busy);
            self.parks
                .with_label_values(&labels)
                .inc_by(metrics.worker_park_count(worker));
        }
    }
}

impl Collector for Runtimes {
    fn desc(&self) -> Vec<&Desc> {
        self.families().into_iter().flat_map(Collector::desc).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let watched = self.watched();
        for family in [&self.workers, &self.tasks, &self.queue] {
            family.reset();
        }
        self.busy.reset();
        self.parks.reset();
        for (number, one) in watched.iter().enumerate() {
            if let Some(Watched { runtime, .. }) = one {
                self.read(number, runtime);
            }
        }
        self.families().into_iter().flat_map(Collector::collect).collect()
    }
}

impl Metrics {
    /// Shows what tokio counts of a runtime, as `descant_runtime_*`, until the answer is dropped; a runtime that is watched twice
    /// is shown once. Servers and mounts do so for the runtimes that they serve on.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let metrics = descant::Metrics::in_default_registry()?;
    /// let _watch = metrics.watch_runtime(&tokio::runtime::Handle::current());
    /// assert!(metrics.to_text()?.contains("descant_runtime_workers{runtime=\"0\"} 1\n"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn watch_runtime(&self, runtime: &Handle) -> RuntimeWatch {
        RuntimeWatch {
            number: self.families().runtimes.watch(runtime),
            metrics: self.clone(),
        }
    }
}

/// A clone watches the same runtime.
impl Drop for RuntimeWatch {
    fn drop(&mut self) {
        self.metrics.families().runtimes.forget(self.number);
    }
}

impl fmt::Debug for RuntimeWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RuntimeWatch")
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_is_shown_once_and_as_long_as_it_is_watched() {
        let metrics = Metrics::own().unwrap();
        let runtimes = [(), ()].map(|()| {
            let mut builder = tokio::runtime::Builder::new_current_thread();
            builder.build().unwrap()
        });
        let workers = || {
            let text = metrics.to_text().unwrap();
            let lines = text.lines().filter(|line| line.starts_with("descant_runtime_workers{"));
            lines.map(str::to_owned).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(workers(), "");
        let [first, second] = runtimes
            .each_ref()
            .map(|runtime| metrics.watch_runtime(runtime.handle()));
        let again = metrics.watch_runtime(runtimes[0].handle());
        let both = "descant_runtime_workers{runtime=\"0\"} 1 descant_runtime_workers{runtime=\"1\"} 1";
        assert_eq!(workers(), both);
        drop(first);
        assert_eq!(workers(), both);
        drop(again);
        assert_eq!(workers(), "descant_runtime_workers{runtime=\"1\"} 1");
        // What became free is taken again.
        let _third = metrics.watch_runtime(runtimes[0].handle());
        assert_eq!(workers(), both);
        drop(second);
    }
}
