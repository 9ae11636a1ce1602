//! The way of a request: head, method, call, handler, reply.
//!
//! A head is read before there is a future that answers the request: that one is kept as long as a handler takes, and so it holds only
//! what is needed then.

use std::{
    future::{self, Future, poll_fn},
    mem,
    pin::{Pin, pin},
    sync::Arc,
    task::{Poll, ready},
};

use descant_handlers::{Answer, Handler, Messages, Reply, RequestId, Status};
use http::{
    HeaderName, HeaderValue, Request, Response, StatusCode,
    header::{EXPECT, RETRY_AFTER},
};
use tokio::runtime::Handle;

use super::{Deadline, Gateway, Snapshot};
use crate::{
    cors::Visitor,
    observe::{Draft, Log, MemoryWatch, Observer, Presence, Watch},
    protocol::{
        self, Accepted, Arriving, Collected, Context, Finds, Place, Protocol, Refusal, Unfinished, caught, given_id,
        guarded,
    },
    transport::{Connection, Full, Inbound, Memory, Outbound, Serve, Visit},
};

const REQUEST_ID: HeaderName = HeaderName::from_static(RequestId::KEY);

impl Serve for Gateway {
    fn serve(
        &self,
        request: Request<Inbound>,
        connection: &Arc<Connection>,
    ) -> impl Future<Output = Response<Outbound>> + Send + use<> {
        self.answer(request, connection)
    }

    fn connected(&self) -> impl Visit {
        self.connected()
    }

    fn refused(&self, full: Full) {
        self.refused(full);
    }

    fn serves_on(&self, runtime: &Handle) -> impl Send + 'static {
        self.serves_on(runtime)
    }

    fn holds(&self, memory: &Arc<Memory>) -> impl Send + 'static {
        self.holds(memory)
    }
}

impl Gateway {
    /// Answers one request, whose head is read at once.
    pub(crate) fn answer(
        &self,
        request: Request<Inbound>,
        connection: &Connection,
    ) -> impl Future<Output = Response<Outbound>> + Send + use<> {
        let mut place = None;
        let Opened {
            refusal,
            visitor,
            sends_id,
        } = self.open(request, connection, &mut place);
        async move {
            match (&mut place, refusal) {
                (Some(accepted), None) => run(accepted, sends_id, visitor.as_deref()).await,
                (_, refusal) => refuse(refusal, visitor.as_deref()).await,
            }
        }
    }

    /// Reads the head of a request.
    fn open(&self, request: Request<Inbound>, connection: &Connection, place: &mut Place) -> Opened {
        // One generation for the whole call.
        let snapshot = self.0.snapshot.load();
        let cors = snapshot.plan().cors.as_ref();
        let visitor = cors.map(|cors| Box::new(cors.greet(&request)));
        let sound = || protocol::check_target(request.method(), request.uri(), request.headers()).is_ok();
        let preflight = visitor.as_ref().and_then(|visitor| visitor.preflight(&request));
        let preflight = preflight.filter(|_| sound());
        // Who waits for leave to send is told the answer instead: RFC 9110, section 10.1.1.
        let waits = request.headers().contains_key(EXPECT);
        let mut refusal = match preflight {
            Some(response) => Some(Box::new(Refusal {
                response,
                body: Some(request.into_body()),
                status: None,
            })),
            None => accept(&snapshot, request, connection, place),
        };
        if let (Some(refusal), true) = (&mut refusal, waits) {
            refusal.body = None;
        }
        Opened {
            refusal,
            visitor,
            sends_id: snapshot.plan().send_request_ids,
        }
    }

    /// Counts a connection as open until the answer is dropped, if anything is counted.
    pub(crate) fn connected(&self) -> Option<Presence> {
        self.0.snapshot.load().plan().observer.as_ref().map(Observer::connected)
    }

    /// Counts a connection that was not let in, if anything is counted.
    pub(crate) fn refused(&self, full: Full) {
        if let Some(observer) = &self.0.snapshot.load().plan().observer {
            observer.refused(full);
        }
    }

