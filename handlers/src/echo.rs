//! Answers with the question.

use async_trait::async_trait;
use bytes::Bytes;
use descant_descriptors::Shape;

use crate::{Call, Handler, Message, Messages, Reply, Status};

/// Answers each call with its own messages, byte for byte:
///
/// | shape | reply |
/// |---|---|
/// | unary, server-streaming | the request's message, once |
/// | client-streaming | the last message; an empty one if none came |
/// | bidi | each message as it comes |
///
/// A method whose input and output types differ is UNIMPLEMENTED. Metadata is not echoed: that of a
/// request may hold what nobody else should see.
#[derive(Clone, Copy, Debug, Default)]
pub struct Echo;

#[async_trait]
impl Handler for Echo {
    async fn call(&self, call: Call) -> Result<Reply, Status> {
        check_types(&call)?;
        let messages = match call.method.shape() {
            Shape::Unary | Shape::ServerStreaming => Messages::one(call.messages.only().await?),
            Shape::ClientStreaming => Messages::one(last(call.messages).await?),
            Shape::Bidi => call.messages,
        };
        Ok(Reply::new(messages))
    }
}

fn check_types(call: &Call) -> Result<(), Status> {
    let (input, output) = (call.method.input(), call.method.output());
    if input.full_name() == output.full_name() {
        return Ok(());
    }
    Err(Status::unimplemented(format!(
        "{} cannot be echoed: it takes a {} and gives a {}",
        call.method.full_name(),
        input.full_name(),
        output.full_name(),
    )))
}

async fn last(mut messages: Messages) -> Result<Message, Status> {
    let mut last = Message::from_wire(Bytes::new());
    while let Some(message) = messages.next().await {
        last = message?;
    }
    Ok(last)
}
