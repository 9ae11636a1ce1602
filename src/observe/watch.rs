//! One call as it is watched.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use descant_handlers::{Call, Code, Message, Messages, Metadata, RequestId, Status, Trace, envelope::Batch, leaving};
use http::StatusCode;

use super::{
    incoming::{Incoming, Tally},
    payloads::{Direction, Of},
    records::Log,
    span::ServerSpan,
    subject::{Series, Subject},
};
use crate::protocol::Protocol;

/// Watches a call, if anybody wants to know. Dropped, it tells how the call went: if nobody has said so, the caller has gone,
/// or its time is over.
#[derive(Debug, Default)]
pub(crate) struct Watch(Option<Watched>);

#[derive(Debug)]
pub(super) struct Watched {
    pub(super) subject: Arc<Subject>,
    pub(super) protocol: Protocol,
    pub(super) request_id: RequestId,
    began: Instant,
    pub(super) deadline: Option<Instant>,
    /// `None`: nobody has said yet how it ends.
    pub(super) code: Option<Code>,
    pub(super) received: Size,
    pub(super) sent: Size,
    /// What came of a request that is a stream.
    incoming: Option<Arc<Tally>>,
    /// Whether the request, or a message of it, could not be read.
    misread: bool,
    /// If there are to be records of it.
    log: Option<Box<Log>>,
    /// `None`: nobody traces it.
    pub(super) span: Option<ServerSpan>,
}

/// How much has passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) messages: u64,
    pub(super) bytes: u64,
}

impl Watch {
    /// Begins to watch a call.
    pub(crate) fn begin(
        subject: Arc<Subject>,
        protocol: Protocol,
        request_id: RequestId,
        deadline: Option<Instant>,
        log: Option<Box<Log>>,
        span: Option<ServerSpan>,
    ) -> Self {
        subject.series(protocol).in_flight.inc();
        let mut log = log.filter(|_| subject.is_logged());
        if let (Some(log), Some(context)) = (&mut log, span.as_ref().and_then(ServerSpan::context)) {
            log.traced(context);
        }
        let watched = Watched {
            protocol,
            request_id,
            began: Instant::now(),
            deadline,
            code: None,
            received: Size::default(),
            sent: Size::default(),
            incoming: None,
            misread: false,
            log,
            span,
            subject,
        };
        if let Some(log) = &watched.log {
            log.request(&watched);
        }
        Self(Some(watched))
    }

    /// The one message of the request has come, or cannot be read.
    pub(crate) fn received(&mut self, message: Result<&Message, &Status>) {
        let Some(watched) = &mut self.0 else {
            return;
        };
        match message {
            Ok(message) => {
                let bytes = message.wire_len();
                watched.received.add(1, bytes);
                watched.series().received.passed(1, bytes);
                watched.tell_payload(Direction::Request, watched.received.messages, message);
            }
            Err(_) => watched.misread = true,
        }
    }

    /// A call that is about to be made: what becomes of it at servers behind may be to be told.
    pub(crate) fn follow(&mut self, call: &mut Call) {
        if let Some(log) = self.log() {
            log.follow(call);
        }
    }

    /// A request that is a stream, with its messages counted as they are read.
    pub(crate) fn incoming(&mut self, messages: Messages) -> Messages {
        let Some(watched) = &mut self.0 else {
            return messages;
        };
        let tally = watched.incoming.insert(Arc::default()).clone();
        Messages::stream(Incoming {
            messages,
            tally,
            subject: watched.subject.clone(),
            protocol: watched.protocol,
            request_id: watched.request_id,
        })
    }

    /// The metadata of the reply that comes before its messages.
    pub(crate) fn replied(&mut self, metadata: &Metadata) {
        if let Some(log) = self.log() {
            log.replied(metadata);
        }
    }

    /// The metadata of the reply that comes after its messages.
    pub(crate) fn trailed(&mut self, trailers: &Metadata) {
        if let Some(log) = self.log() {
            log.trailed(trailers);
        }
    }

    /// How HTTP calls the answer.
    pub(crate) fn answered(&mut self, status: StatusCode) {
        if let Some(log) = self.log() {
            log.answered(status);
        }
        if let Some(span) = self.0.as_mut().and_then(|watched| watched.span.as_mut()) {
            span.answered(status);
        }
    }

