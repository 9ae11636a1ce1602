//! Messages as JSON on their way to an upstream and back, by ProtoJSON.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use descant_descriptors::{Codec, JsonOptions, MessageType, Method};
use http::Request;

use super::{exchange::Terms, rest};
use crate::{Code, Coding, Compressed, Encoding, Message, MessageStream, Messages, Metadata, Reply, Status};

/// By what the messages of a reply are read that come as JSON.
#[derive(Debug)]
pub(super) enum Reader {
    /// They are of this type.
    Message(MessageType),
    /// By an HTTP rule.
    Rest(rest::Reading),
}

impl Reader {
    /// The reader of the reply to this request.
    pub(super) fn of(head: &mut Request<()>, method: &Method) -> Self {
        match head.extensions_mut().remove::<rest::Reading>() {
            Some(reading) => Self::Rest(reading),
            None => Self::Message(method.output()),
        }
    }
}

/// Which way messages go.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// To JSON, compressed so.
    Up(Option<Encoding>),
    /// From JSON.
    Down,
}

/// Messages that are converted as they pass.
struct Converted {
    messages: Messages,
    of: MessageType,
    codec: Codec,
    way: Way,
}

/// The message of a request as JSON.
pub(super) fn message(message: &Message, of: &MessageType, terms: &Terms) -> Result<Message, Status> {
    Way::Up(terms.sent.encoding).convert(message, of, &mut Codec::new(options(terms.depth)))
}

/// The messages of a request as JSON.
pub(super) fn up(messages: Messages, of: MessageType, terms: &Terms) -> Result<Messages, Status> {
    converted(messages, of, terms.depth, Way::Up(terms.sent.encoding))
}

/// A reply whose messages came as JSON, nested up to `depth`.
pub(super) fn down(reply: Reply, of: MessageType, depth: u32) -> Result<Reply, Status> {
    Ok(Reply {
        messages: converted(reply.messages, of, depth, Way::Down)?,
        coding: Coding::Free,
        ..reply
    })
}

fn converted(messages: Messages, of: MessageType, depth: u32, way: Way) -> Result<Messages, Status> {
    let mut codec = Codec::new(options(depth));
    match messages.try_one() {
        Ok((message, trailers)) => {
            let message = way.convert(&message, &of, &mut codec)?;
            Ok(Messages::one(message).with_trailers(trailers))
        }
        Err(messages) => Ok(Messages::stream(Converted {
            messages,
            of,
            codec,
            way,
        })),
    }
}

/// Settings of what goes up as JSON and comes back. An upstream may know more fields than the schema here.
pub(super) fn options(depth: u32) -> JsonOptions {
    let mut options = JsonOptions::default();
    options.ignore_unknown = true;
    options.depth = depth;
    options
}

/// A message of these bytes, compressed so if that makes it smaller.
pub(super) fn compressed(bytes: Bytes, encoding: Option<Encoding>) -> Message {
    let smaller = encoding.and_then(|encoding| Some((encoding, encoding.compress(&bytes)?)));
    match smaller {
        Some((encoding, smaller)) => Message::from_compressed(Compressed {
            bytes: smaller,
            encoding,
            limit: bytes.len(),
            broken: Code::Internal,
        }),
        None => Message::from_wire(bytes),
    }
}

impl Way {
    fn convert(self, message: &Message, of: &MessageType, codec: &mut Codec) -> Result<Message, Status> {
        match self {
            Self::Up(encoding) => Ok(compressed(message.to_json(of, codec)?.into(), encoding)),
            Self::Down => {
                let json = message.clone().into_wire()?;
                Message::from_json(&json, of, codec).map_err(|error| {
                    let (name, why) = (of.full_name(), error.message());
                    Status::internal(format!("the upstream sent JSON that is no {name}: {why}"))
                })
            }
        }
    }
}

impl MessageStream for Converted {
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Message, Status>>> {
        let this = self.get_mut();
        let next = ready!(this.messages.poll_next(cx));
        Poll::Ready(next.map(|message| this.way.convert(&message?, &this.of, &mut this.codec)))
    }

    fn take_trailers(self: Pin<&mut Self>) -> Metadata {
        self.get_mut().messages.take_trailers()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;

    #[test]
    fn there_and_back() {
        let schema = fixtures::schema();
        let book = schema.message("shop.v1.Book").unwrap();
        let emma = Message::from_json(br#"{"title":"Emma"}"#, &book, &mut Codec::default()).unwrap();
        let wire = emma.clone().into_wire().unwrap();
        let mut codec = Codec::new(options(1));
        let json = Way::Up(None).convert(&emma, &book, &mut codec).unwrap();
        assert_eq!(json.clone().into_wire().unwrap(), &br#"{"title":"Emma"}"#[..]);
        let back = down(Reply::new(Messages::one(json)), book.clone(), 1).unwrap();
        assert_eq!(back.messages.try_one().unwrap().0.into_wire().unwrap(), wire);
        let more = Message::from_wire(Bytes::from_static(br#"{"title":"Emma","edition":3}"#));
        assert!(down(Reply::new(Messages::one(more)), book.clone(), 1).is_ok());
        let mut short = options(1);
        short.limit = 3;
        let error = Way::Up(None).convert(&emma, &book, &mut Codec::new(short)).unwrap_err();
        assert_eq!(error.code(), Code::ResourceExhausted, "{error}");
        let none = Message::from_wire(Bytes::from_static(b"{"));
        let error = down(Reply::new(Messages::one(none)), book, 1).unwrap_err();
        assert_eq!(error.code(), Code::Internal);
        assert!(
            error
                .message()
                .starts_with("the upstream sent JSON that is no shop.v1.Book: "),
            "{error}"
        );
    }
}
