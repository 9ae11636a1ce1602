//! Answers with the question.

use std::future::ready;

use bytes::Bytes;
use descant_descriptors::{Method, Shape};

use crate::{Answer, Call, Handler, Message, Messages, Reply, Status};

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

impl Handler for Echo {
    fn call<'this, 'answer>(&'this self, call: Call) -> Answer<'answer>
    where
        'this: 'answer,
    {
        let Call { method, messages, .. } = call;
        if method.input() != method.output() {
            return Box::pin(ready(Err(types_differ(&method))));
        }
        match messages.try_one() {
            // All that the request has: the reply of every shape.
            Ok((message, _)) => Box::pin(ready(Ok(message.into()))),
            Err(messages) => Box::pin(echo(method.shape(), messages)),
        }
    }
}

async fn echo(shape: Shape, messages: Messages) -> Result<Reply, Status> {
    let messages = match shape {
        Shape::Unary | Shape::ServerStreaming => messages.only().await?.into(),
        Shape::ClientStreaming => last(messages).await?.into(),
        Shape::Bidi => messages,
    };
    Ok(Reply::new(messages))
}

fn types_differ(method: &Method) -> Status {
    Status::unimplemented(format!(
        "{} cannot be echoed: its request is {} and its reply {}",
        method.full_name(),
        method.input().full_name(),
        method.output().full_name(),
    ))
}

async fn last(mut messages: Messages) -> Result<Message, Status> {
    let mut last = Message::from_wire(Bytes::new());
    while let Some(message) = messages.next().await {
        last = message?;
    }
    Ok(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Code,
        fixtures::{Book, Query, ask, book, method, query},
    };

    async fn echo(name: &str, titles: &[&str]) -> Result<Vec<Book>, Status> {
        ask(&Echo, name, titles.iter().map(|title| book(title)).collect()).await
    }

    #[tokio::test]
    async fn each_shape_has_its_reply() {
        assert_eq!(echo("LendOne", &["a"]).await.unwrap(), [book("a")]);
        assert_eq!(echo("LendOnce", &["a"]).await.unwrap(), [book("a")]);
        assert_eq!(echo("LendLast", &["a", "b"]).await.unwrap(), [book("b")]);
        assert_eq!(echo("LendLast", &[]).await.unwrap(), [Book::default()]);
        assert_eq!(echo("LendEach", &["a", "b"]).await.unwrap(), [book("a"), book("b")]);
        assert_eq!(echo("LendEach", &[]).await.unwrap(), []);
    }

    #[tokio::test]
    async fn exactly_one_is_exactly_one() {
        for name in ["LendOne", "LendOnce"] {
            for titles in [&[][..], &["a", "b"]] {
                assert_eq!(echo(name, titles).await.unwrap_err().code(), Code::Unimplemented);
            }
        }
    }

    #[tokio::test]
    async fn bytes_pass_untouched() {
        // Not a message at all: nobody looks.
        let wire = Bytes::from_static(b"\xff\xff");
        let call = Call::new(method("LendOne"), Message::from_wire(wire.clone()));
        let (message, _) = Echo.call(call).await.unwrap().messages.try_one().unwrap();
        assert_eq!(message.into_wire().unwrap().as_ptr(), wire.as_ptr());
    }

    #[tokio::test]
    async fn types_that_differ_are_unimplemented() {
        let status = ask::<Query, Book>(&Echo, "Get", vec![query("a")]).await.unwrap_err();
        assert_eq!(status.code(), Code::Unimplemented);
        let expected = "shop.v1.Shop.Get cannot be echoed: its request is shop.v1.Query and its reply shop.v1.Book";
        assert_eq!(status.message(), expected);
    }
}
