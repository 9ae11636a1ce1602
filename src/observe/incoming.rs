//! Messages of a request, counted as they are read.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
};

use descant_handlers::{Message, MessageStream, Messages, Metadata, Status};

use super::{subject::Subject, watch::Size};
use crate::protocol::Protocol;

/// A request that is a stream: the handler has it, and may keep it longer than the call is watched.
pub(super) struct Incoming {
    pub(super) messages: Messages,
    pub(super) tally: Arc<Tally>,
    pub(super) subject: Arc<Subject>,
    pub(super) protocol: Protocol,
}

/// What has come so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    messages: AtomicU64,
    bytes: AtomicU64,
}

impl Tally {
    pub(super) fn size(&self) -> Size {
        Size {
            messages: self.messages.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }
}

impl MessageStream for Incoming {
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Message, Status>>> {
        let next = ready!(self.messages.poll_next(cx));
        if let Some(Ok(message)) = &next {
            let bytes = message.wire_len() as u64;
            self.tally.messages.fetch_add(1, Ordering::Relaxed);
            self.tally.bytes.fetch_add(bytes, Ordering::Relaxed);
            self.subject.series(self.protocol).received.passed(bytes);
        }
        Poll::Ready(next)
    }

    fn take_trailers(mut self: Pin<&mut Self>) -> Metadata {
        self.messages.take_trailers()
    }
}
