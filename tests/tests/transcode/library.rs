//! The service of `library.proto`.

use descant::{Cors, Gateway, GatewayBuilder, Schema};
use descant_handlers::{Call, Code, Handler, Message, Messages, Metadata, Reply, Status, async_trait};
use prost_types::Any;

use super::cases::digits;

struct Library;

pub(super) fn builder() -> GatewayBuilder {
    let schema = Schema::load(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/transcode")).unwrap();
    let cors = Cors::allow(["https://shop.example"]).unwrap();
    Gateway::builder(schema)
        .route("transcode.v1.Library", Library)
        .cors(cors)
}

/// The values of a name, in the order in which they came.
fn asked(metadata: &Metadata, name: &str) -> Vec<String> {
    let values = metadata.iter().filter(|(found, _)| *found == name);
    values
        .map(|(_, value)| String::from_utf8_lossy(value).into_owned())
        .collect()
}

#[async_trait]
impl Handler for Library {
    async fn call(&self, call: Call) -> Result<Reply, Status> {
        let wires = asked(&call.metadata, "x-wire");
        let failure = asked(&call.metadata, "x-fail")
            .pop()
            .map(|text| failed(&text, &call.metadata));
        let name = call.method.name().to_owned();
        let (client_streaming, server_streaming) = (call.method.client_streaming(), call.method.server_streaming());
        let mut messages = Vec::new();
        let mut came = call.messages;
        while let Some(message) = came.next().await {
            messages.push(message?.into_wire()?);
        }
        if !wires.is_empty() {
            messages = wires.iter().map(|wire| digits(wire).into()).collect();
        } else if client_streaming && !server_streaming {
            // Two encodings of a message one after the other are both of them merged.
            messages = vec![messages.concat().into()];
        }
        let mut replies: Vec<_> = messages.into_iter().map(|wire| Ok(Message::from_wire(wire))).collect();
        match failure {
            Some(status) if !server_streaming || wires.is_empty() => return Err(status),
            Some(status) => replies.push(Err(status)),
            None => {}
        }
        let mut reply = Reply::new(if server_streaming {
            Messages::from_stream(Stream(replies.into_iter()))
        } else {
            Messages::one(replies.remove(0)?)
        });
        reply.metadata.insert("x-method", &name).unwrap();
        Ok(reply)
    }
}

/// `5 no such thing`
fn failed(text: &str, metadata: &Metadata) -> Status {
    let (code, message) = text.split_once(' ').unwrap_or((text, ""));
    let mut status = Status::new(Code::from(code.parse::<i32>().unwrap()), message);
    for detail in asked(metadata, "x-detail") {
        let (name, value) = detail.split_once('=').unwrap();
        status = status.with_any(Any {
            type_url: format!("type.googleapis.com/{name}"),
            value: digits(value),
        });
    }
    status
}

/// Replies that are there.
struct Stream(std::vec::IntoIter<Result<Message, Status>>);

impl futures_core::Stream for Stream {
    type Item = Result<Message, Status>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        std::task::Poll::Ready(self.0.next())
    }
}
