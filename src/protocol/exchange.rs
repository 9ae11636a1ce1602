//! From what a handler answered to a response, whichever protocol the call came by.

use std::{
    future::poll_fn,
    mem,
    sync::Arc,
    time::{Duration, Instant},
};

use descant_descriptors::Shape;
use descant_handlers::{Code, Coding, Message, Messages, Metadata, Reply, Status};
use http::{HeaderMap, Response, StatusCode};
use tokio::time::timeout;

use super::{
    caught, connect, framed,
    only::{self, Only},
    outgoing::Outgoing,
    rest,
};
use crate::{
    gateway::Deadline,
    observe::Watch,
    transport::{Dismissal, Outbound},
};

/// What of a request is needed to answer it.
#[derive(Debug)]
pub(crate) struct Exchange {
    /// When the call must be over.
    pub(crate) deadline: Option<Instant>,
    /// Whether it has to be so before, for its connection's sake.
    pub(super) dismissal: Arc<Dismissal>,
    pub(super) shape: Shape,
    /// Empty, with room for the headers of the response: that of the request's own.
    pub(super) room: HeaderMap,
    pub(super) speech: Speech,
}

/// How a protocol puts an answer. Each of them brings the same three: `refuse`, `whole`, `stream`.
#[derive(Debug)]
pub(super) enum Speech {
    /// In envelopes: gRPC, gRPC-Web, Connect's streams.
    Framed(framed::Answer),
    /// One message, bare: Connect's unary calls.
    Unary(Box<connect::Unary>),
    /// As HTTP and JSON have it.
    Rest(Arc<rest::Answer>),
}

impl Exchange {
    /// Turns what the handler answered into a response. Where the one message of a reply is not there yet, it has to be
    /// [collected](Unfinished::collect) first.
    pub(crate) fn respond(
        &mut self,
        answer: Result<Reply, Status>,
        watch: &mut Watch,
    ) -> Result<Response<Outbound>, Box<Unfinished>> {
        let Reply {
            metadata,
            messages,
            coding,
            ..
        } = match answer {
            Ok(reply) => reply,
            Err(status) => return Ok(self.refuse(status, watch)),
        };
        match messages.try_one() {
            Ok((message, trailers)) => Ok(self.whole(metadata, (message, coding), trailers, watch)),
            Err(messages) => {
                let waits_for = self.waits_for();
                let messages = if self.replies_with_one() {
                    Messages::stream(Only::of(messages))
                } else {
                    messages
                };
                let unfinished = Unfinished {
                    metadata,
                    messages,
                    coding,
                    waits_for,
                };
                match unfinished.waits_for {
                    WaitsFor::Nothing => Ok(self.stream(None, unfinished, watch)),
                    _ => Err(Box::new(unfinished)),
                }
            }
        }
    }

    /// As [`respond`](Self::respond), once the one message was collected.
    pub(crate) fn finish(&mut self, collected: Result<Collected, Status>, watch: &mut Watch) -> Response<Outbound> {
        match collected {
            Ok(Collected::Whole {
                metadata,
                message,
                coding,
                trailers,
            }) => self.whole(metadata, (message, coding), trailers, watch),
            Ok(Collected::Begun { first, rest }) => self.stream(first, rest, watch),
            Err(status) => self.refuse(status, watch),
        }
    }

    /// How long the call may take.
    pub(crate) fn time(&self) -> Deadline {
        Deadline::new(self.deadline, &self.dismissal)
    }

    /// The answer takes time, and what is kept to make a quick one quicker is not worth its memory.
    pub(crate) fn waits(&mut self) {
        self.room = HeaderMap::new();
    }

    fn refuse(&self, status: Status, watch: &mut Watch) -> Response<Outbound> {
        watch.failed(&status);
        let response = self.speech.refuse(status);
        watch.answered(response.status());
        response
    }

    /// The same metadata; where there is none, nor ever was, with room for some.
    fn roomy(&mut self, metadata: Metadata) -> Metadata {
        if metadata.headers().capacity() == 0 {
            return Metadata::from_headers(mem::take(&mut self.room));
        }
        metadata
    }

    fn whole(
        &mut self,
        metadata: Metadata,
        message: (Message, Coding),
        trailers: Metadata,
        watch: &mut Watch,
    ) -> Response<Outbound> {
        let bytes = watch.sends(&message.0);
        watch.replied(&metadata);
        watch.trailed(&trailers);
        let metadata = self.roomy(metadata);
        match self.speech.whole(metadata, message, trailers) {
            Ok(response) => {
                watch.sent(1, bytes);
                watch.ended(Code::Ok);
                watch.answered(response.status());
                response
            }
            Err(status) => self.refuse(status, watch),
        }
    }

    /// The stream takes the watch along.
    fn stream(&self, first: Option<Message>, rest: Unfinished, watch: &mut Watch) -> Response<Outbound> {
        let mut watch = mem::take(watch);
        if let Some(first) = &first {
            watch.sent(1, watch.sends(first));
        }
        watch.replied(&rest.metadata);
        watch.answered(StatusCode::OK);
        let outgoing = Outgoing::new(rest.messages, self.time(), watch);
        self.speech.stream(rest.metadata, first, outgoing, rest.coding)
    }

