//! A reply as HTTP/1.1 has it.

use std::{
    fmt,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use bytes::Buf;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, header, request::Parts};
use hyper::body::{Body, Frame, SizeHint};

use super::super::{
    Connection, Outbound, Payload, Share,
    pump::{Batch, End, Pump},
};

/// What a connection says of itself, not what a reply says. RFC 9110, section 7.6.1.
static OWN: [HeaderName; 5] = [
    header::CONNECTION,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// What of a request its reply depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    head_only: bool,
    /// RFC 9110, section 10.1.4.
    trailers: bool,
}

/// Says for as long as it is there that a request is being answered.
#[derive(Debug)]
pub(super) struct Busy(Arc<AtomicBool>);

/// The body of a reply.
pub(super) struct Reply {
    body: Remaining,
    _busy: Busy,
    /// What a reply that is whole takes until it is sent.
    _share: Option<Share>,
}

enum Remaining {
    Nothing,
    Whole(Payload, Option<HeaderMap>),
    Stream(Pump),
    Ending(End),
    /// What came before the cut is on its way.
    Cut,
}

/// The body must not look whole.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the reply was cut off")]
pub(super) struct Cut;

impl Asked {
    pub(super) fn by(request: &Parts) -> Self {
        let mut te = request.headers.get_all(header::TE).iter();
        Self {
            head_only: request.method == Method::HEAD,
            trailers: te.any(|te| te.as_bytes().to_ascii_lowercase().starts_with(b"trailers")),
        }
    }
}

impl Busy {
    pub(super) fn mark(flag: &Arc<AtomicBool>) -> Self {
        flag.store(true, Ordering::Relaxed);
        Self(flag.clone())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

impl Reply {
    /// The reply as hyper sends it.
    pub(super) fn to(
        asked: Asked,
        response: Response<Outbound>,
        busy: Busy,
        connection: &Connection,
    ) -> Response<Self> {
        let (mut head, body) = response.into_parts();
        let share = match &body {
            Outbound::Whole { payload, .. } => Some(Share::of(connection.account(), payload.remaining())),
            Outbound::Empty | Outbound::Stream(_) => None,
        };
        for own in &OWN {
            head.headers.remove(own);
        }
        // hyper counts what there is to send. To HEAD that is not what there would be.
        if !asked.head_only {
            head.headers.remove(header::CONTENT_LENGTH);
        }
        let body = match body {
            Outbound::Empty => Remaining::Nothing,
            Outbound::Whole { payload, .. } if asked.head_only => {
                let length = HeaderValue::from(payload.remaining());
                head.headers.insert(header::CONTENT_LENGTH, length);
                Remaining::Nothing
            }
            Outbound::Stream(_) if asked.head_only => Remaining::Nothing,
            Outbound::Whole { payload, trailers } if asked.trailers && !trailers.is_empty() => {
                announce(&mut head.headers, &trailers);
                Remaining::Whole(payload, Some(trailers))
            }
            Outbound::Whole { payload, .. } => Remaining::Whole(payload, None),
            Outbound::Stream(body) => Remaining::Stream(Pump::new(body)),
        };
        Response::from_parts(
            head,
            Self {
                body,
                _busy: busy,
                _share: share,
            },
        )
    }

    /// Whether all of it is there.
    pub(super) fn is_whole(&self) -> bool {
        matches!(self.body, Remaining::Nothing | Remaining::Whole(..))
    }

    fn poll_stream(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Payload>, Cut>>> {
        if let Remaining::Stream(pump) = &mut self.body {
            let Batch { data, end } = ready!(pump.poll_batch(cx));
            if let Some(end) = end {
                self.body = Remaining::Ending(end);
            }
            if let Some(data) = data {
                return Poll::Ready(Some(Ok(Frame::data(data))));
            }
        }
        match std::mem::replace(&mut self.body, Remaining::Nothing) {
            Remaining::Ending(End::Trailers(trailers)) => Poll::Ready(Some(Ok(Frame::trailers(trailers)))),
            // What came before leaves once there is nothing more to write for now; an error would destroy it.
            Remaining::Ending(End::Cut) => {
                self.body = Remaining::Cut;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Remaining::Cut => Poll::Ready(Some(Err(Cut))),
            _ => Poll::Ready(None),
        }
    }
}

/// hyper sends those trailers that the head names. RFC 9110, section 6.6.2.
fn announce(headers: &mut HeaderMap, trailers: &HeaderMap) {
    let names: Vec<_> = trailers.keys().map(HeaderName::as_str).collect();
    if let Ok(names) = HeaderValue::try_from(names.join(", ")) {
        headers.insert(header::TRAILER, names);
    }
}

impl Body for Reply {
    type Data = Payload;
    type Error = Cut;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Payload>, Cut>>> {
        match &mut self.body {
            Remaining::Whole(payload, trailers) => {
                let payload = std::mem::take(payload);
                self.body = match trailers.take() {
                    Some(trailers) => Remaining::Ending(End::Trailers(trailers)),
                    None => Remaining::Nothing,
                };
                Poll::Ready(Some(Ok(Frame::data(payload))))
            }
            _ => self.poll_stream(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.body {
            Remaining::Nothing => true,
            Remaining::Whole(payload, trailers) => trailers.is_none() && !payload.has_remaining(),
            _ => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.body {
            Remaining::Nothing => SizeHint::with_exact(0),
            Remaining::Whole(payload, None) => SizeHint::with_exact(payload.remaining() as u64),
            _ => SizeHint::default(),
        }
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").finish_non_exhaustive()
    }
}
