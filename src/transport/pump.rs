//! Pulls a reply's body and gathers what is small.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Buf, BufMut, BytesMut};
use http::HeaderMap;

use super::{Frame, OutboundStream, Payload, payload::LARGE};

/// As many bytes of small frames as are sent as one: the frame size that every peer takes.
const GATHER: usize = 16 << 10;
/// The first buffer of a gathering that may turn out to be short.
const FIRST: usize = 1 << 10;

/// The body of a reply on its way out.
pub(super) struct Pump {
    body: Pin<Box<dyn OutboundStream>>,
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
        Self { body, next: None }
    }

    /// Everything that is ready, up to [`GATHER`] bytes or one large payload.
    pub(super) fn poll_batch(&mut self, cx: &mut Context<'_>) -> Poll<Batch> {
        let mut gathering = Gathering::default();
        if let Some(large) = self.next.take() {
            return Poll::Ready(Batch {
                data: Some(large),
                end: None,
            });
        }
        let end = loop {
            match self.body.as_mut().poll_frame(cx) {
                Poll::Pending if gathering.is_empty() => return Poll::Pending,
                Poll::Pending => break None,
                Poll::Ready(Some(Frame::Data(data))) if data.remaining() == 0 => {}
                Poll::Ready(Some(Frame::Data(data))) if data.remaining() < LARGE => {
                    gathering.add(data);
                    if gathering.len() >= GATHER {
                        break None;
                    }
                }
                Poll::Ready(Some(Frame::Data(data))) if gathering.is_empty() => {
                    gathering.add(data);
                    break None;
                }
                Poll::Ready(Some(Frame::Data(data))) => {
                    self.next = Some(data);
                    break None;
                }
                Poll::Ready(Some(Frame::Trailers(trailers))) => break Some(End::Trailers(trailers)),
                Poll::Ready(Some(Frame::Cut)) => break Some(End::Cut),
                Poll::Ready(None) => break Some(End::Data),
            }
        };
        Poll::Ready(Batch {
            data: gathering.finish(),
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
