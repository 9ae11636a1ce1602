//! Asking a silent upstream for a sign of life: gRPC core, `doc/keepalive.md`.

use std::{
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll, ready},
    time::Duration,
};

use h2::{Ping, PingPong};
use tokio::time::{Instant, Sleep, sleep};

use super::State;
use crate::proxy::{backoff::LONGEST, options::Keepalive};

/// Into so many parts a silence is cut: whether anything came is looked at once in each, which costs a read no clock.
const PARTS: u32 = 4;

/// As often as this nobody wants to ask.
const SHORTEST: Duration = Duration::from_millis(10);

/// ```text
/// silent for a while, with calls -> PING -> nothing comes within the timeout -> given up
///   ^                                 |
///   +---------- anything comes -------+
/// ```
pub(super) struct Pings {
    keepalive: Keepalive,
    pong: PingPong,
    line: Arc<State>,
    timer: Pin<Box<Sleep>>,
    /// How often something had come at the last look.
    reads: u64,
    /// Parts of a silence that have passed.
    silent: u32,
    /// A PING is on its way.
    asked: bool,
}

impl Pings {
    pub(super) fn new(mut keepalive: Keepalive, pong: PingPong, line: Arc<State>) -> Self {
        keepalive.every = keepalive.every.clamp(SHORTEST, LONGEST);
        keepalive.timeout = keepalive.timeout.clamp(SHORTEST, LONGEST);
        Self {
            timer: Box::pin(sleep(keepalive.every / PARTS)),
            keepalive,
            pong,
            line,
            reads: 0,
            silent: 0,
            asked: false,
        }
    }

    /// Ready once the upstream has not answered in time.
    pub(super) fn poll(&mut self, reads: u64, cx: &mut Context<'_>) -> Poll<()> {
        // Takes the answer, so that another one can be asked for.
        if self.asked && self.pong.poll_pong(cx).is_ready() {
            self.rest();
        }
        loop {
            ready!(self.timer.as_mut().poll(cx));
            let something_came = reads != self.reads;
            self.reads = reads;
            if self.asked && !something_came {
                let time = self.keepalive.timeout.as_secs_f64();
                let _ = self.line.fault.set(format!("it did not answer a PING within {time} s"));
                return Poll::Ready(());
            }
            let needed = self.keepalive.without_calls || self.line.calls.load(Ordering::Relaxed) > 0;
            self.silent = if something_came || !needed { 0 } else { self.silent + 1 };
            if self.silent < PARTS || self.asked {
                // Whatever comes is a sign of life, if not the answer.
                let pause = if self.asked {
                    self.keepalive.timeout
                } else {
                    self.keepalive.every / PARTS
                };
                self.timer.as_mut().reset(Instant::now() + pause);
            } else if self.pong.send_ping(Ping::opaque()).is_ok() {
                self.asked = true;
                self.timer.as_mut().reset(Instant::now() + self.keepalive.timeout);
                // For h2 to send it.
                cx.waker().wake_by_ref();
            } else {
                // The connection is at its end already.
                self.rest();
            }
        }
    }

    fn rest(&mut self) {
        self.asked = false;
        self.silent = 0;
        self.timer.as_mut().reset(Instant::now() + self.keepalive.every / PARTS);
    }
}
