//! What a server can do, told to those who ask.

mod answer;
mod client;
mod extendable;
mod fetched;
mod scope;
mod view;
mod wire;

#[cfg(test)]
mod tests;

use std::{
    collections::HashSet,
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use async_trait::async_trait;
use bytes::Bytes;
use descant_descriptors::{Schema, Shape};
use prost::Message as _;

use self::{
    answer::Desk,
    scope::Scope,
    view::View,
    wire::{Request, Response},
};
pub use self::{
    client::{AskError, ReflectionClient},
    fetched::Fetched,
    scope::ReflectionError,
};
use crate::{Call, Handler, Message, MessageStream, Messages, Reply, Status};

/// A request of up to this many bytes is repeated in its response.
const REPEATED: usize = 4096;

/// Server reflection: `grpc.reflection.v1` and `grpc.reflection.v1alpha`, which look the same on the wire.
///
/// ```text
/// *( Request Response )
/// ```
///
/// Answers come from the schema of the call itself, so they cannot disagree with what is served,
/// unless [others](Reflection::of) are given. Files are sent byte for byte as they were loaded: the
/// one asked for first, then what it imports, directly or not, and the stream has not sent yet (up
/// to 3 MiB at once: clients ask for what they miss).
///
/// What does not exist is an `error_response` with the code `NOT_FOUND`, a request without a
/// question one with `INVALID_ARGUMENT`; neither ends the call. `valid_host` is the request's
/// `host`, `original_request` the request itself; neither is repeated from a request of more than
/// 4 KiB, which can only be abuse.
///
/// Source: gRPC core, `doc/server-reflection.md`, and `grpc/reflection/v1/reflection.proto`.
#[derive(Clone, Default)]
pub struct Reflection {
    /// None: the call's own.
    schemas: Option<Arc<[Schema]>>,
    scope: Option<Arc<Scope>>,
    absence: Option<Arc<Absence>>,
}

/// Why not all is there that there may be; `None`: it is. It is told whether something was asked for that is not known.
type Absence = dyn Fn(bool) -> Option<Status> + Send + Sync;

impl Reflection {
    /// Tells everything that the schema of the call holds.
    pub fn new() -> Self {
        Self::default()
    }

    /// Tells everything that these schemas hold, for a server whose methods come from more than one.
    /// Where two have the same, the first one's is told.
    pub fn of(schemas: impl IntoIterator<Item = Schema>) -> Self {
        Self {
            schemas: Some(schemas.into_iter().collect()),
            ..Self::default()
        }
    }

    /// Tells of these services only, and of the files that they need: the services' own, and what
    /// those import. Every name must be a service of the schemas, and there must be one.
    ///
    /// `list_services` gives exactly these names. So reflection itself is listed only if it is
    /// named, while without a limit it is listed as any other service, as grpc-go has it.
    ///
    /// Files are sent whole: what else the file of a named service declares can be read there. The
    /// names are looked up now: for other schemas, as after a reload, make it anew.
    pub fn only<N: AsRef<str>>(
        schemas: impl IntoIterator<Item = Schema>,
        names: impl IntoIterator<Item = N>,
    ) -> Result<Self, ReflectionError> {
        let schemas: Arc<[Schema]> = schemas.into_iter().collect();
        let scope = Scope::new(View(&schemas), names)?;
        Ok(Self {
            schemas: Some(schemas),
            scope: Some(Arc::new(scope)),
            ..Self::default()
        })
    }

    /// Answers with this status, as long as there is one, where it would say that something does not exist, or which services there
    /// are: for a server that is still to learn what it serves. `absence` is asked then alone, and told which it is: `true`, that something does
    /// not exist.
    #[must_use]
    pub fn absence(self, absence: impl Fn(bool) -> Option<Status> + Send + Sync + 'static) -> Self {
        let absence: Option<Arc<Absence>> = Some(Arc::new(absence));
        Self { absence, ..self }
    }
}

impl fmt::Debug for Reflection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reflection")
            .field("schemas", &self.schemas)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Handler for Reflection {
    async fn call(&self, call: Call) -> Result<Reply, Status> {
        if call.method.name() != "ServerReflectionInfo" || call.method.shape() != Shape::Bidi {
            let name = call.method.full_name();
            return Err(Status::unimplemented(format!(
                "{name} is no method of grpc.reflection.v1.ServerReflection"
            )));
        }
        let session = Session {
            schemas: self
                .schemas
                .clone()
                .unwrap_or_else(|| Arc::new([call.method.schema().clone()])),
            requests: call.messages,
            scope: self.scope.clone(),
            absence: self.absence.clone(),
            sent: HashSet::new(),
        };
        Ok(Messages::stream(session).into())
    }
}

/// One stream of requests, each answered when the client has room for the answer.
struct Session {
    requests: Messages,
    schemas: Arc<[Schema]>,
    scope: Option<Arc<Scope>>,
    absence: Option<Arc<Absence>>,
    sent: HashSet<String>,
}

impl Session {
    fn respond(&mut self, request: Message) -> Result<Message, Status> {
        let wire: Bytes = request.into_wire()?;
        let Request { host, query } = Message::from_wire(wire.clone()).decode()?;
        let mut desk = Desk {
            schemas: View(&self.schemas),
            scope: self.scope.as_deref(),
            absence: self.absence.as_deref(),
            sent: &mut self.sent,
        };
        let answer = Some(desk.answer(query));
        let repeated = wire.len() <= REPEATED;
        let response = Response {
            valid_host: if repeated { host } else { String::new() },
            original_request: repeated.then_some(wire),
            answer,
        };
        // The only copy of the files' bytes.
        Ok(Message::from_wire(response.encode_to_vec().into()))
    }
}

impl MessageStream for Session {
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Message, Status>>> {
        let request = ready!(self.requests.poll_next(cx));
        Poll::Ready(request.map(|request| self.respond(request?)))
    }
}
