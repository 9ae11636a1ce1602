//! The body of a reply, over either version of HTTP.

use std::{
    error::Error as _,
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use h2::RecvStream;
use http::HeaderMap;
use hyper::body::{Body as _, Incoming};

use super::{header_list, misfit};

/// Bytes as they come, then perhaps trailers.
#[derive(Debug)]
pub(super) enum Stream {
    /// And how large trailers may be, here and there.
    Http2(RecvStream, usize),
    Http1(Incoming, usize),
}

/// Why a connection, or a call on it, is broken.
#[derive(Debug)]
pub(super) enum Broken {
    Http2(h2::Error),
    Http1(hyper::Error),
    /// Its head, or its trailers, are larger than so many bytes.
    TooLarge(usize),
}

impl Broken {
    /// Whether the other side has said that it takes no more on this connection.
    pub(super) fn is_go_away(&self) -> bool {
        matches!(self, Self::Http2(error) if error.is_remote() && error.is_go_away())
    }
}

impl Stream {
    pub(super) fn is_end_stream(&self) -> bool {
        match self {
            Self::Http2(stream, _) => stream.is_end_stream(),
            Self::Http1(body, _) => body.is_end_stream(),
        }
    }

    /// The next bytes. Taking them lets the upstream send as many more.
    pub(super) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Broken>>> {
        match self {
            Self::Http2(stream, _) => Poll::Ready(match ready!(stream.poll_data(cx)) {
                Some(Ok(data)) => {
                    // Nothing to release is left of a call that was reset meanwhile.
                    let _ = stream.flow_control().release_capacity(data.len());
                    Some(Ok(data))
                }
                Some(Err(error)) => Some(Err(Broken::Http2(error))),
                None => None,
            }),
            Self::Http1(body, _) => loop {
                match ready!(Pin::new(&mut *body).poll_frame(cx)) {
                    None => return Poll::Ready(None),
                    Some(Err(error)) => return Poll::Ready(Some(Err(Broken::Http1(error)))),
                    // Trailers mean nothing to the protocols that are spoken over HTTP/1.1.
                    Some(Ok(frame)) => {
                        if let Ok(data) = frame.into_data() {
                            return Poll::Ready(Some(Ok(data)));
                        }
                    }
                }
            },
        }
    }

    /// The next bytes. Trailers behind them are put into `trailers`, over either version of HTTP.
    pub(super) fn poll_all(
        &mut self,
        trailers: &mut HeaderMap,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Broken>>> {
        if let Self::Http1(body, most) = self {
            loop {
                match ready!(Pin::new(&mut *body).poll_frame(cx)) {
                    None => return Poll::Ready(None),
                    Some(Err(error)) => return Poll::Ready(Some(Err(Broken::Http1(error)))),
                    Some(Ok(frame)) => match frame.into_data() {
                        Ok(data) => return Poll::Ready(Some(Ok(data))),
                        Err(frame) => {
                            let came = frame.into_trailers().unwrap_or_default();
                            if header_list::is_too_large(&came, *most) {
                                return Poll::Ready(Some(Err(Broken::TooLarge(*most))));
                            }
                            *trailers = came;
                        }
                    },
                }
            }
        }
        if let Some(data) = ready!(self.poll_data(cx)) {
            return Poll::Ready(Some(data));
        }
        match ready!(self.poll_trailers(cx)) {
            Ok(Some(found)) => *trailers = found,
            // There are none, or they came before.
            Ok(None) => {}
            Err(broken) => return Poll::Ready(Some(Err(broken))),
        }
        Poll::Ready(None)
    }

    /// The trailers, behind all data.
    pub(super) fn poll_trailers(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<HeaderMap>, Broken>> {
        match self {
            Self::Http2(stream, most) => {
                Poll::Ready(match ready!(stream.poll_trailers(cx)).map_err(Broken::Http2)? {
                    Some(trailers) if header_list::is_too_large(&trailers, *most) => Err(Broken::TooLarge(*most)),
                    trailers => Ok(trailers),
                })
            }
            Self::Http1(..) => Poll::Ready(Ok(None)),
        }
    }
}

/// hyper keeps the reason apart.
impl Broken {
    /// Whether the connection was cut off over TLS.
    pub(super) fn is_cut_tls(&self) -> bool {
        matches!(self, Self::Http1(error) if error.source().is_some_and(misfit::is_cut_tls))
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge(most) => write!(f, "its head or its trailers are larger than {} KiB", most >> 10),
            Self::Http2(error) => error.fmt(f),
            Self::Http1(error) => match error.source() {
                Some(reason) if misfit::is_cut_tls(reason) => write!(f, "{error}: TLS was not ended"),
                Some(reason) => write!(f, "{error}: {reason}"),
                None => error.fmt(f),
            },
        }
    }
}
