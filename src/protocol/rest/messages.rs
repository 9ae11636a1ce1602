//! The messages of a call that takes many: a JSON array or lines, read as they arrive, or the pieces of a body that is
//! bytes.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use descant_descriptors::{Elements, ElementsError};
use descant_handlers::{Message, MessageStream, Status};
use tokio::time::{Sleep, sleep};

use super::{
    answer::Answer,
    body::{late, whole},
};
use crate::{protocol::Encoding, transport::Inbound};

/// How a body holds messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// An array, or lines: that shows.
    Json,
    /// One line a message.
    Lines,
    /// Each piece is a message, as it comes (`google.api.HttpBody`); one at least.
    Pieces,
    /// There is no body: path and query are the one message.
    None,
}

/// Messages as they come.
pub(super) struct RequestMessages {
    answer: Arc<Answer>,
    source: Source,
    framing: Framing,
    elements: Elements,
    /// How many messages there were.
    count: usize,
    /// How long a message may take from its first byte to its last.
    time: Duration,
    due: Option<Pin<Box<Sleep>>>,
    ended: bool,
}

/// Where bytes come from.
enum Source {
    Inbound(Inbound),
    /// A body that has to be there as a whole before anything can be read of it.
    Whole(Pin<Box<dyn Future<Output = Result<Bytes, Status>> + Send>>),
    Nothing,
}

impl RequestMessages {
    pub(super) fn new(
        answer: Arc<Answer>,
        mut inbound: Inbound,
        encoding: Option<Encoding>,
        framing: Framing,
        time: Duration,
    ) -> Self {
        let limit = answer.asked.limit;
        let gathering = answer.clone();
        let source = match (encoding, framing) {
            (None, Framing::Json | Framing::Lines | Framing::Pieces) => Source::Inbound(inbound),
            _ => Source::Whole(Box::pin(async move {
                let body = whole(&mut inbound, &gathering.asked, time).await?;
                gathering.asked.inflate(body, encoding)
            })),
        };
        Self {
            answer,
            source,
            framing,
            elements: Elements::new(framing == Framing::Lines, limit),
            count: 0,
            time,
            due: None,
            ended: false,
        }
    }

    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Status>>> {
        let data = match &mut self.source {
            Source::Inbound(inbound) => {
                let data = ready!(inbound.poll_data(cx));
                return Poll::Ready(data.map(|data| data.map_err(|error| error.status())));
            }
            Source::Whole(body) => ready!(body.as_mut().poll(cx)),
            Source::Nothing => return Poll::Ready(None),
        };
        self.source = Source::Nothing;
        Poll::Ready(Some(data))
    }

    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Message, Status>>> {
        loop {
            let next = match self.framing {
                Framing::Json | Framing::Lines => self.elements.next(),
                Framing::Pieces | Framing::None => Ok(None),
            };
            if let Some(element) = next.transpose() {
                self.due = None;
                return Poll::Ready(Some(self.element(element)));
            }
            match self.poll_data(cx) {
                Poll::Ready(Some(Ok(data))) => {
                    if let Some(message) = self.data(&data) {
                        return Poll::Ready(Some(message));
                    }
                }
                Poll::Ready(Some(Err(status))) => return Poll::Ready(Some(Err(status))),
                Poll::Ready(None) => return Poll::Ready(self.last()),
                Poll::Pending => {
                    ready!(self.poll_late(cx));
                    return Poll::Ready(Some(Err(late(self.time))));
                }
            }
        }
    }

    /// Takes what came; of a body that is bytes it is a message.
    fn data(&mut self, data: &Bytes) -> Option<Result<Message, Status>> {
        match self.framing {
            Framing::Json | Framing::Lines => {
                self.elements.push(data);
                None
            }
            // Several pieces of it are several messages, each within the limit.
            Framing::Pieces if data.is_empty() => None,
            Framing::Pieces | Framing::None => {
                self.count += 1;
                Some(self.answer.asked.bind(data))
            }
        }
    }

    /// The body has ended.
    fn last(&mut self) -> Option<Result<Message, Status>> {
        self.ended = true;
        match self.framing {
            Framing::Json | Framing::Lines => {
                let last = self.elements.end().transpose();
                last.map(|element| self.element(element))
            }
            Framing::Pieces | Framing::None => (self.count == 0).then(|| self.answer.asked.bind(&[])),
        }
    }

    fn element(&mut self, element: Result<Bytes, ElementsError>) -> Result<Message, Status> {
        self.count += 1;
        let bound = match element {
            Ok(element) => self.answer.asked.bind(&element),
            Err(ElementsError::TooLarge(_)) => Err(self.answer.asked.too_large()),
            Err(error) => Err(Status::invalid_argument(error.to_string())),
        };
        bound.map_err(|status| Status::new(status.code(), format!("message {}: {}", self.count, status.message())))
    }

    /// Ready once a message that has begun has had its time.
    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.elements.is_within() {
            return Poll::Pending;
        }
        let time = self.time;
        let due = self.due.get_or_insert_with(|| Box::pin(sleep(time)));
        due.as_mut().poll(cx)
    }
}

impl MessageStream for RequestMessages {
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Message, Status>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        if let Self {
            source: Source::Inbound(inbound),
            elements,
            ..
        } = &mut *self
        {
            // The message before it is somebody else's by now.
            inbound.keep(elements.held());
        }
        let next = ready!(self.poll_message(cx));
        self.ended |= !matches!(next, Some(Ok(_)));
        Poll::Ready(next)
    }
}
