//! Connect's own: errors, and ends of streams, as JSON. "Error End-Stream", "Unary-Response" and "Error Codes".

use base64::Engine as _;
use http::{HeaderMap, HeaderName, StatusCode};
use prost_types::Any;
use serde_json::{Map, Value};

use super::{speech::Speech, status};
use crate::{Code, Metadata, Status, metadata::bin::BASE64};

const TRAILER: &str = "trailer-";
/// Bytes of JSON that are read: as a tree it takes ten times as many.
pub(super) const MOST: usize = 256 << 10;

/// The error that the body of a unary reply holds; what HTTP calls it, if it holds none.
pub(super) fn error(http: StatusCode, headers: HeaderMap, body: &[u8]) -> Status {
    let said = status::of_http(http, &headers, Speech::ConnectUnary);
    let json = (body.len() <= MOST)
        .then(|| serde_json::from_slice::<Value>(body).ok())
        .flatten();
    let status = match json.as_ref().and_then(Value::as_object) {
        Some(error) => read(error, said),
        None => said,
    };
    let status = status::with_pushback(status, &headers);
    let (mut metadata, trailers) = metadata(headers);
    // What cannot be added is too much of it, and what came first counts.
    let _ = metadata.extend(trailers);
    status.with_metadata(metadata)
}

/// What the last envelope of a stream says.
#[derive(Debug)]
pub(super) struct End {
    /// Its metadata.
    pub(super) fields: HeaderMap,
    error: Option<Status>,
}

impl End {
    pub(super) fn read(json: &[u8]) -> Result<Self, Status> {
        let broken =
            |what: &str| Status::internal(format!("the upstream's stream ends with what is no end of one: {what}"));
        let end: Value = serde_json::from_slice(json).map_err(|error| broken(&error.to_string()))?;
        let end = end.as_object().ok_or_else(|| broken("it is no JSON object"))?;
        let fields = match end.get("metadata") {
            None | Some(Value::Null) => HeaderMap::new(),
            Some(Value::Object(fields)) => fields_of(fields),
            Some(_) => return Err(broken("its metadata is no JSON object")),
        };
        let error = match end.get("error") {
            None | Some(Value::Null) => None,
            Some(Value::Object(error)) => Some(read(error, Status::unknown(""))),
            Some(_) => return Err(broken("its error is no JSON object")),
        };
        Ok(Self { fields, error })
    }

    /// How the call went.
    pub(super) fn outcome(self) -> Result<Metadata, Status> {
        let error = self.error.map(|error| status::with_pushback(error, &self.fields));
        let trailers = status::own(self.fields, Speech::ConnectStream);
        match error {
            None => Ok(trailers),
            Some(error) => Err(error.with_metadata(trailers)),
        }
    }
}

/// Metadata and trailers of a unary reply.
pub(super) fn metadata(headers: HeaderMap) -> (Metadata, Metadata) {
    let mut trailers = HeaderMap::new();
    for (name, value) in &headers {
        let name = name.as_str().strip_prefix(TRAILER);
        if let Some(name) = name.and_then(|name| name.parse::<HeaderName>().ok()) {
            trailers.append(name, value.clone());
        }
    }
    let mut headers = headers;
    let theirs: Vec<_> = headers
        .keys()
        .filter(|name| name.as_str().starts_with(TRAILER))
        .cloned()
        .collect();
    for name in theirs {
        headers.remove(name);
    }
    let own = |headers| status::own(headers, Speech::ConnectUnary);
    (own(headers), own(trailers))
}

/// `{"code": ..., "message": ..., "details": [...]}`. A code that is missing or unknown is what HTTP says.
fn read(error: &Map<String, Value>, said: Status) -> Status {
    let code = error.get("code").and_then(Value::as_str).and_then(code);
    let message = error.get("message").and_then(Value::as_str);
    let status = match (code, message) {
        (Some(code), message) => Status::new(code, message.unwrap_or_default()),
        (None, Some(message)) => Status::new(said.code(), message),
        (None, None) => said,
    };
    let details = error.get("details").and_then(Value::as_array);
    details
        .into_iter()
        .flatten()
        .filter_map(detail)
        .fold(status, Status::with_any)
}

fn code(name: &str) -> Option<Code> {
    match name {
        "canceled" => Some(Code::Cancelled),
        "cancelled" | "ok" => None,
        name if name.bytes().any(|byte| byte.is_ascii_uppercase()) => None,
        name => Code::from_name(&name.to_ascii_uppercase()),
    }
}

fn detail(detail: &Value) -> Option<Any> {
    let name = detail.get("type")?.as_str()?;
    let value = detail.get("value")?.as_str()?;
    Some(Any {
        type_url: format!("type.googleapis.com/{name}"),
        value: BASE64.decode(value).ok()?,
    })
}

fn fields_of(fields: &Map<String, Value>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, values) in fields {
        let Ok(name) = name.parse::<HeaderName>() else { continue };
        for value in values.as_array().into_iter().flatten() {
            if let Some(value) = value.as_str().and_then(|value| value.parse().ok()) {
                // What cannot be added is too much of it, and what came first counts.
                let _ = headers.try_append(name.clone(), value);
            }
        }
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_read_whole() {
        let json = br#"{"code":"not_found","message":"gone","details":[{"type":"a.B","value":"AQID"}]}"#;
        let headers = [
            ("note", "a"),
            ("trailer-note", "b"),
            ("content-type", "application/json"),
        ];
        let headers = headers.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        let status = error(StatusCode::NOT_FOUND, headers.into_iter().collect(), json);
        assert_eq!((status.code(), status.message()), (Code::NotFound, "gone"));
        assert_eq!(status.details()[0].value, [1, 2, 3]);
        assert_eq!(status.metadata().get_all("note").collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn what_is_no_error_is_what_http_calls_it() {
        for (http, body, expected) in [
            (503, &b"busy"[..], Code::Unavailable),
            (404, b"{}", Code::Unimplemented),
            (401, br#"{"code":"NOT_FOUND"}"#, Code::Unauthenticated),
            (500, br#"{"code":"canceled"}"#, Code::Cancelled),
            (500, br#"{"code":"cancelled"}"#, Code::Unknown),
            (500, br#"{"code":"ok"}"#, Code::Unknown),
        ] {
            let http = StatusCode::from_u16(http).unwrap();
            assert_eq!(error(http, HeaderMap::new(), body).code(), expected, "{body:?}");
        }
    }

    #[test]
    fn a_stream_ends_with_metadata_and_perhaps_an_error() {
        let end = |json| End::read(json).and_then(End::outcome);
        let trailers = end(br#"{"metadata":{"note":["a","b"]}}"#).unwrap();
        assert_eq!(trailers.get_all("note").collect::<Vec<_>>(), ["a", "b"]);
        let status = end(br#"{"error":{"code":"aborted"},"metadata":{"note":["a"]}}"#).unwrap_err();
        assert_eq!(
            (status.code(), status.metadata().get("note")),
            (Code::Aborted, Some("a"))
        );
        for broken in [&b""[..], b"[]", br#"{"error":1}"#, br#"{"metadata":1}"#] {
            assert_eq!(end(broken).unwrap_err().code(), Code::Internal);
        }
    }
}
