//! One connection to an upstream.

mod http1;
mod pings;
mod siblings;
mod stranded;

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use h2::client::{Builder, Connection, SendRequest};
use http::{Request, Response};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    runtime::Handle,
    task::AbortHandle,
    time::{Instant, sleep},
};

use self::{
    http1::Slot,
    pings::Pings,
    stranded::{PATIENCE, Stranded},
};
pub(super) use self::{
    http1::{Body, Unanswered, request as over_http1},
    siblings::Siblings,
};
use super::{
    backoff::LONGEST,
    ledger::{Open, Tally},
    misfit::{Misfit, Unfit},
    options::ProxyOptions,
    request::Frame,
    silence::Silence,
    stream::Stream,
    wire::{Wire, Writes},
};
use crate::http2::{Inbox, LARGEST_FRAME, PeerState};

/// Calls at once on one connection.
const MOST_CALLS: usize = 256;
/// What the upstream may send of one reply before the caller takes any of it. A frame of all that it may send is taken whole.
const STREAM_WINDOW: u32 = LARGEST_FRAME;
/// As much for every call: whoever does not read holds up only its own.
#[allow(clippy::cast_possible_truncation)] // 256.
const CONNECTION_WINDOW: u32 = MOST_CALLS as u32 * STREAM_WINDOW;
/// What small DATA frames that nobody has taken yet may cost, as h2 counts it: each what it has less than 256 bytes, about what its place in a
/// queue takes. A window of empty messages, each in a frame and a read of its own (others are joined by [`Inbox`]), costs 3.3 MB: of callers who
/// take none of those, twenty are borne. Past it h2 gives the connection up, with the calls of others.
const SMALL_FRAMES: usize = 64 << 20;
/// What h2 takes at least of the headers of a reply, or of its trailers. Much more than what goes on: past it h2 leaves fields of trailers out
/// whole, so that nobody sees how large they were, and past four times as much it gives the connection up, with the calls of others. Who makes a
/// server say much shall do neither. Fields of nothing, each a byte on the wire, may so take some 3 MB until their caller comes to them.
const HEADER_BYTES: u32 = 1 << 20;
/// So many calls may be given up on a connection at once, and so many more each second, before others take the calls that come: servers close
/// one on which much is reset (Envoy after 250 of 500 calls, Netty after 200 in 30 s), with all calls on it.
const RESETS: f64 = 64.0;
const RESETS_A_SECOND: f64 = 4.0;
/// And no more than so many beyond that are paid for: servers count those of some seconds, and not for ever.
const DEBT: f64 = RESETS;

/// A connection.
#[derive(Debug)]
pub(super) struct Line {
    speaks: Speaks,
    state: Arc<State>,
    writes: Arc<Writes>,
    /// What the upstream said of itself.
    peer: Arc<PeerState>,
    resets: Mutex<Resets>,
    /// It gets no calls until more of them may be given up again, as long as there are others.
    rests: AtomicBool,
    stranded: Stranded,
    /// From when on it takes no more calls.
    old: Option<Instant>,
    /// It had a call since it was last looked at; if not, how often that was so.
    used: AtomicBool,
    quiet: AtomicU32,
}

#[derive(Debug)]
enum Speaks {
    Http2(SendRequest<Frame>, AbortHandle),
    Http1(Slot),
}

/// How many calls may still be given up.
#[derive(Debug)]
struct Resets {
    left: f64,
    at: Instant,
}

/// What the next call is sent by.
pub(super) enum Ready {
    Http2(SendRequest<Frame>),
    /// [`Line::send`].
    Http1,
}

/// What a connection and the task that drives it both know.
#[derive(Debug, Default)]
struct State {
    calls: AtomicUsize,
    /// Takes no more calls: it is closed, or the upstream said that it will be.
    gone: AtomicBool,
    /// Why, if it was given up here.
    fault: OnceLock<String>,
    silence: Silence,
}

impl Resets {
    fn new(now: Instant) -> Self {
        Self { left: RESETS, at: now }
    }

    /// Counts one more.
    fn are_too_many(&mut self, now: Instant) -> bool {
        let left = self.left(now) - 1.0;
        (self.left, self.at) = (left.max(-DEBT), now);
        left < 0.0
    }

    /// How many there may be at once.
    fn left(&self, now: Instant) -> f64 {
        let since = now.duration_since(self.at).as_secs_f64();
        (self.left + since * RESETS_A_SECOND).min(RESETS)
    }
}

