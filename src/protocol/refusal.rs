//! Requests that are answered without a call.

use std::fmt;

use bytes::Bytes;
use descant_handlers::Status;
use http::{HeaderName, HeaderValue, Method, Response, StatusCode, header, request::Parts};

use super::{encoding::ACCEPTED, head::Names};
use crate::transport::{Inbound, Outbound, Payload};

/// A request that is answered without a call.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) response: Response<Outbound>,
    /// What is still to come of the request. Many clients that do not speak gRPC fail if the answer comes before they
    /// have sent it.
    pub(crate) body: Option<Inbound>,
}

/// What is wrong with the head of a request. Each protocol has words of its own for it.
#[derive(Debug)]
pub(super) struct Fault {
    /// What HTTP calls it; `OK`: nothing that HTTP has a name for.
    pub(super) http: StatusCode,
    pub(super) status: Status,
    pub(super) header: Option<(HeaderName, HeaderValue)>,
}

impl Fault {
    /// Nothing that HTTP has a name for.
    pub(super) fn of(status: Status) -> Self {
        Self {
            http: StatusCode::OK,
            status,
            header: None,
        }
    }

    /// The head cannot be understood, or in more than one way.
    pub(super) fn bad_request(reason: &dyn fmt::Display) -> Self {
        Self {
            http: StatusCode::BAD_REQUEST,
            ..Self::of(Status::invalid_argument(reason.to_string()))
        }
    }

    /// The method of HTTP is another one than those that are `allowed`.
    pub(super) fn method(method: &Method, allowed: &'static str) -> Self {
        Self {
            http: StatusCode::METHOD_NOT_ALLOWED,
            status: Status::internal(format!("this call is a {allowed} request, not {method}")),
            header: Some((header::ALLOW, HeaderValue::from_static(allowed))),
        }
    }

    /// `UNIMPLEMENTED`, and what would have been accepted: gRPC's compression specification, and Connect's
    /// "Content-Encoding".
    pub(super) fn unknown_encoding(names: &Names) -> Self {
        let status = Status::unimplemented(format!("the {} is unknown; known are {ACCEPTED}", names.encoding));
        Self {
            header: Some((names.accept.clone(), HeaderValue::from_static(ACCEPTED))),
            ..Self::of(status)
        }
    }
}

/// What a peer is told whose content type is none of a protocol.
const UNKNOWN: &str = "\
This port speaks gRPC (application/grpc), gRPC-Web (application/grpc-web, application/grpc-web-text) and Connect's streams
(application/connect+proto, application/connect+json); each takes POST requests to /package.Service/Method.
Try a gRPC client, `grpcurl -plaintext HOST:PORT list` for instance.
";

/// Nobody knows what this is: status 415, as gRPC-over-HTTP/2, "Requests", asks for, so that others do not take a gRPC
/// error for success.
pub(super) fn unknown(parts: &Parts, body: Inbound) -> Refusal {
    let mut response = text(StatusCode::UNSUPPORTED_MEDIA_TYPE, UNKNOWN);
    if parts.method == Method::HEAD {
        *response.body_mut() = Outbound::Empty;
    }
    Refusal {
        response,
        body: Some(body),
    }
}

/// An answer for people.
pub(super) fn text(status: StatusCode, text: &'static str) -> Response<Outbound> {
    let mut response = Response::new(Outbound::Whole {
        payload: Payload::from(Bytes::from_static(text.as_bytes())),
        trailers: http::HeaderMap::new(),
    });
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(text.len()));
    response
}
