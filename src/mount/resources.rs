//! What a port is served with, for as long as it is: runtimes, and the memory that its connections hold.

use std::sync::Arc;

use tokio::runtime::Handle;

use crate::{Metrics, RuntimeWatch, observe::MemoryWatch, transport::Memory};

/// Stands in the metrics of one mount at a time.
#[derive(Debug, Default)]
pub(super) struct Resources {
    /// The number of the next one.
    next: u64,
    runtimes: Vec<Resource<Handle, RuntimeWatch>>,
    memory: Vec<Resource<Arc<Memory>, MemoryWatch>>,
}

#[derive(Debug)]
struct Resource<T, W> {
    number: u64,
    what: T,
    /// `None`: nothing is counted.
    shown: Option<W>,
}

impl Resources {
    /// Takes a runtime, and shows it there; its number here.
    pub(super) fn add_runtime(&mut self, runtime: &Handle, metrics: Option<&Metrics>) -> u64 {
        let number = self.number();
        self.runtimes.push(Resource {
            number,
            what: runtime.clone(),
            shown: metrics.map(|metrics| metrics.watch_runtime(runtime)),
        });
        number
    }

    /// The same of memory.
    pub(super) fn add_memory(&mut self, memory: &Arc<Memory>, metrics: Option<&Metrics>) -> u64 {
        let number = self.number();
        self.memory.push(Resource {
            number,
            what: Arc::clone(memory),
            shown: metrics.map(|metrics| metrics.watch_memory(memory)),
        });
        number
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    pub(super) fn remove(&mut self, number: u64) {
        self.runtimes.retain(|runtime| runtime.number != number);
        self.memory.retain(|memory| memory.number != number);
    }

    /// Shows all of them there from now on, and no longer where they were.
    pub(super) fn show(&mut self, metrics: Option<&Metrics>) {
        for runtime in &mut self.runtimes {
            runtime.shown = metrics.map(|metrics| metrics.watch_runtime(&runtime.what));
        }
        for memory in &mut self.memory {
            memory.shown = metrics.map(|metrics| metrics.watch_memory(&memory.what));
        }
    }

    /// The runtimes, with their numbers.
    pub(super) fn runtimes(&self) -> impl Iterator<Item = (u64, &Handle)> {
        self.runtimes.iter().map(|runtime| (runtime.number, &runtime.what))
    }
}
