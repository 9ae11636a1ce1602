//! Requests that are refused before anybody is asked.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Version, header, request::Parts};

use super::{
    super::{Outbound, Payload},
    Violation,
};

/// The answer to a request that is refused. Displayed it is a reply of HTTP/1.1, the last of its connection.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    reason: String,
}

/// Refuses what no protocol could make sense of. RFC 9112, section 3.2.
pub(super) fn check(request: &Parts) -> Result<(), Refusal> {
    let bad = |reason: &str| Refusal {
        status: StatusCode::BAD_REQUEST,
        reason: reason.to_owned(),
    };
    if request.method == Method::CONNECT {
        return Err(Refusal {
            status: StatusCode::NOT_IMPLEMENTED,
            reason: "CONNECT asks for a proxy, and this is none".to_owned(),
        });
    }
    // Only CONNECT takes an authority alone.
    if request.uri.path_and_query().is_none() {
        return Err(bad("the target of the request has no path"));
    }
    let hosts = request.headers.get_all(header::HOST).iter().count();
    if hosts > 1 || (hosts == 0 && request.version == Version::HTTP_11) {
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
            payload: Payload::from(Bytes::from(self.reason + "\n")),
            trailers: HeaderMap::new(),
        });
        *response.status_mut() = self.status;
        let text = HeaderValue::from_static("text/plain; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, text);
        response
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, reason } = self;
        write!(
            f,
            "HTTP/1.1 {status}\r\ncontent-type: text/plain; charset=utf-8\r\nconnection: close\r\ncontent-length: {}\r\n\
             \r\n{reason}\n",
            reason.len() + 1
        )
    }
}