    /// Shows what connections hold together until the answer is dropped, if anything is counted.
    pub(crate) fn holds(&self, memory: &Arc<Memory>) -> Option<MemoryWatch> {
        self.metrics().map(|metrics| metrics.watch_memory(memory))
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
struct Opened {
    /// Why there is no call.
    refusal: Option<Box<Refusal>>,
    /// The page that asks, where pages may.
    visitor: Option<Box<Visitor>>,
    /// Whether the response says the call's id.
    sends_id: bool,
}

/// Makes a call of a request, and begins to observe it. If it is not to be: why.
// Requests are large: called as a function it would get a copy.
#[inline]
fn accept(
    snapshot: &Snapshot,
    request: Request<Inbound>,
    connection: &Connection,
    place: &mut Place,
) -> Option<Box<Refusal>> {
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
        let accepted = match accepted {
            Ok(accepted) => accepted,
            Err(refusal) => return Some(refusal),
        };
        accepted.watch = watch;
        if let Some((call, only)) = accepted.arriving.as_mut().and_then(Arriving::parts) {
            call.trace = accepted.watch.trace();
            accepted.watch.follow(call);
            if only.is_none() {
                let messages = mem::replace(&mut call.messages, Messages::empty());
                call.messages = accepted.watch.incoming(messages);
            }
        }
        None
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
    }
    let span = arrival.span.and_then(|mut span| {
        span.routed(binding, doubtful());
        span.begin(subject, protocol, context.connection.peer())
    });
    let mut watch = Watch::begin(subject.clone(), protocol, request_id, deadline, log, span);
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
async fn run(accepted: &mut Accepted, sends_id: bool, visitor: Option<&Visitor>) -> Response<Outbound> {
    let Accepted {
        handler,
        request_id,
        arriving,
        exchange,
        watch,
    } = accepted;
    let mut deadline = exchange.time();
    let mut read = match arriving.take() {
        Some(arriving) => read(arriving, watch, &mut deadline).await,
        None => Err(answered_before()),
    };
    let _held = read.as_mut().ok().and_then(Arriving::take_share);
    let mut answering = pin!(async {
        if let Some(late) = deadline.exceeded() {
            return Err(late);
        }
        let answering = pin!(answer(&**handler, read?));
        deadline.bound(answering).await
    });
    let mut collecting: Option<Collecting> = None;
    let complete = |response: &mut Response<Outbound>| {
        if sends_id {
            response.headers_mut().insert(REQUEST_ID, (*request_id).into());
        }
        grant(visitor, response);
    };
    // Not a line for each step: a response is large, and would have its place here for as long as the call runs.
    poll_fn(|cx| {
        if collecting.is_none() {
            let answer = answering.as_mut().poll(cx);
            if answer.is_pending() {
                exchange.waits();
            }
            let mut responded = exchange.respond(ready!(answer), watch);
            if let Ok(response) = &mut responded {
                complete(response);
            }
            match responded {
                Ok(response) => return Poll::Ready(response),
                Err(unfinished) => collecting = Some(Box::pin(collect(unfinished, exchange.time()))),
            }
        }
        let Some(collecting) = &mut collecting else {
            return Poll::Pending;
        };
        let collected = ready!(collecting.as_mut().poll(cx));
        let mut response = exchange.finish(collected, watch);
        complete(&mut response);
        Poll::Ready(response)
    })
    .await
}

/// What an answer lacks.
type Collecting = Pin<Box<dyn Future<Output = Result<Collected, Status>> + Send>>;

/// Waits for what an answer lacks.
async fn collect(mut unfinished: Box<Unfinished>, mut deadline: Deadline) -> Result<Collected, Status> {
    deadline.bound(pin!(unfinished.collect())).await
}

/// Reads the message of a call that takes one. Mostly it has come together with the head.
async fn read(mut arriving: Arriving, watch: &mut Watch, deadline: &mut Deadline) -> Result<Arriving, Status> {
    if let Some((call, Some(only))) = arriving.parts() {
        let reading = pin!(poll_fn(|cx| {
            let message = ready!(only.poll_message(cx));
            watch.received(message.as_ref());
            Poll::Ready(message)
        }));
        call.messages = Messages::one(deadline.bound(reading).await?);
    }
    Ok(arriving)
}

/// Answers a request without a call.
async fn refuse(refusal: Option<Box<Refusal>>, visitor: Option<&Visitor>) -> Response<Outbound> {
    let Some(mut refusal) = refusal else {
        return Response::default();
    };
    if let Some(body) = refusal.body.take() {
        body.discard().await;
    }
    grant(visitor, &mut refusal.response);
    refusal.response
}

/// Says what the page that asks may read, if one does.
fn grant(visitor: Option<&Visitor>, response: &mut Response<Outbound>) {
    if let Some(visitor) = visitor {
        visitor.grant(response.headers_mut());
    }
}

/// Runs a handler; if it panics, that is its answer.
fn answer(handler: &dyn Handler, arriving: Arriving) -> impl Future<Output = Result<Reply, Status>> + Send + use<'_> {
    let failed = |status| -> Answer<'_> { Box::pin(future::ready(Err(status))) };
    // A handler may work before its first poll: the closures of `descant_handlers::typed` do, and the proxy.
    let mut answer = match arriving.into_call() {
        Some(call) => guarded(|| handler.call(call)).unwrap_or_else(failed),
        None => failed(answered_before()),
    };
    poll_fn(move |cx| caught(|| answer.as_mut().poll(cx)).map(|answer| answer.and_then(|answer| answer)))
}

fn answered_before() -> Status {
    Status::internal("the call was answered before")
}
