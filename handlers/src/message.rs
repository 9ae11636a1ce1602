//! One message.

use std::fmt;

use bytes::Bytes;
use descant_descriptors::{Codec, MessageType};
use prost::Message as _;
use prost_reflect::{DynamicMessage, ReflectMessage as _};

use crate::{Code, Encoding, InflateError, Pieces, Status};

/// One message, in whichever form it last had: wire bytes, those bytes as a peer compressed them, or a tree of fields.
///
/// Converting costs something only where the form asked for is not the one at hand, so a message
/// that is merely passed on is neither inflated nor decoded.
///
/// ```
/// use descant_handlers::Message;
///
/// let message = Message::from_prost(&String::from("hi"));
/// assert_eq!(message.wire_len(), 4);
/// assert_eq!(message.into_wire()?, &b"\x0a\x02hi"[..]);
/// # Ok::<(), descant_handlers::Status>(())
/// ```
#[derive(Clone)]
pub struct Message(Form);

#[derive(Clone)]
enum Form {
    Wire(Bytes),
    /// Boxed, so that messages that nobody looks into stay small.
    Rare(Box<Rare>),
}

#[derive(Clone)]
enum Rare {
    Compressed(Compressed),
    Tree(DynamicMessage),
    /// Wire bytes that do not stand in a row.
    Pieces(Pieces),
}

/// Wire bytes as a peer compressed them.
#[derive(Clone, Debug)]
pub struct Compressed {
    /// What came.
    pub bytes: Bytes,
    /// How it is compressed.
    pub encoding: Encoding,
    /// The most bytes that it may be after inflation; more are `RESOURCE_EXHAUSTED`.
    pub limit: usize,
    /// What it is called if the bytes do not inflate. Protocols differ there.
    pub broken: Code,
}

impl Compressed {
    /// The wire bytes.
    pub fn inflate(&self) -> Result<Bytes, Status> {
        self.encoding
            .inflate(&self.bytes, self.limit)
            .map_err(|error| match error {
                InflateError::TooLarge(_) => Status::resource_exhausted(format!("{error} (`message_bytes`)")),
                InflateError::Broken { .. } => Status::new(self.broken, error.to_string()),
            })
    }
}

impl Message {
    /// A message that is still compressed. It is inflated once somebody asks for what is in it.
    pub fn from_compressed(compressed: Compressed) -> Self {
        Self(Form::Rare(Box::new(Rare::Compressed(compressed))))
    }

    /// A message of these wire bytes. Nothing is checked.
    pub const fn from_wire(wire: Bytes) -> Self {
        Self(Form::Wire(wire))
    }

    /// The same of bytes in the pieces in which they came. They are joined only if somebody looks into them.
    pub fn from_pieces(wire: Pieces) -> Self {
        match wire.as_whole() {
            Some(_) => Self::from_wire(wire.into_bytes()),
            None => Self(Form::Rare(Box::new(Rare::Pieces(wire)))),
        }
    }

    /// A message of this tree.
    pub fn from_tree(tree: DynamicMessage) -> Self {
        Self(Form::Rare(Box::new(Rare::Tree(tree))))
    }

    /// Encodes a message of a generated type.
    pub fn from_prost(message: &impl prost::Message) -> Self {
        Self::from_wire(message.encode_to_vec().into())
    }

    /// The wire bytes; encodes a tree, inflates what is compressed. What does not inflate is an error of whoever sent it.
    pub fn into_wire(self) -> Result<Bytes, Status> {
        match self.0 {
            Form::Wire(wire) => Ok(wire),
            Form::Rare(rare) => Ok(rare.into_pieces()?.into_bytes()),
        }
    }

    /// The same in the pieces in which they came: for those who send them on.
    pub fn into_pieces(self) -> Result<Pieces, Status> {
        match self.0 {
            Form::Wire(wire) => Ok(wire.into()),
            Form::Rare(rare) => rare.into_pieces(),
        }
    }

