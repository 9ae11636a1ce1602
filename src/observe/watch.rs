//! One call as it is watched.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use descant_handlers::{Code, Message, Messages, Peer, RequestId};

use super::{
    incoming::{Incoming, Tally},
    records,
    subject::{Series, Subject},
};
use crate::protocol::Protocol;

/// Watches a call, if anybody wants to know. Dropped, it tells how the call went: if nobody has said so, the caller has gone.
#[derive(Debug, Default)]
pub(crate) struct Watch(Option<Watched>);

#[derive(Debug)]
pub(super) struct Watched {
    pub(super) subject: Arc<Subject>,
    pub(super) protocol: Protocol,
    /// `None`: the request never became a call.
    pub(super) request_id: Option<RequestId>,
    began: Instant,
    pub(super) code: Code,
    pub(super) received: Size,
    pub(super) sent: Size,
    /// What came of a request that is a stream.
    incoming: Option<Arc<Tally>>,
}

/// How much has passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) messages: u64,
    pub(super) bytes: u64,
}

impl Watch {
    /// Begins to watch a call.
    pub(crate) fn begin(subject: Arc<Subject>, protocol: Protocol, request_id: Option<RequestId>, peer: &Peer) -> Self {
        subject.series(protocol).in_flight.inc();
        let watched = Watched {
            subject,
            protocol,
            request_id,
            began: Instant::now(),
            code: Code::Cancelled,
            received: Size::default(),
            sent: Size::default(),
            incoming: None,
        };
        if watched.subject.is_logged() {
            records::request(&watched, peer);
        }
        Self(Some(watched))
    }

    /// The one message of the request has come.
    pub(crate) fn received(&mut self, message: &Message) {
        if let Some(watched) = &mut self.0 {
            let bytes = message.wire_len() as u64;
            watched.received.add(bytes);
            watched.series().received.passed(bytes);
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
        })
    }

    /// How many bytes a message has, if anybody wants to know.
    pub(crate) fn measure(&self, message: &Message) -> u64 {
        self.0.as_ref().map_or(0, |_| message.wire_len() as u64)
    }

    /// A message of so many bytes goes out.
    pub(crate) fn sent(&mut self, bytes: u64) {
        if let Some(watched) = &mut self.0 {
            watched.sent.add(bytes);
            watched.series().sent.passed(bytes);
        }
    }

    /// It is known how the call ends.
    pub(crate) fn ended(&mut self, code: Code) {
        if let Some(watched) = &mut self.0 {
            watched.code = code;
        }
    }
}

impl Watched {
    fn series(&self) -> &Series {
        self.subject.series(self.protocol)
    }

    fn tell(&mut self, took: Duration) {
        if let Some(incoming) = &self.incoming {
            self.received = incoming.size();
        }
        let series = self.series();
        series.in_flight.dec();
        series.duration.observe(took.as_secs_f64());
        self.subject.ended(self.protocol, self.code);
        if self.subject.is_logged() {
            records::response(self, took);
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.tell(self.began.elapsed());
    }
}

impl Size {
    pub(super) fn add(&mut self, bytes: u64) {
        self.messages += 1;
        self.bytes += bytes;
    }
}
