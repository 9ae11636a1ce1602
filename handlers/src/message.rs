//! One message.

use std::fmt;

use bytes::Bytes;
use descant_descriptors::MessageType;
use prost::Message as _;
use prost_reflect::{DynamicMessage, ReflectMessage as _};

use crate::Status;

/// One message, in whichever form it last had: wire bytes, or a tree of fields.
///
/// Converting costs something only where the form asked for is not the one at hand, so a message
/// that is merely passed on is never decoded.
///
/// ```
/// use descant_handlers::Message;
///
/// let message = Message::from_prost(&String::from("hi"));
/// assert_eq!(message.wire_len(), 4);
/// assert_eq!(message.into_wire(), &b"\x0a\x02hi"[..]);
/// ```
#[derive(Clone)]
pub struct Message(Form);

#[derive(Clone)]
enum Form {
    Wire(Bytes),
    /// Boxed, so that messages that nobody looks into stay small.
    Tree(Box<DynamicMessage>),
}

impl Message {
    /// A message of these wire bytes. Nothing is checked.
    pub const fn from_wire(wire: Bytes) -> Self {
        Self(Form::Wire(wire))
    }

    /// A message of this tree.
    pub fn from_tree(tree: DynamicMessage) -> Self {
        Self(Form::Tree(Box::new(tree)))
    }

    /// Encodes a message of a generated type.
    pub fn from_prost(message: &impl prost::Message) -> Self {
        Self::from_wire(message.encode_to_vec().into())
    }

    /// The wire bytes; encodes a tree.
    pub fn into_wire(self) -> Bytes {
        match self.0 {
            Form::Wire(wire) => wire,
            Form::Tree(tree) => tree.encode_to_vec().into(),
        }
    }

    /// The tree of this type; decodes wire bytes.
    ///
    /// Bytes that are no such message, and a tree of another type, are INTERNAL. For bytes that is
    /// what gRPC says of both sides ("Error parsing request proto", gRPC core, `doc/statuscodes.md`).
    pub fn into_tree(self, expected: &MessageType) -> Result<DynamicMessage, Status> {
        let descriptor = expected.descriptor()?;
        let wire = match self.0 {
            Form::Wire(wire) => wire,
            Form::Tree(tree) if tree.descriptor() == descriptor => return Ok(*tree),
            // The same type of another schema, such as the one before a reload.
            Form::Tree(tree) if tree.descriptor().full_name() == descriptor.full_name() => tree.encode_to_vec().into(),
            Form::Tree(tree) => return Err(wrong_type(&tree, expected.full_name())),
        };
        DynamicMessage::decode(descriptor, wire).map_err(|error| undecodable(expected.full_name(), &error))
    }

    /// A message of a generated type; decodes wire bytes. Bytes that are no such message are
    /// INTERNAL, as for [`Message::into_tree`].
    pub fn decode<M: prost::Message + Default>(self) -> Result<M, Status> {
        M::decode(self.into_wire()).map_err(|error| undecodable(short_type_name::<M>(), &error))
    }

    /// The number of wire bytes.
    pub fn wire_len(&self) -> usize {
        match &self.0 {
            Form::Wire(wire) => wire.len(),
            Form::Tree(tree) => tree.encoded_len(),
        }
    }
}

fn wrong_type(tree: &DynamicMessage, expected: &str) -> Status {
    let actual = tree.descriptor();
    Status::internal(format!(
        "a message of type {} where one of type {expected} is due",
        actual.full_name()
    ))
}

fn undecodable(expected: &str, error: &prost::DecodeError) -> Status {
    Status::internal(format!("not a message of type {expected}: {error}"))
}

/// The last word of a Rust type's name: prost types do not carry the name they have in the schema.
fn short_type_name<M>() -> &'static str {
    let name = std::any::type_name::<M>();
    name.rsplit("::").next().unwrap_or(name)
}

/// Shows a size, not content: messages are large, and may be private.
impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Form::Wire(wire) => write!(f, "Message({} bytes)", wire.len()),
            Form::Tree(tree) => write!(f, "Message({})", tree.descriptor().full_name()),
        }
    }
}
