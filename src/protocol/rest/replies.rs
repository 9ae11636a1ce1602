//! A streamed answer, message by message.
//!
//! ```text
//! array  = "[" [ json *( "," json ) ] "]"          lines = *( json LF )          events = *( "data: " json LF LF )
//! ```
//!
//! An error is the last element, `{"error": Status}`; as an event its name is `error` and its data the Status. What
//! follows it is the cut: a client that does not look must not take what came for everything.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use descant_handlers::Status;
use http::HeaderMap;

use super::{accept::Format, answer::Answer};
use crate::{
    protocol::outgoing::Outgoing,
    transport::{Frame, OutboundStream},
};

pub(super) struct Replies {
    pub(super) answer: Arc<Answer>,
    pub(super) outgoing: Outgoing,
    /// The first message, if it was waited for.
    pub(super) first: Option<Bytes>,
    /// Whether something went out already.
    pub(super) begun: bool,
    /// What is still to go out of an answer that has ended.
    pub(super) last: Option<VecDeque<Frame>>,
}

impl OutboundStream for Replies {
    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Frame>> {
        let replies = &mut *self;
        loop {
            if let Some(last) = &mut replies.last {
                return Poll::Ready(last.pop_front());
            }
            let answer = &replies.answer;
            let written = match replies.first.take() {
                Some(first) => Some(Ok(first)),
                None => ready!(replies.outgoing.poll_next(cx, |message| answer.element(message))),
            };
            match written {
                // A body that is bytes has nothing to show for an empty piece.
                Some(Ok(bytes)) if bytes.is_empty() => {}
                Some(Ok(bytes)) => {
                    let framed = framed(replies.answer.format(), !replies.begun, &bytes);
                    replies.begun = true;
                    return Poll::Ready(Some(Frame::Data(framed.unwrap_or(bytes).into())));
                }
                Some(Err(status)) => replies.fail(&status),
                None => replies.end(),
            }
        }
    }
}

impl Replies {
    fn end(&mut self) {
        let mut last = VecDeque::new();
        last.extend(closing(self.answer.format(), !self.begun).map(|end| Frame::Data(end.into())));
        let trailers = self.answer.stream_trailers(self.outgoing.take_trailers());
        if !trailers.is_empty() {
            last.push_back(Frame::Trailers(trailers));
        }
        self.last = Some(last);
    }

    fn fail(&mut self, status: &Status) {
        let error = failure(self.answer.format(), !self.begun, &self.answer.error(status));
        let mut last = VecDeque::new();
        last.extend(error.map(|error| Frame::Data(error.into())));
        last.push_back(Frame::Cut);
        self.last = Some(last);
    }
}

/// A whole answer of a stream that has one message.
pub(super) fn of_one(format: Option<Format>, json: Bytes) -> Bytes {
    let Some(mut whole) = framed(format, true, &json) else {
        return json;
    };
    if let Some(end) = closing(format, false) {
        whole = [whole, end].concat().into();
    }
    whole
}

/// A message as it stands in the answer; `None`: as it is.
fn framed(format: Option<Format>, first: bool, json: &[u8]) -> Option<Bytes> {
    Some(match format? {
        Format::Array => [if first { b"[" } else { b"," }, json].concat().into(),
        Format::Lines(_) => [json, b"\n"].concat().into(),
        Format::Events => [b"data: ", json, b"\n\n"].concat().into(),
    })
}

/// What stands behind the last message.
fn closing(format: Option<Format>, first: bool) -> Option<Bytes> {
    (format == Some(Format::Array)).then(|| Bytes::from_static(if first { b"[]" } else { b"]" }))
}

/// An error as the last thing in the answer; `None`: there is no place for it.
fn failure(format: Option<Format>, first: bool, error: &[u8]) -> Option<Bytes> {
    let format = format?;
    if format == Format::Events {
        return Some([b"event: error\ndata: ", error, b"\n\n"].concat().into());
    }
    let element = [b"{\"error\":", error, b"}"].concat();
    let framed = framed(Some(format), first, &element)?;
    Some(match closing(Some(format), false) {
        Some(end) => [framed, end].concat().into(),
        None => framed,
    })
}

/// Trailers that the client has said it reads.
pub(super) fn reads_trailers(headers: &HeaderMap) -> bool {
    let mut listed = headers
        .get_all(http::header::TE)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    listed.any(|coding| {
        let name = coding.split(|byte| *byte == b';').next().unwrap_or_default();
        name.trim_ascii().eq_ignore_ascii_case(b"trailers")
    })
}
