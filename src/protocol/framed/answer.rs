//! From what a handler answered to a response of envelopes.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, BufMut, BytesMut};
use descant_handlers::{Message, Metadata, Status};
use http::{HeaderMap, HeaderValue, Response, header};

use super::{
    super::{Encoding, form::Form, outgoing::Outgoing},
    dialect::{Dialect, End},
    envelope::{self, COMPRESSED},
};
use crate::transport::{Frame, Outbound, OutboundStream, Payload};

/// How messages, and the end of the call, go out.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(super) dialect: Dialect,
    pub(super) content_type: &'static str,
    /// How messages may be compressed.
    pub(super) encoding: Option<Encoding>,
    pub(super) form: Form,
}

impl Answer {
    pub(crate) fn refuse(&self, status: Status) -> Response<Outbound> {
        self.dialect.refuse(self.content_type, status)
    }

    pub(crate) fn whole(
        &self,
        metadata: Metadata,
        message: Message,
        trailers: Metadata,
    ) -> Result<Response<Outbound>, Status> {
        let payload = self.frame(message)?;
        let body = match self.dialect.end(Ok(trailers)) {
            End::Trailers(trailers) => Outbound::Whole { payload, trailers },
            End::Data(end) => Outbound::Whole {
                payload: join(payload, end),
                trailers: HeaderMap::new(),
            },
        };
        Ok(self.head(metadata, body))
    }

    pub(in super::super) fn stream(&self, metadata: Metadata, outgoing: Outgoing) -> Response<Outbound> {
        let replies = Replies {
            outgoing,
            answer: self.clone(),
            ended: false,
        };
        self.head(metadata, Outbound::Stream(Box::pin(replies)))
    }

    fn head(&self, metadata: Metadata, body: Outbound) -> Response<Outbound> {
        let mut headers = metadata.into_headers();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        if let Some(coding) = self.encoding {
            let name = self.dialect.names().encoding.clone();
            headers.insert(name, HeaderValue::from_static(coding.name()));
        }
        let mut response = Response::new(body);
        *response.headers_mut() = headers;
        response
    }

    /// A message in its envelope.
    fn frame(&self, message: Message) -> Result<Payload, Status> {
        let message = self.form.write(message)?;
        let (flag, message) = match self.encoding.and_then(|coding| coding.deflate(&message)) {
            Some(smaller) => (COMPRESSED, smaller),
            None => (0, message),
        };
        let head = envelope::head(flag, &message);
        let head = head.ok_or_else(|| Status::resource_exhausted("a reply of 4 GiB or more"))?;
        Ok(self.dialect.pack(Payload::framed(head, message)))
    }
}

fn join(first: Payload, second: Payload) -> Payload {
    let mut joined = BytesMut::with_capacity(first.remaining() + second.remaining());
    joined.put(first);
    joined.put(second);
    joined.freeze().into()
}

/// A streamed reply: its messages, each in an envelope, then its end.
struct Replies {
    outgoing: Outgoing,
    answer: Answer,
    ended: bool,
}

impl OutboundStream for Replies {
    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Frame>> {
        let replies = &mut *self;
        if replies.ended {
            return Poll::Ready(None);
        }
        let answer = &replies.answer;
        let framed = ready!(replies.outgoing.poll_next(cx, |message| answer.frame(message)));
        Poll::Ready(Some(match framed {
            Some(Ok(payload)) => Frame::Data(payload),
            Some(Err(status)) => replies.end(Err(status)),
            None => {
                let trailers = replies.outgoing.take_trailers();
                replies.end(Ok(trailers))
            }
        }))
    }
}

impl Replies {
    fn end(&mut self, outcome: Result<Metadata, Status>) -> Frame {
        self.ended = true;
        match self.answer.dialect.end(outcome) {
            End::Trailers(trailers) => Frame::Trailers(trailers),
            End::Data(payload) => Frame::Data(payload),
        }
    }
}
