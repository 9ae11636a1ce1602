//! The messages of a request that may have to be sent again: kept until it is known that they will not be.

use std::{
    collections::VecDeque,
    mem,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker, ready},
};

use bytes::Bytes;

use crate::{
    Message, MessageStream, Messages, Status,
    envelope::{Batch, Growing},
};

/// What a message counts for beside its bytes.
const EACH: usize = 64;
/// Smaller ones are copied: they came as a part of something larger, which would be kept whole.
const SMALL: usize = 4 << 10;

/// The messages of a request, for as many readers as there are attempts. Once one of them is the last that there will be, or more
/// came than is kept, the others are at their end.
#[derive(Clone, Debug)]
pub(super) struct Tape(Arc<Mutex<Reel>>);

#[derive(Debug)]
struct Reel {
    source: Messages,
    kept: VecDeque<Message>,
    /// How many were there before those that are kept.
    gone: usize,
    bytes: usize,
    limit: usize,
    /// How the source ended.
    end: Option<Result<(), Status>>,
    readers: usize,
    /// The one reader that goes on.
    owner: Option<usize>,
    /// Of readers that wait for the source.
    waiting: Vec<Waker>,
    /// Of whoever waits for an owner.
    onlooker: Option<Waker>,
}

/// One attempt's view of the messages.
#[derive(Debug)]
pub(super) struct Reader {
    tape: Tape,
    id: usize,
    /// The message that is due.
    next: usize,
}

/// What a reader has next.
enum Next {
    /// A message, or the end.
    Kept(Option<Result<Message, Status>>),
    /// What the source has, of which nothing is kept any more.
    Source,
}

impl Tape {
    /// The reader that there is first.
    pub(super) const FIRST: usize = 1;

    /// Keeps up to so many bytes, and is read from the beginning.
    pub(super) fn new(source: Messages, limit: usize) -> (Self, Reader) {
        let tape = Self::unread(source, limit);
        tape.lock().readers = Self::FIRST;
        let (id, next) = (Self::FIRST, 0);
        (tape.clone(), Reader { tape, id, next })
    }

    /// Keeps up to so many bytes.
    pub(super) fn unread(source: Messages, limit: usize) -> Self {
        Self(Arc::new(Mutex::new(Reel {
            source,
            kept: VecDeque::new(),
            gone: 0,
            bytes: 0,
            limit,
            end: None,
            readers: 0,
            owner: None,
            waiting: Vec::new(),
            onlooker: None,
        })))
    }

    /// The messages from the first on; `None`: they are no longer there.
    pub(super) fn reader(&self) -> Option<Reader> {
        let mut reel = self.lock();
        if reel.owner.is_some() {
            return None;
        }
        reel.readers += 1;
        let (tape, id, next) = (self.clone(), reel.readers, 0);
        Some(Reader { tape, id, next })
    }

    /// Whether the messages are still all there.
    pub(super) fn is_whole(&self) -> bool {
        self.lock().owner.is_none()
    }

    /// From now on only this reader goes on, unless another one does already; says whether it is this one.
    pub(super) fn commit(&self, reader: usize) -> bool {
        self.lock().commit(reader)
    }

    /// Which reader goes on, once that is known. Remembers one of those who ask.
    pub(super) fn poll_owner(&self, cx: &mut Context<'_>) -> Poll<usize> {
        let mut reel = self.lock();
        if let Some(owner) = reel.owner {
            return Poll::Ready(owner);
        }
        reel.onlooker = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Whether another reader goes on.
    pub(super) fn is_lost(&self, reader: usize) -> bool {
        self.lock().owner.is_some_and(|owner| owner != reader)
    }

    fn lock(&self) -> MutexGuard<'_, Reel> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reel {
    fn commit(&mut self, reader: usize) -> bool {
        if self.owner.is_none() {
            self.owner = Some(reader);
            self.wake();
            self.onlooker.take().into_iter().for_each(Waker::wake);
        }
        self.owner == Some(reader)
    }

    fn wake(&mut self) {
        mem::take(&mut self.waiting).into_iter().for_each(Waker::wake);
    }

    /// A message that nobody has read yet.
    fn poll_source(&mut self, reader: usize, cx: &mut Context<'_>) -> Poll<Option<Result<(), Status>>> {
        if let Some(end) = &self.end {
            return Poll::Ready(end.clone().err().map(Err));
        }
        let Poll::Ready(next) = self.source.poll_next(cx) else {
            if !self.waiting.iter().any(|waiting| waiting.will_wake(cx.waker())) {
                self.waiting.push(cx.waker().clone());
            }
            return Poll::Pending;
        };
        let kept = next.map(|message| message.and_then(kept));
        let outcome = match kept {
            Some(Ok(message)) => {
                self.bytes += message.wire_len() + EACH;
                self.kept.push_back(message);
                if self.bytes > self.limit {
                    self.commit(reader);
                }
                Some(Ok(()))
            }
            Some(Err(status)) => {
                self.end = Some(Err(status.clone()));
                Some(Err(status))
            }
            None => {
                self.end = Some(Ok(()));
                None
            }
        };
        self.wake();
        Poll::Ready(outcome)
    }
}

/// The message in a form that is cheap to copy.
fn kept(message: Message) -> Result<Message, Status> {
    if message.encoding().is_some() {
        return Ok(message);
    }
    let wire = message.into_pieces()?;
    Ok(match wire.as_whole() {
        Some(whole) if whole.len() < SMALL => Message::from_wire(Bytes::copy_from_slice(whole)),
        _ => Message::from_pieces(wire),
    })
}

impl Reader {
    pub(super) fn id(&self) -> usize {
        self.id
    }

