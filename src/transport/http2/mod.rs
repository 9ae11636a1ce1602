//! HTTP/2: one task a connection, and one for each stream that has to wait.
//!
//! ```text
//! socket -> wire (meter | outbox) -> h2 -> driver -> launcher -> a stream's task -> Serve
//! ```
//! h2 is polled until it has nothing more to do, then what it wrote leaves in one write.

mod bell;
mod launch;
mod meter;
mod stream;
#[cfg(test)]
mod tests;
mod wire;

use std::{
    cell::Cell,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use h2::{Ping, PingPong, RecvStream, server::SendResponse};
use http::Request;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{Instant, Sleep, sleep_until, timeout_at},
};

pub(super) use self::meter::Violation;
use self::{
    bell::Bell,
    launch::{Answer, Launcher},
    wire::Wire,
};
use super::{
    Connection, Draining, Ended, Limits, Payload, Serve,
    clock::{Clock, Order, Phase},
    limits::LARGEST_WINDOW,
    socket::Socket,
};

/// Bytes of one stream that h2 keeps until the socket takes them.
const SEND_BUFFER: usize = 128 << 10;
/// h2 counts 256 bytes for each small DATA frame that nobody has read yet, and ends the connection past this sum. Its own
/// default is what a client reaches that sends one window of small messages; the true cost of a frame is about 100 bytes.
const FRAME_BUDGET: usize = 8 << 20;
/// As many requests are taken from h2 before the first of them is begun. What h2 does for one and what beginning it takes do not fit
/// into the first cache of instructions together.
const AT_ONCE: usize = 16;

/// What the tasks of a connection share.
struct Shared<S> {
    serve: S,
    connection: Arc<Connection>,
}

/// Serves a connection of HTTP/2 to its end, on the runtime that polls it.
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
    let wire = Wire::new(socket, connection.clone());
    let greeted = tokio::select! {
        biased;
        greeted = greet(&wire, connection.limits(), clock.preface()) => greeted?,
        () = draining.begun() => return Ok(()),
    };
    if let Some(h2) = greeted {
        let launcher = Launcher::new(Shared { serve, connection }, stream::answer);
        Driver::new(h2, wire, launcher, draining, clock).run().await?;
    }
    Ok(())
}

/// Reads the preface. `None`: the peer left before it.
async fn greet<T>(
    wire: &Wire<T>,
    limits: &Limits,
    due: Instant,
) -> Result<Option<h2::server::Connection<Wire<T>, Payload>>, Ended>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let mut shaking = pin!(settings(limits).handshake(wire.clone()));
    let shaken = poll_fn(|cx| {
        wire.look(cx.waker());
        shaking.as_mut().poll(cx)
    });
    match timeout_at(due, shaken).await {
        Ok(Ok(h2)) => Ok(Some(h2)),
        Err(_) => Err(Ended::Late(Phase::Preface)),
        Ok(Err(error)) => match wire.lock().violation {
            Some(violation) => Err(Ended::Violation(violation)),
            None if error.is_io() => Ok(None),
            None => Err(Ended::Http2(error)),
        },
    }
}

fn settings(limits: &Limits) -> h2::server::Builder {
    let mut builder = h2::server::Builder::new();
    builder
        .initial_window_size(with_room_around(limits.stream_window))
        .initial_connection_window_size(limits.connection_window)
        .max_concurrent_streams(limits.streams)
        // What is more than this h2 answers itself, without a body; what is more than the limit is answered like any refusal.
        .max_header_list_size(limits.header_bytes.saturating_mul(2))
        .max_send_buffer_size(SEND_BUFFER)
        .data_frame_budget(FRAME_BUDGET)
        // As many as may be cancelled in the packet that opened them; the meter bounds how often.
        .max_pending_accept_reset_streams(limits.streams as usize);
    builder
}

/// A stream's window, with room for what stands around a message of just its size. Fields of a round number of bytes are common, and
/// the last few bytes would wait for a second window.
fn with_room_around(window: u32) -> u32 {
    LARGEST_WINDOW.min(window.saturating_add(window / 64))
}

/// A request and what it is answered by, until it is begun: taken out where it goes, for it is large.
type Asked = Option<(Request<RecvStream>, SendResponse<Payload>)>;

thread_local! {
    /// Requests that have come and are not begun: one connection after the other has some.
    static ACCEPTED: Cell<Vec<Asked>> = const { Cell::new(Vec::new()) };
}

/// Polls h2 and the clock until the connection has ended.
struct Driver<T, S, A, F> {
    h2: h2::server::Connection<Wire<T>, Payload>,
    pings: Option<PingPong>,
    wire: Wire<T>,
    launcher: Launcher<S, A, F>,
    /// Until the drain has begun.
    draining: Option<Pin<Box<dyn Future<Output = Duration> + Send>>>,
    clock: Clock,
    alarm: Pin<Box<Sleep>>,
    bell: Arc<Bell>,
    /// The bell's.
    waker: Waker,
}

