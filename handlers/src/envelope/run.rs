//! Envelopes that go on as they came, many at a time.

use std::mem;

use bytes::{Bytes, BytesMut};

use super::{Envelope, HEAD, head};
use crate::Message;

/// From this many bytes on what came is handed on by itself, not copied once more.
pub(super) const LARGE: usize = 4 << 10;
/// Small pieces of a body are joined up to this many bytes.
const FULL: usize = 16 << 10;

/// Whole envelopes, one behind the other, as they came: messages that go on as they are, many at a time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Run {
    envelopes: Bytes,
    messages: usize,
}

/// What is handed on at once.
#[derive(Clone, Debug)]
pub enum Batch {
    /// A message, in whichever form.
    One(Message),
    /// Messages in their envelopes, as many as were there.
    Run(Run),
}

impl Run {
    /// Bytes without envelopes, which go out as they are.
    #[cfg(feature = "proxy")]
    pub(crate) fn bare(bytes: Bytes) -> Self {
        Self {
            envelopes: bytes,
            messages: 0,
        }
    }

    /// The envelopes.
    pub fn into_bytes(self) -> Bytes {
        self.envelopes
    }

    /// How many messages there are.
    pub fn messages(&self) -> usize {
        self.messages
    }

    /// The bytes of all messages, as they came, without their envelopes.
    pub fn wire_len(&self) -> usize {
        self.envelopes.len() - self.messages * HEAD
    }
}

impl Batch {
    /// How many messages there are.
    pub fn messages(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Run(run) => run.messages(),
        }
    }

    /// The bytes of all messages: [`Message::wire_len`].
    pub fn wire_len(&self) -> usize {
        match self {
            Self::One(message) => message.wire_len(),
            Self::Run(run) => run.wire_len(),
        }
    }
}

/// A run that grows. Its first piece is copied only once there is a second one.
#[derive(Default)]
pub(super) struct Gathered {
    first: Bytes,
    joined: BytesMut,
    messages: usize,
}

impl Gathered {
    pub(super) fn is_empty(&self) -> bool {
        self.messages == 0
    }

    /// Whether it is to be handed on before more is added.
    pub(super) fn is_full(&self) -> bool {
        self.first.len() >= LARGE || self.joined.len() >= FULL
    }

    pub(super) fn add(&mut self, envelopes: Bytes, messages: usize) {
        if self.messages == 0 {
            self.first = envelopes;
        } else {
            self.join(&envelopes);
        }
        self.messages += messages;
    }

    pub(super) fn add_envelope(&mut self, envelope: &Envelope) {
        // Smaller than `LARGE`: there is a head for it.
        self.join(&head(envelope.flag, &envelope.message).unwrap_or_default());
        self.join(&envelope.message);
        self.messages += 1;
    }

    fn join(&mut self, part: &[u8]) {
        let first = mem::take(&mut self.first);
        let more = first.len() + part.len();
        if self.joined.capacity() - self.joined.len() < more {
            // Mostly it stays small; else it is moved once.
            let room = if self.joined.is_empty() { LARGE } else { FULL };
            self.joined.reserve(more.max(room));
        }
        self.joined.extend_from_slice(&first);
        self.joined.extend_from_slice(part);
    }

    pub(super) fn into_run(self) -> Run {
        Run {
            envelopes: if self.joined.is_empty() {
                self.first
            } else {
                self.joined.freeze()
            },
            messages: self.messages,
        }
    }
}