impl Line {
    /// Speaks HTTP over this socket, in the version that is asked for.
    pub(super) async fn over<T>(
        socket: T,
        options: &ProxyOptions,
        (tally, siblings): (&Arc<Tally>, &Arc<Siblings>),
    ) -> Result<Self, Unfit>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        if options.http1 {
            let state = Arc::<State>::default();
            let slot = Slot::over(socket, options.header_bytes, || {
                Gone::when_dropped(&state, tally, siblings)
            })
            .await?;
            return Ok(Self::new(
                Speaks::Http1(slot),
                state,
                (Arc::default(), Arc::default()),
                options,
            ));
        }
        Self::over_http2(socket, options, (tally, siblings)).await
    }

    async fn over_http2<T>(
        socket: T,
        options: &ProxyOptions,
        (tally, siblings): (&Arc<Tally>, &Arc<Siblings>),
    ) -> Result<Self, Unfit>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let wire = Wire::new(socket);
        let inbox = Inbox::new(wire.clone());
        let peer = inbox.peer();
        let (requests, mut connection) = Builder::new()
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_frame_size(LARGEST_FRAME)
            .data_frame_budget(SMALL_FRAMES)
            .max_header_list_size(header_bytes(options))
            .enable_push(false)
            // None before the upstream says how many: it would refuse those that are too many.
            .initial_max_send_streams(0)
            // Each reply that is against HTTP/2 ends its own call, however many there were in the life of the connection.
            .max_local_error_reset_streams(None)
            .handshake(inbox)
            .await
            .map_err(|error| no_greeting(error, &wire))?;
        poll_fn(|cx| poll_greeted(&mut connection, &wire, &peer, cx)).await?;
        let state = Arc::<State>::default();
        let keepalive = options.keepalive.map(|keepalive| siblings.calmed(keepalive));
        let pings = keepalive.zip(connection.ping_pong());
        let pings = pings.map(|(keepalive, pong)| Pings::new(keepalive, pong, Arc::clone(&state)));
        let writes = wire.writes();
        let mut gone = Gone::when_dropped(&state, tally, siblings);
        gone.pinged = keepalive.map(|keepalive| (Arc::clone(&peer), keepalive.every));
        let driver = tokio::spawn(drive(connection, wire, pings, gone)).abort_handle();
        Ok(Self::new(
            Speaks::Http2(requests, driver),
            state,
            (writes, peer),
            options,
        ))
    }

    fn new(
        speaks: Speaks,
        state: Arc<State>,
        (writes, peer): (Arc<Writes>, Arc<PeerState>),
        options: &ProxyOptions,
    ) -> Self {
        Self {
            speaks,
            state,
            writes,
            peer,
            resets: Mutex::new(Resets::new(Instant::now())),
            rests: AtomicBool::new(false),
            stranded: Stranded::default(),
            old: options.age.map(|age| {
                // Not all at once: those who come here together shall not go together.
                let share = 0.9 + 0.2 * fastrand::f64();
                Instant::now() + age.min(LONGEST).mul_f64(share)
            }),
            used: AtomicBool::new(true),
            quiet: AtomicU32::new(0),
        }
    }

    /// What the next call is sent by, once it may be. An error: the connection is closing.
    pub(super) async fn ready(&self) -> Result<Ready, ()> {
        match &self.speaks {
            Speaks::Http2(..) => self.ready_now().ok_or(()),
            Speaks::Http1(slot) => {
                let ready = poll_fn(|cx| slot.poll_ready(cx)).await;
                ready.map(|()| Ready::Http1).map_err(drop)
            }
        }
    }

    /// The same if that is so at once, over HTTP/2.
    pub(super) fn ready_now(&self) -> Option<Ready> {
        let Speaks::Http2(requests, _) = &self.speaks else {
            return None;
        };
        let mut requests = requests.clone();
        // A clone never has to wait: only what waits for its turn holds up the next request by the same one.
        let ready = requests.poll_ready(&mut Context::from_waker(Waker::noop()));
        matches!(ready, Poll::Ready(Ok(()))).then_some(Ready::Http2(requests))
    }

    /// Sends a request over HTTP/1.1, and waits for the head of its reply.
    pub(super) async fn send(&self, request: Request<Body>) -> Result<Response<Stream>, Unanswered> {
        match &self.speaks {
            Speaks::Http1(slot) => slot.send(request).await,
            Speaks::Http2(..) => Err(Unanswered::Unsent(Box::new(request))),
        }
    }

    /// A call has ended; `whole`: with its reply.
    pub(super) fn ended(&self, whole: bool) {
        if let Speaks::Http1(slot) = &self.speaks
            && !slot.ended(whole)
        {
            self.give_up();
        }
    }

    pub(super) fn calls(&self) -> usize {
        self.state.calls.load(Ordering::Relaxed)
    }

    pub(super) fn take(&self) {
        let others = self.state.calls.fetch_add(1, Ordering::Relaxed);
        self.state.silence.begins(others == 0);
        self.used.store(true, Ordering::Relaxed);
    }

    /// Whether it has had calls for long and says nothing. Of HTTP/1.1 that is not known.
    pub(super) fn is_silent(&self) -> bool {
        matches!(self.speaks, Speaks::Http2(..)) && self.state.silence.is_long()
    }

    pub(super) fn is_http1(&self) -> bool {
        matches!(self.speaks, Speaks::Http1(_))
    }

    /// Whether its call got no answer at all, over HTTP/1.1: there a server that is stopped looks like one that is slow, even to who connects anew.
    pub(super) fn is_unheard(&self) -> bool {
        matches!(&self.speaks, Speaks::Http1(slot) if slot.is_unheard())
    }

    pub(super) fn release(&self) {
        self.used.store(true, Ordering::Relaxed);
        if self.state.calls.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.state.silence.rests();
        }
    }

    pub(super) fn has_room(&self) -> bool {
        match &self.speaks {
            Speaks::Http2(requests, _) => self.calls() < requests.current_max_send_streams().min(MOST_CALLS),
            Speaks::Http1(slot) => self.calls() == 0 && slot.is_ready(),
        }
    }

    /// Whether the upstream allows no call at all for now.
    pub(super) fn is_shut(&self) -> bool {
        matches!(&self.speaks, Speaks::Http2(requests, _) if requests.current_max_send_streams() == 0)
    }

    /// How often something was written over HTTP/2, or may have been.
    pub(super) fn written(&self) -> u64 {
        self.writes.times()
    }

    /// Whether it takes no more calls, though those that it has may go on.
    pub(super) fn is_gone(&self) -> bool {
        self.state.gone.load(Ordering::Relaxed) || self.peer.goes()
    }

    /// The largest header block that the upstream takes.
    pub(super) fn header_list(&self) -> u32 {
        self.peer.header_list()
    }

    /// A call was given up, which the upstream is told by a reset. After many the next calls go elsewhere, for the sake of those on it.
    pub(super) fn was_reset(&self) {
        let Speaks::Http2(..) = self.speaks else { return };
        if self.resets().are_too_many(Instant::now()) {
            self.rests.store(true, Ordering::Relaxed);
        }
    }

    /// Whether too many calls on it were given up lately: until half of what may be given up at once may be again.
    pub(super) fn is_resting(&self) -> bool {
        if !self.rests.load(Ordering::Relaxed) {
            return false;
        }
        let rests = self.resets().left(Instant::now()) < RESETS / 2.0;
        self.rests.store(rests, Ordering::Relaxed);
        rests
    }

    /// How many calls on it may still be given up; less than none, if there were too many.
    pub(super) fn may_be_reset(&self) -> f64 {
        self.resets().left(Instant::now())
    }

    fn resets(&self) -> MutexGuard<'_, Resets> {
        self.resets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A call was given up whose request had so many bytes. A connection that takes nothing, and on which much waits that nobody wants, is closed.
    pub(super) fn strand(self: &Arc<Self>, bytes: usize) {
        let Speaks::Http2(_, driver) = &self.speaks else { return };
        // While it takes something h2 lets go of what is given up.
        if bytes == 0 || !self.writes.waits() || !self.stranded.add(bytes, self.writes.bytes()) {
            return;
        }
        // Outside of a runtime it will not be driven any more.
        let Ok(runtime) = Handle::try_current() else { return };
        let (line, driver) = (Arc::clone(self), driver.clone());
        runtime.spawn(async move {
            sleep(PATIENCE).await;
            let stuck = line.stranded.is_stuck(line.writes.bytes());
            if let Some(bytes) = stuck.filter(|_| line.writes.waits()) {
                let what = format!("it took nothing while {} MiB waited that were given up", bytes >> 20);
                let _ = line.state.fault.set(what);
                driver.abort();
            }
        });
    }

    /// It turned out to take no more calls.
    pub(super) fn give_up(&self) {
        self.state.gone.store(true, Ordering::Relaxed);
    }

    /// Why it ends, if it was given up here or the upstream has said so.
    pub(super) fn fault(&self) -> Option<String> {
        let said = || {
            let (code, words) = self.peer.farewell()?;
            let reason = h2::Reason::from(code);
            Some(match &*words {
                "" => format!("it said GOAWAY, {reason:?}"),
                words => format!("it said GOAWAY, {reason:?}: {}", words.escape_debug()),
            })
        };
        self.state.fault.get().cloned().or_else(said)
    }

    pub(super) fn is_old(&self) -> bool {
        self.old.is_some_and(|old| old <= Instant::now())
    }

    /// Whether it had no call at the last so many looks, of which this is one.
    pub(super) fn is_idle_for(&self, looks: u32) -> bool {
        let used = self.used.swap(false, Ordering::Relaxed) || self.calls() > 0;
        let quiet = self.quiet.load(Ordering::Relaxed).saturating_add(1);
        let quiet = if used { 0 } else { quiet };
        self.quiet.store(quiet, Ordering::Relaxed);
        quiet >= looks.max(1)
    }
}

