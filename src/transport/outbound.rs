//! The body of a reply.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use http::HeaderMap;

use super::Payload;

/// The body of a reply, and with it the manner in which the reply is sent.
#[derive(Default)]
pub(crate) enum Outbound {
    #[default]
    /// Nothing: the headers end the stream.
    Empty,
    /// All of it at once: headers, data and trailers leave in one write.
    Whole {
        /// The data; may be empty.
        payload: Payload,
        /// Empty trailers are not sent: the data ends the stream.
        trailers: HeaderMap,
    },
    /// Frame by frame, as fast as the peer takes them.
    Stream(Pin<Box<dyn OutboundStream>>),
}

/// A reply's body, pulled frame by frame.
///
/// It is polled for the next piece once the peer has taken those before it, and dropped when the peer cancels.
pub(crate) trait OutboundStream: Send {
    /// The next frame. `None`, [`Frame::Trailers`] and [`Frame::Cut`] end the stream; it is not polled again.
    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Frame>>;
}

/// A piece of a reply's body.
#[derive(Debug)]
pub(crate) enum Frame {
    /// Bytes, as many as one likes: they are cut to the peer's window and frame size.
    Data(Payload),
    /// The end.
    Trailers(HeaderMap),
    /// The end of a reply that must not look whole: `RST_STREAM` with `INTERNAL_ERROR`, or a connection that is closed
    /// within the body.
    Cut,
}

impl fmt::Debug for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("Empty"),
            Self::Whole { payload, trailers } => f
                .debug_struct("Whole")
                .field("payload", payload)
                .field("trailers", trailers)
                .finish(),
            Self::Stream(_) => f.write_str("Stream"),
        }
    }
}
