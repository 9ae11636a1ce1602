//! What becomes of a request, without a call: for people who wonder why theirs is not answered as they thought.
//!
//! The request takes the same way as any other up to its handler, so what is told here is what happens.

mod show;

use std::{future::poll_fn, sync::Arc};

use bytes::{Buf, Bytes};
use descant_descriptors::{BindRequest, Binder, Captures, Codec, Found, JsonOptions, Method, RequestBody, Schema};
use descant_handlers::{Message, Peer, Status};
use http::{Request, Response, header, request::Parts};

use crate::{
    Gateway, Limits,
    observe::Watch,
    protocol::{self, Accepted, Arriving, Exchange, caught},
    transport::{Connection, Inbound, Outbound},
};

/// How many messages of a stream are told.
const MOST_MESSAGES: usize = 10;

/// What becomes of a request. Displays as text for people.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Explanation {
    /// Method and target, as they came.
    pub request: String,
    /// What it speaks: `REST`, `Connect`.
    pub protocol: &'static str,
    /// The templates of HTTP rules that come closest to its path, the closest first; of other protocols than REST none.
    pub templates: Vec<ExplainedTemplate>,
    /// The method that it calls, `pkg.Service/Method`.
    pub method: Option<String>,
    /// What answers that method.
    pub handler: Option<String>,
    /// Which fields path, query and body give a value.
    pub bound: Vec<ExplainedField>,
    /// The type of the messages.
    pub message_type: Option<String>,
    /// The messages that the handler would get, as JSON; of more than ten, the first ones.
    pub messages: Vec<String>,
    /// The answer that it gets instead of a call.
    pub refusal: Option<ExplainedRefusal>,
}

/// A template that was looked at.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ExplainedTemplate {
    /// `GET`, or another method of HTTP.
    pub http_method: String,
    /// As it stands in the rule.
    pub template: String,
    /// The method whose rule it is, `pkg.Service/Method`.
    pub method: String,
    /// Whether it takes the request.
    pub wins: bool,
    /// What became of it, and why.
    pub verdict: String,
}

/// A field that was given a value.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ExplainedField {
    /// Its path; `*`: the whole message.
    pub field: String,
    /// Where the value came from: `path`, `query`, `body`, or `members of the body` for a mask that was filled in.
    pub origin: &'static str,
    /// The value.
    pub value: String,
}

/// An answer without a call.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ExplainedRefusal {
    /// The status of HTTP.
    pub http_status: u16,
    /// Headers and trailers.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: String,
}

impl Gateway {
    /// Tells what would become of a request: which template takes it, where each value comes from, the message that the
    /// handler would get, or the answer that the client gets instead. No handler is called.
    ///
    /// The target may be a path with a query, or a whole URL.
    pub async fn explain(&self, request: Request<Bytes>) -> Explanation {
        let (parts, body) = request.into_parts();
        let mut explanation = Explanation {
            request: format!("{} {}", parts.method, parts.uri),
            ..Explanation::default()
        };
        let connection = Connection::new(Peer::default(), Arc::new(Limits::default()));
        let inbound = Inbound::whole(body.clone());
        let mut place = None;
        let refusal = self.within(&connection, |context| {
            explanation.protocol = protocol::name(&parts, context);
            protocol::accept(&mut parts.clone(), inbound, context, &mut place).err()
        });
        let schema = self.schema();
        if explanation.protocol == "REST" {
            explanation.templates(&schema, &parts);
            explanation.fields(&schema, &parts, &body, self);
        }
        if let Some(refusal) = refusal {
            explanation.refused(refusal.response);
        } else if let Some(Accepted {
            arriving: Some(mut arriving),
            mut exchange,
            ..
        }) = place
            && let Some((call, _)) = arriving.parts()
        {
            let method = call.method.clone();
            explanation.method = Some(named(&method));
            explanation.handler = Some(self.describe_handler(&method));
            explanation.message_type = Some(method.input().full_name().to_owned());
            let result = explanation.read(&method, arriving).await;
            if let Err(status) = result {
                explanation.answered(&mut exchange, status);
            }
        }
        explanation
    }
}

