//! Requests that are answered without a call.

use std::fmt;

use bytes::Bytes;
use descant_handlers::Status;
use http::{HeaderName, HeaderValue, Method, Response, StatusCode, header};

use super::{super::encoding::ACCEPTED, head::GRPC, response::trailers_only};
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
    /// To one that does not: status 415, as gRPC-over-HTTP/2, "Requests", asks for, so that others do not take a gRPC
    /// error for success.
    NotGrpc { head_only: bool },
}

/// What a peer is told that does not speak gRPC.
const NOT_GRPC: &str = "\
This port speaks gRPC: the content type has to be application/grpc or application/grpc+proto.
Try a gRPC client, `grpcurl -plaintext HOST:PORT list` for instance.
";

impl Refusal {
    pub(super) fn not_grpc(method: &Method) -> Self {
        Self::NotGrpc {
            head_only: *method == Method::HEAD,
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
            header: Some((HeaderName::from_static("grpc-accept-encoding"), ACCEPTED)),
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
            Self::NotGrpc { head_only } => not_grpc(head_only),
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

fn not_grpc(head_only: bool) -> Response<Outbound> {
    let body = Outbound::Whole {
        payload: Payload::from(Bytes::from_static(NOT_GRPC.as_bytes())),
        trailers: http::HeaderMap::new(),
    };
    let mut response = Response::new(if head_only { Outbound::Empty } else { body });
    *response.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(NOT_GRPC.len()));
    response
}
