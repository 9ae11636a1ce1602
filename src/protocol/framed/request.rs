//! The messages of a request.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use descant_handlers::{
    Code, Compressed, Message, MessageStream, Status,
    envelope::{Batch, COMPRESSED, Envelope, EnvelopeError, PLAIN},
};

use super::{
    super::{Encoding, form::Form},
    timed::{BodyError, TimedEnvelopes},
};
use crate::transport::Share;

/// Messages as they come, compressed or not, as wire bytes.
#[derive(Debug)]
pub(crate) struct RequestMessages {
    pub(super) envelopes: TimedEnvelopes,
    pub(super) encoding: Option<Encoding>,
    pub(super) form: Form,
    /// What a message that does not inflate is called.
    pub(super) broken: Code,
    /// Bytes of a message, after inflation.
    pub(super) limit: usize,
    pub(super) ended: bool,
    /// The one message of a call that takes one, until it is known that it is the only one.
    pub(super) only: Option<Message>,
}

impl RequestMessages {
    /// The one message of a call that takes one. Until the body ends another may follow, so it is read to its end.
    /// What to answer to another number of messages: gRPC core, `doc/statuscodes.md`.
    pub(crate) fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Result<Message, Status>> {
        let wrong = |count| Status::unimplemented(format!("this call takes exactly one message, but {count} came"));
        if self.only.is_none() {
            self.envelopes.expect_one();
            let first = ready!(self.envelopes.poll_next(cx)).ok_or_else(|| wrong("none"))?;
            self.only = Some(self.open(first.map_err(|error| status(&error))?)?);
        }
        let ends = ready!(self.envelopes.poll_ends(cx)).map_err(|error| status(&error))?;
        let only = self.only.take().filter(|_| ends);
        Poll::Ready(only.ok_or_else(|| wrong("more")))
    }

    /// What its message counts for.
    pub(in crate::protocol) fn take_share(&mut self) -> Option<Share> {
        self.envelopes.take_share()
    }

    fn open(&self, Envelope { flag, message }: Envelope) -> Result<Message, Status> {
        match (flag, self.encoding) {
            (PLAIN, _) => self.form.read(message),
            // Connect: "Servers must not attempt to decompress zero-length" messages. In gRPC there are none.
            (COMPRESSED, Some(_)) if message.is_empty() && self.broken == Code::InvalidArgument => {
                self.form.read(message)
            }
            (COMPRESSED, Some(encoding)) => self.form.read_compressed(Compressed {
                bytes: message.into_bytes(),
                encoding,
                limit: self.limit,
                broken: self.broken,
            }),
            (COMPRESSED, None) => Err(Status::internal(
                "a message is flagged as compressed, but no header of the request says how",
            )),
            (flag, _) => Err(Status::internal(format!(
                "a message begins with the flag {flag}; 0 (plain) and 1 (compressed) are known"
            ))),
        }
    }
}

impl MessageStream for RequestMessages {
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Message, Status>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let next = ready!(self.envelopes.poll_next(cx));
        let message = next.map(|envelope| self.open(envelope.map_err(|error| status(&error))?));
        self.ended = !matches!(message, Some(Ok(_)));
        Poll::Ready(message)
    }

    fn poll_batch(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Batch, Status>>> {
        if !self.form.is_wire() {
            return self
                .poll_next(cx)
                .map(|next| next.map(|message| message.map(Batch::One)));
        }
        if self.ended {
            return Poll::Ready(None);
        }
        let compressed = self.encoding.is_some();
        let next = ready!(self.envelopes.poll_run(cx, compressed));
        let batch = next.map(|next| match next.map_err(|error| status(&error))? {
            Ok(run) => Ok(Batch::Run(run)),
            Err(envelope) => self.open(envelope).map(Batch::One),
        });
        self.ended = !matches!(batch, Some(Ok(_)));
        Poll::Ready(batch)
    }
}

fn status(error: &BodyError) -> Status {
    let message = error.to_string();
    match error {
        BodyError::Envelope(EnvelopeError::TooLarge { .. }) => Status::resource_exhausted(message),
        BodyError::Envelope(_) => Status::internal(message),
        BodyError::Late(_) => Status::deadline_exceeded(message),
        BodyError::Text(_) => Status::invalid_argument(message),
        BodyError::Inbound(error) => error.status(),
    }
}