/// `pkg.Service/Method`.
fn named(method: &Method) -> String {
    method.path().trim_start_matches('/').to_owned()
}

impl Explanation {
    fn templates(&mut self, schema: &Schema, parts: &Parts) {
        let considered = schema.routes().trace(parts.method.as_str(), parts.uri.path());
        self.templates = considered
            .iter()
            .map(|considered| ExplainedTemplate {
                http_method: considered.binding.http_method().to_owned(),
                template: considered.binding.template().to_owned(),
                method: named(&considered.binding.method(schema)),
                wins: considered.verdict == descant_descriptors::Verdict::Wins,
                verdict: considered.verdict.to_string(),
            })
            .collect();
    }

    /// Binds once more, for what that tells. What goes wrong was told by the real one.
    fn fields(&mut self, schema: &Schema, parts: &Parts, body: &[u8], gateway: &Gateway) {
        let mut captures = Captures::default();
        let path = parts.uri.path();
        let Found::Binding(binding) = schema.routes().find(parts.method.as_str(), path, &mut captures) else {
            return;
        };
        let method = binding.method(schema);
        let rest = gateway.rest(&method);
        self.method = Some(named(&method));
        let content_type = parts.headers.get(header::CONTENT_TYPE);
        let request = BindRequest {
            http_method: parts.method.as_str(),
            path,
            captures: &captures,
            query: parts.uri.query(),
            body: RequestBody {
                content_type: content_type.and_then(|value| value.to_str().ok()),
                bytes: body,
            },
        };
        let (input, mut binder) = (method.input(), Binder::new(rest.bind.clone(), rest.json.clone()));
        let _ = binder.bind(&input, binding, &request, &mut Vec::new());
        self.bound = binder
            .bound(&input, binding, &request)
            .into_iter()
            .map(|bound| ExplainedField {
                field: bound.field,
                origin: show::origin(bound.origin),
                value: bound.value,
            })
            .collect();
    }

    /// Reads the messages that the handler would get.
    async fn read(&mut self, method: &Method, mut arriving: Arriving) -> Result<(), Status> {
        let Some((call, only)) = arriving.parts() else {
            return Ok(());
        };
        if let Some(only) = only {
            let message = poll_fn(|cx| only.poll_message(cx)).await?;
            return self.message(method, &message);
        }
        while self.messages.len() < MOST_MESSAGES {
            let next = poll_fn(|cx| caught(|| call.messages.poll_next(cx))).await?;
            match next {
                Some(message) => self.message(method, &message?)?,
                None => break,
            }
        }
        Ok(())
    }

    fn message(&mut self, method: &Method, message: &Message) -> Result<(), Status> {
        let mut options = JsonOptions::default();
        options.pretty = true;
        let json = message.to_json(&method.input(), &mut Codec::new(options))?;
        self.messages.push(String::from_utf8_lossy(&json).into_owned());
        Ok(())
    }

    fn answered(&mut self, exchange: &mut Exchange, status: Status) {
        if let Ok(response) = exchange.respond(Err(status), &mut Watch::default()) {
            self.refused(response);
        }
    }

    fn refused(&mut self, response: Response<Outbound>) {
        let (parts, body) = response.into_parts();
        let (body, trailers) = match body {
            Outbound::Whole { mut payload, trailers } => {
                let body = payload.copy_to_bytes(payload.remaining());
                (String::from_utf8_lossy(&body).into_owned(), trailers)
            }
            Outbound::Empty | Outbound::Stream(_) => (String::new(), http::HeaderMap::new()),
        };
        let shown = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
            (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        self.refusal = Some(ExplainedRefusal {
            http_status: parts.status.as_u16(),
            headers: parts.headers.iter().chain(trailers.iter()).map(shown).collect(),
            body,
        });
    }
}
