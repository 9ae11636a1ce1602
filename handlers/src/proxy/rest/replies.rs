//! The messages of a stream, as they arrive.

use std::{
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use descant_descriptors::{Codec, Elements, ElementsError};
use http::HeaderValue;

use super::{
    Reading, element,
    events::{Events, TooLarge},
    json,
    reply::{Arriving, piece},
};
use crate::{
    Message, MessageStream, Metadata, Status,
    proxy::{exchange::Terms, reply::too_large, request::Pump},
};

/// How messages stand in an answer.
#[derive(Debug)]
pub(super) enum Framing {
    /// An array, or one a line.
    Elements(Elements),
    Events(Events),
    /// Each piece of a body that is bytes.
    Pieces {
        /// Its type.
        kind: Option<HeaderValue>,
        /// What came, and is no message yet.
        left: Bytes,
    },
}

/// Messages, then trailers.
pub(super) struct Replies {
    arriving: Arriving,
    framing: Framing,
    reading: Reading,
    codec: Codec,
    limit: usize,
    /// What only has to live as long as the call.
    _pump: Option<Pump>,
    trailers: Metadata,
    has_ended: bool,
}

impl Replies {
    pub(super) fn new(
        arriving: Arriving,
        framing: Framing,
        reading: Reading,
        terms: &Terms,
        pump: Option<Pump>,
    ) -> Self {
        Self {
            limit: arriving.lease.message_bytes(),
            arriving,
            framing,
            reading,
            codec: Codec::new(json(terms.depth)),
            _pump: pump,
            trailers: Metadata::new(),
            has_ended: false,
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Message, Status>>> {
        loop {
            if let Some(message) = self.found().transpose() {
                return Poll::Ready(Some(message));
            }
            match ready!(self.arriving.poll(cx)) {
                Some(Ok(data)) => {
                    self.took(data);
                }
                Some(Err(status)) => return Poll::Ready(Some(Err(status))),
                None => {
                    let last = self.last().transpose();
                    return Poll::Ready(last.or_else(|| self.end().err().map(Err)));
                }
            }
        }
    }

    /// What is whole of what came.
    fn found(&mut self) -> Result<Option<Message>, Status> {
        match &mut self.framing {
            Framing::Elements(elements) => {
                let next = elements.next().map_err(|error| broken(&error))?;
                self.element(next.as_deref())
            }
            Framing::Events(events) => match events.next().map_err(|TooLarge(limit)| too_large(limit))? {
                Some(event) if event.is_error => {
                    let status = element::failure(&event.data, &self.reading, self.codec.options().depth);
                    Err(self.arriving.bounded(status))
                }
                Some(event) => self.element(Some(&event.data)),
                None => Ok(None),
            },
            Framing::Pieces { left, .. } if left.is_empty() => Ok(None),
            // Where the pieces of HTTP end means nothing: one that is too large is several.
            Framing::Pieces { kind, left } => {
                let most = self.limit.clamp(1, left.len());
                Ok(Some(piece(kind.clone(), left.split_to(most), &self.reading)))
            }
        }
    }

    /// Takes what came.
    fn took(&mut self, data: Bytes) {
        match &mut self.framing {
            Framing::Elements(elements) => elements.push(&data),
            Framing::Events(events) => events.push(&data),
            Framing::Pieces { left, .. } => *left = data,
        }
    }

    /// Reads what stands behind all messages.
    fn end(&mut self) -> Result<(), Status> {
        self.trailers = self.arriving.said()?;
        Ok(())
    }

    /// What is left at the end.
    fn last(&mut self) -> Result<Option<Message>, Status> {
        let last = match &mut self.framing {
            Framing::Elements(elements) => elements.end().map_err(|error| broken(&error))?,
            Framing::Events(events) if events.is_within() => {
                return Err(Status::internal(
                    "the upstream's reply is cut off: the body ends within an event",
                ));
            }
            Framing::Events(_) | Framing::Pieces { .. } => None,
        };
        self.element(last.as_deref())
    }

    fn element(&mut self, json: Option<&[u8]>) -> Result<Option<Message>, Status> {
        let (reading, codec) = (&self.reading, &mut self.codec);
        let element = json.map(|json| element::streamed(json, reading, codec)).transpose();
        element.map_err(|status| self.arriving.bounded(status))
    }
}

fn broken(error: &ElementsError) -> Status {
    match error {
        ElementsError::TooLarge(limit) => too_large(*limit),
        ElementsError::Value | ElementsError::Array => {
            Status::internal(format!("the upstream's reply is cut off: {error}"))
        }
        _ => Status::internal(format!("the upstream's reply is no list of messages: {error}")),
    }
}

impl MessageStream for Replies {
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Message, Status>>> {
        let this = self.get_mut();
        if this.has_ended {
            return Poll::Ready(None);
        }
        let next = ready!(this.poll(cx));
        match &next {
            Some(Ok(_)) => return Poll::Ready(next),
            Some(Err(status)) => this.arriving.went_wrong(status),
            None => this.arriving.lease.went_well(),
        }
        this.has_ended = true;
        Poll::Ready(next)
    }

    fn take_trailers(self: Pin<&mut Self>) -> Metadata {
        mem::take(&mut self.get_mut().trailers)
    }
}
