//! HTTP and JSON, along the HTTP rules of the schema. Source: `google/api/http.proto`, ProtoJSON, AIP-127.
//!
//! ```text
//! raw path -> check -> routes -> Asked -> body, messages (bind) -> Call
//!                                  |
//!                                  +----> answer, replies, error -> Response
//! ```

mod accept;
mod answer;
mod asked;
mod body;
mod desk;
mod error;
mod messages;
mod open;
mod options;
mod path;
mod replies;

use descant_descriptors::{Allow, Found};
use descant_handlers::Status;
use http::{HeaderValue, Method as HttpMethod, Response, StatusCode, header, request::Parts};

use self::{answer::refused, asked::Rule, open::Opened};
use super::{
    Accepted, Context, Place,
    refusal::{self, Fault, Refusal, http_status},
    target,
};
use crate::transport::{Inbound, Outbound};

pub(crate) use self::answer::Answer;
pub use self::options::RestOptions;

/// What a request leads to.
enum Routed<'s> {
    Call(Opened<'s>),
    /// Its path leads to methods, but by other methods of HTTP.
    Others(Allow),
    Nothing,
}

/// Whether the path of a request leads to a method by an HTTP rule.
pub(super) fn binds(parts: &Parts, context: &Context<'_>) -> bool {
    let (found, _) = desk::find(context.snapshot.schema().routes(), parts);
    matches!(found, Found::Binding(_))
}

/// Makes a call of a request.
pub(super) fn accept<'p>(
    parts: &mut Parts,
    body: Inbound,
    context: &Context<'_>,
    place: &'p mut Place,
) -> Result<&'p mut Accepted, Box<Refusal>> {
    let head_only = is_head(parts);
    let faulty = |fault: Fault, rest: &RestOptions| {
        let status = refusal::told(&fault.status);
        (refuse(fault, head_only, rest, context), Some(status))
    };
    let all = &context.settings.rest;
    let (response, status) = match route(parts, context) {
        Ok(Routed::Call(opened)) => {
            let rest = context.rest(&opened.method);
            match opened.read(parts, rest, context) {
                Ok(ready) => return Ok(ready.accepted(body, context, place)),
                Err(fault) => faulty(fault, rest),
            }
        }
        Ok(Routed::Others(allow)) => others(parts, &allow, context),
        Ok(Routed::Nothing) => match context.method(parts.uri.path()) {
            Some(method) => {
                let (response, status) = refusal::unknown_call(parts, &method);
                (response, Some(status))
            }
            None => faulty(nothing(parts, context), all),
        },
        Err(fault) => faulty(fault, all),
    };
    let body = Some(body);
    Err(Box::new(Refusal { response, body, status }))
}

fn route<'s>(parts: &Parts, context: &Context<'s>) -> Result<Routed<'s>, Fault> {
    target::check(&parts.method, &parts.uri, &parts.headers)?;
    let path = parts.uri.path();
    path::check(path).map_err(|error| Fault::bad_request(&error))?;
    let schema = context.snapshot.schema();
    if path == "*" && parts.method == HttpMethod::OPTIONS {
        return Ok(Routed::Others(schema.routes().all_methods()));
    }
    let (found, captures) = desk::find(schema.routes(), parts);
    match found {
        Found::Binding(binding) => {
            let method = binding.method(schema);
            context.found.binding.set(Some(binding));
            let handler = context.handler(&method)?;
            let rule = Rule::Bound(binding.index());
            Ok(Routed::Call(Opened {
                method,
                handler,
                rule,
                captures,
            }))
        }
        Found::OtherMethods(allow) => Ok(Routed::Others(allow)),
        Found::Nothing if parts.method == HttpMethod::POST => {
            Ok(Opened::unbound(path, context)?.map_or(Routed::Nothing, Routed::Call))
        }
        Found::Nothing => Ok(Routed::Nothing),
    }
}

/// The path is there, the method of HTTP is not. RFC 9110, sections 9.3.7 and 15.5.6.
fn others(parts: &Parts, allow: &Allow, context: &Context<'_>) -> (Response<Outbound>, Option<Status>) {
    let (mut response, status) = if parts.method == HttpMethod::OPTIONS {
        let mut response = Response::new(Outbound::Empty);
        *response.status_mut() = StatusCode::NO_CONTENT;
        (response, None)
    } else {
        let status = Status::unimplemented(format!(
            "{} is not among the methods of this path: {allow}",
            parts.method
        ));
        let http = StatusCode::METHOD_NOT_ALLOWED;
        let options = &context.settings.rest.json;
        let response = refused(http, &status, context.snapshot.schema(), options, is_head(parts));
        (response, Some(status))
    };
    // What templates name are tokens.
    if let Ok(allow) = HeaderValue::try_from(allow.as_str()) {
        response.headers_mut().insert(header::ALLOW, allow);
    }
    (response, status)
}

/// Longer paths are not repeated to whoever sent them.
const LONGEST_ECHO: usize = 256;

fn nothing(parts: &Parts, context: &Context<'_>) -> Fault {
    // Paths that are not there are asked for by many: no reason to look for them.
    if let Some(status) = context.snapshot.absent(false) {
        return Fault::of(status);
    }
    let path = Some(parts.uri.path()).filter(|path| path.len() <= LONGEST_ECHO);
    let mut what = format!(
        "no HTTP rule leads {} {} to a method",
        parts.method,
        path.unwrap_or("this path")
    );
    if let Some(path) = path.filter(|path| is_rpc(path)) {
        what += &context.snapshot.nearest(path);
    }
    Fault::of(Status::not_found(what))
}

/// Whether a path looks like `/package.Service/Method`, where a misspelt method of Connect ends up.
fn is_rpc(path: &str) -> bool {
    let parts = path.strip_prefix('/').and_then(|path| path.split_once('/'));
    parts.is_some_and(|(service, method)| service.contains('.') && !method.contains('/'))
}

fn refuse(fault: Fault, head_only: bool, rest: &RestOptions, context: &Context<'_>) -> Response<Outbound> {
    let Fault {
        http, status, header, ..
    } = fault;
    let http = match http {
        StatusCode::OK => http_status(status.code()),
        http => http,
    };
    let mut response = refused(http, &status, context.snapshot.schema(), &rest.json, head_only);
    if let Some((name, value)) = header {
        response.headers_mut().insert(name, value);
    }
    response
}

fn is_head(parts: &Parts) -> bool {
    parts.method == HttpMethod::HEAD
}
