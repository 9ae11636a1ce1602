//! The form in which a peer writes messages: wire bytes, or JSON.

use std::{cell::RefCell, mem};

use bytes::Bytes;
use descant_descriptors::{Codec, CodecError, MessageType};
use descant_handlers::{Code, Coding, Compressed, Encoding, Message, Pieces, Status};

use super::detect::Notation;
use crate::Limits;

/// A buffer that has grown beyond this is not kept.
const KEPT: usize = 1 << 20;

/// How the messages of one direction of a call are written.
#[derive(Clone, Debug)]
pub(crate) enum Form {
    /// Wire bytes, which nobody looks into.
    Proto,
    /// ProtoJSON.
    Json {
        of: MessageType,
        /// How deep messages may nest.
        depth: u32,
    },
}

/// What a thread needs to convert messages. It is kept, so that in the steady state a conversion allocates its result and
/// nothing else.
#[derive(Default)]
struct Desk {
    codec: Codec,
    buffer: Vec<u8>,
}

thread_local! {
    static DESK: RefCell<Desk> = RefCell::default();
}

impl Form {
    /// The form of messages of this type; the type is asked for only if it is needed.
    pub(crate) fn new(notation: Notation, limits: &Limits, message: impl FnOnce() -> MessageType) -> Self {
        match notation {
            Notation::Proto => Self::Proto,
            Notation::Json => Self::Json {
                of: message(),
                depth: limits.depth,
            },
        }
    }

    /// Reads a message as a peer wrote it. JSON that is no such message is `INVALID_ARGUMENT`.
    pub(crate) fn read(&self, bytes: Pieces) -> Result<Message, Status> {
        let Self::Json { of, depth } = self else {
            return Ok(Message::from_pieces(bytes));
        };
        let json = bytes.into_bytes();
        let wire = convert(*depth, |codec, wire| codec.json_to_wire(of, &json, wire));
        let wire = wire.map_err(|error| Status::invalid_argument(error.to_string()))?;
        Ok(Message::from_wire(wire))
    }

    /// Reads a message that a peer has compressed: inflated only if it has to be looked into.
    pub(crate) fn read_compressed(&self, compressed: Compressed) -> Result<Message, Status> {
        match self {
            Self::Proto => Ok(Message::from_compressed(compressed)),
            Self::Json { .. } => self.read(compressed.inflate()?.into()),
        }
    }

    /// How messages that are read in this form are compressed, if this is how they came.
    pub(crate) fn coding(&self, received: Option<Encoding>) -> Coding {
        match self {
            Self::Proto => Coding::AsCame(received),
            Self::Json { .. } => Coding::Free,
        }
    }

    /// Whether messages go on as they came.
    pub(crate) fn is_wire(&self) -> bool {
        matches!(self, Self::Proto)
    }

    /// Writes a message as its peer reads it.
    pub(crate) fn write(&self, message: Message) -> Result<Pieces, Status> {
        let Self::Json { of, depth } = self else {
            return message.into_pieces();
        };
        let wire = message.into_wire()?;
        let json = convert(*depth, |codec, json| codec.wire_to_json(of, &wire, json));
        let json = json.map_err(|error| no_json(&error))?;
        Ok(json.into())
    }
}

/// A reply that cannot be written as JSON.
pub(super) fn no_json(error: &CodecError) -> Status {
    let code = if error.is_too_long() {
        Code::ResourceExhausted
    } else {
        Code::Internal
    };
    Status::new(code, format!("the reply has no JSON form: {error}"))
}

fn convert(
    depth: u32,
    with: impl FnOnce(&mut Codec, &mut Vec<u8>) -> Result<(), CodecError>,
) -> Result<Bytes, CodecError> {
    DESK.with_borrow_mut(|Desk { codec, buffer }| {
        // Mostly it is that of the message before.
        if codec.options().depth != depth {
            let mut options = codec.options().clone();
            options.depth = depth;
            *codec = Codec::new(options);
        }
        buffer.clear();
        with(codec, buffer)?;
        if buffer.capacity() > KEPT {
            return Ok(mem::take(buffer).into());
        }
        Ok(Bytes::copy_from_slice(buffer))
    })
}