    /// The next message, unless the source gives what it has next straight to this reader.
    fn poll_kept(&mut self, cx: &mut Context<'_>) -> Poll<Next> {
        let mut reel = self.tape.lock();
        loop {
            if reel.owner.is_some_and(|owner| owner != self.id) {
                let gone = Status::cancelled("another attempt at the call goes on");
                return Poll::Ready(Next::Kept(Some(Err(gone))));
            }
            let place = self.next - reel.gone;
            if reel.owner.is_some() {
                // Nobody asks for it again.
                reel.kept.drain(..place);
                reel.gone = self.next;
                let Some(message) = reel.kept.pop_front() else {
                    let end = reel.end.as_ref().map(|end| Next::Kept(end.clone().err().map(Err)));
                    return Poll::Ready(end.unwrap_or(Next::Source));
                };
                reel.gone += 1;
                self.next += 1;
                return Poll::Ready(Next::Kept(Some(Ok(message))));
            }
            if let Some(message) = reel.kept.get(place) {
                self.next += 1;
                return Poll::Ready(Next::Kept(Some(Ok(message.clone()))));
            }
            match ready!(reel.poll_source(self.id, cx)) {
                Some(Ok(())) => {}
                Some(Err(status)) => return Poll::Ready(Next::Kept(Some(Err(status)))),
                None => return Poll::Ready(Next::Kept(None)),
            }
        }
    }
}

impl MessageStream for Reader {
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Message, Status>>> {
        match ready!(self.poll_kept(cx)) {
            Next::Kept(next) => Poll::Ready(next),
            Next::Source => self.tape.lock().source.poll_next(cx),
        }
    }

    fn poll_batch(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Batch, Status>>> {
        let mut run = Growing::default();
        loop {
            let next = match self.poll_kept(cx) {
                Poll::Ready(Next::Kept(Some(Ok(message)))) => {
                    run.add_as_came(message)?;
                    if !run.is_full() {
                        continue;
                    }
                    None
                }
                // What comes next comes once more.
                _ if !run.is_empty() => None,
                Poll::Ready(next) => Some(next),
                Poll::Pending => return Poll::Pending,
            };
            return match next {
                None => Poll::Ready(Some(Ok(Batch::Run(run.into_run())))),
                Some(Next::Kept(end)) => Poll::Ready(end.map(|message| message.map(Batch::One))),
                Some(Next::Source) => self.tape.lock().source.poll_batch(cx),
            };
        }
    }
}

/// The source may have been about to wake this one.
impl Drop for Reader {
    fn drop(&mut self) {
        self.tape.lock().wake();
    }
}

#[cfg(test)]
mod tests {
    use std::task::Wake;

    use super::*;

    fn message(text: &'static str) -> Message {
        Message::from_wire(Bytes::from_static(text.as_bytes()))
    }

