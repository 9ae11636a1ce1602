//! Whether requests are compressed as they say of themselves: what the interop clients' `expect_compressed` is about.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use descant_handlers::{
    Call, Layer, Message, MessageStream, Messages, Metadata, Status,
    layer::{self, Next},
};

/// What a request says of itself.
#[derive(Clone, PartialEq, prost::Message)]
struct Expected {
    #[prost(bool, tag = "1")]
    value: bool,
}

/// `SimpleRequest`.
#[derive(Clone, PartialEq, prost::Message)]
struct OfUnary {
    #[prost(message, optional, tag = "8")]
    expect_compressed: Option<Expected>,
}

/// `StreamingInputCallRequest`.
#[derive(Clone, PartialEq, prost::Message)]
struct OfStream {
    #[prost(message, optional, tag = "2")]
    expect_compressed: Option<Expected>,
}

/// Refuses what is compressed and should not be, and the other way round.
pub(crate) fn layer() -> impl Layer {
    layer::from_fn(|mut call: Call, next: Next| async move {
        let expected: Expectation = match call.method.name() {
            "UnaryCall" => |message| Ok(message.decode::<OfUnary>()?.expect_compressed),
            "StreamingInputCall" => |message| Ok(message.decode::<OfStream>()?.expect_compressed),
            _ => return next.call(call).await,
        };
        let messages = std::mem::replace(&mut call.messages, Messages::empty());
        call.messages = match messages.try_one() {
            Ok((message, _)) => {
                check(expected, &message)?;
                message.into()
            }
            Err(messages) => Messages::stream(Checked { messages, expected }),
        };
        next.call(call).await
    })
}

type Expectation = fn(Message) -> Result<Option<Expected>, Status>;

fn check(expected: Expectation, message: &Message) -> Result<(), Status> {
    let compressed = message.encoding().is_some();
    match expected(message.clone())? {
        Some(Expected { value }) if value != compressed => Err(Status::invalid_argument(format!(
            "compressed: {compressed}, which is not what the request says"
        ))),
        _ => Ok(()),
    }
}

struct Checked {
    messages: Messages,
    expected: Expectation,
}

impl MessageStream for Checked {
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Message, Status>>> {
        let next = ready!(self.messages.poll_next(cx));
        let checked = next.map(|message| {
            let message = message?;
            check(self.expected, &message)?;
            Ok(message)
        });
        Poll::Ready(checked)
    }

    fn take_trailers(mut self: Pin<&mut Self>) -> Metadata {
        self.messages.take_trailers()
    }
}
