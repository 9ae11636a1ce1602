//! How typed handlers see messages: as prost types, as dynamic trees, or as bytes.

use bytes::Bytes;
use descant_descriptors::{MessageType, Method};
use prost_reflect::{DynamicMessage, ReflectMessage as _};

use crate::{Message, Status};

/// A way to see messages. [`Payload`] says which Rust types it covers.
pub trait Codec: Send + Sync + 'static {
    /// What a reply is checked against.
    type Output: Clone + Send + 'static;

    /// What replies of this method are checked against.
    fn output(method: &Method) -> Self::Output;
}

/// A Rust type that a [`Codec`] reads from requests and writes to replies.
pub trait Payload<C: Codec>: Sized + Send + 'static {
    /// Reads a request message.
    fn decode(message: Message, method: &Method) -> Result<Self, Status>;

    /// Writes a reply message.
    fn encode(self, output: &C::Output) -> Result<Message, Status>;
}

/// Messages as prost types. That they fit the method is the user's word: the wire form does not tell.
#[derive(Debug)]
pub enum Prost {}

impl Codec for Prost {
    type Output = ();

    fn output(_: &Method) {}
}

impl<M: prost::Message + Default + 'static> Payload<Prost> for M {
    fn decode(message: Message, _: &Method) -> Result<Self, Status> {
        message.decode()
    }

    fn encode(self, (): &()) -> Result<Message, Status> {
        Ok(Message::from_prost(&self))
    }
}

/// Messages as trees. Requests are decoded as the method's input type; a reply of another type than
/// the method's output is INTERNAL.
#[derive(Debug)]
pub enum Dynamic {}

impl Codec for Dynamic {
    type Output = MessageType;

    fn output(method: &Method) -> MessageType {
        method.output()
    }
}

impl Payload<Dynamic> for DynamicMessage {
    fn decode(message: Message, method: &Method) -> Result<Self, Status> {
        message.into_tree(&method.input())
    }

    fn encode(self, output: &MessageType) -> Result<Message, Status> {
        let (actual, expected) = (self.descriptor(), output.full_name());
        if actual.full_name() == expected {
            return Ok(Message::from_tree(self));
        }
        let actual = actual.full_name();
        Err(Status::internal(format!(
            "the handler replied with a {actual}, but the method gives a {expected}"
        )))
    }
}

/// Messages as their wire bytes, unchecked.
#[derive(Debug)]
pub enum Raw {}

impl Codec for Raw {
    type Output = ();

    fn output(_: &Method) {}
}

impl Payload<Raw> for Bytes {
    fn decode(message: Message, _: &Method) -> Result<Self, Status> {
        message.into_wire()
    }

    fn encode(self, (): &()) -> Result<Message, Status> {
        Ok(Message::from_wire(self))
    }
}