    fn source(texts: [&'static str; 3]) -> Messages {
        Messages::generate(move |sender| async move {
            for text in texts {
                sender.send(message(text)).await?;
            }
            Ok(())
        })
    }

    fn next(reader: &mut Reader) -> Option<Result<String, Status>> {
        let mut cx = Context::from_waker(Waker::noop());
        match Pin::new(reader).poll_next(&mut cx) {
            Poll::Ready(next) => next.map(|next| {
                let wire = next?.into_wire()?;
                Ok(String::from_utf8(wire.to_vec()).unwrap())
            }),
            Poll::Pending => panic!("it waits"),
        }
    }

    fn all(reader: &mut Reader) -> Vec<String> {
        std::iter::from_fn(|| next(reader)).map(Result::unwrap).collect()
    }

    #[test]
    fn each_attempt_reads_all_messages() {
        let tape = Tape::unread(source(["a", "b", "c"]), 1000);
        let (mut one, mut other) = (tape.reader().unwrap(), tape.reader().unwrap());
        assert_eq!(next(&mut one).unwrap().unwrap(), "a");
        assert_eq!(all(&mut other), ["a", "b", "c"]);
        assert_eq!(all(&mut one), ["b", "c"]);
        assert!(tape.is_whole());
        assert_eq!(all(&mut tape.reader().unwrap()), ["a", "b", "c"]);
    }

    #[test]
    fn what_is_kept_goes_up_in_one_run() {
        let mut cx = Context::from_waker(Waker::noop());
        let tape = Tape::unread(source(["a", "bc", ""]), 1000);
        for _ in 0..2 {
            let mut reader = tape.reader().unwrap();
            let batch = Pin::new(&mut reader).poll_batch(&mut cx);
            let Poll::Ready(Some(Ok(Batch::Run(run)))) = batch else {
                panic!("{batch:?}")
            };
            assert_eq!(run.messages(), 3);
            let expected = b"\0\0\0\0\x01a\0\0\0\0\x02bc\0\0\0\0\0";
            assert_eq!(run.into_pieces().into_bytes(), expected[..]);
            assert!(matches!(Pin::new(&mut reader).poll_batch(&mut cx), Poll::Ready(None)));
        }
    }

    #[test]
    fn once_it_is_known_which_attempt_counts_the_others_end() {
        let tape = Tape::unread(source(["a", "b", "c"]), 1000);
        let (mut one, mut other) = (tape.reader().unwrap(), tape.reader().unwrap());
        assert_eq!(next(&mut one).unwrap().unwrap(), "a");
        assert_eq!(next(&mut one).unwrap().unwrap(), "b");
        tape.commit(other.id());
        assert!(tape.reader().is_none());
        assert!(next(&mut one).unwrap().is_err());
        assert_eq!(all(&mut other), ["a", "b", "c"]);
        assert!(tape.lock().kept.is_empty());
    }

    #[test]
    fn more_than_is_kept_leaves_one_attempt() {
        let tape = Tape::unread(source(["a", "b", "c"]), EACH + 1);
        let (mut one, mut other) = (tape.reader().unwrap(), tape.reader().unwrap());
        assert_eq!(next(&mut one).unwrap().unwrap(), "a");
        assert_eq!(next(&mut other).unwrap().unwrap(), "a");
        let mut cx = Context::from_waker(Waker::noop());
        assert!(tape.poll_owner(&mut cx).is_pending());
        assert_eq!(next(&mut one).unwrap().unwrap(), "b");
        assert!(!tape.is_whole());
        assert_eq!(tape.poll_owner(&mut cx), Poll::Ready(one.id()));
        assert!(tape.commit(one.id()) && !tape.commit(other.id()));
        assert!(tape.is_lost(other.id()) && !tape.is_lost(one.id()));
        assert!(next(&mut other).unwrap().is_err());
        assert_eq!(all(&mut one), ["c"]);
    }

    #[test]
    fn a_request_that_breaks_is_broken_for_each_attempt() {
        let source = Messages::generate(|sender| async move {
            sender.send(message("a")).await?;
            Err(Status::internal("cut off"))
        });
        let tape = Tape::unread(source, 1000);
        for _ in 0..2 {
            let mut reader = tape.reader().unwrap();
            assert_eq!(next(&mut reader).unwrap().unwrap(), "a");
            assert_eq!(next(&mut reader).unwrap().unwrap_err().message(), "cut off");
        }
    }

    #[test]
    fn whoever_waits_is_woken_when_another_goes() {
        struct Bell(std::sync::atomic::AtomicBool);
        impl Wake for Bell {
            fn wake(self: Arc<Self>) {
                self.0.store(true, std::sync::atomic::Ordering::Relaxed);
            }
        }
        let source = Messages::generate(|_| std::future::pending());
        let tape = Tape::unread(source, 1000);
        let (mut one, mut other) = (tape.reader().unwrap(), tape.reader().unwrap());
        let bell = Arc::new(Bell(false.into()));
        let waker = Waker::from(Arc::clone(&bell));
        assert!(
            Pin::new(&mut one)
                .poll_next(&mut Context::from_waker(&waker))
                .is_pending()
        );
        let mut cx = Context::from_waker(Waker::noop());
        assert!(Pin::new(&mut other).poll_next(&mut cx).is_pending());
        drop(other);
        assert!(bell.0.load(std::sync::atomic::Ordering::Relaxed));
    }
}
