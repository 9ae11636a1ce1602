//! Requests: a message is made method, target and body; of a stream each message is a line.

use std::{
    pin::Pin,
    task::{Context, Poll, Waker, ready},
};

use bytes::Bytes;
use descant_descriptors::{Binding, BodyRule, Composed, ComposedBody, Composer, HttpBody, Method};
use http::{HeaderValue, Request, header};

use super::{
    Reading, json,
    reply::{can_read, is_of_calls},
};
use crate::{
    Call, Encodings, Message, MessageStream, Messages, Status,
    envelope::{Batch, Run},
    proxy::{codings::Sent, exchange::Terms, json::compressed, lease::Lease, request},
};

/// What carries the messages of a stream.
const LINES: HeaderValue = HeaderValue::from_static("application/x-ndjson");
/// What answers can be read, best first.
const ONE: HeaderValue = HeaderValue::from_static("application/json");
const MANY: HeaderValue =
    HeaderValue::from_static("application/x-ndjson, application/json;q=0.9, text/event-stream;q=0.5");
/// Bytes of path and query, as `http` has them.
const LONGEST_TARGET: usize = 65_000;
/// Why a second message has no place.
pub(super) const NO_BODY: &str = "the HTTP rule has no body, and so takes one message";
const ANYTHING: HeaderValue = HeaderValue::from_static("*/*");
/// By these some servers take another method, or another path, than those of the request: a caller could choose what is called.
const OVERRIDES: [&str; 5] = [
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
    "x-original-url",
    "x-rewrite-url",
];

/// A request of one message.
pub(in crate::proxy) fn one(
    message: Message,
    call: &mut Call,
    lease: &Lease,
    terms: &mut Terms,
    before: u32,
) -> Result<(Request<()>, Messages), Status> {
    let encoding = lease.taken().for_message(&message).encoding;
    let composed = compose(
        &mut Composer::new(json(terms.depth)),
        &call.method,
        &message.into_wire()?,
    )?;
    let bytes = composed.body.as_ref().map(|body| body.bytes.clone());
    let message = bytes.map(|bytes| {
        let encoding = encoding.filter(|_| !bytes.is_empty());
        compressed(bytes, encoding)
    });
    terms.sent = Sent {
        encoding: message.as_ref().and_then(Message::encoding),
        as_came: true,
    };
    let head = head(&composed, call, lease, terms, before)?;
    Ok((head, message.map_or_else(Messages::empty, Messages::one)))
}

/// A request of many messages, the first of which is there.
pub(in crate::proxy) fn stream(
    mut messages: Messages,
    call: &mut Call,
    lease: &Lease,
    terms: &mut Terms,
    before: u32,
) -> Result<(Request<()>, Messages), Status> {
    let first = match messages.poll_next(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(first) => first.transpose()?,
        Poll::Pending => return Err(Status::internal("the first message of a request was not waited for")),
    };
    let is_empty = first.is_none();
    let wire = first.map(Message::into_wire).transpose()?.unwrap_or_default();
    let mut composer = Composer::new(json(terms.depth));
    let first = compose(&mut composer, &call.method, &wire)?;
    let is_bytes = Reading::of(&call.method, &first).sends_bytes();
    terms.sent = Sent {
        encoding: None,
        as_came: true,
    };
    let mut head = head(&first, call, lease, terms, before)?;
    let framing = match &first.body {
        // There is no other message: `super::begin` has looked.
        None => return Ok((head, Messages::empty())),
        Some(_) if is_bytes => Framing::Pieces,
        Some(_) if lease.options().rest_array => Framing::Array { begun: false },
        Some(_) => Framing::Lines,
    };
    if framing == Framing::Lines {
        head.headers_mut().insert(header::CONTENT_TYPE, LINES);
    }
    let many = Many::new(messages, call.method.clone(), composer, first, framing, is_empty);
    Ok((head, Messages::stream(many)))
}

