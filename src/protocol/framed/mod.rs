//! Calls whose messages stand in envelopes: gRPC, gRPC-Web and Connect's streams.
//!
//! ```text
//! request  = headers *envelope
//! response = headers *envelope end
//! ```
//!
//! One mechanism serves them; where they differ is a [`Dialect`]: the names of headers, and how a call ends.

mod answer;
mod dialect;
mod request;
mod text;
mod timed;

use std::sync::Arc;

use descant_descriptors::Method;
use descant_handlers::{Encodings, Handler, Messages, Metadata};
use http::{HeaderMap, Method as HttpMethod, request::Parts};

use self::{text::Body, timed::TimedEnvelopes};
use super::{
    Accepted, Arriving, Context, Exchange, Place,
    detect::Media,
    exchange::Speech,
    form::Form,
    head::Head,
    refusal::{self, Fault, Refusal},
    target,
};
use crate::{observe::Watch, transport::Inbound};

pub(crate) use self::{answer::Answer, dialect::Dialect, request::RequestMessages};

/// What stands in the head of a request for a call in envelopes.
pub(super) struct Opening {
    pub(super) dialect: Dialect,
    /// How the request is written.
    pub(super) media: Media,
    /// Whether its body is in base64.
    pub(super) text: bool,
    /// The content type of the reply.
    pub(super) reply: &'static str,
}

/// A head that is understood.
struct Opened<'s> {
    method: Method,
    handler: &'s Arc<dyn Handler>,
    head: Head,
    metadata: Metadata,
    room: HeaderMap,
}

impl Opening {
    /// Reads the head of a request.
    pub(super) fn accept<'p>(
        self,
        parts: &mut Parts,
        body: Inbound,
        context: &Context<'_>,
        place: &'p mut Place,
    ) -> Result<&'p mut Accepted, Box<Refusal>> {
        match self.open(parts, context) {
            Ok(opened) => Ok(self.accepted(opened, body, context, place)),
            Err(fault) => Err(Box::new(self.refuse(fault, body))),
        }
    }

    fn open<'s>(&self, parts: &mut Parts, context: &Context<'s>) -> Result<Opened<'s>, Fault> {
        let (method, handler) = self.find(parts, context)?;
        let head = Head::read(parts, self.dialect.names())?;
        let (metadata, room) = head.metadata(&mut parts.headers)?;
        Ok(Opened {
            method,
            handler,
            head,
            metadata,
            room,
        })
    }

    fn accepted<'p>(
        self,
        opened: Opened<'_>,
        body: Inbound,
        context: &Context<'_>,
        place: &'p mut Place,
    ) -> &'p mut Accepted {
        let Opened {
            method,
            handler,
            head,
            metadata,
            room,
        } = opened;
        let names = self.dialect.names();
        let limits = context.connection.limits();
        let messages = RequestMessages {
            envelopes: TimedEnvelopes::new(Body::new(body, self.text), limits.message_bytes, limits.message),
            encoding: head.received,
            form: Form::new(self.media.notation, limits, || method.input()),
            broken: self.dialect.broken(),
            limit: limits.message_bytes,
            ended: false,
            only: None,
        };
        let coding = messages.form.coding(head.received);
        let form = Form::new(self.media.notation, limits, || method.output());
        // Replies that are looked into are compressed here or not at all.
        let accepted = head.accepted(names);
        let accepted = if form.is_wire() { accepted } else { Encodings::default() };
        let exchange = Exchange {
            deadline: head.deadline(),
            dismissal: context.connection.dismissal().clone(),
            shape: method.shape(),
            room,
            speech: Speech::Framed(Answer {
                form,
                content_type: self.reply,
                encoding: head.reply(names),
                accepted,
                tells: self.dialect.tells_codings(&head, accepted),
                dialect: self.dialect,
            }),
        };
        let streams = method.client_streaming();
        let mut call = context.call(method, Messages::empty(), metadata, exchange.deadline);
        call.coding = coding;
        call.accepted = accepted;
        let request_id = call.request_id;
        let arriving = if streams {
            call.messages = Messages::stream(messages);
            Arriving::new(call, None)
        } else {
            Arriving::enveloped(call, messages)
        };
        place.insert(Accepted {
            handler: handler.clone(),
            request_id,
            arriving: Some(arriving),
            exchange,
            watch: Watch::default(),
        })
    }

    fn find<'s>(&self, parts: &Parts, context: &Context<'s>) -> Result<(Method, &'s Arc<dyn Handler>), Fault> {
        target::check(&parts.method, &parts.uri, &parts.headers)?;
        if parts.method != HttpMethod::POST {
            return Err(Fault::method(&parts.method, "POST"));
        }
        let path = parts.uri.path();
        // One that names a method is made of names, which can be read in one way only.
        if !context.names(path) {
            target::check_path(path).map_err(|error| Fault::target(&error))?;
        }
        if let Some(target) = parts.uri.path_and_query().filter(|target| target.query().is_some()) {
            return Err(context.snapshot.unknown(target.as_str()).into());
        }
        let found = context.find(path)?;
        self.dialect.check(found.0.shape(), &parts.headers, context)?;
        Ok(found)
    }

    fn refuse(&self, fault: Fault, body: Inbound) -> Refusal {
        let says_http = self.dialect.says_http(&fault);
        let Fault {
            http, status, header, ..
        } = fault;
        let told = Some(refusal::told(&status));
        let mut response = self.dialect.refuse(self.reply, status);
        if says_http {
            *response.status_mut() = http;
        }
        if let Some((name, value)) = header {
            response.headers_mut().insert(name, value);
        }
        let body = (!matches!(self.dialect, Dialect::Grpc)).then_some(body);
        Refusal {
            response,
            body,
            status: told,
        }
    }
}
