//! Requests that are answered without a call.

use std::fmt;

use bytes::Bytes;
use descant_descriptors::{Idempotency, Shape};
use descant_handlers::{Code, Encodings, Status};
use http::{HeaderName, HeaderValue, Method, Response, StatusCode, header, request::Parts};

use super::{connect, head::Names, target::TargetError};
use crate::transport::{Inbound, Outbound, Payload};

/// A request that is answered without a call.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) response: Response<Outbound>,
    /// What is still to come of the request. Many clients that do not speak gRPC fail if the answer comes before they
    /// have sent it.
    pub(crate) body: Option<Inbound>,
    /// What the answer says of the call, without details; `None`: it is about none.
    pub(crate) status: Option<Status>,
}

/// What is told of a refusal to whoever observes it.
pub(super) fn told(status: &Status) -> Status {
    Status::new(status.code(), status.message())
}

/// What is wrong with the head of a request. Each protocol has words of its own for it.
#[derive(Debug)]
pub(super) struct Fault {
    /// What HTTP calls it; `OK`: nothing that HTTP has a name for.
    pub(super) http: StatusCode,
    pub(super) status: Status,
    pub(super) header: Option<(HeaderName, HeaderValue)>,
    /// Whether HTTP has the first word, also where a protocol puts errors into answers that are `OK`.
    pub(super) of_http: bool,
}

impl Fault {
    /// Nothing that HTTP has a name for.
    pub(super) fn of(status: Status) -> Self {
        Self {
            http: StatusCode::OK,
            status,
            header: None,
            of_http: false,
        }
    }

    /// The head cannot be understood, or in more than one way.
    pub(super) fn bad_request(reason: &dyn fmt::Display) -> Self {
        Self {
            http: StatusCode::BAD_REQUEST,
            ..Self::of(Status::invalid_argument(reason.to_string()))
        }
    }

    /// The target can be read in more than one way, or is none: no protocol makes that sound.
    pub(super) fn target(error: &dyn fmt::Display) -> Self {
        Self {
            of_http: true,
            ..Self::bad_request(error)
        }
    }

    /// The method of HTTP is another one than those that are `allowed`.
    pub(super) fn method(method: &Method, allowed: &'static str) -> Self {
        Self {
            http: StatusCode::METHOD_NOT_ALLOWED,
            status: Status::unknown(format!("this call is a {allowed} request, not {method}")),
            header: Some((header::ALLOW, HeaderValue::from_static(allowed))),
            of_http: true,
        }
    }

    /// A call by GET is told by its query. Connect, "Unary-Get-Request".
    fn of_get() -> Self {
        Self {
            of_http: true,
            ..Self::bad_request(
                &"the query of a call by GET has an encoding and a message, such as ?connect=v1&encoding=json&message=%7B%7D",
            )
        }
    }

    /// `UNIMPLEMENTED`, and what would have been accepted: gRPC's compression specification, and Connect's
    /// "Content-Encoding".
    pub(super) fn unknown_encoding(names: &Names) -> Self {
        let status = Status::unimplemented(format!(
            "the {} is unknown; known are {}",
            names.encoding,
            Encodings::all()
        ));
        Self {
            header: Some((names.accept.clone(), Encodings::all_header())),
            ..Self::of(status)
        }
    }
}

/// What is wrong with a target, but for its path.
impl From<TargetError> for Fault {
    fn from(error: TargetError) -> Self {
        let fault = Self::target(&error);
        match error {
            TargetError::Connect => Self {
                http: StatusCode::NOT_IMPLEMENTED,
                status: Status::unimplemented(error.to_string()),
                ..fault
            },
            _ => fault,
        }
    }
}

impl Fault {
    /// Says so to whoever speaks no protocol of ours.
    fn respond(self) -> Response<Outbound> {
        let mut response = text(self.http, format!("{}.\n", self.status.message()));
        if let Some((name, value)) = self.header {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

/// The path names a method, but nothing else fits: 405 or 415, as gRPC-over-HTTP/2, "Requests", asks for, so that
/// others do not take a gRPC error for success.
pub(super) fn unknown_call(parts: &Parts, method: &descant_descriptors::Method) -> (Response<Outbound>, Status) {
    let fault = unsupported(parts, method);
    let status = told(&fault.status);
    let mut response = fault.respond();
    if parts.method == Method::HEAD {
        *response.body_mut() = Outbound::Empty;
    }
    (response, status)
}

fn unsupported(parts: &Parts, method: &descant_descriptors::Method) -> Fault {
    let safe = method.idempotency() == Idempotency::NoSideEffects;
    match (method.shape(), &parts.method) {
        (Shape::Unary, &Method::POST) => connect::accept_post(EVERY_UNARY_TYPE, &came_as(parts)),
        (_, &Method::POST) => connect::accept_post(EVERY_STREAM_TYPE, &came_as(parts)),
        (Shape::Unary, &Method::GET | &Method::HEAD) if safe => Fault::of_get(),
        (Shape::Unary, other) if safe => Fault::method(other, "GET, HEAD, POST"),
        (_, other) => Fault::method(other, "POST"),
    }
}

/// Longer content types are not repeated to whoever sent them.
const LONGEST_ECHO: usize = 128;

fn came_as(parts: &Parts) -> String {
    match parts.headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes) {
        None => "this call says no content type".to_owned(),
        Some(value) if value.len() > LONGEST_ECHO => "the content type of this call is not known".to_owned(),
        Some(value) => format!("this call says that it is \"{}\"", value.escape_ascii()),
    }
}

const EVERY_UNARY_TYPE: &str =
    "application/grpc, application/grpc-web, application/grpc-web-text, application/json, application/proto";
const EVERY_STREAM_TYPE: &str = "application/grpc, application/grpc-web, application/grpc-web-text, application/connect+json, application/connect+proto";

/// What HTTP calls a code: `google/rpc/code.proto`, and Connect, "Error Codes".
pub(super) fn http_status(code: Code) -> StatusCode {
    let number = match code {
        Code::Ok => 200,
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => 400,
        Code::Unauthenticated => 401,
        Code::PermissionDenied => 403,
        Code::NotFound => 404,
        Code::AlreadyExists | Code::Aborted => 409,
        Code::ResourceExhausted => 429,
        Code::Cancelled => 499,
        Code::Unknown | Code::Internal | Code::DataLoss => 500,
        Code::Unimplemented => 501,
        Code::Unavailable => 503,
        Code::DeadlineExceeded => 504,
    };
    StatusCode::from_u16(number).unwrap_or_default()
}

/// An answer for people.
pub(super) fn text(status: StatusCode, text: impl Into<Bytes>) -> Response<Outbound> {
    let text = text.into();
    let length = text.len();
    let mut response = Response::new(Outbound::Whole {
        payload: Payload::from(text),
        trailers: http::HeaderMap::new(),
    });
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    response
}