/// Whether the head is all of a request that begins with this message. What does not fit a rule is found out where the request is made.
pub(super) fn is_head_alone(method: &Method, first: &Message, depth: u32) -> bool {
    let has_no_body = |binding: &Binding| *binding.body() == BodyRule::None;
    if !method.schema().routes().of_method(method).iter().any(has_no_body) {
        return false;
    }
    let Ok(wire) = first.clone().into_wire() else {
        return false;
    };
    compose(&mut Composer::new(json(depth)), method, &wire).is_ok_and(|composed| composed.body.is_none())
}

fn compose(composer: &mut Composer, method: &Method, wire: &[u8]) -> Result<Composed, Status> {
    composer.compose(method, wire).map_err(|error| {
        if error.has_rule() {
            Status::invalid_argument(error.to_string())
        } else {
            Status::unimplemented(format!("{error}, by which it could be called"))
        }
    })
}

fn head(
    composed: &Composed,
    call: &mut Call,
    lease: &Lease,
    terms: &mut Terms,
    before: u32,
) -> Result<Request<()>, Status> {
    let method = call.method.clone();
    let reading = Reading::of(&method, composed);
    if method.server_streaming() {
        // What comes bit by bit is read as it is.
        call.accepted = Encodings::default();
    }
    if composed.target.len() > LONGEST_TARGET {
        let length = composed.target.len();
        return Err(Status::resource_exhausted(format!(
            "path and query would have {length} bytes, more than {LONGEST_TARGET}, which is all that a URL can have"
        )));
    }
    let head = request::head(lease.target(), terms, call, before)?;
    let mut head = request::with_target(head, &composed.target)?;
    *head.method_mut() = http::Method::from_bytes(composed.http_method.as_bytes())
        .map_err(|error| Status::internal(format!("the HTTP rule of {}: {error}", method.full_name())))?;
    tracing::debug!(target: "descant.proxy.rest", request = shown(composed, &reading));
    let headers = head.headers_mut();
    headers.remove(&request::PREVIOUS);
    headers.remove(header::CONTENT_TYPE);
    for name in OVERRIDES {
        headers.remove(name);
    }
    for name in request::NO_MESSAGE {
        headers.remove(name);
    }
    if let Some(body) = &composed.body
        && !body.content_type.is_empty()
    {
        let kind = HeaderValue::from_maybe_shared(body.content_type.clone());
        let kind = kind.ok().filter(|kind| kind.to_str().is_ok());
        headers.insert(header::CONTENT_TYPE, kind.ok_or_else(illegal)?);
    }
    let accept = match (reading.is_bytes(), method.server_streaming()) {
        (true, _) => ANYTHING,
        (false, true) => MANY,
        (false, false) => ONE,
    };
    // A caller may ask for what can be read too, and of bytes for anything that it reads itself.
    let is_kept = |asked: &HeaderValue| {
        if reading.is_bytes() {
            !is_of_calls(asked)
        } else {
            method.server_streaming() && can_read(asked)
        }
    };
    let mut asked = headers.get_all(header::ACCEPT).iter().peekable();
    if asked.peek().is_none() || !asked.all(is_kept) {
        headers.insert(header::ACCEPT, accept);
    }
    if method.server_streaming() {
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
    }
    head.extensions_mut().insert(reading);
    Ok(head)
}

fn illegal() -> Status {
    Status::invalid_argument("the message is a google.api.HttpBody whose content_type is no value of a header")
}

/// A request's first line, without what is not for logs.
fn shown(composed: &Composed, reading: &Reading) -> String {
    let hidden = reading.binding().filter(|binding| binding.hides_path());
    let target = match hidden {
        Some(binding) => binding.template(),
        None if composed.hides_query => composed.target.split('?').next().unwrap_or_default(),
        None => composed.target.as_str(),
    };
    format!("{} {target}", composed.http_method)
}

impl Reading {
    fn of(method: &Method, composed: &Composed) -> Self {
        Self {
            method: method.clone(),
            binding: composed.binding,
        }
    }

    /// Whether the body of a request is a `google.api.HttpBody`.
    fn sends_bytes(&self) -> bool {
        match self.binding().map(Binding::body) {
            Some(BodyRule::All) => HttpBody::is(&self.method.input(), None),
            Some(BodyRule::Field(field)) => HttpBody::is(&self.method.input(), Some(field)),
            Some(BodyRule::None) | None => false,
        }
    }
}

