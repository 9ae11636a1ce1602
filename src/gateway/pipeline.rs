//! The way of a request: head, method, call, handler, reply.
//!
//! What a request becomes is large. So it is made once, in the future that answers the request, and stays there: what
//! reads the head is given the place.

use std::{
    future::{Future, poll_fn, ready},
    mem,
    pin::pin,
    sync::Arc,
};

use descant_handlers::{Answer, Call, Handler, Message, Messages, Reply, RequestId, Status};
use http::{
    HeaderName, HeaderValue, Request, Response, StatusCode,
    header::{EXPECT, RETRY_AFTER},
};
use tokio::runtime::Handle;

use super::{Deadline, Gateway, Snapshot};
use crate::{
    cors::Visitor,
    observe::{Draft, Log, Observer, Presence, Watch},
    protocol::{self, Accepted, Context, Finds, Place, Protocol, Refusal, caught, given_id, guarded},
    transport::{Connection, Inbound, Memory, Outbound, Serve},
};

const REQUEST_ID: HeaderName = HeaderName::from_static(RequestId::KEY);

impl Serve for Gateway {
    fn serve(
        &self,
        request: Request<Inbound>,
        connection: &Arc<Connection>,
    ) -> impl Future<Output = Response<Outbound>> + Send {
        self.answer(request, connection)
    }

    fn connected(&self) -> impl Send + 'static {
        self.connected()
    }

    fn serves_on(&self, runtime: &Handle) -> impl Send + 'static {
        self.serves_on(runtime)
    }

    fn holds(&self, memory: &Arc<Memory>) {
        self.holds(memory);
    }
}

impl Gateway {
    /// Answers one request.
    pub(crate) async fn answer(&self, request: Request<Inbound>, connection: &Connection) -> Response<Outbound> {
        let mut place = None;
        let Opened {
            accepted,
            visitor,
            sends_id,
        } = self.open(request, connection, &mut place);
        // As large, and so set and not handed on. There always is one.
        let mut response = None;
        match accepted {
            Ok(accepted) => run(accepted, sends_id, &mut response).await,
            Err(refusal) => response = Some(refuse(refusal).await),
        }
        let mut response = response.unwrap_or_default();
        if let Some(visitor) = &visitor {
            visitor.grant(response.headers_mut());
        }
        response
    }

    /// Reads the head of a request.
    fn open<'p>(&self, request: Request<Inbound>, connection: &Connection, place: &'p mut Place) -> Opened<'p> {
        // One generation for the whole call.
        let snapshot = self.0.snapshot.load();
        let cors = snapshot.plan().cors.as_ref();
        let visitor = cors.map(|cors| Box::new(cors.greet(&request)));
        let sound = || protocol::check_target(request.method(), request.uri(), request.headers()).is_ok();
        let preflight = visitor.as_ref().and_then(|visitor| visitor.preflight(&request));
        let preflight = preflight.filter(|_| sound());
        // Who waits for leave to send is told the answer instead: RFC 9110, section 10.1.1.
        let waits = request.headers().contains_key(EXPECT);
        let mut accepted = match preflight {
            Some(response) => Err(Box::new(Refusal {
                response,
                body: Some(request.into_body()),
                status: None,
            })),
            None => accept(&snapshot, request, connection, place),
        };
        if let (Err(refusal), true) = (&mut accepted, waits) {
            refusal.body = None;
        }
        Opened {
            accepted,
            visitor,
            sends_id: snapshot.plan().send_request_ids,
        }
    }

    /// Counts a connection as open until the answer is dropped, if anything is counted.
    pub(crate) fn connected(&self) -> Option<Presence> {
        self.0.snapshot.load().plan().observer.as_ref().map(Observer::connected)
    }

    /// Shows what connections hold together, if anything is counted.
    pub(crate) fn holds(&self, memory: &Arc<Memory>) {
        if let Some(metrics) = self.metrics() {
            metrics.watch_memory(memory);
        }
    }

    /// Runs what needs to know one generation, which is the same for the whole call.
    pub(crate) fn within<T>(&self, connection: &Connection, run: impl FnOnce(&Context<'_>) -> T) -> T {
        within(&self.0.snapshot.load(), connection, run)
    }
}

fn within<T>(snapshot: &Snapshot, connection: &Connection, run: impl FnOnce(&Context<'_>) -> T) -> T {
    let plan = snapshot.plan();
    run(&Context {
        snapshot,
        connection,
        state: &plan.state,
        settings: &plan.settings,
        found: Finds::default(),
    })
}

/// What the head of a request led to.
struct Opened<'p> {
    accepted: Result<&'p mut Accepted, Box<Refusal>>,
    /// The page that asks, where pages may.
    visitor: Option<Box<Visitor>>,
    /// Whether the response says the call's id.
    sends_id: bool,
}

