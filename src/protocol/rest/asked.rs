//! What of a request is needed until it is answered.

use std::sync::{
    Arc,
    atomic::{AtomicU16, Ordering},
};

use bytes::Bytes;
use descant_descriptors::{BindError, BindErrorKind, BindRequest, Binding, Captures, JsonOptions, Method, RequestBody};
use descant_handlers::{Code, Message, Status};
use http::{HeaderValue, StatusCode, Uri};

use super::{desk, options::RestOptions};
use crate::protocol::{Encoding, InflateError};

/// A request whose binding is found. Its messages and its answer share it.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(super) method: Method,
    pub(super) rule: Rule,
    pub(super) captures: Captures,
    pub(super) http_method: http::Method,
    pub(super) uri: Uri,
    pub(super) content_type: Option<HeaderValue>,
    pub(super) options: Arc<RestOptions>,
    /// How long a body, and a message, may be.
    pub(super) limit: usize,
    /// How deep messages may nest.
    pub(super) depth: u32,
    /// How HTTP calls what is wrong with the request, once that shows; 0 before.
    pub(super) fault: AtomicU16,
}

/// What says how the request becomes a message.
#[derive(Debug)]
pub(super) enum Rule {
    /// A binding of the schema, by its index.
    Bound(usize),
    /// The method has none.
    Unbound(Box<Binding>),
}

impl Asked {
    /// How JSON is read and written.
    pub(super) fn json(&self) -> JsonOptions {
        let mut json = self.options.json.clone();
        json.depth = self.depth;
        json
    }

    pub(super) fn binding(&self) -> Result<&Binding, Status> {
        let found = match &self.rule {
            Rule::Bound(index) => self.method.schema().routes().bindings().get(*index),
            Rule::Unbound(binding) => Some(&**binding),
        };
        found.ok_or_else(|| Status::internal("the binding of the request is gone"))
    }

    /// Makes a message of the request and this body, or this part of its body.
    pub(super) fn bind(&self, body: &[u8]) -> Result<Message, Status> {
        let bound = desk::bind(self, self.binding()?, &self.request(body));
        bound.map(Message::from_wire).map_err(|error| self.refuse(&error))
    }

    /// Checks what path and query bind, before there is a body.
    pub(super) fn check(&self) -> Result<(), Status> {
        let checked = desk::check(self, self.binding()?, &self.request(&[]));
        checked.map_err(|error| self.refuse(&error))
    }

    fn request<'r>(&'r self, body: &'r [u8]) -> BindRequest<'r> {
        BindRequest {
            http_method: self.http_method.as_str(),
            path: self.uri.path(),
            captures: &self.captures,
            query: self.uri.query(),
            body: RequestBody {
                content_type: self.content_type.as_ref().and_then(|value| value.to_str().ok()),
                bytes: body,
            },
        }
    }

    /// Undoes the coding of a body. One that is empty has none.
    pub(super) fn inflate(&self, body: Bytes, encoding: Option<Encoding>) -> Result<Bytes, Status> {
        match encoding.filter(|_| !body.is_empty()) {
            None => Ok(body),
            Some(encoding) => encoding.inflate(&body, self.limit).map_err(|error| match error {
                InflateError::TooLarge(_) => self.too_large(),
                InflateError::Broken { .. } => error.into(),
            }),
        }
    }

    pub(super) fn too_large(&self) -> Status {
        let what = format!("the body is larger than the limit of {} bytes", self.limit);
        self.fault(StatusCode::PAYLOAD_TOO_LARGE, Status::resource_exhausted(what))
    }

    fn refuse(&self, error: &BindError) -> Status {
        let what = error.to_string();
        match error.kind() {
            BindErrorKind::BadRequest => Status::invalid_argument(what),
            BindErrorKind::UnsupportedMediaType => {
                self.fault(StatusCode::UNSUPPORTED_MEDIA_TYPE, Status::invalid_argument(what))
            }
            BindErrorKind::TooLarge => self.fault(StatusCode::PAYLOAD_TOO_LARGE, Status::resource_exhausted(what)),
        }
    }

    /// Notes what HTTP calls a fault of the request: the code of the status says less.
    fn fault(&self, http: StatusCode, status: Status) -> Status {
        self.fault.store(http.as_u16(), Ordering::Relaxed);
        status
    }

    /// What HTTP calls this end of the call, if it is the request's own fault.
    pub(super) fn faulted(&self, code: Code) -> Option<StatusCode> {
        let http = StatusCode::from_u16(self.fault.load(Ordering::Relaxed)).ok()?;
        let of_it = match http {
            StatusCode::PAYLOAD_TOO_LARGE => Code::ResourceExhausted,
            _ => Code::InvalidArgument,
        };
        (code == of_it).then_some(http)
    }
}
