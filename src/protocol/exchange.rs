//! From what a handler answered to a response, whichever protocol the call came by.

use std::{future::poll_fn, mem, time::Instant};

use descant_handlers::{Message, Messages, Metadata, Reply, Status};
use http::Response;

use super::{caught, connect, framed};
use crate::{gateway::Deadline, transport::Outbound};

/// What of a request is needed to answer it.
#[derive(Debug)]
pub(crate) struct Exchange {
    /// When the call must be over.
    pub(crate) deadline: Option<Instant>,
    pub(super) server_streaming: bool,
    pub(super) speech: Speech,
}

/// How a protocol puts an answer. Each of them brings the same three: `refuse`, `whole`, `stream`.
#[derive(Debug)]
pub(super) enum Speech {
    /// In envelopes: gRPC, gRPC-Web, Connect's streams.
    Framed(framed::Answer),
    /// One message, bare: Connect's unary calls.
    Unary(Box<connect::Unary>),
}

impl Exchange {
    /// Turns what the handler answered into a response. Where the one message of a reply is not there yet, it has to be
    /// [collected](Unfinished::collect) first.
    pub(crate) fn respond(&self, answer: Result<Reply, Status>) -> Result<Response<Outbound>, Box<Unfinished>> {
        let Reply { metadata, messages, .. } = match answer {
            Ok(reply) => reply,
            Err(status) => return Ok(self.speech.refuse(status)),
        };
        match messages.try_one() {
            Ok((message, trailers)) => Ok(self.speech.whole(metadata, message, trailers)),
            Err(messages) if self.server_streaming => {
                Ok(self.speech.stream(metadata, messages, Deadline::at(self.deadline)))
            }
            Err(messages) => Err(Box::new(Unfinished { metadata, messages })),
        }
    }

    /// As [`respond`](Self::respond), once the one message was collected.
    pub(crate) fn finish(&self, collected: Result<Collected, Status>) -> Response<Outbound> {
        match collected {
            Ok(Collected {
                metadata,
                message,
                trailers,
            }) => self.speech.whole(metadata, message, trailers),
            Err(status) => self.speech.refuse(status),
        }
    }
}

impl Speech {
    /// The call failed before anything went out.
    fn refuse(&self, status: Status) -> Response<Outbound> {
        match self {
            Self::Framed(answer) => answer.refuse(status),
            Self::Unary(answer) => answer.refuse(status),
        }
    }

    /// One message, which is there: all that a call has which replies with one, or a stream of one.
    fn whole(&self, metadata: Metadata, message: Message, trailers: Metadata) -> Response<Outbound> {
        match self {
            Self::Framed(answer) => answer.whole(metadata, message, trailers),
            Self::Unary(answer) => answer.whole(metadata, message, trailers),
        }
    }

    /// A stream of messages, which may fail on the way.
    fn stream(&self, metadata: Metadata, messages: Messages, deadline: Deadline) -> Response<Outbound> {
        match self {
            Self::Framed(answer) => answer.stream(metadata, messages, deadline),
            // Such a call is accepted for methods only that give one message.
            Self::Unary(answer) => answer.refuse(Status::internal("a stream where one message is due")),
        }
    }
}

/// A reply of which the one message is not there yet.
#[derive(Debug)]
pub(crate) struct Unfinished {
    metadata: Metadata,
    messages: Messages,
}

/// A reply with its one message.
#[derive(Debug)]
pub(crate) struct Collected {
    metadata: Metadata,
    message: Message,
    trailers: Metadata,
}

impl Unfinished {
    /// Waits for the one message, and for its trailers.
    pub(crate) async fn collect(&mut self) -> Result<Collected, Status> {
        let cardinality = |count| Status::internal(format!("the handler of a method with one reply gave {count}"));
        let message = self.next().await.unwrap_or_else(|| Err(cardinality("none")))?;
        match self.next().await {
            None => Ok(Collected {
                metadata: mem::take(&mut self.metadata),
                message,
                trailers: self.messages.take_trailers(),
            }),
            Some(Ok(_)) => Err(cardinality("more")),
            Some(Err(status)) => Err(status),
        }
    }

    async fn next(&mut self) -> Option<Result<Message, Status>> {
        let next = poll_fn(|cx| caught(|| self.messages.poll_next(cx))).await;
        next.unwrap_or_else(|panicked| Some(Err(panicked)))
    }
}
