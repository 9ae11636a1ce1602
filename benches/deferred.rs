//! A socket whose flush does nothing, so that what was written leaves together.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, ready},
};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Past this many bytes a write waits for the socket.
const FULL: usize = 1 << 20;

/// A socket whose flush does nothing: what was written leaves in `drain`.
pub(crate) struct Deferred<T>(Arc<Mutex<(T, BytesMut)>>);

impl<T> Clone for Deferred<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: AsyncWrite + Unpin> Deferred<T> {
    pub(crate) fn new(socket: T) -> Self {
        Self(Arc::new(Mutex::new((socket, BytesMut::new()))))
    }

    pub(crate) fn drain(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let (socket, waiting) = &mut *self.0.lock().unwrap();
        while !waiting.is_empty() {
            let written = ready!(Pin::new(&mut *socket).poll_write(cx, waiting))?;
            waiting.advance(written);
        }
        Poll::Ready(Ok(()))
    }

    fn is_full(&self) -> bool {
        self.0.lock().unwrap().1.len() > FULL
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Deferred<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0.lock().unwrap().0).poll_read(cx, buf)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Deferred<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.is_full() {
            ready!(self.drain(cx))?;
        }
        let waiting = &mut self.0.lock().unwrap().1;
        for slice in slices {
            waiting.extend_from_slice(slice);
        }
        Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.drain(cx))?;
        Pin::new(&mut self.0.lock().unwrap().0).poll_shutdown(cx)
    }
}
