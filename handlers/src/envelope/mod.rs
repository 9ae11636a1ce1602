//! Envelopes: a flag, a length of four bytes, a message. For transports, and for handlers that speak to other servers.
//!
//! ```text
//! body = *envelope        envelope = flag(1) length(4, big endian) message(length)
//! ```
//! "Length-Prefixed-Message" of the gRPC-over-HTTP/2 specification; gRPC-Web and Connect frame streams alike.

mod gathering;
mod run;

use std::{
    mem,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};

use self::gathering::Gathering;
#[cfg(feature = "proxy")]
pub(crate) use self::run::Growing;
#[cfg(not(feature = "proxy"))]
use self::run::Growing;
pub use self::run::{Batch, Run};
use crate::Pieces;

/// The length of an envelope's head.
pub const HEAD: usize = 5;
/// The flag of a plain message.
pub const PLAIN: u8 = 0;
/// The flag of a compressed message.
pub const COMPRESSED: u8 = 1;
/// From this many bytes on what came is handed on by itself. Below it a copy costs less than a reference, and small pieces would
/// each hold on to all that came together with them.
const LARGE: usize = 4 << 10;
/// One message as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// What the message is: [`PLAIN`], [`COMPRESSED`], or what a protocol has beside them.
    pub flag: u8,
    /// The message.
    pub message: Pieces,
}

/// Why a body cannot be split.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// It ends within a message.
    #[error("the body ends within a message: {came} of {length} bytes came")]
    Truncated {
        /// Bytes of the message that came.
        came: usize,
        /// Bytes that were announced.
        length: usize,
    },
    /// It ends within the head of an envelope.
    #[error("the body ends within the five bytes before a message")]
    TruncatedHead,
    /// A message is larger than it may be.
    #[error("a message of {length} bytes is larger than the limit of {limit} bytes")]
    TooLarge {
        /// Bytes that were announced.
        length: usize,
        /// Bytes that are allowed.
        limit: usize,
    },
}

/// The head of an envelope around a message of so many bytes; none for 4 GiB or more.
pub fn head(flag: u8, length: usize) -> Option<[u8; HEAD]> {
    let [a, b, c, d] = u32::try_from(length).ok()?.to_be_bytes();
    Some([flag, a, b, c, d])
}

/// A message that no envelope has room for.
#[cfg(feature = "proxy")]
pub(crate) fn too_large() -> crate::Status {
    crate::Status::resource_exhausted("gRPC has no room for a message of 4 GiB or more")
}

/// Splits a body into envelopes as it arrives. The body is handed to each function, as what polls for its next bytes; `E` is why
/// it may break off.
#[derive(Debug)]
pub struct Envelopes<E> {
    /// Bytes that came and were not taken yet.
    chunk: Bytes,
    partial: Partial,
    limit: usize,
    /// What was found behind a run that was handed on, if something was.
    next: Poll<Option<Result<Envelope, E>>>,
}

/// What came of an envelope that is not whole.
#[derive(Debug, Default)]
struct Partial {
    head: [u8; HEAD],
    /// How much of `head` came.
    have: usize,
    message: Option<Box<Gathering>>,
}

impl<E: From<EnvelopeError>> Envelopes<E> {
    /// For messages of up to `limit` bytes, as they come.
    pub fn new(limit: usize) -> Self {
        Self {
            chunk: Bytes::new(),
            partial: Partial::default(),
            limit,
            next: Poll::Pending,
        }
    }

    /// The flag of the envelope that was found to be too large, or of which else only a part came.
    #[cfg(feature = "proxy")]
    pub(crate) fn pending(&self) -> Option<u8> {
        let [flag, ..] = self.partial.head;
        (self.partial.have == HEAD).then_some(flag)
    }

