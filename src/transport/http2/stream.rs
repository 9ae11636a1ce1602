//! One request: its answer is awaited, then sent as fast as the peer takes it.

use std::{
    future::poll_fn,
    mem::{swap, take},
    pin::pin,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Buf;
use h2::{RecvStream, SendStream, server::SendResponse};
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode,
    header::{CONTENT_LENGTH, EXPECT},
};
use tokio::{
    task::yield_now,
    time::{Instant, timeout},
};

use super::{
    super::{
        Connection, Inbound, Outbound, Payload, Serve, Share,
        clock::SLOWEST,
        connection::{Hold, Unsent},
        pump::{Batch, End, Pump},
        refusal,
    },
    Shared,
};

/// A whole reply of up to so many bytes is not counted as held: `limits.streams` bounds how many there are.
const SMALL: usize = 4 << 10;
/// How long a peer has to read the last of a reply before its stream is reset: to cut the reply off, or because the request
/// has not ended. A reset that comes in together with it makes some clients forget it, curl 7 among them.
const LAST_READ: Duration = Duration::from_millis(50);

/// The peer wants no more, or the connection is gone.
#[derive(Debug)]
struct Gone;

impl From<h2::Error> for Gone {
    fn from(_: h2::Error) -> Self {
        Self
    }
}

/// Answers one request. Ends early, dropping the handler, when the peer cancels.
pub(super) async fn answer<S: Serve>(
    shared: Arc<Shared<S>>,
    request: Request<RecvStream>,
    respond: SendResponse<Payload>,
) {
    let mut respond = ResetOnPanic(respond);
    let _share = Share::of_call(shared.connection.account());
    let head_only = request.method() == Method::HEAD;
    let abandoned = shared.connection.abandoned();
    let mut waits = waits_for_leave(&request);
    let request = request.map(|body| Inbound::http2(body, shared.connection.clone()));
    // Set, and not handed on: it is large.
    let mut reply = None;
    if let Err(refusal) = refusal::check_size(&request, shared.connection.limits()) {
        drop(request);
        reply = Some(refusal.respond());
    } else {
        let mut serving = pin!(shared.serve.serve(request, &shared.connection));
        poll_fn(|cx| match serving.as_mut().poll(cx) {
            Poll::Ready(served) => {
                reply = Some(served);
                Poll::Ready(())
            }
            Poll::Pending => {
                if take(&mut waits) {
                    give_leave(&mut respond.0);
                }
                respond.0.poll_reset(cx).map(|_| ())
            }
        })
        .await;
    }
    if let Some(reply) = &mut reply {
        if head_only {
            withhold(reply);
        }
        // Not within the future that sends the body: that would take the reply along.
        if let Ok((mut sender, body)) = begin(reply, &mut respond.0, &shared.connection) {
            // Whoever cancelled does not wait for an error either.
            let _ = sender.send(body, abandoned).await;
        }
    }
}

/// Sends the head of a reply. What is left is its body, and what sends it.
fn begin<'a>(
    reply: &mut Response<Outbound>,
    respond: &mut SendResponse<Payload>,
    connection: &'a Arc<Connection>,
) -> Result<(Sender<'a>, Outbound), Gone> {
    let mut head = Response::new(());
    *head.status_mut() = reply.status();
    swap(head.headers_mut(), reply.headers_mut());
    let body = take(reply.body_mut());
    let ends = matches!(body, Outbound::Empty);
    let out = respond.send_response(head, ends)?;
    let sender = Sender {
        out,
        connection,
        counts: true,
        unsent: matches!(body, Outbound::Stream(_)).then(Unsent::default),
        waited: Duration::ZERO,
        taken: 0,
    };
    Ok((sender, body))
}

/// Whether the peer sends the body once it is told that it is wanted. RFC 9110, section 10.1.1.
fn waits_for_leave(request: &Request<RecvStream>) -> bool {
    let expect = request.headers().get(EXPECT);
    expect.is_some_and(|expect| expect.as_bytes().eq_ignore_ascii_case(b"100-continue"))
        && !request.body().is_end_stream()
}

/// The head did not decide it: the body is wanted.
fn give_leave(respond: &mut SendResponse<Payload>) {
    let mut leave = Response::new(());
    *leave.status_mut() = StatusCode::CONTINUE;
    // An error says that the peer is gone.
    let _ = respond.send_informational(leave);
}

/// A reply to HEAD: what there would be is said, not sent. RFC 9110, section 9.3.2.
fn withhold(reply: &mut Response<Outbound>) {
    if let Outbound::Whole { payload, .. } = reply.body() {
        let length = HeaderValue::from(payload.remaining());
        reply.headers_mut().insert(CONTENT_LENGTH, length);
    }
    *reply.body_mut() = Outbound::Empty;
}

/// Sends a body.
struct Sender<'a> {
    out: SendStream<Payload>,
    connection: &'a Arc<Connection>,
    /// Whether what is sent counts as held for the connection.
    counts: bool,
    /// Of a body that may be cut off, and so has to be sent before.
    unsent: Option<Unsent>,
    /// How long the peer was waited for, and what it took in that time.
    waited: Duration,
    taken: u64,
}

