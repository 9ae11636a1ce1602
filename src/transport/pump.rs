//! Pulls a reply's body and gathers what is small.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, BufMut, BytesMut};
use descant_handlers::http2::LARGE;
use http::HeaderMap;
use tokio::task::coop;

use super::{Frame, OutboundStream, Payload};

/// As many bytes of small frames as are sent as one: the frame size that every peer takes.
const GATHER: usize = 16 << 10;
/// The first buffer of a gathering that may turn out to be short.
const FIRST: usize = 1 << 10;

/// The body of a reply on its way out.
pub(super) struct Pump {
    body: Pin<Box<dyn OutboundStream>>,
    gathering: Gathering,
    /// Pulled, but too large to be gathered.
    next: Option<Payload>,
}

/// What can be sent at once.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) data: Option<Payload>,
    pub(super) end: Option<End>,
}

/// How a body ends.
#[derive(Debug)]
pub(super) enum End {
    /// With its data.
    Data,
    Trailers(HeaderMap),
    /// As if it were torn off.
    Cut,
}

impl Pump {
    pub(super) fn new(body: Pin<Box<dyn OutboundStream>>) -> Self {
        Self {
            body,
            gathering: Gathering::default(),
            next: None,
        }
    }

    /// Everything that is ready, up to [`GATHER`] bytes or one large payload.
    ///
    /// Each frame costs the task some of its turn: a body that always has one at hand, and that shrinks so much on the wire
    /// that the peer's window never stops it, would else keep a thread from all its other connections.
    pub(super) fn poll_batch(&mut self, cx: &mut Context<'_>) -> Poll<Batch> {
        if let Some(large) = self.next.take() {
            return Poll::Ready(Batch {
                data: Some(large),
                end: None,
            });
        }
        let end = loop {
            // What is gathered stays for the task's next turn, which comes at once.
            let turn = ready!(coop::poll_proceed(cx));
            let frame = match self.body.as_mut().poll_frame(cx) {
                Poll::Pending if self.gathering.is_empty() => return Poll::Pending,
                Poll::Pending => break None,
                Poll::Ready(frame) => frame,
            };
            turn.made_progress();
            match frame {
                Some(Frame::Data(data)) if data.remaining() == 0 => {}
                Some(Frame::Data(data)) if data.remaining() < LARGE => {
                    self.gathering.add(data);
                    if self.gathering.len() >= GATHER {
                        break None;
                    }
                }
                Some(Frame::Data(data)) if self.gathering.is_empty() => {
                    self.gathering.add(data);
                    break None;
                }
                Some(Frame::Data(data)) => {
                    self.next = Some(data);
                    break None;
                }
                Some(Frame::Trailers(trailers)) => break Some(End::Trailers(trailers)),
                Some(Frame::Cut) => break Some(End::Cut),
                None => break Some(End::Data),
            }
        };
        Poll::Ready(Batch {
            data: std::mem::take(&mut self.gathering).finish(),
            end,
        })
    }
}

/// One payload as it is, several in a buffer.
#[derive(Default)]
struct Gathering {
    first: Option<Payload>,
    more: BytesMut,
}

impl Gathering {
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn len(&self) -> usize {
        self.more.len() + self.first.as_ref().map_or(0, Buf::remaining)
    }

    fn add(&mut self, data: Payload) {
        if self.is_empty() {
            self.first = Some(data);
            return;
        }
        if let Some(first) = self.first.take() {
            self.more.reserve(FIRST);
            self.more.put(first);
        }
        self.more.put(data);
    }

    fn finish(self) -> Option<Payload> {
        match self.first {
            None if self.more.is_empty() => None,
            None => Some(Payload::from(self.more.freeze())),
            first => first,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use bytes::Bytes;

    use super::*;

    /// A byte, as often as one asks.
    struct Endless;

    impl OutboundStream for Endless {
        fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Frame>> {
            Poll::Ready(Some(Frame::Data(Payload::from(Bytes::from_static(b"x")))))
        }
    }

    #[tokio::test]
    async fn a_body_without_end_lets_others_have_their_turn() {
        let mut pump = Pump::new(Box::pin(Endless));
        let mut pulled = 0;
        for turns in 1.. {
            let mut batches = Vec::new();
            poll_fn(|cx| {
                while let Poll::Ready(batch) = pump.poll_batch(cx) {
                    batches.extend(batch.data);
                    assert!(batches.len() < 10, "it does not end its turn");
                }
                Poll::Ready(())
            })
            .await;
            tokio::task::yield_now().await;
            // A turn that ends within a batch costs nothing of its size.
            assert!(batches.iter().all(|batch| batch.remaining() == GATHER));
            pulled += batches.len();
            if pulled == 3 {
                assert!(turns > 3, "only {turns} turns");
                return;
            }
        }
    }
}
