//! Requests that are answered without a call.

use std::fmt;

use bytes::Bytes;
use descant_handlers::Status;
use http::{HeaderName, HeaderValue, Method, Response, StatusCode, header};

use super::{super::encoding::ACCEPTED, ACCEPT_ENCODING, GRPC, response::trailers_only};
use crate::transport::{Outbound, Payload};

/// A request that is answered without a call.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// To a peer that speaks gRPC, and so understands a status.
    Grpc {
        http: StatusCode,
        status: Status,
        header: Option<(HeaderName, &'static str)>,
    },
    /// To one that does not: HTTP's own words.
    Plain { http: StatusCode, text: &'static str },
}

impl Refusal {
    /// Status 415, as gRPC-over-HTTP/2, "Requests", asks for, so that others do not take a gRPC error for success.
    pub(super) fn not_grpc() -> Self {
        Self::Plain {
            http: StatusCode::UNSUPPORTED_MEDIA_TYPE,
            text: "This port speaks gRPC: the content type has to be application/grpc or application/grpc+proto.\n\
                   Try a gRPC client, `grpcurl -plaintext HOST:PORT list` for instance.\n",
        }
    }

    pub(super) fn not_post(method: &Method) -> Self {
        Self::Grpc {
            http: StatusCode::METHOD_NOT_ALLOWED,
            status: Status::internal(format!("gRPC calls are POST requests, not {method}")),
            header: Some((header::ALLOW, "POST")),
        }
    }

    /// The head of the request cannot be understood, or in more than one way.
    pub(super) fn bad_request(reason: &dyn fmt::Display) -> Self {
        Self::Grpc {
            http: StatusCode::BAD_REQUEST,
            status: Status::invalid_argument(reason.to_string()),
            header: None,
        }
    }

    /// gRPC's compression specification: UNIMPLEMENTED, and what would have been accepted.
    pub(super) fn unknown_encoding() -> Self {
        Self::Grpc {
            http: StatusCode::OK,
            status: Status::unimplemented(format!("the grpc-encoding is unknown; known are {ACCEPTED}")),
            header: Some((HeaderName::from_static(ACCEPT_ENCODING), ACCEPTED)),
        }
    }

    /// The response that says so.
    pub(crate) fn respond(self) -> Response<Outbound> {
        match self {
            Self::Grpc { http, status, header } => {
                let mut response = trailers_only(GRPC, status);
                *response.status_mut() = http;
                if let Some((name, value)) = header {
                    response.headers_mut().insert(name, HeaderValue::from_static(value));
                }
                response
            }
            Self::Plain { http, text } => plain(http, text),
        }
    }
}

impl From<Status> for Refusal {
    fn from(status: Status) -> Self {
        Self::Grpc {
            http: StatusCode::OK,
            status,
            header: None,
        }
    }
}

fn plain(http: StatusCode, text: &'static str) -> Response<Outbound> {
    let mut response = Response::new(Outbound::Whole {
        payload: Payload::from(Bytes::from_static(text.as_bytes())),
        trailers: http::HeaderMap::new(),
    });
    *response.status_mut() = http;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(text.len()));
    response
}
