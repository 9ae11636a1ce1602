//! From what a handler answered to a response of envelopes.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use descant_handlers::{
    Coding, Encodings, Message, Metadata, Pieces, Status,
    envelope::{self, Batch, COMPRESSED, PLAIN},
};
use http::{HeaderMap, HeaderValue, Response, header};

use super::{
    super::{Encoding, detect::media_type, form::Form, outgoing::Outgoing},
    dialect::{Dialect, End},
};
use crate::transport::{Frame, Outbound, OutboundStream, Payload};

/// How messages, and the end of the call, go out.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(super) dialect: Dialect,
    pub(super) content_type: &'static str,
    /// How messages may be compressed.
    pub(super) encoding: Option<Encoding>,
    /// The codings that another server may have left on them.
    pub(super) accepted: Encodings,
    /// Whether the client is told which codings are taken.
    pub(super) tells: bool,
    pub(super) form: Form,
}

impl Answer {
    pub(crate) fn refuse(&self, status: Status) -> Response<Outbound> {
        let mut response = self.dialect.refuse(self.content_type, status);
        self.tell_codings(response.headers_mut());
        response
    }

    pub(crate) fn whole(
        &self,
        metadata: Metadata,
        (message, coding): (Message, Coding),
        trailers: Metadata,
    ) -> Result<Response<Outbound>, Status> {
        let framing = self.framing(coding);
        let payload = self.frame(message, framing)?;
        let body = match self.dialect.end(Ok(trailers)) {
            End::Trailers(trailers) => Outbound::Whole { payload, trailers },
            End::Data(end) => Outbound::Whole {
                payload: join(payload, end),
                trailers: HeaderMap::new(),
            },
        };
        Ok(self.head(metadata, framing, body))
    }

    pub(in super::super) fn stream(
        &self,
        metadata: Metadata,
        outgoing: Outgoing,
        coding: Coding,
    ) -> Response<Outbound> {
        let framing = self.framing(coding);
        let replies = Replies {
            outgoing,
            answer: self.clone(),
            framing,
            ended: false,
        };
        self.head(metadata, framing, Outbound::Stream(Box::pin(replies)))
    }

    /// How messages of this coding go out.
    fn framing(&self, coding: Coding) -> Framing {
        let accepts = |encoding: Option<Encoding>| encoding.is_none_or(|encoding| self.accepted.has(encoding));
        match coding {
            Coding::AsCame(encoding) if self.form.is_wire() && accepts(encoding) => Framing {
                encoding,
                as_came: true,
            },
            _ => Framing {
                encoding: self.encoding,
                as_came: false,
            },
        }
    }

    fn head(&self, metadata: Metadata, framing: Framing, body: Outbound) -> Response<Outbound> {
        let mut headers = self.dialect.head(metadata);
        headers.insert(header::CONTENT_TYPE, media_type(self.content_type));
        if let Some(coding) = framing.encoding {
            let name = self.dialect.names().encoding.clone();
            headers.insert(name, HeaderValue::from_static(coding.name()));
        }
        self.tell_codings(&mut headers);
        let mut response = Response::new(body);
        *response.headers_mut() = headers;
        response
    }

    fn tell_codings(&self, headers: &mut HeaderMap) {
        if self.tells {
            headers.insert(self.dialect.names().accept.clone(), Encodings::all_header());
        }
    }

    /// A message in its envelope.
    fn frame(&self, message: Message, framing: Framing) -> Result<Payload, Status> {
        let (flag, message) = match self.compressed(message, framing) {
            Ok(bytes) => (COMPRESSED, bytes.into()),
            Err(message) => {
                let plain = self.form.write(message)?;
                match framing.encoding.filter(|_| !framing.as_came) {
                    Some(encoding) => deflated(plain.into_bytes(), encoding),
                    None => (PLAIN, plain),
                }
            }
        };
        let head = envelope::head(flag, message.len());
        let head = head.ok_or_else(|| Status::resource_exhausted("a reply of 4 GiB or more"))?;
        Ok(self.dialect.pack(Payload::framed(head, message)))
    }

    /// The bytes of a message that is compressed as it has to be.
    fn compressed(&self, message: Message, framing: Framing) -> Result<Bytes, Message> {
        match framing.encoding {
            Some(encoding) if self.form.is_wire() => message.into_compressed(encoding),
            _ => Err(message),
        }
    }

    fn frame_batch(&self, batch: Batch, framing: Framing) -> Result<Payload, Status> {
        match batch {
            Batch::One(message) => self.frame(message, framing),
            Batch::Run(run) => Ok(self.dialect.pack(Payload::from(run.into_pieces()))),
        }
    }
}

/// Compressed, if that makes it smaller.
fn deflated(plain: Bytes, encoding: Encoding) -> (u8, Pieces) {
    match encoding.deflate(&plain) {
        Some(smaller) => (COMPRESSED, smaller.into()),
        None => (PLAIN, plain.into()),
    }
}

/// How messages go out.
#[derive(Clone, Copy, Debug)]
struct Framing {
    encoding: Option<Encoding>,
    /// What has come plain stays so, and what came in a row goes on so.
    as_came: bool,
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
    framing: Framing,
    ended: bool,
}

impl OutboundStream for Replies {
    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Frame>> {
        let replies = &mut *self;
        if replies.ended {
            return Poll::Ready(None);
        }
        let (answer, framing) = (&replies.answer, replies.framing);
        let framed = if framing.as_came {
            ready!(
                replies
                    .outgoing
                    .poll_batch(cx, |batch| answer.frame_batch(batch, framing))
            )
        } else {
            ready!(replies.outgoing.poll_next(cx, |message| answer.frame(message, framing)))
        };
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
