//! The messages of a request.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use descant_handlers::{Message, MessageStream, Status};

use super::{
    super::{Encoding, form::Form},
    envelope::{COMPRESSED, Envelope, EnvelopeError, Envelopes},
};

/// Inflates a message of at most so many bytes.
pub(super) type Inflate = fn(Encoding, &[u8], usize) -> Result<Bytes, Status>;

/// Messages as they come, inflated, as wire bytes.
#[derive(Debug)]
pub(crate) struct RequestMessages {
    envelopes: Envelopes,
    encoding: Option<Encoding>,
    form: Form,
    inflate: Inflate,
    limit: usize,
    ended: bool,
}

impl RequestMessages {
    pub(super) fn new(
        envelopes: Envelopes,
        encoding: Option<Encoding>,
        form: Form,
        inflate: Inflate,
        limit: usize,
    ) -> Self {
        Self {
            envelopes,
            encoding,
            form,
            inflate,
            limit,
            ended: false,
        }
    }

    /// The one message of a call that takes one. Until the body ends another may follow, so it is read to its end.
    /// What to answer to another number of messages: gRPC core, `doc/statuscodes.md`.
    pub(crate) async fn message(&mut self) -> Result<Message, Status> {
        self.envelopes.expect_one();
        let Some(first) = self.envelopes.next().await else {
            return Err(Status::unimplemented(
                "this call takes exactly one message, but none came",
            ));
        };
        let message = self.open(first)?;
        match self.envelopes.ends().await {
            Ok(true) => Ok(message),
            Ok(false) => Err(Status::unimplemented(
                "this call takes exactly one message, but more came",
            )),
            Err(error) => Err(status(&error)),
        }
    }

    fn open(&self, envelope: Result<Envelope, EnvelopeError>) -> Result<Message, Status> {
        let Envelope { flag, message } = envelope.map_err(|error| status(&error))?;
        match (flag, self.encoding) {
            (0, _) => self.form.read(message),
            (COMPRESSED, Some(coding)) => self.form.read((self.inflate)(coding, &message, self.limit)?),
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
        let message = next.map(|envelope| self.open(envelope));
        self.ended = !matches!(message, Some(Ok(_)));
        Poll::Ready(message)
    }
}

fn status(error: &EnvelopeError) -> Status {
    let message = error.to_string();
    match error {
        EnvelopeError::Truncated { .. } | EnvelopeError::TruncatedHead => Status::internal(message),
        EnvelopeError::TooLarge { .. } => Status::resource_exhausted(message),
        EnvelopeError::Late(_) => Status::deadline_exceeded(message),
        EnvelopeError::Text(_) => Status::invalid_argument(message),
        EnvelopeError::Inbound(error) => error.status(),
    }
}
