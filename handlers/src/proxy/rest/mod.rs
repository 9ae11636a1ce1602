//! REST: HTTP and JSON along the HTTP rules of methods, as their servers have them.
//!
//! ```text
//! message -> Composer -> method, target, body -> upstream
//! Reply <- message <- JSON, or the bytes of a google.api.HttpBody <- answer
//! stream <- message by message <- lines, elements of an array, or events
//! ```
//! Sources: `google/api/http.proto`, ProtoJSON, `google/rpc/code.proto`; <https://html.spec.whatwg.org/multipage/server-sent-events.html>; what
//! grpc-gateway and Google's own servers say of streams and errors.

mod element;
mod error;
mod events;
mod replies;
mod reply;
mod request;

use std::{
    mem,
    pin::Pin,
    task::{Context, Poll},
};

use descant_descriptors::{Binding, FieldPath, HttpBody, Method};

pub(super) use self::{
    reply::{refusal, reply},
    request::{one, stream},
};
use super::{json::options as json, options::ProxyOptions};
use crate::{Call, Message, MessageStream, Messages, Status};

/// By which rule a call was made: what its answer is read by.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    method: Method,
    /// The place of the binding among those of the schema.
    binding: usize,
}

impl Reading {
    fn binding(&self) -> Option<&Binding> {
        self.method.schema().routes().bindings().get(self.binding)
    }

    /// The field of the reply that the answer is.
    fn field(&self) -> Option<&FieldPath> {
        self.binding().and_then(Binding::response_body)
    }

    /// Whether the message that is read has a field of this name.
    fn has(&self, name: &str) -> bool {
        let output = self.method.output();
        match self.field() {
            None => output.field_path(name).is_ok(),
            Some(field) => output.field_path(&format!("{field}.{name}")).is_ok(),
        }
    }

    /// Whether the answer is a `google.api.HttpBody`.
    fn is_bytes(&self) -> bool {
        HttpBody::is(&self.method.output(), self.field())
    }

    /// The rule, for reports: values in a path may be nobody else's business.
    fn route(&self) -> String {
        self.binding().map_or_else(String::new, |binding| {
            format!("{} {}", binding.http_method(), binding.template())
        })
    }
}

/// Whether methods can be called at all, as far as that is known before.
pub(super) fn check(methods: &[Method], options: &ProxyOptions) -> Result<(), String> {
    let without = |method: &&Method| method.schema().routes().of_method(method).is_empty();
    let names: Vec<_> = methods.iter().filter(without).map(Method::full_name).collect();
    if let [first, more @ ..] = &names[..] {
        let what = match more {
            [] => format!("{first} has no HTTP rule (google.api.http) to call it by"),
            _ => format!(
                "{} have no HTTP rules (google.api.http) to call them by",
                names.join(", ")
            ),
        };
        return Err(format!("speaks REST, and {what}"));
    }
    if options.health.is_some() {
        return Err("speaks REST, and whether its addresses are well is asked by gRPC; leave out `health`".to_owned());
    }
    Ok(())
}

/// Waits for what a request begins with: its path may be made of it. Where its rule has no body that is all there may be, and the stream is
/// read to its end: over HTTP/1.1 nobody would ask for the rest of a request that is a head alone.
pub(super) async fn begin(call: &mut Call, depth: u32) -> Result<(), Status> {
    let mut messages = mem::replace(&mut call.messages, Messages::empty());
    if !call.method.client_streaming() {
        call.messages = Messages::one(messages.only().await?);
        return Ok(());
    }
    let first = messages.next().await.transpose()?;
    if let Some(first) = &first
        && request::is_head_alone(&call.method, first, depth)
        && let Some(second) = messages.next().await
    {
        second?;
        return Err(Status::invalid_argument(format!("message 2: {}", request::NO_BODY)));
    }
    call.messages = Messages::stream(Led { first, messages });
    Ok(())
}

/// Messages of which the first is there.
struct Led {
    first: Option<Message>,
    messages: Messages,
}

impl MessageStream for Led {
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Message, Status>>> {
        let this = self.get_mut();
        match this.first.take() {
            Some(first) => Poll::Ready(Some(Ok(first))),
            None => this.messages.poll_next(cx),
        }
    }
}
