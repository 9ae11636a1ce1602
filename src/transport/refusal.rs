//! Requests that are refused before anybody is asked.

use bytes::Bytes;
use descant_handlers::Code;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Version, header, request::Parts};

use serde_json::json;

use super::{Limits, Outbound, Payload, http1::Violation};

/// What counts for each field of a head beside its bytes. RFC 9113, section 6.5.2.
pub(super) const PER_FIELD: usize = 32;
/// What is said to a head of too many fields, or too large ones.
pub(super) const TOO_LARGE: &str =
    "the head of the request is more than `limits.header_bytes` or `limits.header_fields`";

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

/// Refuses what is more than the limits allow. RFC 6585, section 5.
pub(super) fn check_size<B>(request: &http::Request<B>, limits: &Limits) -> Result<(), Refusal> {
    let few = request.headers().len() <= limits.header_fields;
    if few && header_bytes(request) <= limits.header_bytes as usize {
        return Ok(());
    }
    Err(Refusal {
        status: StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        reason: TOO_LARGE.to_owned(),
    })
}

/// What a head counts for.
fn header_bytes<B>(request: &http::Request<B>) -> usize {
    let uri = request.uri();
    let target = uri.path_and_query().map_or(0, |target| target.as_str().len());
    let pseudo = [
        (":method", request.method().as_str().len()),
        (":scheme", uri.scheme_str().map_or(0, str::len)),
        (
            ":authority",
            uri.authority().map_or(0, |authority| authority.as_str().len()),
        ),
        (":path", target),
    ];
    let pseudo = pseudo.into_iter().map(|(name, length)| (name.len(), length));
    let fields = request.headers().iter();
    let fields = fields.map(|(name, value)| (name.as_str().len(), value.len()));
    pseudo.chain(fields).map(|(name, value)| name + value + PER_FIELD).sum()
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
