//! From a request whose binding is found to a call.

use std::{
    mem,
    sync::{Arc, atomic::AtomicU16},
};

use descant_descriptors::{Binding, BodyRule, Captures, HttpBody, Method, RequestBody};
use descant_handlers::{Handler, Messages, Metadata, Status};
use http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts};

use super::{
    accept::Format,
    answer::Answer,
    asked::{Asked, Rule},
    body::Body,
    messages::{Framing, RequestMessages},
    options::RestOptions,
    replies::reads_trailers,
};
use crate::{
    observe::Watch,
    protocol::{
        Accepted, Arriving, Context, Encoding, Exchange, Place, Reading,
        exchange::Speech,
        head::{Head, REST},
        refusal::Fault,
    },
    transport::Inbound,
};

/// How two-way calls answer a client that has not said what it likes.
const TWO_WAY: Format = Format::Lines("application/x-ndjson");

/// A request whose binding is found.
pub(super) struct Opened<'s> {
    pub(super) method: Method,
    pub(super) handler: &'s Arc<dyn Handler>,
    pub(super) rule: Rule,
    pub(super) captures: Captures,
}

/// A request whose head is understood.
pub(super) struct Ready<'s> {
    handler: &'s Arc<dyn Handler>,
    answer: Answer,
    metadata: Metadata,
    room: HeaderMap,
    deadline: Option<std::time::Instant>,
    /// How the body is compressed.
    received: Option<Encoding>,
    /// How the body holds the messages of a call that takes many.
    framing: Option<Framing>,
}

impl<'s> Opened<'s> {
    /// A method that no rule leads to, by its own path.
    pub(super) fn unbound(path: &str, context: &Context<'s>) -> Result<Option<Self>, Fault> {
        let Some(method) = context.snapshot.method(path) else {
            return Ok(None);
        };
        let bound = method.schema().routes().of_method(&method);
        if !bound.is_empty() || !context.rest(&method).unbound_methods {
            return Ok(None);
        }
        let (method, handler) = match context.find(path) {
            Ok(found) => found,
            Err(status) if context.found.full.get() => return Err(Fault::of(status)),
            Err(_) => return Ok(None),
        };
        Ok(Some(Self {
            handler,
            rule: Rule::Unbound(Box::new(Binding::of_method(&method))),
            captures: Captures::default(),
            method,
        }))
    }

    /// Reads the head of the request.
    pub(super) fn read(
        self,
        parts: &mut Parts,
        rest: &Arc<RestOptions>,
        context: &Context<'_>,
    ) -> Result<Ready<'s>, Fault> {
        let Self {
            method,
            handler,
            rule,
            captures,
        } = self;
        let head = Head::read(parts, &REST)?;
        let accepted = Format::accepted(&parts.headers);
        let default = if method.client_streaming() {
            TWO_WAY
        } else {
            Format::Array
        };
        let stream = method.server_streaming().then(|| accepted.unwrap_or(default));
        let trailers = reads_trailers(&parts.headers);
        let content_type = parts.headers.remove(header::CONTENT_TYPE);
        if content_type.as_ref().is_some_and(|value| value.to_str().is_err()) {
            return Err(unsupported(None));
        }
        let mut asked = Asked {
            content_type,
            options: options(rest, stream),
            method,
            rule,
            captures,
            http_method: mem::take(&mut parts.method),
            uri: mem::take(&mut parts.uri),
            limit: context.connection.limits().message_bytes,
            depth: context.connection.limits().depth,
            fault: AtomicU16::new(0),
        };
        let framing = if asked.method.client_streaming() {
            let framing = framing(&mut asked)?;
            // Its messages come once it is called.
            asked.check()?;
            Some(framing)
        } else {
            check_length(&asked, parts.headers.get(header::CONTENT_LENGTH))?;
            None
        };
        let response_body = asked.binding()?.response_body();
        let bytes = HttpBody::is(&asked.method.output(), response_body);
        let (metadata, room) = head.metadata(&mut parts.headers)?;
        Ok(Ready {
            handler,
            metadata,
            room,
            deadline: head.deadline(),
            received: head.received,
            framing,
            answer: Answer {
                head_only: asked.http_method == http::Method::HEAD,
                asked,
                stream,
                bytes,
                encoding: head.reply(&REST),
                trailers,
            },
        })
    }
}

