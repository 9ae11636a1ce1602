//! Messages of a request, counted as they are read.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
};

use descant_handlers::{Message, MessageStream, Messages, Metadata, RequestId, Status, envelope::Batch};

use super::{
    payloads::{Direction, Of},
    subject::Subject,
    watch::Size,
};
use crate::protocol::Protocol;

/// A request that is a stream: the handler has it, and may keep it longer than the call is watched.
pub(super) struct Incoming {
    pub(super) messages: Messages,
    pub(super) tally: Arc<Tally>,
    pub(super) subject: Arc<Subject>,
    pub(super) protocol: Protocol,
    pub(super) request_id: RequestId,
}

/// What has come so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    messages: AtomicU64,
    bytes: AtomicU64,
    /// A message could not be read.
    misread: AtomicBool,
}

impl Tally {
    pub(super) fn size(&self) -> Size {
        Size {
            messages: self.messages.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }

    /// Whether a message could not be read.
    pub(super) fn is_misread(&self) -> bool {
        self.misread.load(Ordering::Relaxed)
    }
}

impl Incoming {
    /// Counts messages; how many there were before them.
    fn passed(&self, messages: usize, bytes: usize) -> u64 {
        let before = self.tally.messages.fetch_add(messages as u64, Ordering::Relaxed);
        self.tally.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.subject.series(self.protocol).received.passed(messages, bytes);
        before
    }

    fn count(&self, message: &Message) {
        let before = self.passed(1, message.wire_len());
        if let Some((payloads, method)) = self.subject.payloads() {
            let of = Of {
                method,
                protocol: self.protocol,
                request_id: self.request_id,
                direction: Direction::Request,
            };
            payloads.tell(&of, before + 1, message);
        }
    }
}

impl MessageStream for Incoming {
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Message, Status>>> {
        let next = ready!(self.messages.poll_next(cx));
        match &next {
            Some(Ok(message)) => self.count(message),
            Some(Err(_)) => self.tally.misread.store(true, Ordering::Relaxed),
            None => {}
        }
        Poll::Ready(next)
    }

    fn poll_batch(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Batch, Status>>> {
        if self.subject.payloads().is_some() {
            // Somebody looks.
            return self
                .poll_next(cx)
                .map(|next| next.map(|message| message.map(Batch::One)));
        }
        let next = ready!(self.messages.poll_batch(cx));
        match &next {
            Some(Ok(batch)) => {
                self.passed(batch.messages(), batch.wire_len());
            }
            Some(Err(_)) => self.tally.misread.store(true, Ordering::Relaxed),
            None => {}
        }
        Poll::Ready(next)
    }

    fn take_trailers(mut self: Pin<&mut Self>) -> Metadata {
        self.messages.take_trailers()
    }
}
