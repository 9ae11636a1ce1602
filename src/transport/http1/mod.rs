//! HTTP/1.1: one task a connection, in which its requests are answered one after the other.
//!
//! ```text
//! socket -> wire (meter) -> hyper -> Serve
//! ```

mod meter;
mod reply;
#[cfg(test)]
mod tests;
mod wire;

use std::{
    convert::Infallible,
    future::{Future, poll_fn},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use http::{HeaderValue, Request, Response, Version, header::CONNECTION};
use hyper::{
    body::Incoming,
    server::conn::http1::{Builder, Connection as Http1},
    service::{HttpService, service_fn},
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    time::{Instant, Sleep, sleep, sleep_until, timeout},
};

pub(super) use self::meter::Violation;
use self::{
    reply::{Asked, Busy, Reply},
    wire::Wire,
};
use super::{
    Connection, Dismissal, Draining, Ended, Inbound, Limits, Serve, Share,
    clock::{Clock, LAST_READ, Order, Phase},
    greeting::{Mistake, farewell},
    refusal::{self, Refusal},
    socket::Socket,
};

/// Bytes that hyper keeps of a request, and of a reply until the socket takes them; a head has to fit in.
const BUFFER: usize = 64 << 10;
/// As many fields as hyper finds room for without asking for it.
const USUAL_FIELDS: usize = 100;

/// Serves a connection of HTTP/1.1 to its end, on the runtime that polls it.
pub(super) async fn serve<T, S>(
    socket: Socket<T>,
    serve: S,
    connection: Arc<Connection>,
    draining: Draining,
    clock: Clock,
) -> Result<(), Ended>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Serve,
{
    let limits = connection.limits();
    let wire = Wire::new(socket, connection.clone());
    let busy = Arc::new(AtomicBool::new(false));
    let service = service_fn(|request: Request<Incoming>| {
        let (wire, number) = (wire.clone(), wire.lock().count());
        let old = request.version() == Version::HTTP_10;
        let answer = answer(&serve, &connection, Busy::mark(&busy), request);
        async move {
            let mut reply = answer.await;
            // hyper closes the connection then, but does not say so, and the client would send its next request here.
            if wire.lock().meter.is_within_body(number) && reply.body().is_whole() {
                reply
                    .headers_mut()
                    .insert(CONNECTION, HeaderValue::from_static("close"));
            }
            wire.lock().open_ended = old && !reply.body().is_whole();
            Ok(reply)
        }
    });
    let http = builder(limits).serve_connection(TokioIo::new(wire.clone()), service);
    let clock = clock.without_pings();
    let driver = Driver {
        http: Box::pin(http),
        dismissal: connection.dismissal().clone(),
        wire: wire.clone(),
        busy: busy.clone(),
        draining: Some(Box::pin(async move { draining.grace().await })),
        alarm: Box::pin(sleep_until(clock.preface())),
        clock,
    };
    let (ended, last) = driver.run().await;
    let open_ended = wire.lock().open_ended;
    // The driver is gone, and with it all that has a hold of the wire.
    let socket = wire.into_socket();
    match (last, socket) {
        (Last::Nothing, Some(socket)) if open_ended => {
            sleep(LAST_READ).await;
            socket.reset();
        }
        (Last::Nothing, _) | (_, None) => {}
        (Last::End, Some(mut socket)) => {
            // The peer has all that it asked for: whether it takes this is its own affair.
            let _ = timeout(limits.write_stall, socket.shutdown()).await;
        }
        (Last::Words(words), Some(mut socket)) => farewell(&mut socket, words.as_bytes()).await,
    }
    ended
}

fn builder(limits: &Limits) -> Builder {
    let mut builder = Builder::new();
    builder.max_buf_size(BUFFER.max(2 * limits.header_bytes as usize));
    if limits.header_fields > USUAL_FIELDS {
        builder.max_headers(limits.header_fields);
    }
    builder
}

/// Answers one request.
async fn answer<S: Serve>(
    serve: &S,
    connection: &Arc<Connection>,
    busy: Busy,
    request: Request<Incoming>,
) -> Response<Reply> {
    let (parts, body) = request.into_parts();
    let asked = Asked::by(&parts);
    let _share = Share::of_call(connection.account());
    let response = match refusal::check(&parts) {
        Ok(()) => {
            let request = Request::from_parts(parts, Inbound::from(body));
            serve.serve(request, connection).await
        }
        Err(refusal) => refusal.respond(),
    };
    Reply::to(asked, response, busy, connection)
}

/// Polls hyper and the clock until the connection has ended.
struct Driver<T, S: HttpService<Incoming>> {
    http: Pin<Box<Http1<TokioIo<Wire<T>>, S>>>,
    wire: Wire<T>,
    dismissal: Arc<Dismissal>,
    /// Whether a request is being answered.
    busy: Arc<AtomicBool>,
    /// Until the drain has begun.
    draining: Option<Pin<Box<dyn Future<Output = Duration> + Send>>>,
    clock: Clock,
    alarm: Pin<Box<Sleep>>,
}

/// What is left to do for the peer of a connection that has ended.
enum Last {
    /// It is gone, or had its time.
    Nothing,
    /// It has all that it asked for.
    End,
    /// It may still be sending, and is to hear these words, if any.
    Words(String),
}

/// How a connection ended.
type End = (Result<(), Ended>, Last);

impl<T, S> Driver<T, S>
where
    T: AsyncRead + AsyncWrite + Unpin,
    S: HttpService<Incoming, ResBody = Reply, Error = Infallible>,
{
    async fn run(mut self) -> End {
        poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        if let Some(draining) = &mut self.draining
            && let Poll::Ready(grace) = draining.as_mut().poll(cx)
        {
            self.draining = None;
            self.clock.drain(grace);
            self.retire();
        }
        loop {
            if let Poll::Ready(ended) = self.http.as_mut().poll(cx) {
                return Poll::Ready(self.ended(ended));
            }
            let now = Instant::now();
            let busy = self.busy.load(Ordering::Relaxed);
            let mut state = self.wire.lock();
            // A request is refused in its turn.
            if let Some(violation) = state.refusal().filter(|_| !busy) {
                return Poll::Ready(refuse(violation, state.meter.is_head_only()));
            }
            let facts = state.facts(now, busy);
            drop(state);
            match self.clock.judge(now, facts) {
                Order::Wait(until) => {
                    if self.poll_alarm(until, cx).is_pending() {
                        return Poll::Pending;
                    }
                }
                // There are no pings in HTTP/1.1.
                Order::Ping => {}
                Order::Retire => self.retire(),
                Order::Dismiss(cause) => self.dismissal.give(cause),
                Order::Close(phase) => return Poll::Ready(close(phase)),
            }
        }
    }

    /// Ready when it is time to judge again: see `http2::Driver::poll_alarm`.
    fn poll_alarm(&mut self, until: Instant, cx: &mut Context<'_>) -> Poll<()> {
        if until < self.alarm.deadline() || self.alarm.is_elapsed() {
            self.alarm.as_mut().reset(until);
        }
        self.alarm.as_mut().poll(cx)
    }

    /// The reply that is under way is the last, and says so if its head has not left yet.
    fn retire(&mut self) {
        self.clock.retire(Instant::now());
        self.http.as_mut().graceful_shutdown();
    }

    fn ended(&self, ended: hyper::Result<()>) -> End {
        let state = self.wire.lock();
        let (between, open_ended) = (state.meter.is_between(), state.open_ended);
        drop(state);
        let (ended, last) = match ended {
            Ok(()) if between => (Ok(()), Last::End),
            // It was answered before all of it had come.
            Ok(()) => (Ok(()), Last::Words(String::new())),
            // hyper has told the peer.
            Err(error) if error.is_parse() => (Err(Ended::Http1(error)), Last::Words(String::new())),
            // The reply was cut off, which the missing end of it says; the request may still be coming.
            Err(error) if error.is_user() && !open_ended => (Err(Ended::Http1(error)), Last::Words(String::new())),
            Err(error) => (Err(Ended::Http1(error)), Last::Nothing),
        };
        // Whatever is left of a reply that was told to end.
        let cut_short = self.clock.has_dismissed();
        (
            if cut_short {
                Err(Ended::Late(Phase::Grace))
            } else {
                ended
            },
            last,
        )
    }
}

/// Ends the connection because of what the peer sent.
fn refuse(violation: Violation, head_only: bool) -> End {
    match Refusal::of(violation) {
        Some(refusal) => (Err(Ended::Refused(violation)), Last::Words(refusal.text(head_only))),
        None => (Err(Ended::Stranger(Mistake::Unknown)), Last::Words(String::new())),
    }
}

/// Ends the connection because a phase has had its time.
fn close(phase: Phase) -> End {
    match phase {
        Phase::Farewell => (Ok(()), Last::End),
        Phase::Frame => (Err(Ended::Late(phase)), Last::Words(Refusal::late().text(false))),
        late => (Err(Ended::Late(late)), Last::Nothing),
    }
}
