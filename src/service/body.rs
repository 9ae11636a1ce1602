//! A reply as an application's own HTTP server sends it.

use std::{
    fmt, mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use http::HeaderMap;
use hyper::body::{Body, Frame, SizeHint};

use crate::transport::{self, Outbound, OutboundStream, Payload};

/// The body of a reply; an `http_body::Body`.
pub struct ServiceBody(State);

enum State {
    Ended,
    Whole(Payload, HeaderMap),
    /// The data is gone.
    Trailers(HeaderMap),
    Stream(Pin<Box<dyn OutboundStream>>),
}

/// The reply ended early, and must not look whole: its server is to reset the stream, or to close the connection.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the reply was cut off")]
pub struct CutOff(());

impl From<Outbound> for ServiceBody {
    fn from(body: Outbound) -> Self {
        Self(match body {
            Outbound::Empty => State::Ended,
            Outbound::Whole { payload, trailers } => State::Whole(payload, trailers),
            Outbound::Stream(body) => State::Stream(body),
        })
    }
}

impl Body for ServiceBody {
    type Data = Bytes;
    type Error = CutOff;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, CutOff>>> {
        if let State::Stream(body) = &mut self.0 {
            let next = ready!(body.as_mut().poll_frame(cx));
            if !matches!(next, Some(transport::Frame::Data(_))) {
                self.0 = State::Ended;
            }
            return Poll::Ready(next.map(|frame| match frame {
                transport::Frame::Data(data) => Ok(Frame::data(data.into_bytes())),
                transport::Frame::Trailers(trailers) => Ok(Frame::trailers(trailers)),
                transport::Frame::Cut => Err(CutOff(())),
            }));
        }
        match mem::replace(&mut self.0, State::Ended) {
            State::Whole(payload, trailers) => {
                if !trailers.is_empty() {
                    self.0 = State::Trailers(trailers);
                }
                Poll::Ready(Some(Ok(Frame::data(payload.into_bytes()))))
            }
            State::Trailers(trailers) => Poll::Ready(Some(Ok(Frame::trailers(trailers)))),
            State::Ended | State::Stream(_) => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            State::Ended => true,
            State::Whole(payload, trailers) => trailers.is_empty() && !payload.has_remaining(),
            State::Trailers(_) | State::Stream(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            State::Ended | State::Trailers(_) => SizeHint::with_exact(0),
            State::Whole(payload, _) => SizeHint::with_exact(payload.remaining() as u64),
            State::Stream(_) => SizeHint::default(),
        }
    }
}

impl fmt::Debug for ServiceBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceBody").finish_non_exhaustive()
    }
}
