//! What differs between protocols: how a request becomes a [`Call`](descant_handlers::Call), and a reply a response.
//! Nothing else in the house knows which protocol a call came by.
//!
//! ```text
//! Request -> detect -> accept -> Call, Only?, Exchange            (or a Refusal, and that is the answer)
//!                                Only::poll_message                    the one message, of a call that takes one
//!                                Exchange::respond(Reply | Status) -> Response
//! ```
//!
//! A protocol is a variant in [`Protocol`], which [`detect()`] finds by the head of a request, and a folder that brings
//!
//! - `accept(parts, body, context, place)`: finds the method and its handler in the context's snapshot (by name with
//!   [`Snapshot::find`], or any other way and then [`Snapshot::handler`]), reads the head with [`head::Head`] and puts an
//!   [`Accepted`] into the place; or gives a [`Refusal`] in the protocol's own words;
//! - where a call takes one message: a variant of [`Only`], which reads it;
//! - a variant of [`exchange::Speech`] with three functions: `refuse` (a status, before anything went out), `whole` (one
//!   message, which is there) and `stream`.
//!
//! What protocols share stands beside them: [`framed`] (envelopes), `accepted` (codings that a client takes), [`form`] (JSON or wire bytes),
//! [`head`] (headers, deadlines, metadata), `target` (paths and authorities), `trailers` (where HTTP has no room for them).

mod accepted;
mod arriving;
mod connect;
mod detect;
mod exchange;
mod form;
mod framed;
mod grpc;
mod grpc_web;
mod head;
mod only;
mod outgoing;
mod panics;
mod query;
mod refusal;
mod rest;
mod target;
mod timeout;
mod trailers;
mod weight;
mod whole;

use std::{
    cell::Cell,
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{self, Poll, ready},
    time::Instant,
};

use descant_descriptors::{Binding, Method};
use descant_handlers::{Call, Extensions, Handler, Message, Messages, Metadata, RequestId, Status};
use http::{HeaderMap, StatusCode, Version, request::Parts};

use self::{
    detect::{Connect, detect},
    framed::{Dialect, Opening, RequestMessages},
};
use crate::{
    gateway::{Known, Snapshot, is_own},
    observe::{Subject, Watch},
    transport::{Connection, Inbound, Share},
};

pub use self::rest::RestOptions;
pub(crate) use self::{
    arriving::Arriving,
    detect::Protocol,
    exchange::{Collected, Exchange, Unfinished},
    panics::{caught, guarded},
    refusal::Refusal,
    target::check as check_target,
    weight::weight,
};
pub(crate) use descant_handlers::{Encoding, InflateError};

/// A request whose head is understood. It is large, and made in a [`Place`].
pub(crate) struct Accepted {
    /// What answers the call, layers already around it.
    pub(crate) handler: Arc<dyn Handler>,
    pub(crate) request_id: RequestId,
    /// The call, until the handler has it.
    pub(crate) arriving: Option<Arriving>,
    pub(crate) exchange: Exchange,
    /// Left to whoever has it observed.
    pub(crate) watch: Watch,
}

/// Where a request that is accepted is put, by whoever will answer it.
pub(crate) type Place = Option<Accepted>;

/// What brings the one message of a call that takes one.
#[allow(clippy::large_enum_variant, reason = "the common one is not to cost a box")]
#[derive(Debug)]
pub(crate) enum Only {
    Envelope(RequestMessages),
    Body(Reading),
}

/// A body on its way to a message. In a box of its own: the futures of all calls are as large as the largest of these.
pub(crate) struct Reading {
    message: Pin<Box<dyn Future<Output = Result<Message, Status>> + Send>>,
    /// What the message takes once it is there, as long as the call runs.
    share: Option<Share>,
}

impl Reading {
    fn new(message: impl Future<Output = Result<Message, Status>> + Send + 'static, connection: &Connection) -> Self {
        Self {
            message: Box::pin(message),
            share: Some(Share::of(connection.account(), 0)),
        }
    }
}

impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reading").finish_non_exhaustive()
    }
}

impl Only {
    /// What the message counts for.
    fn take_share(&mut self) -> Option<Share> {
        match self {
            Self::Envelope(messages) => messages.take_share(),
            Self::Body(reading) => reading.share.take(),
        }
    }

    /// Reads the message.
    pub(crate) fn poll_message(&mut self, cx: &mut task::Context<'_>) -> Poll<Result<Message, Status>> {
        match self {
            Self::Envelope(messages) => messages.poll_message(cx),
            Self::Body(reading) => {
                let message = ready!(reading.message.as_mut().poll(cx))?;
                if let Some(share) = &mut reading.share {
                    share.grow(message.wire_len());
                }
                Poll::Ready(Ok(message))
            }
        }
    }
}

/// What a protocol needs to make a call of a request.
pub(crate) struct Context<'a> {
    /// One generation for the whole call.
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) connection: &'a Connection,
    /// What the application lends to handlers.
    pub(crate) state: &'a Arc<Extensions>,
    pub(crate) settings: &'a Settings,
    /// What was found out about the request, for whoever observes it.
    pub(crate) found: Finds<'a>,
}

/// What is known of a request, whether or not it becomes a call.
#[derive(Default)]
pub(crate) struct Finds<'a> {
    /// What it speaks.
    pub(crate) protocol: Cell<Option<Protocol>>,
    /// The method that it leads to, if calls are observed.
    pub(crate) subject: Cell<Option<&'a Arc<Subject>>>,
    /// It is refused because the server holds as much as it may.
    pub(crate) full: Cell<bool>,
    /// The HTTP rule that leads there.
    pub(crate) binding: Cell<Option<&'a Binding>>,
    /// What its path names, once that was looked up, until a call is made of it.
    known: Cell<Option<Known<'a>>>,
}

