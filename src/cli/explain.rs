//! `descant explain`: what would become of a request.

use std::{io::Read as _, path::PathBuf, process::ExitCode};

use bytes::Bytes;
use descant::{Explanation, Gateway, config::ConfigBuilder, handlers::Echo};
use http::{HeaderName, HeaderValue, Method, Request, Uri, Version, uri::InvalidUri};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::{
    args::{Explain, ReportFormat},
    config,
    failure::{Failure, Kind},
    screen, sources,
};

/// Prints what would become of the request.
pub(crate) fn run(args: &Explain, given: &ConfigBuilder) -> Result<ExitCode, Failure> {
    let (line, paths) = split(&args.words)?;
    let schema = sources::load(paths, &args.rest.http_rules).map_err(|error| sources::refused(&error))?;
    let body = args.data.as_deref().map(body).transpose()?.unwrap_or_default();
    let request = request(&line, &args.headers, body).map_err(|what| Failure::new(Kind::Usage, what, ""))?;
    // Who answers is the server's to say: here something has to.
    let builder = Gateway::builder(schema).route("*", Echo);
    let gateway = builder.rest(config::load(given)?.rest()).build();
    let gateway = gateway.map_err(|error| Failure::new(Kind::Descriptors, error, ""))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.map_err(|error| Failure::new(Kind::Other, error, ""))?;
    let mut explanation = runtime.block_on(gateway.explain(request));
    explanation.handler = None;
    let text = match args.format {
        ReportFormat::Text => screen::escape_lines(&explanation.to_string()).into_owned(),
        ReportFormat::Json => format!("{:#}\n", to_json(&explanation)),
    };
    screen::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// The last word is the request.
fn split(words: &[PathBuf]) -> Result<(String, &[PathBuf]), Failure> {
    let found = words.split_last().map(|(last, paths)| (last.to_string_lossy(), paths));
    match found {
        Some((line, paths)) if line.contains(' ') => Ok((line.into_owned(), paths)),
        _ => Err(Failure::new(
            Kind::Usage,
            "the last word is no request",
            "write it as one word: `descant explain api.binpb 'GET /v1/books/emma?view=FULL'`",
        )),
    }
}

/// The body: as it was typed, or with `@FILE` what is in a file, `@-` standard input.
fn body(data: &str) -> Result<Bytes, Failure> {
    let read = match data.strip_prefix('@') {
        None => return Ok(Bytes::copy_from_slice(data.as_bytes())),
        Some("-") => {
            let mut all = Vec::new();
            std::io::stdin().lock().read_to_end(&mut all).map(|_| all)
        }
        Some(file) => std::fs::read(file),
    };
    let failed = |error| Failure::new(Kind::Usage, format!("-d {data}: {error}"), "");
    read.map(Bytes::from).map_err(failed)
}

/// A request of a line such as `GET /v1/books` and headers such as `name: value`.
pub(crate) fn request(line: &str, headers: &[String], body: Bytes) -> Result<Request<Bytes>, String> {
    let (method, target) = line
        .trim()
        .split_once(' ')
        .ok_or("a request is a method and a path: `GET /v1/books`")?;
    let method: Method = method.parse().map_err(|_| format!("{method:?} is no method of HTTP"))?;
    let target = target.trim();
    if target.contains('#') {
        return Err(format!(
            "{target:?} has a fragment: `#` and what follows it stays with the client; leave it out, or write `%23`"
        ));
    }
    let target: Uri = target.parse().map_err(|error| no_target(target, &error))?;
    let mut request = Request::new(body);
    (*request.method_mut(), *request.uri_mut(), *request.version_mut()) = (method, target, Version::HTTP_2);
    for header in headers {
        let refused = || format!("{header:?} is no header: write `name: value`");
        let (name, value) = header.split_once(':').ok_or_else(refused)?;
        let name = HeaderName::from_bytes(name.trim().as_bytes()).map_err(|_| refused())?;
        let value = HeaderValue::from_str(value.trim()).map_err(|_| refused())?;
        request.headers_mut().append(name, value);
    }
    Ok(request)
}

fn no_target(target: &str, error: &InvalidUri) -> String {
    match target {
        _ if target.contains(' ') => format!("{target:?} has a blank in it: write it as `%20`"),
        _ if !target.starts_with('/') => format!("{target:?} is no path: a path begins with `/`"),
        _ => format!("{target:?} is no target of a request: {error}"),
    }
}

/// The same from a query: `request=GET%20/v1/books&header=accept:%20text/plain&body=`.
pub(crate) fn asked(query: &str) -> Result<Request<Bytes>, String> {
    let (mut line, mut headers, mut body) = (None, Vec::new(), Bytes::new());
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = value.replace('+', " ");
        let value = percent_decode_str(&value).decode_utf8();
        let value = value
            .map_err(|_| format!("the parameter {name} is not UTF-8"))?
            .into_owned();
        match name {
            "request" => line = Some(value),
            "header" => headers.push(value),
            "body" => body = value.into(),
            _ => {
                return Err(format!(
                    "there is no parameter {name:?}: write request=, header= and body="
                ));
            }
        }
    }
    let line = line.ok_or("which request? write /explain?request=GET+/v1/books")?;
    request(&line, &headers, body)
}

/// The same for programs.
pub(crate) fn to_json(explanation: &Explanation) -> Value {
    json!({
        "request": explanation.request,
        "protocol": explanation.protocol,
        "method": explanation.method,
        "templates": explanation.templates.iter().map(|template| json!({
            "http_method": template.http_method,
            "template": template.template,
            "method": template.method,
            "wins": template.wins,
            "verdict": template.verdict,
        })).collect::<Vec<_>>(),
        "fields": explanation.bound.iter().map(|bound| json!({
            "field": bound.field,
            "origin": bound.origin,
            "value": bound.value,
        })).collect::<Vec<_>>(),
        "message_type": explanation.message_type,
        "messages": explanation.messages.iter().map(|message| {
            serde_json::from_str(message).unwrap_or_else(|_| Value::from(message.as_str()))
        }).collect::<Vec<_>>(),
        "handler": explanation.handler,
        "answer": explanation.refusal.as_ref().map(|refusal| json!({
            "http_status": refusal.http_status,
            "headers": refusal.headers,
            "body": serde_json::from_str(&refusal.body).unwrap_or_else(|_| Value::from(refusal.body.as_str())),
        })),
    })
}