    fn replies_with_one(&self) -> bool {
        matches!(self.shape, Shape::Unary | Shape::ClientStreaming)
    }

    /// The head of a reply to a stream goes out at once where it can: the caller may wait for it before it sends on.
    fn waits_for(&self) -> WaitsFor {
        match &self.speech {
            Speech::Framed(_) if self.shape != Shape::Unary => WaitsFor::Nothing,
            _ if self.replies_with_one() => WaitsFor::All,
            Speech::Rest(answer) => WaitsFor::First(answer.patience()),
            Speech::Framed(_) | Speech::Unary(_) => WaitsFor::Nothing,
        }
    }
}

impl Speech {
    /// The call failed before anything went out.
    fn refuse(&self, status: Status) -> Response<Outbound> {
        match self {
            Self::Framed(answer) => answer.refuse(status),
            Self::Unary(answer) => answer.refuse(status),
            Self::Rest(answer) => answer.refuse(status),
        }
    }

    /// One message, which is there: all that a call has which replies with one, or a stream of one. An error if it cannot
    /// be written.
    fn whole(
        &self,
        metadata: Metadata,
        message: (Message, Coding),
        trailers: Metadata,
    ) -> Result<Response<Outbound>, Status> {
        match self {
            Self::Framed(answer) => answer.whole(metadata, message, trailers),
            Self::Unary(answer) => answer.whole(metadata, message.0, trailers),
            Self::Rest(answer) => answer.whole(metadata, message.0, trailers),
        }
    }

    /// A stream of messages, which may fail on the way.
    /// `first` stands before the messages, where it was waited for.
    fn stream(
        &self,
        metadata: Metadata,
        first: Option<Message>,
        mut outgoing: Outgoing,
        coding: Coding,
    ) -> Response<Outbound> {
        match self {
            Self::Framed(answer) => answer.stream(metadata, outgoing, coding),
            // Such a call is accepted for methods only that give one message.
            Self::Unary(answer) => {
                let status = Status::internal("a stream where one message is due");
                outgoing.fails(&status);
                answer.refuse(status)
            }
            Self::Rest(answer) => answer.stream(metadata, first, outgoing),
        }
    }
}

/// A reply of which too little is there to answer.
#[derive(Debug)]
pub(crate) struct Unfinished {
    metadata: Metadata,
    messages: Messages,
    coding: Coding,
    waits_for: WaitsFor,
}

/// What has to be there before an answer can begin.
#[derive(Clone, Copy, Debug)]
enum WaitsFor {
    Nothing,
    /// The first message: if that is an error, it is the answer. No longer than this, if a time is given.
    First(Option<Duration>),
    /// The one message, and the end.
    All,
}

/// A reply of which enough is there.
#[derive(Debug)]
pub(crate) enum Collected {
    /// The one message.
    Whole {
        metadata: Metadata,
        message: Message,
        coding: Coding,
        trailers: Metadata,
    },
    /// The first of many, unless it takes too long or there is none.
    Begun { first: Option<Message>, rest: Unfinished },
}

impl Unfinished {
    /// Waits for what has to be there. A failure has the metadata that came before it.
    pub(crate) async fn collect(&mut self) -> Result<Collected, Status> {
        self.enough().await.map_err(|mut status| {
            let mut head = mem::take(&mut self.metadata);
            match head.extend(mem::take(status.head_mut())) {
                Ok(()) => {
                    // Nothing has gone out: the call has not begun.
                    *status.head_mut() = head;
                    status
                }
                Err(error) => error.into(),
            }
        })
    }

    async fn enough(&mut self) -> Result<Collected, Status> {
        match self.waits_for {
            WaitsFor::All => self.whole().await,
            WaitsFor::First(None) => {
                let first = self.next().await.transpose()?;
                Ok(self.begun(first))
            }
            WaitsFor::First(Some(patience)) => {
                let first = timeout(patience, self.next()).await.unwrap_or(None).transpose()?;
                Ok(self.begun(first))
            }
            WaitsFor::Nothing => Ok(self.begun(None)),
        }
    }

    fn begun(&mut self, first: Option<Message>) -> Collected {
        let rest = Self {
            metadata: mem::take(&mut self.metadata),
            messages: mem::replace(&mut self.messages, Messages::empty()),
            coding: self.coding,
            waits_for: WaitsFor::Nothing,
        };
        Collected::Begun { first, rest }
    }

    /// Waits for the one message, and for its trailers.
    async fn whole(&mut self) -> Result<Collected, Status> {
        let message = self.next().await.unwrap_or_else(|| Err(only::none()))?;
        self.next().await.transpose()?;
        Ok(Collected::Whole {
            metadata: mem::take(&mut self.metadata),
            message,
            coding: self.coding,
            trailers: self.messages.take_trailers(),
        })
    }

    async fn next(&mut self) -> Option<Result<Message, Status>> {
        let next = poll_fn(|cx| caught(|| self.messages.poll_next(cx))).await;
        next.unwrap_or_else(|panicked| Some(Err(panicked)))
    }
}