/// How a gateway speaks, where that can be chosen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    /// Connect's requests have to name their version.
    pub(crate) connect_version: bool,
    /// A call keeps the request id that its caller gave it.
    pub(crate) keep_request_ids: bool,
    pub(crate) rest: Arc<RestOptions>,
}

impl<'a> Context<'a> {
    /// Whether the path of the request names a method.
    fn names(&self, path: &str) -> bool {
        let known = self.known(path);
        let names = known.is_some();
        self.found.known.set(known);
        names
    }

    fn known(&self, path: &str) -> Option<Known<'a>> {
        self.found.known.take().or_else(|| self.snapshot.known(path))
    }

    /// The method that the path of the request names, and what answers it.
    fn find(&self, path: &str) -> Result<(Method, &'a Arc<dyn Handler>), Status> {
        let (method, entry) = self.snapshot.served(path, self.known(path))?;
        self.found.subject.set(entry.subject.as_ref());
        let handler = entry.handler(&method)?;
        self.check_memory(&method)?;
        Ok((method, handler))
    }

    /// What answers a method of the loaded schema.
    fn handler(&self, method: &Method) -> Result<&'a Arc<dyn Handler>, Status> {
        let entry = self.snapshot.entry(method)?;
        self.found.subject.set(entry.subject.as_ref());
        let handler = entry.handler(method)?;
        self.check_memory(method)?;
        Ok(handler)
    }

    /// Refuses a call that there is no room for. Whether a server is well has to be answered then, too.
    fn check_memory(&self, method: &Method) -> Result<(), Status> {
        if !self.connection.account().memory().is_full() || is_own(method) {
            return Ok(());
        }
        self.found.full.set(true);
        Err(Status::resource_exhausted(
            "the server holds as much as `limits.memory` lets it; try again in a moment",
        ))
    }

    /// The method that a path names, whether it is answered or not.
    fn method(&self, path: &str) -> Option<Method> {
        let method = self.snapshot.method(path);
        if let Ok((_, entry)) = self.snapshot.served(path, self.known(path)) {
            self.found.subject.set(entry.subject.as_ref());
        }
        method
    }

    /// How REST is spoken to a method.
    fn rest(&self, method: &Method) -> &Arc<RestOptions> {
        self.snapshot.rest(method).unwrap_or(&self.settings.rest)
    }

    /// A call that came by this connection.
    #[inline]
    fn call(&self, method: Method, messages: Messages, metadata: Metadata, deadline: Option<Instant>) -> Call {
        let mut call = Call::new(method, messages);
        if self.settings.keep_request_ids {
            call.request_id = given_id(metadata.headers()).unwrap_or(call.request_id);
        }
        call.metadata = metadata;
        call.deadline = deadline;
        call.peer = self.connection.peer().clone();
        call.extensions = Extensions::with_shared(self.state.clone());
        call
    }
}

/// The request id that the caller gave, if it is one.
pub(crate) fn given_id(headers: &HeaderMap) -> Option<RequestId> {
    let mut given = headers.get_all(RequestId::KEY).iter();
    // Of two nobody knows which one the caller's own logs have.
    let given = given.next().filter(|_| given.next().is_none())?;
    given.to_str().ok()?.parse().ok()
}

/// What a request speaks, for people.
pub(crate) fn name(parts: &Parts, context: &Context<'_>) -> &'static str {
    speaks(parts, context).name()
}

fn speaks(parts: &Parts, context: &Context<'_>) -> Protocol {
    let names = |path: &str| context.names(path);
    let path = parts.uri.path();
    match detect(parts, names) {
        // Whatever it has in common with other protocols: no method has this path, but a rule.
        other if !matches!(other, Protocol::Rest) && !names(path) && rest::binds(parts, context) => Protocol::Rest,
        protocol => protocol,
    }
}

/// Makes a call of a request, in `place`. Of its head that is taken which the call keeps.
pub(crate) fn accept<'p>(
    parts: &mut Parts,
    body: Inbound,
    context: &Context<'_>,
    place: &'p mut Place,
) -> Result<&'p mut Accepted, Box<Refusal>> {
    let spoken = speaks(parts, context);
    context.found.protocol.set(Some(spoken));
    let opening = match spoken {
        Protocol::Grpc(_) if parts.version < Version::HTTP_2 => {
            let response = refusal::text(StatusCode::HTTP_VERSION_NOT_SUPPORTED, grpc::NEEDS_HTTP2);
            return Err(Box::new(Refusal {
                response,
                body: Some(body),
                status: Some(Status::unimplemented(grpc::NEEDS_HTTP2)),
            }));
        }
        Protocol::Grpc(media) => Opening {
            dialect: Dialect::Grpc,
            media,
            text: false,
            reply: media.name,
        },
        Protocol::GrpcWeb { media, text } => grpc_web::opening(media, text, &parts.headers),
        Protocol::Connect(Connect::Stream(media)) => Opening {
            dialect: Dialect::Connect(connect::Details::new(context)),
            media,
            text: false,
            reply: media.name,
        },
        Protocol::Connect(Connect::Unary(media)) => return connect::accept(media, parts, body, context, place),
        Protocol::Connect(Connect::Get) => return connect::accept_get(parts, body, context, place),
        Protocol::Rest => return rest::accept(parts, body, context, place),
    };
    opening.accept(parts, body, context, place)
}
