//! Errors: what an answer says of a call that failed.
//!
//! ```text
//! {"code": 5, "message": "...", "details": [...]}                                        google.rpc.Status
//! {"error": {"code": 404, "message": "...", "status": "NOT_FOUND", "details": [...]}}    Google's servers
//! [{"error": {...}}]                                                                     those of streams
//! {"error": {"grpc_code": 5, "http_code": 404, "message": "..."}}                        streams of grpc-gateway 1
//! ```
//! Envoy's transcoder may leave the status of gRPC in headers. Anything else says no more than HTTP does.

use std::sync::LazyLock;

use base64::Engine as _;
use descant_descriptors::{Builtin, Codec, MessageType, Schema};
use http::{HeaderValue, StatusCode, response::Parts};
use prost_types::Any;
use serde_json::{Map, Value};

use super::{Reading, json, reply::kind};
use crate::{
    Code, Status,
    metadata::bin::BASE64,
    proxy::status::{self, SHOWN, in_words, is_said},
};

/// What errors are detailed with nearly always. A schema need not have it.
static DETAILS: LazyLock<Option<Schema>> =
    LazyLock::new(|| Schema::builder().builtin(Builtin::ErrorDetails).build().ok());

/// The status of an answer that is no success.
pub(super) fn status(parts: Parts, body: &[u8], reading: &Reading, depth: u32) -> Status {
    let said = serde_json::from_slice::<Value>(body).ok();
    let status = said
        .as_ref()
        .and_then(|said| self::said(said, Some(parts.status), reading, depth))
        .or_else(|| of_headers(&parts))
        .unwrap_or_else(|| untold(&parts, body, said.as_ref(), reading));
    let status = status::with_pushback(status, &parts.headers);
    status.with_metadata(Reading::metadata(parts.headers))
}

fn of_headers(parts: &Parts) -> Option<Status> {
    is_said(&parts.headers).then(|| status::said(parts.headers.clone()).err())?
}

/// An answer that is none of REST.
pub(super) fn foreign(parts: &Parts, reading: &Reading) -> Status {
    untold(parts, &[], None, reading)
}

/// What an error in JSON says, if it is one of those that are known. `http`: the status of the answer, if it is all of it.
pub(super) fn said(said: &Value, http: Option<StatusCode>, reading: &Reading, depth: u32) -> Option<Status> {
    let outer = match said {
        Value::Array(errors) => errors.first()?.as_object()?,
        said => said.as_object()?,
    };
    let (error, is_inner) = match outer.get("error") {
        Some(Value::Object(inner)) => (inner, true),
        _ => (outer, http.is_none()),
    };
    let message = error.get("message").and_then(Value::as_str);
    let code = code(error, http.filter(|_| is_inner), is_inner)?;
    let details = error.get("details").and_then(Value::as_array);
    let status = Status::new(code, message.unwrap_or_default());
    let details = details.into_iter().flatten();
    Some(
        details
            .filter_map(|detail| self::detail(detail, reading.method.schema(), depth))
            .fold(status, Status::with_any),
    )
}

/// The code: by its name or its number; a number of HTTP as those of `google/rpc/code.proto` have it.
fn code(error: &Map<String, Value>, http: Option<StatusCode>, may_be_http: bool) -> Option<Code> {
    let named = |name: &str| Code::from_name(name).filter(|code| *code != Code::Ok);
    if let Some(code) = error.get("status").and_then(Value::as_str).and_then(named) {
        return Some(code);
    }
    let number = error.get("grpc_code").or_else(|| error.get("code"))?;
    if let Some(name) = number.as_str() {
        return named(&name.to_ascii_uppercase());
    }
    let number = u16::try_from(number.as_u64()?).ok()?;
    match number {
        1..=16 => Some(Code::from(i32::from(number))),
        number => {
            let is_http = may_be_http && number >= 100 && http.is_none_or(|http| http.as_u16() == number);
            is_http.then(|| meant(number))
        }
    }
}

/// Which code a status of HTTP mostly stands for: `google/rpc/code.proto`, "HTTP Mapping", read from its other end. 412 and 422 are not in it:
/// they are what other servers of REST call what it has under 400.
fn meant(http: u16) -> Code {
    match http {
        400 | 422 => Code::InvalidArgument,
        401 => Code::Unauthenticated,
        403 => Code::PermissionDenied,
        404 => Code::NotFound,
        405 | 501 => Code::Unimplemented,
        // ALREADY_EXISTS too, of which HTTP alone says nothing: a conflict of any kind is this one.
        409 => Code::Aborted,
        412 => Code::FailedPrecondition,
        416 => Code::OutOfRange,
        429 => Code::ResourceExhausted,
        499 => Code::Cancelled,
        502 | 503 => Code::Unavailable,
        504 => Code::DeadlineExceeded,
        500 => Code::Internal,
        _ => Code::Unknown,
    }
}

