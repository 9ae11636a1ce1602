//! What is kept of a call so that it can be sent again.

use std::{
    mem,
    task::{Context, Poll},
};

use descant_descriptors::Method;
use tokio::time::Instant;

use super::tape::Tape;
use crate::{Call, Coding, Encodings, Message, Messages, Metadata, RequestId, Status};

/// A call as often as it is needed.
#[derive(Debug)]
pub(in super::super) struct Spare {
    method: Method,
    metadata: Metadata,
    coding: Coding,
    accepted: Encodings,
    deadline: Option<std::time::Instant>,
    request_id: RequestId,
    request: Request,
}

#[derive(Debug)]
enum Request {
    One(Message),
    Tape(Tape),
    /// A message that is too large to be kept, or was taken already.
    Once(Option<Messages>),
}

impl Spare {
    /// Keeps a call of one message that is there already and has no more than so many bytes. The call stays as it was.
    pub(in super::super) fn of_one(call: &mut Call, limit: usize) -> Result<Option<Self>, Status> {
        let (message, trailers) = match mem::replace(&mut call.messages, Messages::empty()).try_one() {
            Ok(one) => one,
            Err(messages) => {
                call.messages = messages;
                return Ok(None);
            }
        };
        // A tree is encoded once, however often it is sent.
        let message = match message.encoding() {
            Some(_) => message,
            None => Message::from_pieces(message.into_pieces()?),
        };
        let copy = (message.wire_len() <= limit).then(|| message.clone());
        call.messages = Messages::one(message).with_trailers(trailers);
        Ok(copy.map(|copy| Self::new(call, Request::One(copy))))
    }

    /// Keeps what comes of a stream, up to so many bytes, until the call is committed. The call has the first reader of it.
    pub(in super::super) fn of_stream(call: &mut Call, limit: usize) -> Self {
        let (tape, first) = Tape::new(mem::replace(&mut call.messages, Messages::empty()), limit);
        call.messages = Messages::stream(first);
        Self::new(call, Request::Tape(tape))
    }

    /// Keeps any call: of one message as [`of_one`](Self::of_one); of several up to `of_stream` bytes, as long as it is not
    /// known that the call will not be sent again. One message that has more than `limit` bytes can be sent once.
    pub(in super::super) fn of(mut call: Call, limit: usize, of_stream: usize) -> Result<Self, Status> {
        if let Some(spare) = Self::of_one(&mut call, limit)? {
            return Ok(spare);
        }
        let request = match mem::replace(&mut call.messages, Messages::empty()).try_one() {
            Err(messages) => Request::Tape(Tape::unread(messages, of_stream)),
            Ok((message, _)) => Request::Once(Some(Messages::one(message))),
        };
        Ok(Self::new(&call, request))
    }

    fn new(call: &Call, request: Request) -> Self {
        Self {
            method: call.method.clone(),
            metadata: call.metadata.clone(),
            coding: call.coding,
            accepted: call.accepted,
            deadline: call.deadline,
            request_id: call.request_id,
            request,
        }
    }

    /// The call once more, and which reader of its messages it has; `None`: they are no longer there.
    pub(super) fn call(&mut self) -> Option<(Call, usize)> {
        let (messages, reader) = match &mut self.request {
            Request::One(message) => (Messages::one(message.clone()), 0),
            Request::Tape(tape) => {
                let reader = tape.reader()?;
                let id = reader.id();
                (Messages::stream(reader), id)
            }
            Request::Once(messages) => (messages.take()?, 0),
        };
        let mut call = Call::new(self.method.clone(), messages);
        call.metadata = self.metadata.clone();
        call.coding = self.coding;
        call.accepted = self.accepted;
        call.deadline = self.deadline;
        call.request_id = self.request_id;
        Some((call, reader))
    }

    /// Whether it can be sent once more.
    pub(super) fn is_whole(&self) -> bool {
        match &self.request {
            Request::One(_) => true,
            Request::Tape(tape) => tape.is_whole(),
            Request::Once(messages) => messages.is_some(),
        }
    }

    /// The attempt that was made with the call itself is the last one.
    pub(in super::super) fn commit_first(&self) {
        self.commit(Tape::FIRST);
    }

    /// The attempt with this reader is the last one, unless another one is already; says whether it is this one.
    pub(super) fn commit(&self, reader: usize) -> bool {
        match &self.request {
            Request::Tape(tape) => tape.commit(reader),
            Request::One(_) | Request::Once(_) => true,
        }
    }

    /// Which reader's attempt is the last one, once only that can go on.
    pub(super) fn poll_owner(&self, cx: &mut Context<'_>) -> Poll<usize> {
        match &self.request {
            Request::Tape(tape) => tape.poll_owner(cx),
            Request::One(_) | Request::Once(_) => Poll::Pending,
        }
    }

    /// Whether that is another than the one with this reader.
    pub(super) fn is_lost(&self, reader: usize) -> bool {
        match &self.request {
            Request::Tape(tape) => tape.is_lost(reader),
            Request::One(_) | Request::Once(_) => false,
        }
    }

    pub(super) fn method(&self) -> &Method {
        &self.method
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline.map(Instant::from)
    }
}
