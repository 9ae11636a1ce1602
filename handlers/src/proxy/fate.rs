//! What becomes of an attempt that brings no reply, as far as it decides about another one.

use std::time::Duration;

use h2::Reason;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::{pool::Refusal, stream::Broken};
use crate::Status;

/// How long the upstream wants the next attempt to wait. gRFC A6, "Pushback".
pub(super) const PUSHBACK: HeaderName = HeaderName::from_static("grpc-retry-pushback-ms");

/// What became of an attempt that brought no reply.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) status: Status,
    pub(super) fate: Fate,
    pub(super) pushback: Option<Pushback>,
}

/// How far an attempt came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is the call's own fault: another one would end alike.
    Ours,
    /// It was not made, for there are as many calls as there may be.
    Full,
    /// There was no connection.
    Unreachable,
    /// There was one, and nothing of the request left on it.
    Unsent,
    /// The upstream says that nobody there has looked at it.
    Refused,
    /// The upstream closed a connection of HTTP/1.1 that it had kept, instead of an answer: mostly it was about to, and has not read the
    /// request, but that is not known.
    Closed,
    /// The upstream may have acted on it, and has not said how that went.
    Lost,
    /// The upstream said so, and nothing else.
    Answered,
    /// The head of a reply came that is no failure by itself: the call is committed. gRFC A6, "When Retries are Valid".
    Begun,
}

/// What the upstream says of another attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pushback {
    Never,
    After(Duration),
}

impl Failed {
    /// The call itself cannot go on.
    pub(super) fn ours(status: Status) -> Self {
        Self::of(status, Fate::Ours)
    }

    pub(super) fn of(status: Status, fate: Fate) -> Self {
        Self {
            status,
            fate,
            pushback: None,
        }
    }

    /// Whether it counts for the throttling of retries; `is_listed`: a policy names its code. gRFC A6, "Throttling Retry Attempts and Hedged
    /// RPCs".
    pub(super) fn takes_a_token(&self, is_listed: bool) -> bool {
        self.fate != Fate::Ours && (is_listed || self.pushback == Some(Pushback::Never))
    }
}

impl From<Refusal> for Failed {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Full(status) => Failed::of(status, Fate::Full),
            Refusal::Unreachable(status) => Failed::of(status, Fate::Unreachable),
            Refusal::Late(status) => Failed::ours(status),
        }
    }
}

/// What a header says of another attempt.
pub(super) fn pushback(headers: &HeaderMap) -> Option<Pushback> {
    headers.get(&PUSHBACK).map(Pushback::said)
}

impl Pushback {
    /// What cannot be read forbids it, as in gRPC's own clients.
    pub(super) fn said(said: &HeaderValue) -> Self {
        // "A signed 32-bit integer": gRFC A6, "Pushback".
        let time = said.to_str().ok().and_then(|said| said.parse::<i32>().ok());
        let time = time.and_then(|time| u32::try_from(time).ok());
        time.map_or(Self::Never, |ms| Self::After(Duration::from_millis(ms.into())))
    }
}

/// What of an attempt reached the upstream, as HTTP/2 tells it.
///
/// h2 ends a call with a GOAWAY of the other side only if that names a stream below it, or came before it was opened: those that the
/// upstream may have seen go on, and end with the connection, as an error of I/O.
pub(super) fn fate(broken: &Broken) -> Fate {
    match broken {
        closing if closing.is_go_away() => Fate::Refused,
        Broken::Http2(error) if error.is_remote() && error.reason() == Some(Reason::REFUSED_STREAM) => Fate::Refused,
        _ => Fate::Lost,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pushback_is_a_number_of_milliseconds_or_a_no() {
        assert_eq!(pushback(&HeaderMap::new()), None);
        for (said, expected) in [
            ("0", Pushback::After(Duration::ZERO)),
            ("1500", Pushback::After(Duration::from_millis(1500))),
            ("-1", Pushback::Never),
            ("soon", Pushback::Never),
            // More than 32 bits with a sign have.
            ("3000000000", Pushback::Never),
            ("99999999999", Pushback::Never),
        ] {
            let headers = [(PUSHBACK, said.parse().unwrap())];
            assert_eq!(pushback(&headers.into_iter().collect()), Some(expected), "{said}");
        }
    }
}