    /// What the call's handler gets of its span.
    pub(crate) fn trace(&self) -> Option<Trace> {
        self.0.as_ref()?.span.as_ref()?.trace()
    }

    /// A message is about to go out. How many bytes it has, if anybody wants to know.
    pub(crate) fn sends(&self, message: &Message) -> usize {
        self.0.as_ref().map_or(0, |watched| {
            watched.tell_payload(Direction::Response, watched.sent.messages + 1, message);
            message.wire_len()
        })
    }

    /// The same of all that go out at once: how many, and their bytes.
    pub(crate) fn sends_batch(&self, batch: &Batch) -> (usize, usize) {
        match (batch, &self.0) {
            (_, None) => (0, 0),
            (Batch::One(message), _) => (1, self.sends(message)),
            (Batch::Run(run), _) => (run.messages(), run.wire_len()),
        }
    }

    /// Whether messages are looked into, one by one.
    pub(crate) fn tells_payloads(&self) -> bool {
        self.0
            .as_ref()
            .is_some_and(|watched| watched.subject.payloads().is_some())
    }

    /// Messages of so many bytes in all go out.
    pub(crate) fn sent(&mut self, messages: usize, bytes: usize) {
        if let Some(watched) = &mut self.0 {
            watched.sent.add(messages, bytes);
            watched.series().sent.passed(messages, bytes);
        }
    }

    /// It is known how the call ends.
    pub(crate) fn ended(&mut self, code: Code) {
        if let Some(watched) = &mut self.0 {
            watched.code = Some(code);
        }
    }

    /// It is known that the call fails, and how.
    pub(crate) fn failed(&mut self, status: &Status) {
        if let Some(watched) = &mut self.0 {
            watched.failed(status);
        }
    }

    /// Nobody says any more how the call ends: if nobody has, then so.
    pub(crate) fn cut_off(&mut self, status: &Status) {
        if let Some(watched) = &mut self.0
            && watched.code.is_none()
        {
            watched.failed(status);
        }
    }

    /// The request never became a call.
    pub(crate) fn refused(&mut self, status: &Status) {
        if let Some(watched) = &mut self.0 {
            watched.misread = true;
            watched.failed(status);
        }
    }

    fn log(&mut self) -> Option<&mut Log> {
        self.0.as_mut()?.log.as_deref_mut()
    }
}

impl Watched {
    pub(super) fn began(&self) -> Instant {
        self.began
    }

    fn series(&self) -> &Series {
        self.subject.series(self.protocol)
    }

    fn failed(&mut self, status: &Status) {
        self.code = Some(status.code());
        if let Some(log) = &mut self.log {
            let misread = self.misread || self.incoming.as_ref().is_some_and(|incoming| incoming.is_misread());
            log.failed(status, || misread && self.subject.is_private());
        }
    }

    fn tell_payload(&self, direction: Direction, number: u64, message: &Message) {
        if let Some((payloads, method)) = self.subject.payloads() {
            let of = Of {
                method,
                protocol: self.protocol,
                request_id: self.request_id,
                direction,
            };
            payloads.tell(&of, number, message);
        }
    }

    /// How a call ended whose caller has gone.
    fn left(&self) -> Code {
        let allowed = self
            .deadline
            .map(|deadline| deadline.saturating_duration_since(self.began));
        let rounding = allowed.map(leaving::rounding).unwrap_or_default();
        if leaving::is_late(self.deadline, rounding, || tokio::time::Instant::now().into_std()) {
            Code::DeadlineExceeded
        } else {
            Code::Cancelled
        }
    }

    fn tell(&mut self, took: Duration) {
        if let Some(incoming) = &self.incoming {
            self.received = incoming.size();
        }
        self.series().in_flight.dec();
        let sampled = self.span.as_ref().and_then(ServerSpan::sampled);
        self.subject.took(self.protocol, took, sampled);
        let code = self.code.unwrap_or_else(|| self.left());
        self.code = Some(code);
        self.subject.ended(self.protocol, code);
        if let Some(span) = &mut self.span {
            span.ended(code);
        }
        if let Some(log) = &self.log {
            log.response(self, took);
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.tell(self.began.elapsed());
    }
}

impl Size {
    pub(super) fn add(&mut self, messages: usize, bytes: usize) {
        self.messages += messages as u64;
        self.bytes += bytes as u64;
    }
}