    /// Goes on with one that was found to be too large, which may have up to `limit` bytes, and so may those behind it.
    #[cfg(feature = "proxy")]
    pub(crate) fn allow(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// The next envelope; `None` at the end of the body. Not to be polled again after an error.
    pub fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        mut data: impl FnMut(&mut Context<'_>) -> Poll<Option<Result<Bytes, E>>>,
    ) -> Poll<Option<Result<Envelope, E>>> {
        if let Poll::Ready(next) = mem::replace(&mut self.next, Poll::Pending) {
            return Poll::Ready(next);
        }
        loop {
            if let Some(found) = self.split().transpose() {
                return Poll::Ready(Some(found.map_err(E::from)));
            }
            match ready!(data(cx)) {
                Some(Ok(data)) => self.chunk = data,
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(self.partial.cut_off().map(|error| Err(error.into()))),
            }
        }
    }

    /// As many envelopes as are there, as they came, if they hold plain messages or, where that is allowed, compressed ones that
    /// are not empty; else the next one, whatever it is.
    pub fn poll_run(
        &mut self,
        cx: &mut Context<'_>,
        compressed: bool,
        mut data: impl FnMut(&mut Context<'_>) -> Poll<Option<Result<Bytes, E>>>,
    ) -> Poll<Option<Result<Result<Run, Envelope>, E>>> {
        if let Poll::Ready(next) = mem::replace(&mut self.next, Poll::Pending) {
            return Poll::Ready(next.map(|next| next.map(Err)));
        }
        let mut run = Growing::default();
        let next = loop {
            if !self.take_whole(compressed, &mut run) || run.is_full() {
                return Poll::Ready(Some(Ok(Ok(run.into_run()))));
            }
            match self.split() {
                Ok(Some(envelope))
                    if passes(envelope.flag, envelope.message.len(), compressed) && envelope.message.len() < LARGE =>
                {
                    run.add_envelope(&envelope);
                    continue;
                }
                Ok(Some(envelope)) => break Some(Ok(envelope)),
                Ok(None) => {}
                Err(error) => break Some(Err(error.into())),
            }
            match data(cx) {
                Poll::Ready(Some(Ok(data))) => self.chunk = data,
                Poll::Ready(Some(Err(error))) => break Some(Err(error)),
                Poll::Ready(None) => break self.partial.cut_off().map(|error| Err(error.into())),
                Poll::Pending if run.is_empty() => return Poll::Pending,
                Poll::Pending => return Poll::Ready(Some(Ok(Ok(run.into_run())))),
            }
        };
        if run.is_empty() {
            return Poll::Ready(next.map(|next| next.map(Err)));
        }
        self.next = Poll::Ready(next);
        Poll::Ready(Some(Ok(Ok(run.into_run()))))
    }

    /// Waits for the end of the body. `false`: something else came.
    pub fn poll_ends(
        &mut self,
        cx: &mut Context<'_>,
        mut data: impl FnMut(&mut Context<'_>) -> Poll<Option<Result<Bytes, E>>>,
    ) -> Poll<Result<bool, E>> {
        while self.chunk.is_empty() {
            match ready!(data(cx)) {
                Some(data) => self.chunk = data?,
                None => return Poll::Ready(Ok(true)),
            }
        }
        Poll::Ready(Ok(false))
    }

    /// Whether a part of an envelope came.
    pub fn is_within(&self) -> bool {
        self.partial.have > 0
    }

    /// Bytes that came and were not handed on yet.
    pub fn held(&self) -> usize {
        let next = match &self.next {
            Poll::Ready(Some(Ok(envelope))) => envelope.message.len(),
            _ => 0,
        };
        self.chunk.len() + self.partial.came() + next
    }

    /// Takes an envelope out of what came; `None`: it is not whole yet.
    fn split(&mut self) -> Result<Option<Envelope>, EnvelopeError> {
        let partial = &mut self.partial;
        if let Some(missing) = partial
            .head
            .get_mut(partial.have..)
            .filter(|missing| !missing.is_empty())
        {
            let count = missing.len().min(self.chunk.len());
            let (missing, _) = missing.split_at_mut(count);
            self.chunk.copy_to_slice(missing);
            partial.have += count;
        }
        if partial.have < HEAD {
            return Ok(None);
        }
        let length = length(partial.head);
        if length > self.limit {
            let limit = self.limit;
            return Err(EnvelopeError::TooLarge { length, limit });
        }
        if self.chunk.len() >= length && partial.message.is_none() {
            let message = self.chunk.split_to(length);
            return Ok(Some(partial.finish(message.into())));
        }
        if self.chunk.is_empty() {
            return Ok(None);
        }
        let gathering = partial.message.get_or_insert_default();
        let missing = length - gathering.came;
        let part = self.chunk.split_to(missing.min(self.chunk.len()));
        gathering.add(part, missing, LARGE);
        let whole = partial.message.take_if(|gathering| gathering.came == length);
        Ok(whole.map(|gathering| partial.finish(gathering.finish())))
    }

    /// Takes the whole envelopes that the chunk begins with, without a look at more than their heads. `false`: with them the run
    /// would have more than it may.
    fn take_whole(&mut self, compressed: bool, run: &mut Growing) -> bool {
        if self.partial.have > 0 {
            return true;
        }
        let (mut end, mut messages) = (0, 0);
        while let Some(head) = self.chunk.get(end..).and_then(|rest| rest.first_chunk::<HEAD>()) {
            let ([flag, ..], length) = (*head, length(*head));
            if length > self.limit || !passes(flag, length, compressed) || self.chunk.len() - end - HEAD < length {
                break;
            }
            end += HEAD + length;
            messages += 1;
        }
        let fits = run.has_room(end);
        if fits && messages > 0 {
            run.add_whole(self.chunk.split_to(end), messages);
        }
        fits
    }
}

/// Whether a message may go on as it is. What is compressed and empty is not told alike by all protocols.
fn passes(flag: u8, length: usize, compressed: bool) -> bool {
    flag == PLAIN || flag == COMPRESSED && compressed && length > 0
}

fn length([_, length @ ..]: [u8; HEAD]) -> usize {
    // Four bytes; a target with fewer is not supported by tokio either.
    usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX)
}

impl Partial {
    /// Bytes of the message that came.
    fn came(&self) -> usize {
        self.message.as_ref().map_or(0, |message| message.came)
    }

    fn finish(&mut self, message: Pieces) -> Envelope {
        let [flag, ..] = self.head;
        *self = Self::default();
        Envelope { flag, message }
    }

    /// What is wrong with a body that ends here.
    fn cut_off(&self) -> Option<EnvelopeError> {
        match self.have {
            0 => None,
            HEAD => Some(EnvelopeError::Truncated {
                came: self.came(),
                length: length(self.head),
            }),
            _ => Some(EnvelopeError::TruncatedHead),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    /// A body of these chunks, each of which has to be waited for if it `pauses`.
    struct Body {
        chunks: VecDeque<Bytes>,
        pauses: bool,
        paused: bool,
    }

    impl Body {
        fn new(chunks: &[&[u8]], pauses: bool) -> Self {
            let chunks = chunks.iter().map(|chunk| Bytes::copy_from_slice(chunk)).collect();
            Self {
                chunks,
                pauses,
                paused: false,
            }
        }

        fn poll(&mut self) -> Poll<Option<Result<Bytes, EnvelopeError>>> {
            self.paused = self.pauses && !self.paused;
            if self.paused {
                return Poll::Pending;
            }
            Poll::Ready(self.chunks.pop_front().map(Ok))
        }
    }

    fn cx() -> Context<'static> {
        Context::from_waker(std::task::Waker::noop())
    }

    fn all(mut body: Body) -> Result<Vec<Envelope>, EnvelopeError> {
        let mut envelopes = Envelopes::new(100);
        let mut found = Vec::new();
        loop {
            match envelopes.poll_next(&mut cx(), |_| body.poll()) {
                Poll::Ready(Some(envelope)) => found.push(envelope?),
                Poll::Ready(None) => return Ok(found),
                Poll::Pending => {}
            }
        }
    }

    /// The body again, whole, and how many pieces it went on in.
    fn passed(mut body: Body, compressed: bool) -> Result<(Vec<u8>, usize, usize), EnvelopeError> {
        let mut envelopes = Envelopes::new(100);
        let (mut out, mut messages, mut pieces) = (Vec::new(), 0, 0);
        loop {
            let next = match envelopes.poll_run(&mut cx(), compressed, |_| body.poll()) {
                Poll::Ready(next) => next,
                Poll::Pending => continue,
            };
            pieces += 1;
            match next {
                Some(Ok(Ok(run))) => {
                    assert_eq!(run.wire_len() + run.messages() * HEAD, run.clone().into_pieces().len());
                    messages += run.messages();
                    out.extend(run.into_pieces().into_bytes());
                }
                Some(Ok(Err(envelope))) => {
                    messages += 1;
                    out.extend(head(envelope.flag, envelope.message.len()).unwrap());
                    out.extend(envelope.message.into_bytes());
                }
                Some(Err(error)) => return Err(error),
                None => return Ok((out, messages, pieces - 1)),
            }
        }
    }

    fn whole(flag: u8, message: &'static [u8]) -> Envelope {
        let message = message.into();
        Envelope { flag, message }
    }

    const BODY: &[u8] = b"\x00\x00\x00\x00\x02hi\x01\x00\x00\x00\x01z\x00\x00\x00\x00\x00\x02\x00\x00\x00\x03abc";

    #[test]
    fn envelopes_are_split_wherever_the_chunks_end() {
        let expected = [whole(0, b"hi"), whole(1, b"z"), whole(0, b""), whole(2, b"abc")];
        for first in 0..BODY.len() {
            for second in first..BODY.len() {
                let chunks = [&BODY[..first], &BODY[first..second], &BODY[second..]];
                for pauses in [false, true] {
                    assert_eq!(all(Body::new(&chunks, pauses)).unwrap(), expected);
                    for compressed in [false, true] {
                        let (out, messages, pieces) = passed(Body::new(&chunks, pauses), compressed).unwrap();
                        assert_eq!((&out[..], messages), (BODY, 4));
                        assert!(pieces >= 2, "what has a flag of its own goes on by itself");
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_there_goes_on_at_once() {
        let message = b"\x00\x00\x00\x00\x02hi";
        let chunks = vec![&message[..]; 10_000];
        let (out, messages, pieces) = passed(Body::new(&chunks, false), false).unwrap();
        assert_eq!((out.len(), messages), (70_000, 10_000));
        assert_eq!(pieces, 70_000_usize.div_ceil(16 << 10));
        let (_, _, pieces) = passed(Body::new(&chunks[..10], true), false).unwrap();
        assert_eq!(pieces, 10, "nothing is waited for");
    }

    #[test]
    fn large_chunks_are_not_copied() {
        let (small, large) = (BODY[..7].repeat(3), BODY[..7].repeat(1000));
        let chunks = [&large[..], &large, &small, &small, &large].map(Bytes::copy_from_slice);
        let mut body = Body::new(&[], false);
        body.chunks.extend(chunks.iter().cloned());
        let mut envelopes = Envelopes::<EnvelopeError>::new(100);
        let mut runs = Vec::new();
        while let Poll::Ready(Some(run)) = envelopes.poll_run(&mut cx(), false, |_| body.poll()) {
            runs.push(run.unwrap().unwrap().into_pieces());
        }
        let pieces: Vec<Vec<_>> = runs.iter().map(|run| run.iter().collect()).collect();
        let places: Vec<Vec<_>> = pieces
            .iter()
            .map(|run| run.iter().map(|piece| piece.as_ptr()).collect())
            .collect();
        assert_eq!(
            pieces[0][2],
            &[small.clone(), small].concat(),
            "the small ones are joined"
        );
        assert_eq!(places[0][..2], [chunks[0].as_ptr(), chunks[1].as_ptr()]);
        assert_eq!(places[1..], [[chunks[4].as_ptr()]], "a frame has no room for it");
    }

    #[test]
    fn a_body_that_ends_early_is_an_error() {
        let of = |body: &[u8]| (all(Body::new(&[body], false)), passed(Body::new(&[body], false), true));
        for (body, error) in [
            (&b"\x00\x00"[..], EnvelopeError::TruncatedHead),
            (
                b"\x00\x00\x00\x00\x02h",
                EnvelopeError::Truncated { came: 1, length: 2 },
            ),
            (b"\x00\x00\x00\x00\x01a\x00\x00", EnvelopeError::TruncatedHead),
        ] {
            let (split, run) = of(body);
            assert_eq!((split.unwrap_err(), run.unwrap_err()), (error.clone(), error));
        }
        assert_eq!(all(Body::new(&[], false)).unwrap(), []);
    }

    #[test]
    fn a_declared_length_over_the_limit_is_refused_before_a_byte_of_it_came() {
        let large = EnvelopeError::TooLarge {
            length: 101,
            limit: 100,
        };
        let body = b"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x65";
        assert_eq!(all(Body::new(&[body], false)).unwrap_err(), large);
        assert_eq!(passed(Body::new(&[body], false), true).unwrap_err(), large);
    }

    #[test]
    fn a_large_message_goes_on_in_the_pieces_it_came_in() {
        let mut body = Body::new(&[b"\x00\x00\x00\xa0\x01"], true);
        let chunk = Bytes::from(vec![7; 10 << 10]);
        body.chunks
            .extend([chunk.clone(), chunk.clone(), chunk.clone(), chunk.clone()]);
        body.chunks.push_back(Bytes::from_static(&[7]));
        let mut envelopes = Envelopes::<EnvelopeError>::new(1 << 20);
        let envelope = loop {
            if let Poll::Ready(Some(envelope)) = envelopes.poll_next(&mut cx(), |_| body.poll()) {
                break envelope.unwrap();
            }
        };
        let places: Vec<_> = envelope.message.iter().map(|piece| piece.as_ptr()).collect();
        assert_eq!((envelope.message.len(), places.len()), ((40 << 10) + 1, 5));
        assert!(places[..4].iter().all(|place| *place == chunk.as_ptr()));
    }
}
