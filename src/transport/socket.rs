//! A connection's bytes, the first of which may be looked at before they are read.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use super::greeting::Spoken;

/// As many bytes as are looked at.
const FIRST: usize = 1 << 10;

/// A connection; what was looked at is read again.
#[derive(Debug)]
pub(super) struct Socket<T> {
    io: T,
    first: Vec<u8>,
    /// How many of `first` have been read again.
    replayed: usize,
}

impl<T> Socket<T> {
    pub(super) fn new(io: T) -> Self {
        Self {
            io,
            first: Vec::new(),
            replayed: 0,
        }
    }

    fn replay(&mut self, buf: &mut ReadBuf<'_>) -> bool {
        let left = self.first.get(self.replayed..).unwrap_or_default();
        let count = left.len().min(buf.remaining());
        buf.put_slice(left.get(..count).unwrap_or_default());
        self.replayed += count;
        let replayed = count > 0;
        if replayed && self.replayed == self.first.len() {
            self.first = Vec::new();
            self.replayed = 0;
        }
        replayed
    }
}

impl<T: AsyncRead + Unpin> Socket<T> {
    /// Waits until it is clear what the peer speaks; `None`: it left before that.
    pub(super) async fn greeting(&mut self) -> io::Result<Option<Spoken>> {
        self.first.reserve(FIRST);
        loop {
            if let Some(spoken) = Spoken::of(&self.first) {
                return Ok(Some(spoken));
            }
            if self.io.read_buf(&mut self.first).await? == 0 {
                return Ok(None);
            }
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Socket<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.replay(buf) {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Socket<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
