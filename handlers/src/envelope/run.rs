//! Envelopes that go on as they came, many at a time.

use bytes::Bytes;

#[cfg(feature = "proxy")]
use super::{COMPRESSED, PLAIN, too_large};
use super::{Envelope, HEAD, gathering::Gathering, head};
#[cfg(feature = "proxy")]
use crate::Status;
use crate::{Message, Pieces};

/// As many bytes go on at once: a frame that every peer takes.
const FULL: usize = 16 << 10;
/// What came in pieces of fewer bytes is joined.
const SMALL: usize = 1 << 10;

/// Whole envelopes, one behind the other, as they came: messages that go on as they are, many at a time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Run {
    envelopes: Pieces,
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
            envelopes: bytes.into(),
            messages: 0,
        }
    }

    /// The envelopes, which may end anywhere in the pieces.
    pub fn into_pieces(self) -> Pieces {
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

/// A run that grows.
#[derive(Default)]
pub(crate) struct Growing {
    envelopes: Gathering,
    messages: usize,
}

impl Growing {
    pub(crate) fn is_empty(&self) -> bool {
        self.messages == 0
    }

    /// Whether so many bytes may be added. Any number may, if there are none.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        self.is_empty() || self.envelopes.came + bytes <= FULL
    }

    /// Whether it is to be handed on before more is added.
    pub(crate) fn is_full(&self) -> bool {
        self.envelopes.came >= FULL
    }

    /// Adds envelopes as they came.
    pub(super) fn add_whole(&mut self, envelopes: Bytes, messages: usize) {
        self.envelopes.add(envelopes, FULL, SMALL);
        self.messages += messages;
    }

    /// Puts a message into an envelope.
    #[cfg(feature = "proxy")]
    pub(crate) fn add(&mut self, flag: u8, message: Pieces) -> Result<(), Status> {
        let head = head(flag, message.len()).ok_or_else(too_large)?;
        self.envelopes.copy(&head, FULL);
        for piece in message {
            self.envelopes.add(piece, FULL, SMALL);
        }
        self.messages += 1;
        Ok(())
    }

    /// The same as the message came: compressed or not.
    #[cfg(feature = "proxy")]
    pub(crate) fn add_as_came(&mut self, message: Message) -> Result<(), Status> {
        match message.encoding() {
            Some(encoding) => match message.into_compressed(encoding) {
                Ok(bytes) => self.add(COMPRESSED, bytes.into()),
                Err(other) => self.add(PLAIN, other.into_pieces()?),
            },
            None => self.add(PLAIN, message.into_pieces()?),
        }
    }

    pub(super) fn add_envelope(&mut self, envelope: &Envelope) {
        // Smaller than `LARGE`: there is a head for it.
        let head = head(envelope.flag, envelope.message.len()).unwrap_or_default();
        self.envelopes.copy(&head, FULL);
        envelope
            .message
            .iter()
            .for_each(|piece| self.envelopes.copy(piece, FULL));
        self.messages += 1;
    }

    pub(crate) fn into_run(self) -> Run {
        Run {
            envelopes: self.envelopes.finish(),
            messages: self.messages,
        }
    }
}