/// Makes a call of a request, and begins to observe it.
fn accept<'p>(
    snapshot: &Snapshot,
    request: Request<Inbound>,
    connection: &Connection,
    place: &'p mut Place,
) -> Result<&'p mut Accepted, Box<Refusal>> {
    let (mut parts, body) = request.into_parts();
    let body = body.counted(connection.account());
    let plan = snapshot.plan();
    let arrival = Arrival {
        log: (plan.observer.as_ref()).and_then(|observer| observer.begin_log(&parts, connection.peer())),
        span: (plan.observer.as_ref()).and_then(|observer| observer.draft_span(&parts)),
        given_id: plan
            .settings
            .keep_request_ids
            .then(|| given_id(&parts.headers))
            .flatten(),
    };
    within(snapshot, connection, |context| {
        let mut accepted = protocol::accept(&mut parts, body, context, place);
        let watch = watch(&mut accepted, arrival, context);
        if let Ok(Accepted {
            call: Some(call),
            only,
            watch: watched,
            ..
        }) = &mut accepted
        {
            *watched = watch;
            call.trace = watched.trace();
            if only.is_none() {
                let messages = mem::replace(&mut call.messages, Messages::empty());
                call.messages = watched.incoming(messages);
            }
        }
        accepted
    })
}

/// Begins to watch a call, or a request that is refused, which gets an id here.
fn watch(accepted: &mut Result<&mut Accepted, Box<Refusal>>, arrival: Arrival, context: &Context<'_>) -> Watch {
    let (request_id, deadline) = match accepted {
        Ok(accepted) => (accepted.request_id, accepted.exchange.deadline),
        Err(refusal) if refusal.status.is_some() => {
            if context.found.full.get() {
                defer(&mut refusal.response, context.found.protocol.get());
            }
            (name(refusal, arrival.given_id, context.snapshot), None)
        }
        Err(_) => return Watch::default(),
    };
    let (Some(observer), Some(protocol)) = (&context.snapshot.plan().observer, context.found.protocol.get()) else {
        return Watch::default();
    };
    let subject = context.found.subject.get().unwrap_or_else(|| observer.unknown());
    let binding = context.found.binding.get();
    let doubtful = || subject.path().is_none() && context.snapshot.schema().routes().hide_paths();
    let mut log = arrival.log;
    if let Some(log) = &mut log {
        log.routed(binding, subject.path().unwrap_or_default(), doubtful());
        log.ends_at(deadline);
    }
    let span = arrival.span.and_then(|mut span| {
        span.routed(binding, doubtful());
        span.begin(subject, protocol, context.connection.peer())
    });
    let mut watch = Watch::begin(subject.clone(), protocol, request_id, log, span);
    if let Err(refusal) = accepted
        && let Some(status) = &refusal.status
    {
        watch.answered(refusal.response.status());
        watch.refused(status);
    }
    watch
}

/// Gives a request that is refused an id: its own, if it has one to keep.
fn name(refusal: &mut Refusal, given: Option<RequestId>, snapshot: &Snapshot) -> RequestId {
    let id = given.unwrap_or_else(RequestId::random);
    if snapshot.plan().send_request_ids {
        refusal.response.headers_mut().insert(REQUEST_ID, id.into());
    }
    id
}

/// Says when to try again. REST has a status that says so as well; the other protocols have theirs.
fn defer(response: &mut Response<Outbound>, protocol: Option<Protocol>) {
    response
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from_static("1"));
    if protocol == Some(Protocol::Rest) {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
}

/// What is noted of a request before a protocol takes its head apart.
struct Arrival {
    log: Option<Box<Log>>,
    span: Option<Box<Draft>>,
    /// The id that it has, where that is kept.
    given_id: Option<RequestId>,
}

/// A call on its way through the gateway.
async fn run(accepted: &mut Accepted, sends_id: bool, response: &mut Option<Response<Outbound>>) {
    let Accepted {
        handler,
        call,
        request_id,
        only,
        exchange,
        watch,
    } = accepted;
    let mut deadline = Deadline::at(exchange.deadline);
    let read = match only {
        Some(only) => {
            let reading = pin!(async {
                let message = only.message().await;
                watch.received(message.as_ref());
                message.map(Some)
            });
            deadline.bound(reading).await
        }
        None => Ok(None),
    };
    let answer = match read {
        Ok(message) => deadline.bound(pin!(answer(&**handler, call, message))).await,
        Err(status) => Err(status),
    };
    if let Err(mut unfinished) = exchange.respond(answer, watch, response) {
        let mut collecting = Box::pin(unfinished.collect());
        let collected = deadline.bound(collecting.as_mut()).await;
        exchange.finish(collected, watch, response);
    }
    if let Some(response) = response.as_mut().filter(|_| sends_id) {
        response.headers_mut().insert(REQUEST_ID, (*request_id).into());
    }
}

/// Answers a request without a call.
async fn refuse(mut refusal: Box<Refusal>) -> Response<Outbound> {
    if let Some(body) = refusal.body.take() {
        body.discard().await;
    }
    refusal.response
}

/// Runs a handler; if it panics, that is its answer. `message`: the one of a call that takes one.
fn answer<'h>(
    handler: &'h dyn Handler,
    call: &mut Option<Call>,
    message: Option<Message>,
) -> impl Future<Output = Result<Reply, Status>> + Send + use<'h> {
    let failed = |status| -> Answer<'h> { Box::pin(ready(Err(status))) };
    let called = call.take().map(|mut call| {
        if let Some(message) = message {
            call.messages = Messages::one(message);
        }
        // A handler may work before its first poll: the closures of `descant_handlers::typed` do.
        guarded(|| handler.call(call)).unwrap_or_else(failed)
    });
    let mut answer = called.unwrap_or_else(|| failed(Status::internal("the call was answered before")));
    poll_fn(move |cx| caught(|| answer.as_mut().poll(cx)).map(|answer| answer.and_then(|answer| answer)))
}
