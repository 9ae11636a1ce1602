//! What goes out.

use crate::{Coding, Message, Messages, Metadata};

/// The answer to a call: metadata, then messages, then their trailers.
///
/// ```text
/// Reply = Metadata *Message ( Trailers / Status )
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Reply {
    /// What goes out before the first message.
    pub metadata: Metadata,
    /// The messages, then trailers.
    pub messages: Messages,
    /// How they are compressed: free, but where they are another server's, handed on.
    pub coding: Coding,
}

impl Reply {
    /// A reply of these messages, without metadata.
    pub fn new(messages: impl Into<Messages>) -> Self {
        Self {
            metadata: Metadata::new(),
            messages: messages.into(),
            coding: Coding::Free,
        }
    }

    /// The same reply, with this metadata in the place of its own.
    #[must_use]
    pub fn with_metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = metadata;
        self
    }
}

impl From<Messages> for Reply {
    fn from(messages: Messages) -> Self {
        Self::new(messages)
    }
}

impl From<Message> for Reply {
    fn from(message: Message) -> Self {
        Self::new(message)
    }
}