/// A detail: ProtoJSON's `Any`, or one whose bytes stand in `value`, as where its type is not known.
fn detail(detail: &Value, schema: &Schema, depth: u32) -> Option<Any> {
    let members = detail.as_object()?;
    let type_url = members.get("@type")?.as_str()?;
    let (_, name) = type_url.rsplit_once('/')?;
    let known = schema.message(name).or_else(|| DETAILS.as_ref()?.message(name));
    let wire = known.and_then(|message| wire(members, &message, depth));
    let value = wire.or_else(|| BASE64.decode(members.get("value")?.as_str()?).ok())?;
    Some(Any {
        type_url: type_url.to_owned(),
        value,
    })
}

fn wire(members: &Map<String, Value>, message: &MessageType, depth: u32) -> Option<Vec<u8>> {
    let own = if message.is_well_known() {
        members.get("value")?.to_string()
    } else {
        let mut own = members.clone();
        own.remove("@type");
        Value::Object(own).to_string()
    };
    let mut wire = Vec::new();
    Codec::new(json(depth))
        .json_to_wire(message, own.as_bytes(), &mut wire)
        .ok()?;
    Some(wire)
}

/// The code of an answer that says no more than its status of HTTP.
fn guessed(http: StatusCode, is_json: bool) -> Code {
    match http {
        // Of a page nobody knows whose it is, most likely that of a server without the route.
        StatusCode::NOT_FOUND if !is_json => Code::Unimplemented,
        // As gRPC has it: they are mostly said by something on the way.
        StatusCode::TOO_MANY_REQUESTS | StatusCode::GATEWAY_TIMEOUT => Code::Unavailable,
        http => meant(http.as_u16()),
    }
}

/// Whether an answer like this speaks against the server: what it says of a request does not.
pub(super) fn is_of_server(http: StatusCode) -> bool {
    http.is_server_error() || http == StatusCode::TOO_MANY_REQUESTS
}

/// An answer that does not say what became of the call: it may be no server of REST, or know nothing of the method.
fn untold(parts: &Parts, body: &[u8], said: Option<&Value>, reading: &Reading) -> Status {
    let status = parts.status;
    let kind = kind(&parts.headers);
    let words = words(body, said, kind.as_ref().map_or(&[], HeaderValue::as_bytes));
    let http = in_words(status, &parts.headers);
    let (told, manner) = match (words, &kind) {
        (Some(words), _) => (format!("{http}: {words}"), ""),
        (None, Some(kind)) => {
            let kind = String::from_utf8_lossy(kind.as_bytes());
            (format!("{http} and content type {kind}"), ", not as REST does")
        }
        (None, None) => (format!("{http} and no content type"), ", not as REST does"),
    };
    let code = guessed(status, said.is_some_and(Value::is_object));
    if matches!(status, StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED) && code == Code::Unimplemented {
        let what = format!("the upstream has no {}: it answers with {told}", reading.route());
        return Status::new(code, what);
    }
    let what = format!("the upstream answers with {told}{manner}");
    Status::new(code, what)
}

/// What is said in plain words: a text, or the usual members of errors.
fn words(body: &[u8], said: Option<&Value>, kind: &[u8]) -> Option<String> {
    let words = match said {
        Some(Value::Object(members)) => ["message", "detail", "error", "title"]
            .iter()
            .find_map(|name| members.get(*name)?.as_str())?,
        _ if kind.starts_with(b"text/plain") => std::str::from_utf8(body).ok()?,
        _ => return None,
    };
    let words: String = words.trim().lines().next()?.chars().take(SHOWN).collect();
    Some(words).filter(|words| !words.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `docs/call.md` says.
    #[test]
    fn where_nothing_else_is_said_the_status_of_http_counts() {
        for (http, code) in [
            (304, Code::Unknown),
            (400, Code::InvalidArgument),
            (401, Code::Unauthenticated),
            (403, Code::PermissionDenied),
            (404, Code::NotFound),
            (405, Code::Unimplemented),
            (409, Code::Aborted),
            (412, Code::FailedPrecondition),
            (415, Code::Unknown),
            (416, Code::OutOfRange),
            (422, Code::InvalidArgument),
            (429, Code::Unavailable),
            (499, Code::Cancelled),
            (500, Code::Internal),
            (501, Code::Unimplemented),
            (502, Code::Unavailable),
            (503, Code::Unavailable),
            (504, Code::Unavailable),
            (505, Code::Unknown),
        ] {
            assert_eq!(guessed(StatusCode::from_u16(http).unwrap(), true), code, "{http}");
        }
        assert_eq!(guessed(StatusCode::NOT_FOUND, false), Code::Unimplemented);
    }
}
