//! One request: its answer is awaited, then sent as fast as the peer takes it.

use std::{
    future::poll_fn,
    mem::take,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Buf;
use h2::{RecvStream, SendStream, server::SendResponse};
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode,
    header::{CONTENT_LENGTH, EXPECT},
};
use pin_project_lite::pin_project;
use tokio::{
    task::yield_now,
    time::{Instant, timeout},
};

use super::{
    super::{
        Connection, Inbound, Outbound, Payload, Serve, Share,
        clock::{LAST_READ, SLOWEST},
        connection::{Hold, Unsent},
        cookies,
        dismissal::Standby,
        pump::{Batch, End, Pump},
        refusal,
    },
    Shared,
    launch::Answer,
};

/// A whole reply of up to so many bytes is not counted as held: `limits.streams` bounds how many there are.
const SMALL: usize = 4 << 10;

/// The peer wants no more, or the connection is gone.
#[derive(Debug)]
struct Gone;

impl From<h2::Error> for Gone {
    fn from(_: h2::Error) -> Self {
        Self
    }
}

pin_project! {
    /// Answers one request. Ends early, dropping the handler, when the peer cancels.
    pub(super) struct Answering<F, S> {
        respond: SendResponse<Payload>,
        shared: Arc<Shared<S>>,
        // Of a HEAD.
        head_only: bool,
        // The peer waits to be told that it may send the body.
        waits: bool,
        // How many requests of the connection were not read to their end before this one.
        abandoned: usize,
        share: Share,
        // While it waits in a task of its own.
        standby: Standby,
        #[pin]
        stage: Stage<F>,
    }

    impl<F, S> PinnedDrop for Answering<F, S> {
        fn drop(this: Pin<&mut Self>) {
            let answering = this.project();
            answering.standby.leave(answering.shared.connection.dismissal());
        }
    }
}

pin_project! {
    /// Small, for there is one for each request that is being answered; what is rare has a box of its own.
    #[project = At]
    enum Stage<F> {
        Serving { #[pin] serving: F },
        Refused { reply: Box<Response<Outbound>> },
        // What could not be sent at once.
        Sending { sending: Sending },
        Done,
    }
}

/// A reply on its way out.
type Sending = Pin<Box<dyn Future<Output = Result<(), Gone>> + Send>>;

/// Begins to answer a request.
pub(super) fn answer<S: Serve>(
    shared: Arc<Shared<S>>,
    request: Request<RecvStream>,
    mut respond: SendResponse<Payload>,
) -> Answering<impl Future<Output = Response<Outbound>> + Send + use<S>, S> {
    let connection = &shared.connection;
    let share = Share::of_call(connection.account());
    let head_only = request.method() == Method::HEAD;
    let abandoned = connection.abandoned();
    let waits = waits_for_leave(&request);
    let mut request = request.map(|body| Inbound::http2(body, connection.clone()));
    cookies::join(request.headers_mut());
    let stage = match refusal::check_size(&request, connection.limits()) {
        Ok(()) => {
            let _guard = ResetOnPanic(&mut respond);
            let serving = shared.serve.serve(request, connection);
            Stage::Serving { serving }
        }
        Err(refusal) => Stage::Refused {
            reply: Box::new(refusal.respond()),
        },
    };
    Answering {
        respond,
        shared,
        head_only,
        waits,
        abandoned,
        share,
        standby: Standby::default(),
        stage,
    }
}

impl<F, S> Answer for Answering<F, S>
where
    F: Future<Output = Response<Outbound>>,
{
    fn stands_by(self: Pin<&mut Self>, waker: &Waker) {
        let answering = self.project();
        let dismissal = answering.shared.connection.dismissal();
        answering.standby.wait(dismissal, waker);
    }
}

impl<F, S> Future for Answering<F, S>
where
    F: Future<Output = Response<Outbound>>,
{
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut answering = self.project();
        let guard = ResetOnPanic(answering.respond);
        let mut reply = match answering.stage.as_mut().project() {
            At::Serving { serving } => match serving.poll(cx) {
                Poll::Ready(reply) => reply,
                Poll::Pending => {
                    if take(answering.waits) {
                        give_leave(guard.0);
                    }
                    return guard.0.poll_reset(cx).map(|_| ());
                }
            },
            At::Refused { reply } => take(&mut **reply),
            // Whoever cancelled does not wait for an error either.
            At::Sending { sending } => return sending.as_mut().poll(cx).map(|_| ()),
            At::Done => return Poll::Ready(()),
        };
        answering.stage.set(Stage::Done);
        if *answering.head_only {
            withhold(&mut reply);
        }
        let Ok(Some(mut sending)) = begin(&mut reply, guard.0, &answering.shared.connection, *answering.abandoned)
        else {
            return Poll::Ready(());
        };
        let sent = sending.as_mut().poll(cx);
        if sent.is_pending() {
            answering.stage.set(Stage::Sending { sending });
        }
        sent.map(|_| ())
    }
}

