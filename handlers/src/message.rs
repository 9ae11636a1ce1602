//! One message.

use std::fmt;

use bytes::Bytes;
use descant_descriptors::{Codec, MessageType};
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

    /// Its JSON form; converts wire bytes without a tree in between, and encodes a tree first.
    ///
    /// The codec says how the JSON looks, and keeps the buffers: one codec serves any number of messages of any type.
    /// What is no such message, or has no JSON form, is INTERNAL.
    ///
    /// ```
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/fixtures.rs")); }
    /// use descant_handlers::{Code, Message, descriptors::Codec};
    ///
    /// let schema = shop::schema();
    /// let book = schema.message("shop.v1.Book").expect("the shop has books");
    /// let mut codec = Codec::default();
    ///
    /// let emma = Message::from_json(br#"{"title": "Emma", "pages": 474}"#, &book, &mut codec)?;
    /// assert_eq!(emma.to_json(&book, &mut codec)?, br#"{"title":"Emma","pages":474}"#);
    ///
    /// let error = Message::from_json(br#"{"pages": "many"}"#, &book, &mut codec).unwrap_err();
    /// assert_eq!(error.code(), Code::InvalidArgument);
    /// assert_eq!(error.message(), r#"pages: "many" is not an unsigned 32-bit integer (line 1, column 11)"#);
    /// # Ok::<(), descant_handlers::Status>(())
    /// ```
    pub fn to_json(&self, of: &MessageType, codec: &mut Codec) -> Result<Vec<u8>, Status> {
        let mut json = Vec::new();
        let result = match &self.0 {
            Form::Wire(wire) => codec.wire_to_json(of, wire, &mut json),
            Form::Tree(tree) if tree.descriptor().full_name() == of.full_name() => {
                codec.wire_to_json(of, &tree.encode_to_vec(), &mut json)
            }
            Form::Tree(tree) => return Err(wrong_type(tree, of.full_name())),
        };
        match result {
            Ok(()) => Ok(json),
            Err(error) => Err(undecodable(of.full_name(), &error)),
        }
    }

    /// A message of this JSON; converts it to wire bytes. JSON that is no such message is `INVALID_ARGUMENT`, with the
    /// path of the field and the place in the text, since the caller wrote it.
    pub fn from_json(json: &[u8], of: &MessageType, codec: &mut Codec) -> Result<Self, Status> {
        let mut wire = Vec::new();
        match codec.json_to_wire(of, json, &mut wire) {
            Ok(()) => Ok(Self::from_wire(wire.into())),
            Err(error) => Err(Status::invalid_argument(error.to_string())),
        }
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

fn undecodable(expected: &str, error: &dyn fmt::Display) -> Status {
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
