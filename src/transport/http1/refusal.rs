//! Requests that are refused before anybody is asked.

use bytes::Bytes;
use descant_handlers::Code;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Version, header, request::Parts};

use serde_json::json;

use super::{
    super::{Outbound, Payload},
    Violation,
};

/// The answer to a request that is refused: `google.rpc.Status` as JSON, for whoever can read that, and people can.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    reason: String,
}

/// Refuses what every other version of HTTP would not even let be said. RFC 9112, section 3.2.
pub(super) fn check(request: &Parts) -> Result<(), Refusal> {
    let bad = |reason: &str| Refusal {
        status: StatusCode::BAD_REQUEST,
        reason: reason.to_owned(),
    };
    // Only CONNECT takes an authority alone.
    if request.method != Method::CONNECT && request.uri.path_and_query().is_none() {
        return Err(bad("the target of the request has no path"));
    }
    if request.version == Version::HTTP_11 && !request.headers.contains_key(header::HOST) {
        return Err(bad("a request of HTTP/1.1 has exactly one `host`"));
    }
    Ok(())
}

impl Refusal {
    /// `None`: to whom it may concern would not understand it.
    pub(super) fn of(violation: Violation) -> Option<Self> {
        let status = match violation {
            Violation::Stranger => return None,
            Violation::Head(_) | Violation::Body(_) => StatusCode::BAD_REQUEST,
            Violation::Target => StatusCode::URI_TOO_LONG,
            Violation::Fields => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Violation::Coding => StatusCode::NOT_IMPLEMENTED,
        };
        Some(Self {
            status,
            reason: violation.to_string(),
        })
    }

    pub(super) fn late() -> Self {
        Self {
            status: StatusCode::REQUEST_TIMEOUT,
            reason: "the head of the request was not finished within `limits.header_block`".to_owned(),
        }
    }

    pub(super) fn respond(self) -> Response<Outbound> {
        let mut response = Response::new(Outbound::Whole {
            payload: Payload::from(Bytes::from(self.json())),
            trailers: HeaderMap::new(),
        });
        *response.status_mut() = self.status;
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        response
    }

    /// A reply of HTTP/1.1, the last of its connection.
    pub(super) fn text(&self, head_only: bool) -> String {
        let (status, json) = (self.status, self.json());
        let length = json.len();
        let body = if head_only { "" } else { &json };
        format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        )
    }

    fn json(&self) -> String {
        let code = match self.status {
            StatusCode::URI_TOO_LONG | StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => Code::ResourceExhausted,
            StatusCode::NOT_IMPLEMENTED => Code::Unimplemented,
            StatusCode::REQUEST_TIMEOUT => Code::DeadlineExceeded,
            _ => Code::InvalidArgument,
        };
        json!({"code": code.number(), "message": self.reason, "details": []}).to_string()
    }
}
