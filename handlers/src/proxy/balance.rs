//! Which address a call goes to, and which ones after it if that cannot take the call.

use std::{collections::BTreeSet, iter, sync::Arc};

use twox_hash::XxHash64;

use super::{endpoint::Endpoint, options::Balance};
use crate::Metadata;

/// Points on the ring for each address: the shares of two differ by a tenth or so.
const POINTS: u32 = 160;

/// The addresses that are known at a time.
#[derive(Debug, Default)]
pub(super) struct Endpoints {
    pub(super) list: Vec<Arc<Endpoint>>,
    /// Sorted: where an address stands, and which.
    ring: Vec<(u64, usize)>,
}

/// Which addresses are asked for a place, in this order.
#[derive(Debug)]
pub(super) enum Order<'e> {
    /// This one, then all others from that one on.
    From(usize, usize),
    /// As they stand on the ring from this place on.
    Ring(&'e [(u64, usize)], usize),
}

/// What a call is to be hashed by, if it is.
pub(super) fn key(balance: &Balance, metadata: &Metadata) -> Option<u64> {
    let Balance::RingHash(header) = balance else {
        return None;
    };
    let value = metadata.headers().get(header)?;
    Some(XxHash64::oneshot(0, value.as_bytes()))
}

/// Which addresses have come along a ring. Mostly the first is taken, and nothing has to be kept.
#[derive(Default)]
struct Seen {
    first: Option<usize>,
    others: BTreeSet<usize>,
}

impl Seen {
    fn is_new(&mut self, index: usize) -> bool {
        match self.first {
            None => {
                self.first = Some(index);
                true
            }
            Some(first) => index != first && self.others.insert(index),
        }
    }
}

impl Endpoints {
    pub(super) fn new(list: Vec<Arc<Endpoint>>, balance: &Balance) -> Self {
        let ring = match balance {
            Balance::RingHash(_) => ring(list.iter().map(ToString::to_string)),
            Balance::PowerOfTwo | Balance::RoundRobin => Vec::new(),
        };
        Self { list, ring }
    }

    /// Where to look for a place, for a call with this key. `turn` is counted up by each call that goes in turn.
    pub(super) fn order(&self, balance: &Balance, key: Option<u64>, turn: impl FnOnce() -> usize) -> Order<'_> {
        let count = self.list.len();
        match (balance, key) {
            (Balance::RingHash(_), Some(key)) => {
                Order::Ring(&self.ring, self.ring.partition_point(|(at, _)| *at < key))
            }
            (Balance::RoundRobin, _) => {
                let first = turn() % count.max(1);
                Order::From(first, (first + 1) % count.max(1))
            }
            _ => {
                let (less, more) = self.two();
                Order::From(less, more)
            }
        }
    }

    /// Two by chance, the less busy one first. If that has no place the calls go to the other: what stands behind it in the list would get those of
    /// both.
    fn two(&self) -> (usize, usize) {
        let count = self.list.len();
        if count < 2 {
            return (0, 0);
        }
        let one = fastrand::usize(..count);
        let other = (one + fastrand::usize(1..count)) % count;
        // One that gets no calls has none; it is passed over later.
        let busy = |index: usize| {
            self.list
                .get(index)
                .map(|endpoint| (!endpoint.is_fit(), endpoint.calls()))
        };
        if busy(other) < busy(one) {
            (other, one)
        } else {
            (one, other)
        }
    }

    /// The addresses in this order, each once.
    pub(super) fn along<'e>(&'e self, order: &Order<'e>) -> impl Iterator<Item = &'e Arc<Endpoint>> + use<'e> {
        let (mut from, mut ring) = (None, None);
        match order {
            Order::From(first, then) => {
                let (first, then) = (*first, *then);
                let others = (then..self.list.len())
                    .chain(0..then)
                    .filter(move |index| *index != first);
                let places = iter::once(first).chain(others);
                from = Some(places.filter_map(|index| self.list.get(index)));
            }
            Order::Ring(points, first) => {
                let (before, after) = points.split_at((*first).min(points.len()));
                let mut seen = Seen::default();
                let places = after.iter().chain(before);
                let new = places.filter(move |(_, index)| seen.is_new(*index));
                ring = Some(new.filter_map(|(_, index)| self.list.get(*index)));
            }
        }
        from.into_iter().flatten().chain(ring.into_iter().flatten())
    }

    /// Whether none is unwell or ejected.
    pub(super) fn all_fit(&self) -> bool {
        self.list.iter().all(|endpoint| endpoint.is_fit())
    }

    /// Whether so few are fit that all are used.
    pub(super) fn panics(&self, percent: u8) -> bool {
        let fit = self.list.iter().filter(|endpoint| endpoint.is_fit()).count();
        fit == 0 || fit * 100 < self.list.len() * usize::from(percent)
    }
}

/// A ring of addresses by their names. XXH64, as Envoy and gRPC have it; every gateway with the same addresses has the same.
fn ring(names: impl Iterator<Item = String>) -> Vec<(u64, usize)> {
    let points = names.enumerate().flat_map(|(index, name)| {
        let point = move |number| (XxHash64::oneshot(number, name.as_bytes()), index);
        (0..u64::from(POINTS)).map(point)
    });
    let mut points: Vec<_> = points.collect();
    points.sort_unstable();
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owners(names: &[&str], keys: u64) -> Vec<String> {
        let ring = ring(names.iter().map(|name| (*name).to_owned()));
        let owner = |key: u64| {
            let key = XxHash64::oneshot(0, &key.to_be_bytes());
            let at = ring.partition_point(|(at, _)| *at < key) % ring.len();
            names[ring[at].1].to_owned()
        };
        (0..keys).map(owner).collect()
    }

    #[test]
    fn each_address_comes_along_the_ring_once() {
        let names = ["a:1", "b:1", "c:1"];
        let ring = ring(names.iter().map(|name| (*name).to_owned()));
        let mut seen = Seen::default();
        let mut came: Vec<_> = ring.iter().filter(|(_, index)| seen.is_new(*index)).collect();
        assert_eq!(came.len(), names.len());
        came.sort_by_key(|(_, index)| *index);
        came.dedup_by_key(|(_, index)| *index);
        assert_eq!(came.len(), names.len());
    }

    #[test]
    fn shares_on_the_ring_are_even_and_few_keys_move() {
        let four = ["a:1", "b:1", "c:1", "d:1"];
        let before = owners(&four, 10_000);
        for name in four {
            let share = before.iter().filter(|owner| *owner == name).count();
            assert!((1_900..3_200).contains(&share), "{name}: {share}");
        }
        let after = owners(&["a:1", "b:1", "d:1"], 10_000);
        for (before, after) in before.iter().zip(&after) {
            assert!(before == after || before == "c:1");
        }
        let more = owners(&["e:1", "a:1", "b:1", "c:1", "d:1"], 10_000);
        for (before, after) in before.iter().zip(&more) {
            assert!(before == after || after == "e:1");
        }
    }
}