/// What h2 takes of a head: more than is handed on, for it says nothing of what it leaves out.
fn header_bytes(options: &ProxyOptions) -> u32 {
    let twice = u32::try_from(options.header_bytes.saturating_mul(2));
    twice.unwrap_or(u32::MAX >> 2).max(HEADER_BYTES)
}

/// Ready once the upstream's SETTINGS came: it speaks HTTP/2, and has said what it takes.
fn poll_greeted<T>(
    connection: &mut Connection<Inbox<Wire<T>>, Frame>,
    wire: &Wire<T>,
    peer: &PeerState,
    cx: &mut Context<'_>,
) -> Poll<Result<(), Unfit>>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    match Pin::new(connection).poll(cx) {
        Poll::Ready(Ok(())) => return Poll::Ready(Err(Unfit::new(Misfit::HungUp, "it hung up at once"))),
        Poll::Ready(Err(error)) => return Poll::Ready(Err(no_greeting(error, wire))),
        Poll::Pending => {}
    }
    if let Poll::Ready(Err(error)) = wire.drain(cx) {
        return Poll::Ready(Err(Unfit::of_tls(&error).unwrap_or_else(|| Unfit::of_io(&error))));
    }
    if peer.came() {
        Poll::Ready(Ok(()))
    } else {
        Poll::Pending
    }
}