impl<T, S, A, F> Driver<T, S, A, F>
where
    T: AsyncRead + AsyncWrite + Unpin,
    A: Fn(Arc<Shared<S>>, Request<RecvStream>, SendResponse<Payload>) -> F,
    F: Answer + Send + 'static,
{
    fn new(
        mut h2: h2::server::Connection<Wire<T>, Payload>,
        wire: Wire<T>,
        launcher: Launcher<S, A, F>,
        draining: Draining,
        clock: Clock,
    ) -> Self {
        let bell = Bell::new();
        Self {
            waker: bell.clone().into(),
            bell,
            pings: h2.ping_pong(),
            h2,
            wire,
            launcher,
            draining: Some(Box::pin(async move { draining.grace().await })),
            alarm: Box::pin(sleep_until(clock.preface())),
            clock,
        }
    }

    async fn run(mut self) -> Result<(), Ended> {
        poll_fn(|cx| {
            self.bell.begin(cx.waker());
            let ended = self.poll(cx);
            self.bell.rest();
            ended
        })
        .await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Ended>> {
        if let Some(draining) = &mut self.draining
            && let Poll::Ready(grace) = draining.as_mut().poll(cx)
        {
            self.draining = None;
            self.clock.drain(grace);
            self.retire();
        }
        loop {
            self.wire.look(cx.waker());
            let ended = self.poll_requests();
            let drained = self.wire.drain(cx);
            if let Poll::Ready(ended) = ended {
                let ended = ended.or_else(|error| self.explain(error, cx));
                let cut_short = ended.is_ok() && self.clock.has_dismissed();
                return Poll::Ready(if cut_short {
                    Err(Ended::Late(Phase::Grace))
                } else {
                    ended
                });
            }
            if let Poll::Ready(Err(error)) = drained {
                return Poll::Ready(Err(Ended::Write(error)));
            }
            match self.judge() {
                Order::Wait(until) => {
                    if self.poll_alarm(until, cx).is_pending() {
                        return Poll::Pending;
                    }
                }
                Order::Ping => self.ping(cx),
                Order::Retire => self.retire(),
                Order::Dismiss(cause) => self.launcher.dismissal().give(cause),
                Order::Close(phase) => return Poll::Ready(self.close(phase, cx)),
            }
        }
    }

    /// Lets h2 read and write all it can, and begins each request. Ready once the connection is closed.
    fn poll_requests(&mut self) -> Poll<Result<(), h2::Error>> {
        let mut accepted = ACCEPTED.take();
        let polled = self.poll_through(&mut accepted);
        ACCEPTED.set(accepted);
        polled
    }

    fn poll_through(&mut self, accepted: &mut Vec<Asked>) -> Poll<Result<(), h2::Error>> {
        let cx = &mut Context::from_waker(&self.waker);
        loop {
            // What the answers that were begun so far have to send is sent by this.
            self.bell.look();
            let ended = match self.h2.poll_accept(cx) {
                Poll::Ready(Some(Ok(asked))) => {
                    accepted.push(Some(asked));
                    if accepted.len() < AT_ONCE {
                        continue;
                    }
                    None
                }
                Poll::Ready(Some(Err(error))) => Some(Err(error)),
                Poll::Ready(None) => Some(Ok(())),
                Poll::Pending if accepted.is_empty() => return Poll::Pending,
                Poll::Pending => None,
            };
            for asked in accepted.iter_mut() {
                self.launcher.begin(asked, cx);
            }
            accepted.clear();
            if let Some(ended) = ended {
                return Poll::Ready(ended);
            }
        }
    }

    fn judge(&mut self) -> Order {
        let now = Instant::now();
        let busy = self.h2.has_streams();
        if !busy {
            self.launcher.rest();
        }
        let facts = self.wire.lock().facts(now, busy);
        self.clock.judge(now, facts)
    }

    /// Ready when it is time to judge again. An alarm that is early costs one judgement; setting it anew at each poll costs more.
    fn poll_alarm(&mut self, until: Instant, cx: &mut Context<'_>) -> Poll<()> {
        if until < self.alarm.deadline() || self.alarm.is_elapsed() {
            self.alarm.as_mut().reset(until);
        }
        self.alarm.as_mut().poll(cx)
    }

    fn ping(&mut self, cx: &mut Context<'_>) {
        if let Some(pings) = &mut self.pings {
            // The answer to the ping before this one makes room for it; without that answer it is not sent.
            let _ = pings.poll_pong(cx);
            let _ = pings.send_ping(Ping::opaque());
        }
    }

    fn retire(&mut self) {
        self.clock.retire(Instant::now());
        self.h2.graceful_shutdown();
    }

    /// Ends the connection because a phase has had its time.
    fn close(&mut self, phase: Phase, cx: &mut Context<'_>) -> Result<(), Ended> {
        if let Some(reason) = reason(phase) {
            self.wire.goodbye(reason, cx);
        }
        match phase {
            Phase::Farewell => Ok(()),
            late => Err(Ended::Late(late)),
        }
    }

    /// What h2 takes for a broken socket may be a peer that was cut off.
    fn explain(&mut self, error: h2::Error, cx: &mut Context<'_>) -> Result<(), Ended> {
        let violation = self.wire.lock().violation;
        if let Some(violation) = violation {
            self.wire.goodbye(h2::Reason::ENHANCE_YOUR_CALM, cx);
            return Err(Ended::Violation(violation));
        }
        Err(Ended::Http2(error))
    }
}

/// What a peer is told in a GOAWAY that did not finish a phase; nothing if it had one before.
fn reason(phase: Phase) -> Option<h2::Reason> {
    match phase {
        Phase::Preface => Some(h2::Reason::SETTINGS_TIMEOUT),
        Phase::Frame | Phase::WriteStall => Some(h2::Reason::ENHANCE_YOUR_CALM),
        Phase::Keepalive => Some(h2::Reason::NO_ERROR),
        Phase::Handshake | Phase::Grace | Phase::Farewell => None,
    }
}