/// How a body has many messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    Lines,
    Array {
        begun: bool,
    },
    /// As they are.
    Pieces,
    /// An array that has ended.
    End,
}

/// The messages of a stream.
struct Many {
    messages: Messages,
    method: Method,
    composer: Composer,
    /// What the first message became, and so the head of the request; without its body.
    first: Composed,
    /// Its body, as long as it is to be sent.
    due: Option<ComposedBody>,
    framing: Framing,
    /// How many messages there were.
    count: usize,
}

impl Many {
    /// `is_empty`: there was no first message, and its request is all there is.
    fn new(
        messages: Messages,
        method: Method,
        composer: Composer,
        mut first: Composed,
        framing: Framing,
        is_empty: bool,
    ) -> Self {
        Self {
            messages,
            method,
            composer,
            // It may be large, and a stream may be long.
            due: first.body.take().filter(|_| !is_empty),
            first,
            framing,
            count: usize::from(!is_empty),
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Status>>> {
        if let Some(due) = self.due.take() {
            return Poll::Ready(Some(Ok(self.framed(due))));
        }
        let message = ready!(self.messages.poll_next(cx));
        Poll::Ready(match message {
            Some(message) => Some(message.and_then(|message| self.next(message))),
            None => self.end().map(Ok),
        })
    }

    /// What stands behind the last message.
    fn end(&mut self) -> Option<Bytes> {
        let Framing::Array { begun } = self.framing else {
            return None;
        };
        self.framing = Framing::End;
        Some(Bytes::from_static(if begun { b"]" } else { b"[]" }))
    }

    fn next(&mut self, message: Message) -> Result<Bytes, Status> {
        self.count += 1;
        let wrong = |what: &str| Status::invalid_argument(format!("message {}: {what}", self.count));
        let composed = compose(&mut self.composer, &self.method, &message.into_wire()?);
        let composed = composed.map_err(|status| wrong(status.message()))?;
        let first = &self.first;
        if (&composed.http_method, &composed.target) != (&first.http_method, &first.target) {
            return Err(wrong(
                "path and query are those of the whole request, and it has others than the first message",
            ));
        }
        let body = composed.body;
        let body = body.ok_or_else(|| wrong(NO_BODY))?;
        Ok(self.framed(body))
    }

    fn framed(&mut self, body: ComposedBody) -> Bytes {
        let (before, after): (&[u8], &[u8]) = match &mut self.framing {
            Framing::Lines => (b"", b"\n"),
            Framing::Array { begun: true } => (b",", b""),
            Framing::Array { begun } => {
                *begun = true;
                (b"[", b"")
            }
            Framing::Pieces | Framing::End => return body.bytes,
        };
        [before, &body.bytes, after].concat().into()
    }
}

impl MessageStream for Many {
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Message, Status>>> {
        self.get_mut().poll(cx).map_ok(Message::from_wire)
    }

    /// Without envelopes.
    fn poll_batch(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Batch, Status>>> {
        self.get_mut().poll(cx).map_ok(|bytes| Batch::Run(Run::bare(bytes)))
    }
}

#[cfg(test)]
mod tests {
    use descant_descriptors::{Builtin, Schema};

    use super::*;

    #[test]
    fn a_body_that_was_sent_is_held_no_longer() {
        let rules = "http: {rules: [{selector: grpc.health.v1.Health.Check, post: /check, body: '*'}]}";
        let schema = Schema::builder()
            .builtin(Builtin::Health)
            .http_rules("rules.yaml", rules);
        let method = schema.build().unwrap().method("/grpc.health.v1.Health/Check").unwrap();
        let mut composer = Composer::default();
        let first = compose(&mut composer, &method, b"\x0a\x01a").unwrap();
        let mut many = Many::new(Messages::empty(), method, composer, first, Framing::Pieces, false);
        let mut cx = Context::from_waker(Waker::noop());
        let Poll::Ready(Some(Ok(body))) = many.poll(&mut cx) else {
            panic!("there is a body");
        };
        assert_eq!(body, &b"{\"service\":\"a\"}"[..]);
        assert!(body.is_unique());
        assert!(matches!(many.poll(&mut cx), Poll::Ready(None)));
    }
}