/// Sends the head of a reply, and of its body what there is room for at once. What is left, if anything is.
///
/// `abandoned`: how many requests of the connection were not read to their end before this one. If another is added meanwhile it is
/// taken for this one, which costs nobody anything.
fn begin(
    reply: &mut Response<Outbound>,
    respond: &mut SendResponse<Payload>,
    connection: &Arc<Connection>,
    abandoned: usize,
) -> Result<Option<Sending>, Gone> {
    let mut response = Response::new(());
    *response.status_mut() = reply.status();
    *response.headers_mut() = take(reply.headers_mut());
    let body = take(reply.body_mut());
    let mut out = respond.send_response(response, matches!(body, Outbound::Empty))?;
    let rest = match body {
        Outbound::Whole { payload, trailers } => match send_now(&mut out, payload, trailers, connection)? {
            None => Outbound::Empty,
            Some((payload, trailers)) => Outbound::Whole { payload, trailers },
        },
        body => body,
    };
    // h2 resets the stream of a request that was not read to its end as soon as nothing holds on to it.
    if matches!(rest, Outbound::Empty) && connection.abandoned() == abandoned {
        return Ok(None);
    }
    let sender = Sender {
        out,
        connection: connection.clone(),
        counts: true,
        unsent: matches!(rest, Outbound::Stream(_)).then(Unsent::default),
        waited: Duration::ZERO,
        taken: 0,
    };
    Ok(Some(Box::pin(sender.send(rest, abandoned))))
}

/// Sends a body that is small and for which the peer has window; else it is given back.
fn send_now(
    out: &mut SendStream<Payload>,
    payload: Payload,
    trailers: HeaderMap,
    connection: &Connection,
) -> Result<Option<(Payload, HeaderMap)>, Gone> {
    let length = payload.remaining();
    if length > SMALL {
        return Ok(Some((payload, trailers)));
    }
    if length > 0 {
        out.reserve_capacity(length);
        if out.capacity() < length {
            return Ok(Some((payload, trailers)));
        }
    }
    let ends = trailers.is_empty();
    if ends || length > 0 {
        connection.sends(length);
        out.send_data(payload, ends)?;
    }
    if !ends {
        out.send_trailers(trailers)?;
    }
    Ok(None)
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
struct Sender {
    out: SendStream<Payload>,
    connection: Arc<Connection>,
    /// Whether what is sent counts as held for the connection.
    counts: bool,
    /// Of a body that may be cut off, and so has to be sent before.
    unsent: Option<Unsent>,
    /// How long the peer was waited for, and what it took in that time.
    waited: Duration,
    taken: u64,
}

impl Sender {
    async fn send(mut self, body: Outbound, abandoned: usize) -> Result<(), Gone> {
        match body {
            Outbound::Empty => {}
            Outbound::Whole { payload, trailers } => self.whole(payload, trailers).await?,
            Outbound::Stream(body) => self.stream(Pump::new(body)).await?,
        }
        if self.connection.abandoned() != abandoned {
            self.read().await?;
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
        self.connection.sends(payload.remaining());
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

/// Tells the peer when what answers it panics; h2 by itself would say CANCEL.
struct ResetOnPanic<'a>(&'a mut SendResponse<Payload>);

impl Drop for ResetOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.send_reset(h2::Reason::INTERNAL_ERROR);
        }
    }
}