    /// How the message is compressed.
    pub fn encoding(&self) -> Option<Encoding> {
        match &self.0 {
            Form::Rare(rare) => match &**rare {
                Rare::Compressed(compressed) => Some(compressed.encoding),
                Rare::Tree(_) | Rare::Pieces(_) => None,
            },
            Form::Wire(_) => None,
        }
    }

    /// The bytes as they came, if they are compressed in this way; or the message as it was.
    pub fn into_compressed(self, encoding: Encoding) -> Result<Bytes, Self> {
        match self.0 {
            Form::Rare(rare) => match *rare {
                Rare::Compressed(compressed) if compressed.encoding == encoding => Ok(compressed.bytes),
                other => Err(Self(Form::Rare(Box::new(other)))),
            },
            wire @ Form::Wire(_) => Err(Self(wire)),
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
            Form::Rare(rare) => match *rare {
                Rare::Tree(tree) if tree.descriptor() == descriptor => return Ok(tree),
                // A tree may be of another schema, such as the one before a reload.
                rare => rare.wire_of(expected)?,
            },
        };
        DynamicMessage::decode(descriptor, wire).map_err(|error| undecodable(expected.full_name(), &error))
    }

    /// A message of a generated type; decodes wire bytes. Bytes that are no such message are
    /// INTERNAL, as for [`Message::into_tree`].
    pub fn decode<M: prost::Message + Default>(self) -> Result<M, Status> {
        M::decode(self.into_wire()?).map_err(|error| undecodable(short_type_name::<M>(), &error))
    }

    /// Its JSON form; converts wire bytes without a tree in between, and encodes a tree first.
    ///
    /// The codec says how the JSON looks, and keeps the buffers: one codec serves any number of messages of any type.
    /// What is no such message, or has no JSON form, is INTERNAL; JSON that is longer than [`JsonOptions::limit`](descant_descriptors::JsonOptions::limit) `RESOURCE_EXHAUSTED`.
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
            Form::Rare(rare) => codec.wire_to_json(of, &rare.wire_of(of)?, &mut json),
        };
        match result {
            Ok(()) => Ok(json),
            Err(error) if error.is_too_long() => {
                Err(Status::resource_exhausted(format!("{}: {error}", of.full_name())))
            }
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

    /// The number of wire bytes; of a message that is compressed, the number that came.
    pub fn wire_len(&self) -> usize {
        match &self.0 {
            Form::Wire(wire) => wire.len(),
            Form::Rare(rare) => match &**rare {
                Rare::Compressed(compressed) => compressed.bytes.len(),
                Rare::Tree(tree) => tree.encoded_len(),
                Rare::Pieces(pieces) => pieces.len(),
            },
        }
    }
}

impl Rare {
    fn into_pieces(self) -> Result<Pieces, Status> {
        match self {
            Self::Pieces(pieces) => Ok(pieces),
            other => other.wire().map(Pieces::from),
        }
    }

    fn wire(&self) -> Result<Bytes, Status> {
        match self {
            Self::Compressed(compressed) => compressed.inflate(),
            Self::Tree(tree) => Ok(tree.encode_to_vec().into()),
            Self::Pieces(pieces) => Ok(pieces.clone().into_bytes()),
        }
    }

    /// The wire bytes of a message of this type.
    fn wire_of(&self, expected: &MessageType) -> Result<Bytes, Status> {
        match self {
            Self::Tree(tree) if tree.descriptor().full_name() != expected.full_name() => {
                Err(wrong_type(tree, expected.full_name()))
            }
            _ => self.wire(),
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
            Form::Rare(rare) => match &**rare {
                Rare::Compressed(Compressed { bytes, encoding, .. }) => {
                    write!(f, "Message({} bytes of {encoding:?})", bytes.len())
                }
                Rare::Tree(tree) => write!(f, "Message({})", tree.descriptor().full_name()),
                Rare::Pieces(pieces) => write!(f, "Message({} bytes)", pieces.len()),
            },
        }
    }
}
