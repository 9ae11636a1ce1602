//! What waits to be written to the socket.

use std::{
    cell::RefCell,
    collections::VecDeque,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use tokio::io::AsyncWrite;

use super::payload::{shared_part, with_shown};

/// Past this many bytes a write waits for the socket.
const FULL: usize = 256 << 10;
/// Bytes that have left are forgotten past this many.
const FORGET: usize = 128 << 10;
/// A buffer that grew beyond this is not kept for the next connection. One that is full has grown to that: what grows anew each time
/// is moved as often, and its memory is given back and asked for again.
const KEEP: usize = 2 * FULL;
/// How many idle buffers a thread keeps. Its connections write one after the other, and mostly hold none in between.
const POOLED: usize = 4;
/// As many slices as Linux takes is 1024; past some dozens nothing is gained.
const SLICES: usize = 64;

thread_local! {
    /// Empty buffers, for whichever connection writes next: idle connections hold none.
    static POOL: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// Bytes in the order in which they leave: small writes gathered in one buffer, and between them
/// large payloads that are only referred to.
#[derive(Debug, Default)]
pub struct Outbox {
    gathered: Vec<u8>,
    /// Large payloads, each with the place in `gathered` that it stands before.
    large: VecDeque<(usize, Bytes)>,
    /// How much of `gathered` has left.
    sent: usize,
    /// Bytes in `large`.
    referred: usize,
}

impl Outbox {
    /// How many bytes wait.
    #[allow(clippy::len_without_is_empty)] // Nobody asks.
    pub fn len(&self) -> usize {
        self.gathered.len() - self.sent + self.referred
    }

    /// Whether a write has to wait for the socket.
    pub fn is_full(&self) -> bool {
        self.len() >= FULL
    }

    /// Appends what h2 writes: what a [`Payload`](super::Payload) has just shown without a copy, if it is large. Says how many bytes
    /// that is.
    pub fn put(&mut self, slices: &[IoSlice<'_>]) -> usize {
        with_shown(|shown| {
            let mut taken = 0;
            for slice in slices {
                match shared_part(shown, slice) {
                    Some(shared) => self.refer(shared),
                    None => self.copy(slice),
                }
                taken += slice.len();
            }
            taken
        })
    }

    /// Appends a copy.
    pub fn copy(&mut self, bytes: &[u8]) {
        if self.gathered.capacity() == 0 {
            self.gathered = POOL.with_borrow_mut(Vec::pop).unwrap_or_default();
        }
        if self.sent >= FORGET {
            self.forget_sent();
        }
        self.gathered.extend_from_slice(bytes);
    }

    /// Appends without a copy.
    fn refer(&mut self, bytes: Bytes) {
        self.referred += bytes.len();
        self.large.push_back((self.gathered.len(), bytes));
    }

    /// Writes until nothing waits, neither here nor in what is below: TLS keeps what the network does not take at once.
    pub fn drain<T: AsyncWrite + Unpin>(&mut self, io: &mut T, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.len() > 0 {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let count = self.slices(&mut slices);
            let slices = slices.get(..count).unwrap_or_default();
            let left = match slices {
                [one] => ready!(Pin::new(&mut *io).poll_write(cx, one))?,
                several => ready!(Pin::new(&mut *io).poll_write_vectored(cx, several))?,
            };
            if left == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.advance(left);
        }
        self.give_back();
        Pin::new(io).poll_flush(cx)
    }

    fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>; SLICES]) -> usize {
        let mut from = self.sent;
        let mut free = slices.iter_mut();
        let mut count = 0;
        let mut push = |bytes: &'a [u8]| {
            if !bytes.is_empty()
                && let Some(slot) = free.next()
            {
                *slot = IoSlice::new(bytes);
                count += 1;
            }
        };
        for (place, large) in &self.large {
            push(self.gathered.get(from..*place).unwrap_or_default());
            push(large);
            from = *place;
        }
        push(self.gathered.get(from..).unwrap_or_default());
        count
    }

    fn advance(&mut self, mut left: usize) {
        while let Some((place, large)) = self.large.front_mut() {
            let before = (*place - self.sent).min(left);
            self.sent += before;
            left -= before;
            let of_large = large.len().min(left);
            large.advance(of_large);
            self.referred -= of_large;
            left -= of_large;
            if !large.is_empty() || *place > self.sent {
                return;
            }
            self.large.pop_front();
        }
        self.sent += left;
    }

    /// Makes room at the front: toward a slow reader the buffer may never be empty.
    fn forget_sent(&mut self) {
        self.gathered.drain(..self.sent);
        for (place, _) in &mut self.large {
            *place -= self.sent;
        }
        self.sent = 0;
    }

    fn give_back(&mut self) {
        self.gathered.clear();
        self.sent = 0;
        if self.gathered.capacity() == 0 {
            return;
        }
        let buffer = std::mem::take(&mut self.gathered);
        POOL.with_borrow_mut(|pool| {
            if pool.len() < POOLED && buffer.capacity() <= KEEP {
                pool.push(buffer);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Pieces,
        envelope::HEAD,
        http2::{LARGE, Payload},
    };

    /// Takes as many bytes at a time as it is told, then blocks once.
    #[derive(Default)]
    struct Trickle {
        seen: Vec<u8>,
        portions: VecDeque<usize>,
        vectored: usize,
    }

    impl AsyncWrite for Trickle {
        fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
        }

        fn poll_write_vectored(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            slices: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            let Some(portion) = self.portions.pop_front().filter(|portion| *portion > 0) else {
                return Poll::Pending;
            };
            self.vectored = self.vectored.max(slices.len());
            let all: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
            let taken = all.get(..portion).unwrap_or(&all);
            self.seen.extend_from_slice(taken);
            Poll::Ready(Ok(taken.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    fn drain(outbox: &mut Outbox, io: &mut Trickle) -> bool {
        let mut cx = Context::from_waker(std::task::Waker::noop());
        outbox.drain(io, &mut cx).is_ready()
    }

    #[test]
    fn bytes_leave_in_order_however_the_socket_takes_them() {
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..200 {
            let (mut outbox, mut io, mut expected) = (Outbox::default(), Trickle::default(), Vec::new());
            for round in 0..40_u8 {
                let bytes = vec![round; random.usize(1..9000)];
                expected.extend_from_slice(&bytes);
                if random.bool() {
                    outbox.copy(&bytes);
                } else {
                    outbox.refer(bytes.into());
                }
                io.portions.extend([random.usize(0..12_000), random.usize(0..12_000)]);
                drain(&mut outbox, &mut io);
            }
            io.portions.clear();
            io.portions.extend([usize::MAX; 40]);
            assert!(drain(&mut outbox, &mut io));
            assert_eq!(io.seen, expected);
            assert_eq!(outbox.len(), 0);
        }
    }

    #[test]
    fn a_reader_that_is_always_behind_does_not_make_the_buffer_grow() {
        let (mut outbox, mut io) = (Outbox::default(), Trickle::default());
        outbox.copy(&[1; 1000]);
        for _ in 0..10_000 {
            outbox.copy(&[2; 1000]);
            io.portions.extend([1000, 0]);
            assert!(!drain(&mut outbox, &mut io));
        }
        assert!(outbox.gathered.capacity() <= 2 * FULL, "{}", outbox.gathered.capacity());
    }

    #[test]
    fn an_empty_outbox_holds_no_buffer() {
        let (mut outbox, mut io) = (Outbox::default(), Trickle::default());
        outbox.copy(&[1; 1000]);
        io.portions.push_back(1000);
        assert!(drain(&mut outbox, &mut io));
        assert_eq!(outbox.gathered.capacity(), 0);
        outbox.copy(&[1]);
        assert!(outbox.gathered.capacity() >= 1000, "the buffer was not used again");
    }

    #[test]
    fn large_pieces_of_a_payload_are_not_copied() {
        let mut body = Pieces::from(Bytes::from(vec![1; LARGE]));
        for length in [10, 3 * LARGE, LARGE + 1] {
            body.push(vec![2; length].into());
        }
        let mut payload = Payload::<()>::framed([3; HEAD], body);
        payload.advance(1);
        let (mut outbox, mut io) = (Outbox::default(), Trickle::default());
        let mut slices = [IoSlice::new(&[]); SLICES];
        let count = payload.chunks_vectored(&mut slices);
        assert_eq!(outbox.put(&slices[..count]), payload.remaining());
        assert_eq!(outbox.gathered.len(), HEAD - 1 + 10);
        io.portions.push_back(usize::MAX);
        assert!(drain(&mut outbox, &mut io));
        assert_eq!(io.seen, payload.into_bytes());
    }

    #[test]
    fn large_payloads_are_referred_to() {
        let (mut outbox, mut io) = (Outbox::default(), Trickle::default());
        outbox.copy(b"head");
        outbox.refer(Bytes::from(vec![1; 5000]));
        outbox.copy(b"tail");
        io.portions.push_back(usize::MAX);
        assert!(drain(&mut outbox, &mut io));
        assert_eq!(io.vectored, 3);
    }
}
