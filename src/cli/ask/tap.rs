//! A connection that remembers how the other side began.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// As many bytes as it takes to tell protocols apart.
const ENOUGH: usize = 8;

/// A connection whose first bytes are kept.
#[derive(Debug)]
pub(super) struct Tap<T> {
    stream: T,
    start: Start,
}

/// The first bytes that the other side sent.
#[derive(Clone, Debug, Default)]
pub(super) struct Start(Arc<Mutex<Vec<u8>>>);

/// What the other side speaks, going by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spoken {
    Nothing,
    Tls,
    Http1,
    Other,
}

impl<T> Tap<T> {
    /// A tap on `stream`, and what it will have recorded.
    pub(super) fn on(stream: T) -> (Self, Start) {
        let start = Start::default();
        let tap = Self {
            stream,
            start: start.clone(),
        };
        (tap, start)
    }
}

impl Start {
    /// What the other side speaks.
    pub(super) fn spoken(&self) -> Spoken {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match bytes.as_slice() {
            [] => Spoken::Nothing,
            // RFC 8446, section 5.1: an alert (21) or a handshake (22) record of version 3.x.
            [21 | 22, 3, ..] => Spoken::Tls,
            bytes if bytes.starts_with(b"HTTP/1") => Spoken::Http1,
            _ => Spoken::Other,
        }
    }

    fn record(&self, bytes: &[u8]) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = ENOUGH.saturating_sub(kept.len());
        kept.extend(bytes.iter().take(room));
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Tap<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        self.start.record(buffer.filled().get(before..).unwrap_or_default());
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Tap<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spoken(bytes: &[u8]) -> Spoken {
        let start = Start::default();
        start.record(bytes);
        start.spoken()
    }

    #[test]
    fn protocols_are_told_apart() {
        assert_eq!(spoken(b""), Spoken::Nothing);
        assert_eq!(spoken(&[21, 3, 1, 0, 2]), Spoken::Tls);
        assert_eq!(spoken(b"HTTP/1.1 400 Bad Request"), Spoken::Http1);
        assert_eq!(spoken(&[0, 0, 0, 4, 0, 0, 0, 0, 0]), Spoken::Other);
    }
}