impl Ready<'_> {
    pub(super) fn accepted<'p>(
        self,
        inbound: Inbound,
        context: &Context<'_>,
        place: &'p mut Place,
    ) -> &'p mut Accepted {
        let Self {
            answer,
            received: encoding,
            ..
        } = self;
        let answer = Arc::new(answer);
        let method = answer.asked.method.clone();
        let time = context.connection.limits().message;
        let exchange = Exchange {
            deadline: self.deadline,
            dismissal: context.connection.dismissal().clone(),
            shape: method.shape(),
            room: self.room,
            speech: Speech::Rest(answer.clone()),
        };
        let (messages, reading) = if let Some(framing) = self.framing {
            let messages = RequestMessages::new(answer, inbound, encoding, framing, time);
            (Messages::stream(messages), None)
        } else {
            let body = Body {
                answer,
                inbound,
                encoding,
                time,
            };
            (
                Messages::empty(),
                Some(Reading::new(body.message(), context.connection)),
            )
        };
        let call = context.call(method, messages, self.metadata, self.deadline);
        place.insert(Accepted {
            handler: self.handler.clone(),
            request_id: call.request_id,
            arriving: Some(Arriving::new(call, reading)),
            exchange,
            watch: Watch::default(),
        })
    }
}

/// A line, and an event, is one line, whatever the options.
fn options(options: &Arc<RestOptions>, stream: Option<Format>) -> Arc<RestOptions> {
    if !options.json.pretty || !matches!(stream, Some(Format::Lines(_) | Format::Events)) {
        return options.clone();
    }
    let mut one_line = RestOptions::clone(options);
    one_line.json.pretty = false;
    Arc::new(one_line)
}

/// Refuses a body that says it is too large: whoever sends it need not wait until it is.
fn check_length(asked: &Asked, length: Option<&HeaderValue>) -> Result<(), Fault> {
    let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if length.is_none_or(|length| length <= asked.limit as u64) {
        return Ok(());
    }
    Err(Fault {
        http: StatusCode::PAYLOAD_TOO_LARGE,
        ..Fault::of(asked.too_large())
    })
}

/// How a body holds many messages.
fn framing(asked: &mut Asked) -> Result<Framing, Fault> {
    let input = asked.method.input();
    let field = match asked.binding()?.body() {
        BodyRule::None => return Ok(Framing::None),
        BodyRule::All => None,
        BodyRule::Field(field) => Some(field),
    };
    if HttpBody::is(&input, field) {
        return Ok(Framing::Pieces);
    }
    // It is the body's. What is bound are elements of it, which have none.
    let content_type = asked.content_type.take();
    let content_type = content_type
        .as_ref()
        .and_then(|value| value.to_str().ok())
        .map(str::trim_ascii)
        .filter(|name| !name.is_empty());
    if let Some(Err(foreign)) = content_type.map(RequestBody::check_charset) {
        return Err(not_taken(format!("the body: {foreign}")));
    }
    match content_type.map(|name| (name, Format::named(name))) {
        Some((_, Some(Format::Lines(_)))) => Ok(Framing::Lines),
        Some((name, _)) if !RequestBody::is_json(name) => Err(unsupported(Some(name))),
        _ => Ok(Framing::Json),
    }
}

fn unsupported(found: Option<&str>) -> Fault {
    let found = found.map_or_else(|| "is not ASCII".to_owned(), |name| format!("is {name:?}"));
    not_taken(format!(
        "the body: its type {found}, but this method takes application/json, of a stream application/x-ndjson too"
    ))
}

fn not_taken(what: String) -> Fault {
    Fault {
        http: StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ..Fault::of(Status::invalid_argument(what))
    }
}
