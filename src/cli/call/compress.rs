//! `--compress`: messages of a request, compressed as they go.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use descant::handlers::{Code, Compressed, Encoding, Message, MessageStream, Messages, Status};

/// Messages that are compressed, one after another.
struct Compressing {
    messages: Messages,
    encoding: Encoding,
}

/// The same messages, compressed. What is small is, too: it is to be seen whether the server takes it.
pub(super) fn compressed(messages: Messages, encoding: Encoding) -> Result<Messages, Status> {
    Ok(match messages.try_one() {
        Ok((message, _)) => Messages::one(compress(message, encoding)?),
        Err(messages) => Messages::stream(Compressing { messages, encoding }),
    })
}

fn compress(message: Message, encoding: Encoding) -> Result<Message, Status> {
    let wire = message.into_wire()?;
    let Some(bytes) = encoding.compress(&wire) else {
        return Ok(Message::from_wire(wire));
    };
    Ok(Message::from_compressed(Compressed {
        bytes,
        encoding,
        limit: wire.len(),
        broken: Code::Internal,
    }))
}

impl MessageStream for Compressing {
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Message, Status>>> {
        let this = self.get_mut();
        let next = this.messages.poll_next(cx);
        next.map(|next| next.map(|message| compress(message?, this.encoding)))
    }
}
