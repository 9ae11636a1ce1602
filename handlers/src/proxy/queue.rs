//! Who waits for a place, in the order of coming.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
};

/// All that wait for something of a pool.
#[derive(Debug, Default)]
pub(super) struct Queues {
    /// Calls that wait for a place, on any connection.
    pub(super) line: Queue,
    /// Those that belong to an address, or were tried at some: they may have to wait where others need not.
    pub(super) apart: Queue,
    /// Whose turn it is to be told first.
    apart_first: AtomicBool,
    /// What waits for a place at an address of its own.
    pub(super) aside: Queue,
}

impl Queues {
    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.line.len() + self.apart.len() + self.aside.len()
    }

    /// A place is free again.
    pub(super) fn freed(&self) {
        if self.apart.is_empty() {
            self.line.tell_first();
        } else if self.apart_first.fetch_xor(true, Ordering::Relaxed) {
            self.tell_apart();
            self.line.tell_first();
        } else {
            self.line.tell_first();
            self.tell_apart();
        }
        self.aside.tell_all();
    }

    /// Some of those that wait apart may have no use for what is free.
    fn tell_apart(&self) {
        (0..3).for_each(|_| self.apart.tell_first());
    }

    /// A connection was made or could not be, or there may be another; an address came or went.
    pub(super) fn tell_all(&self) {
        self.line.tell_all();
        self.apart.tell_all();
        self.aside.tell_all();
    }
}

/// Those that wait. Who is told and finds nothing keeps its turn, for which tokio's `Notify` has no way.
#[derive(Debug, Default)]
pub(super) struct Queue {
    places: Mutex<VecDeque<Place>>,
    /// How many wait, for who only looks.
    waiting: AtomicUsize,
    /// Of these so many are to have a place before whoever comes now.
    in_line: AtomicUsize,
}

#[derive(Debug)]
struct Place {
    id: u64,
    told: bool,
    waker: Option<Waker>,
}

/// One that waits: ready each time that it was told of something since.
#[derive(Debug)]
pub(super) struct Waiting<'q> {
    queue: &'q Queue,
    id: u64,
    in_line: bool,
}

impl Queue {
    /// Waits from now on, behind all others.
    pub(super) fn wait(&self) -> Waiting<'_> {
        let mut places = self.places();
        let id = places.back().map_or(0, |last| last.id + 1);
        places.push_back(Place {
            id,
            told: false,
            waker: None,
        });
        self.waiting.store(places.len(), Ordering::Relaxed);
        Waiting {
            queue: self,
            id,
            in_line: false,
        }
    }

    fn len(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Whether nobody waits.
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether somebody stands in line.
    pub(super) fn is_awaited(&self) -> bool {
        self.in_line.load(Ordering::Relaxed) > 0
    }

    /// Tells the first who has not been told.
    pub(super) fn tell_first(&self) {
        if self.is_empty() {
            return;
        }
        let waker = {
            let mut places = self.places();
            let first = places.iter_mut().find(|place| !place.told);
            first.and_then(Place::tell)
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Tells all.
    pub(super) fn tell_all(&self) {
        if self.is_empty() {
            return;
        }
        let wakers: Vec<_> = self.places().iter_mut().filter_map(Place::tell).collect();
        wakers.into_iter().for_each(Waker::wake);
    }

    fn places(&self) -> MutexGuard<'_, VecDeque<Place>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    fn tell(&mut self) -> Option<Waker> {
        self.told = true;
        self.waker.take()
    }
}

impl Waiting<'_> {
    /// Stands in line from now on, or steps aside.
    pub(super) fn stand(&mut self, in_line: bool) {
        match (self.in_line, in_line) {
            (false, true) => self.queue.in_line.fetch_add(1, Ordering::Relaxed),
            (true, false) => self.queue.in_line.fetch_sub(1, Ordering::Relaxed),
            _ => return,
        };
        self.in_line = in_line;
    }

    /// Has no use for what it was told, and goes to the end: next time it is for another one.
    pub(super) fn step_back(&mut self) {
        let mut places = self.queue.places();
        let at = places.binary_search_by_key(&self.id, |place| place.id);
        let Some(mut place) = at.ok().and_then(|at| places.remove(at)) else {
            return;
        };
        place.id = places.back().map_or(0, |last| last.id + 1);
        self.id = place.id;
        places.push_back(place);
    }
}

impl Future for Waiting<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut places = self.queue.places();
        let Ok(at) = places.binary_search_by_key(&self.id, |place| place.id) else {
            return Poll::Pending;
        };
        let Some(place) = places.get_mut(at) else {
            return Poll::Pending;
        };
        if std::mem::take(&mut place.told) {
            return Poll::Ready(());
        }
        place.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

/// What it was told and has not looked at the next one is told.
impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.stand(false);
        let left = {
            let mut places = self.queue.places();
            let at = places.binary_search_by_key(&self.id, |place| place.id);
            let left = at.ok().and_then(|at| places.remove(at));
            self.queue.waiting.store(places.len(), Ordering::Relaxed);
            left
        };
        if left.is_some_and(|place| place.told) {
            self.queue.tell_first();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_told(waiting: &mut Waiting<'_>) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        Pin::new(waiting).poll(&mut cx).is_ready()
    }

    #[test]
    fn who_came_first_is_told_first_and_keeps_its_turn() {
        let queue = Queue::default();
        queue.tell_first();
        let (mut one, mut other) = (queue.wait(), queue.wait());
        assert!(!is_told(&mut one), "nobody waited before");
        for _ in 0..2 {
            queue.tell_first();
            assert!(!is_told(&mut other) && is_told(&mut one) && !is_told(&mut one));
        }
        queue.tell_first();
        queue.tell_first();
        assert!(is_told(&mut other) && is_told(&mut one));
        queue.tell_all();
        assert!(is_told(&mut other) && is_told(&mut one));
    }

    #[test]
    fn who_steps_back_is_told_last() {
        let queue = Queue::default();
        let mut alone = queue.wait();
        alone.step_back();
        queue.tell_first();
        assert!(is_told(&mut alone));
        let (mut one, mut other) = (queue.wait(), queue.wait());
        alone.step_back();
        one.step_back();
        for turn in [&mut other, &mut alone, &mut one] {
            queue.tell_first();
            assert!(is_told(turn) && !is_told(turn));
            turn.step_back();
        }
        queue.tell_first();
        assert!(is_told(&mut other));
    }

    #[test]
    fn who_leaves_passes_on_what_it_was_told() {
        let queue = Queue::default();
        let (one, mut other) = (queue.wait(), queue.wait());
        queue.tell_first();
        drop(one);
        assert!(is_told(&mut other));
        let mut third = queue.wait();
        drop(other);
        assert!(!is_told(&mut third));
        queue.tell_first();
        assert!(is_told(&mut third));
    }

    #[test]
    fn a_line_is_who_stands_in_it() {
        let queue = Queue::default();
        let mut one = queue.wait();
        assert!(!queue.is_awaited());
        one.stand(true);
        one.stand(true);
        assert!(queue.is_awaited());
        one.stand(false);
        assert!(!queue.is_awaited());
        one.stand(true);
        drop(one);
        assert!(!queue.is_awaited());
    }
}
