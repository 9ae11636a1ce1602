//! The way of a request: head, method, call, handler, reply.
//!
//! What a future holds is moved when its task begins, and takes memory while it waits. So the head is read before the
//! future is made, and what became of it stands in one box, which moves as one word.

use std::{
    future::{Future, poll_fn, ready},
    mem,
    pin::pin,
    sync::Arc,
};

use descant_handlers::{Answer, Call, Handler, Messages, Reply, RequestId, Status};
use http::{
    HeaderName, HeaderValue, Request, Response, StatusCode,
    header::{EXPECT, RETRY_AFTER},
};
use tokio::runtime::Handle;

use super::{Deadline, Gateway, Snapshot};
use crate::{
    observe::{Draft, Log, Observer, Presence, RuntimeWatch, Watch},
    protocol::{self, Accepted, Context, Finds, Protocol, Refusal, caught, given_id, guarded},
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
    /// Answers one request. The future borrows nothing.
    pub(crate) fn answer(
        &self,
        request: Request<Inbound>,
        connection: &Connection,
    ) -> impl Future<Output = Response<Outbound>> + Send + use<> {
        // One generation for the whole call.
        let snapshot = self.0.snapshot.load();
        let cors = snapshot.plan().cors.as_ref();
        let visitor = cors.map(|cors| Box::new(cors.greet(&request)));
        let sound = || protocol::check_target(request.method(), request.uri(), request.headers()).is_ok();
        let preflight = visitor.as_ref().and_then(|visitor| visitor.preflight(&request));
        let preflight = preflight.filter(|_| sound());
        // Who waits for leave to send is told the answer instead: RFC 9110, section 10.1.1.
        let waits = request.headers().contains_key(EXPECT);
        let mut opened = match preflight {
            Some(response) => Err(Box::new(Refusal {
                response,
                body: Some(request.into_body()),
                status: None,
            })),
            None => open(&snapshot, request, connection),
        };
        if let (Err(refusal), true) = (&mut opened, waits) {
            refusal.body = None;
        }
        let sends_id = snapshot.plan().send_request_ids;
        async move {
            let mut response = match opened {
                Ok(accepted) => run(accepted, sends_id).await,
                Err(refusal) => refuse(refusal).await,
            };
            if let Some(visitor) = &visitor {
                visitor.grant(response.headers_mut());
            }
            response
        }
    }

    /// Counts a connection as open until the answer is dropped, if anything is counted.
    pub(crate) fn connected(&self) -> Option<Presence> {
        self.0.snapshot.load().plan().observer.as_ref().map(Observer::connected)
    }

    /// Shows what tokio counts of a runtime, if anything is counted.
    pub(crate) fn serves_on(&self, runtime: &Handle) -> Option<RuntimeWatch> {
        self.metrics().map(|metrics| metrics.watch_runtime(runtime))
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

fn open(
    snapshot: &Snapshot,
    request: Request<Inbound>,
    connection: &Connection,
) -> Result<Box<Accepted>, Box<Refusal>> {
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
        let mut accepted = protocol::accept(&mut parts, body, context);
        let watch = watch(&mut accepted, arrival, context);
        if let Ok(accepted) = &mut accepted {
            accepted.watch = watch;
            accepted.call.trace = accepted.watch.trace();
            if accepted.only.is_none() {
                let messages = mem::replace(&mut accepted.call.messages, Messages::empty());
                accepted.call.messages = accepted.watch.incoming(messages);
            }
        }
        accepted
    })
}

/// Begins to watch a call, or a request that is refused, which gets an id here.
fn watch(accepted: &mut Result<Box<Accepted>, Box<Refusal>>, arrival: Arrival, context: &Context<'_>) -> Watch {
    let (request_id, deadline) = match accepted {
        Ok(accepted) => (accepted.call.request_id, accepted.exchange.deadline),
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
async fn run(mut accepted: Box<Accepted>, sends_id: bool) -> Response<Outbound> {
    let request_id = accepted.call.request_id;
    let mut deadline = Deadline::at(accepted.exchange.deadline);
    let read = match &mut accepted.only {
        Some(only) => {
            let watch = &mut accepted.watch;
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
        Ok(message) => {
            if let Some(message) = message {
                accepted.call.messages = Messages::one(message);
            }
            let answering = answer(&*accepted.handler, accepted.call);
            deadline.bound(pin!(answering)).await
        }
        Err(status) => Err(status),
    };
    let (exchange, watch) = (&accepted.exchange, &mut accepted.watch);
    let mut response = match exchange.respond(answer, watch) {
        Ok(response) => response,
        Err(mut unfinished) => {
            let mut collecting = Box::pin(unfinished.collect());
            let collected = deadline.bound(collecting.as_mut()).await;
            exchange.finish(collected, watch)
        }
    };
    if sends_id {
        response.headers_mut().insert(REQUEST_ID, request_id.into());
    }
    response
}

/// Answers a request without a call.
async fn refuse(mut refusal: Box<Refusal>) -> Response<Outbound> {
    if let Some(body) = refusal.body.take() {
        body.discard().await;
    }
    mem::take(&mut refusal.response)
}

/// Runs a handler; if it panics, that is its answer.
fn answer(handler: &dyn Handler, call: Call) -> impl Future<Output = Result<Reply, Status>> + Send {
    // A handler may work before its first poll: the closures of `descant_handlers::typed` do.
    let panicked = |status| -> Answer<'_> { Box::pin(ready(Err(status))) };
    let mut answer = guarded(|| handler.call(call)).unwrap_or_else(panicked);
    poll_fn(move |cx| caught(|| answer.as_mut().poll(cx)).map(|answer| answer.and_then(|answer| answer)))
}
