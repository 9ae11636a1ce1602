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
use descant_handlers::{Encodings, Handler, Messages};
use http::{Method as HttpMethod, request::Parts};

use self::{text::Body, timed::TimedEnvelopes};
use super::{
    Accepted, Context, Exchange, Only,
    detect::Media,
    exchange::Speech,
    form::Form,
    head::Head,
    refusal::{self, Fault, Refusal},
    target,
};
use crate::transport::Inbound;

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

impl Opening {
    /// Reads the head of a request.
    pub(super) fn accept(self, parts: Parts, body: Inbound, context: &Context<'_>) -> Result<Accepted, Box<Refusal>> {
        let names = self.dialect.names();
        let found = self.find(&parts, context);
        let found = found.and_then(|(method, handler)| {
            let head = Head::read(&parts, names)?;
            let metadata = head.metadata(parts.headers)?;
            Ok((method, handler, head, metadata))
        });
        let (method, handler, head, metadata) = match found {
            Ok(found) => found,
            Err(fault) => return Err(Box::new(self.refuse(fault, body))),
        };
        let limits = context.connection.limits();
        let messages = RequestMessages {
            envelopes: TimedEnvelopes::new(Body::new(body, self.text), limits.message_bytes, limits.message),
            encoding: head.received,
            form: Form::new(self.media.notation, || method.input()),
            broken: self.dialect.broken(),
            limit: limits.message_bytes,
            ended: false,
        };
        let coding = messages.form.coding(head.received);
        let form = Form::new(self.media.notation, || method.output());
        // Replies that are looked into are compressed here or not at all.
        let accepted = head.accepted(names);
        let accepted = if form.is_wire() { accepted } else { Encodings::default() };
        let exchange = Exchange {
            deadline: head.deadline(),
            server_streaming: method.server_streaming(),
            speech: Speech::Framed(Answer {
                form,
                content_type: self.reply,
                encoding: head.reply(names),
                accepted,
                dialect: self.dialect,
            }),
        };
        let (messages, only) = if method.client_streaming() {
            (Messages::stream(messages), None)
        } else {
            (Messages::empty(), Some(Only::Envelope(messages)))
        };
        let mut call = context.call(method, messages, metadata, exchange.deadline);
        call.coding = coding;
        call.accepted = accepted;
        Ok(Accepted {
            handler: handler.clone(),
            call,
            only,
            exchange,
        })
    }

    fn find<'s>(&self, parts: &Parts, context: &Context<'s>) -> Result<(Method, &'s Arc<dyn Handler>), Fault> {
        target::check(&parts.method, &parts.uri, &parts.headers)?;
        if parts.method != HttpMethod::POST {
            return Err(Fault::method(&parts.method, "POST"));
        }
        target::check_path(parts.uri.path()).map_err(|error| Fault::target(&error))?;
        let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
        let found = context.find(target)?;
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