impl Sender<'_> {
    /// `abandoned`: how many requests of the connection were not read to their end before this one. If another is added
    /// meanwhile it is taken for this one, which costs nobody anything.
    async fn send(&mut self, body: Outbound, abandoned: usize) -> Result<(), Gone> {
        match body {
            Outbound::Empty => {}
            Outbound::Whole { payload, trailers } => self.whole(payload, trailers).await?,
            // In a box: the futures of all answers are as large as the largest of these.
            Outbound::Stream(body) => Box::pin(self.stream(Pump::new(body))).await?,
        }
        // h2 resets the stream of such a request as soon as nothing holds on to it.
        if self.connection.abandoned() != abandoned {
            Box::pin(self.read()).await?;
        }
        Ok(())
    }

    async fn whole(&mut self, payload: Payload, trailers: HeaderMap) -> Result<(), Gone> {
        let ends = trailers.is_empty();
        self.counts = payload.remaining() > SMALL;
        let _share = self
            .counts
            .then(|| Share::of(self.connection.account(), payload.remaining()));
        if ends || payload.has_remaining() {
            self.data(payload, ends).await?;
        }
        if !ends {
            self.out.send_trailers(trailers)?;
        }
        Ok(())
    }

    async fn stream(&mut self, mut pump: Pump) -> Result<(), Gone> {
        loop {
            let Batch { data, end } = poll_fn(|cx| self.next(&mut pump, cx)).await?;
            let ends = matches!(end, Some(End::Data));
            let _pulled = data.as_ref().map(|data| self.connection.pulled(data.remaining()));
            match data {
                Some(data) => self.data(data, ends).await?,
                None if ends => self.data(Payload::default(), true).await?,
                None => {}
            }
            match end {
                None => {}
                Some(End::Data) => return Ok(()),
                Some(End::Trailers(trailers)) => return Ok(self.out.send_trailers(trailers)?),
                Some(End::Cut) => {
                    self.sent().await?;
                    self.read().await?;
                    self.out.send_reset(h2::Reason::INTERNAL_ERROR);
                    return Ok(());
                }
            }
        }
    }

    fn next(&mut self, pump: &mut Pump, cx: &mut Context<'_>) -> Poll<Result<Batch, Gone>> {
        let pulled = match self.connection.poll_pull(cx) {
            Poll::Ready(()) => pump.poll_batch(cx),
            Poll::Pending => Poll::Pending,
        };
        match pulled {
            Poll::Ready(batch) => Poll::Ready(Ok(batch)),
            Poll::Pending => self.out.poll_reset(cx).map(|_| Err(Gone)),
        }
    }

    /// Hands data to h2, for which the peer has window.
    fn now(&mut self, payload: Payload, ends: bool) -> Result<(), Gone> {
        self.connection.sent_frames().fetch_add(1, Ordering::Relaxed);
        Ok(self.out.send_data(payload, ends)?)
    }

    /// Sends data as the peer makes room for it.
    async fn data(&mut self, mut payload: Payload, ends: bool) -> Result<(), Gone> {
        loop {
            let room = self.room(payload.remaining()).await?;
            let last = room >= payload.remaining();
            let mut part = if last {
                take(&mut payload)
            } else {
                payload.split_to(room)
            };
            if self.counts {
                part.hold(self.hold(part.remaining()).await?.of(self.unsent.as_ref()));
            }
            self.now(part, ends && last)?;
            if last {
                return Ok(());
            }
        }
    }

    /// Waits until h2 has sent what it was given: a reset takes back what it has not.
    async fn sent(&mut self) -> Result<(), Gone> {
        // The head has no hold. It leaves as soon as the connection has its turn.
        yield_now().await;
        let Some(unsent) = &self.unsent else { return Ok(()) };
        poll_fn(|cx| match self.connection.poll_sent(unsent, cx) {
            Poll::Ready(()) => Poll::Ready(Ok(())),
            Poll::Pending => self.out.poll_reset(cx).map(|_| Err(Gone)),
        })
        .await
    }

    /// Gives the peer time to read what it was sent.
    async fn read(&mut self) -> Result<(), Gone> {
        let reset = poll_fn(|cx| self.out.poll_reset(cx));
        timeout(LAST_READ, reset).await.map_or(Ok(()), |_| Err(Gone))
    }

    /// Waits until the connection may hold so many bytes more.
    async fn hold(&mut self, bytes: usize) -> Result<Hold, Gone> {
        poll_fn(|cx| match self.connection.poll_hold(bytes, cx) {
            Poll::Ready(hold) => Poll::Ready(Ok(hold)),
            Poll::Pending => self.out.poll_reset(cx).map(|_| Err(Gone)),
        })
        .await
    }

    /// Waits until the peer takes at least one byte of `wanted`; says how many it takes.
    async fn room(&mut self, wanted: usize) -> Result<usize, Gone> {
        if wanted == 0 {
            return Ok(0);
        }
        self.out.reserve_capacity(wanted);
        let there = self.out.capacity();
        if there > 0 {
            return Ok(there);
        }
        let mut since = Instant::now();
        let patience = self.connection.limits().write_stall;
        loop {
            let left = patience.saturating_sub(self.waited + since.elapsed());
            let opened = timeout(left, poll_fn(|cx| self.out.poll_capacity(cx))).await;
            match opened {
                Ok(Some(Ok(0))) => {}
                Ok(Some(Ok(room))) => {
                    self.waited += since.elapsed();
                    self.taken += room.min(wanted) as u64;
                    return Ok(room);
                }
                Ok(_) => return Err(Gone),
                Err(_) => {
                    self.judge(patience)?;
                    since = Instant::now();
                }
            }
        }
    }

    /// Whether the peer took enough in the time it was waited for.
    fn judge(&mut self, patience: Duration) -> Result<(), Gone> {
        if self.taken < SLOWEST * patience.as_secs().max(1) {
            self.out.send_reset(h2::Reason::ENHANCE_YOUR_CALM);
            return Err(Gone);
        }
        self.waited = Duration::ZERO;
        self.taken = 0;
        Ok(())
    }
}

/// Tells the peer when the task that answers it panics; h2 by itself would say CANCEL.
struct ResetOnPanic(SendResponse<Payload>);

impl Drop for ResetOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.send_reset(h2::Reason::INTERNAL_ERROR);
        }
    }
}