/// Why a server did not greet, from what it said first.
fn no_greeting<T>(error: h2::Error, wire: &Wire<T>) -> Unfit {
    wire.refusal()
        .unwrap_or_else(|| Unfit::of_greeting(error, &wire.greeting()))
}

/// Moves bytes until the connection is closed. Why it was is told to each call that was open.
async fn drive<T>(
    mut connection: Connection<Inbox<Wire<T>>, Frame>,
    wire: Wire<T>,
    mut pings: Option<Pings>,
    gone: Gone,
) where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let mut heard = 0;
    poll_fn(|cx| {
        let done = Pin::new(&mut connection).poll(cx).map(drop);
        let reads = wire.reads();
        if std::mem::replace(&mut heard, reads) != reads {
            gone.state.silence.ends();
        }
        if let Poll::Ready(Err(_)) = wire.drain(cx) {
            // The calls learn of it as h2's connection is dropped.
            return Poll::Ready(());
        }
        if let Some(pings) = &mut pings
            && pings.poll(reads, cx).is_ready()
        {
            return Poll::Ready(());
        }
        done
    })
    .await;
}

/// Set once it is dropped: by the end of the connection, or of the runtime.
struct Gone {
    state: Arc<State>,
    #[allow(dead_code, reason = "its drop counts")]
    open: Open,
    siblings: Arc<Siblings>,
    /// How often the peer is asked whether it is there, if it is.
    pinged: Option<(Arc<PeerState>, Duration)>,
}

impl Gone {
    fn when_dropped(state: &Arc<State>, tally: &Arc<Tally>, siblings: &Arc<Siblings>) -> Self {
        siblings.opened();
        Self {
            state: Arc::clone(state),
            open: Open::new(tally),
            siblings: Arc::clone(siblings),
            pinged: None,
        }
    }
}

impl Drop for Gone {
    fn drop(&mut self) {
        self.state.gone.store(true, Ordering::Relaxed);
        self.siblings.closed();
        if let Some((peer, every)) = &self.pinged
            && peer.wants_fewer_pings()
        {
            self.siblings.calm_down(*every);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_storm_of_resets_is_soon_forgotten() {
        let start = Instant::now();
        let after = |seconds: u64| start + Duration::from_secs(seconds);
        let mut resets = Resets::new(start);
        let many = (0..100_000).filter(|_| resets.are_too_many(start)).count();
        assert_eq!(many, 100_000 - 64);
        assert!(resets.are_too_many(after(10)));
        assert!(!resets.are_too_many(after(20)));
        // And all that may be given up at once may be again.
        assert!((0..64).all(|_| !resets.are_too_many(after(60))));
        assert!(resets.are_too_many(after(60)));
    }
}
