//! Which counts there are to show, and what those left behind that are gone.

use std::{collections::BTreeMap, sync::Arc};

use descant_handlers::upstreams::{UpstreamCounts, UpstreamStatistics};

pub(super) type Counts = Arc<dyn UpstreamCounts>;

/// The counts of all gateways.
#[derive(Default)]
pub(super) struct Watched {
    /// By the number that a gateway got here.
    gateways: BTreeMap<u64, Vec<Counts>>,
    next: u64,
    /// Of upstreams that are still there: what handlers counted that are not.
    past: BTreeMap<String, Past>,
}

/// Counts that handlers left behind, so that those of their upstream do not go down.
#[derive(Default)]
struct Past {
    total: UpstreamStatistics,
    /// Calls of these may be under way.
    ending: Vec<Counts>,
}

impl Watched {
    /// A gateway comes.
    pub(super) fn add(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// A gateway has these now, and no longer what it had.
    pub(super) fn set(&mut self, gateway: u64, counts: Vec<Counts>) {
        let before = self.gateways.insert(gateway, counts);
        self.leave(before);
    }

    /// A gateway goes.
    pub(super) fn forget(&mut self, gateway: u64) {
        let before = self.gateways.remove(&gateway);
        self.leave(before);
    }

    fn leave(&mut self, before: Option<Vec<Counts>>) {
        for counts in before.into_iter().flatten() {
            let past = self.past.entry(counts.name().to_owned()).or_default();
            if !past.ending.iter().any(|other| is_same(other, &counts)) {
                past.ending.push(counts);
            }
        }
        let here = |is: &dyn Fn(&Counts) -> bool| self.gateways.values().flatten().any(is);
        // An upstream that no gateway has any more has no metrics.
        self.past.retain(|name, _| here(&|counts| counts.name() == name));
        for past in self.past.values_mut() {
            past.ending.retain(|counts| !here(&|other| is_same(other, counts)));
            // Nobody may ever ask for metrics.
            past.settle();
        }
    }

    /// What there is to show of each upstream.
    pub(super) fn read(&mut self) -> BTreeMap<String, UpstreamStatistics> {
        let mut read = BTreeMap::<_, UpstreamStatistics>::new();
        let mut seen: Vec<&Counts> = Vec::new();
        for counts in self.gateways.values().flatten() {
            // A handler may answer several routes, and stand in several gateways.
            if !seen.iter().any(|other| is_same(other, counts)) {
                seen.push(counts);
                *read.entry(counts.name().to_owned()).or_default() += counts.read();
            }
        }
        for (name, past) in &mut self.past {
            *read.entry(name.clone()).or_default() += past.read();
        }
        read
    }
}

impl Past {
    /// Lets go of those that count no more.
    fn settle(&mut self) {
        let total = &mut self.total;
        self.ending.retain(|counts| {
            // Asked first: what is counted meanwhile is not to be lost.
            let is_over = counts.is_over();
            if is_over {
                *total += calls(counts);
            }
            !is_over
        });
    }

    fn read(&mut self) -> UpstreamStatistics {
        self.settle();
        let mut all = self.total.clone();
        for counts in &self.ending {
            all += calls(counts);
        }
        all
    }
}

/// What was counted, but for addresses: what others think of them counts now.
fn calls(counts: &Counts) -> UpstreamStatistics {
    let mut read = counts.read();
    read.addresses.clear();
    read
}

fn is_same(one: &Counts, other: &Counts) -> bool {
    std::ptr::addr_eq(Arc::as_ptr(one), Arc::as_ptr(other))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// So many first attempts, and whether there can be more.
    #[derive(Debug)]
    struct Fake(&'static str, Mutex<(u64, bool)>);

    impl Fake {
        fn of(name: &'static str, first: u64) -> Arc<Self> {
            Arc::new(Self(name, Mutex::new((first, false))))
        }
    }

    impl UpstreamCounts for Fake {
        fn name(&self) -> &str {
            self.0
        }

        fn read(&self) -> UpstreamStatistics {
            let mut read = UpstreamStatistics::default();
            read.attempts.first = self.1.lock().unwrap().0;
            read
        }

        fn is_over(&self) -> bool {
            self.1.lock().unwrap().1
        }
    }

    /// The first attempts of each upstream.
    fn firsts(watched: &mut Watched) -> Vec<(String, u64)> {
        let read = watched.read().into_iter();
        read.map(|(name, read)| (name, read.attempts.first)).collect()
    }

    fn expect(watched: &mut Watched, wanted: &[(&str, u64)]) {
        let wanted: Vec<_> = wanted
            .iter()
            .map(|(name, first)| ((*name).to_owned(), *first))
            .collect();
        assert_eq!(firsts(watched), wanted);
    }

    #[test]
    fn counts_of_an_upstream_that_stays_do_not_go_down() {
        let (mut watched, old) = (Watched::default(), Fake::of("a", 5));
        let gateway = watched.add();
        watched.set(gateway, vec![old.clone(), Fake::of("b", 1), old.clone()]);
        expect(&mut watched, &[("a", 5), ("b", 1)]);
        watched.set(gateway, vec![Fake::of("a", 2)]);
        expect(&mut watched, &[("a", 7)]);
        *old.1.lock().unwrap() = (6, true);
        for _ in 0..2 {
            expect(&mut watched, &[("a", 8)]);
        }
        assert_eq!(Arc::strong_count(&old), 1, "what is over is let go");
        watched.set(gateway, Vec::new());
        expect(&mut watched, &[]);
        watched.set(gateway, vec![Fake::of("a", 1)]);
        expect(&mut watched, &[("a", 1)]);
    }

    #[test]
    fn what_two_gateways_have_is_counted_once_and_stays_with_the_other() {
        let (mut watched, both) = (Watched::default(), Fake::of("a", 3));
        let [one, other] = [watched.add(), watched.add()];
        watched.set(one, vec![both.clone()]);
        watched.set(other, vec![both.clone(), Fake::of("a", 10)]);
        expect(&mut watched, &[("a", 13)]);
        watched.forget(one);
        expect(&mut watched, &[("a", 13)]);
        // It may come back.
        watched.set(other, vec![Fake::of("a", 1)]);
        watched.set(other, vec![both]);
        expect(&mut watched, &[("a", 14)]);
        watched.forget(other);
        expect(&mut watched, &[]);
    }
}
