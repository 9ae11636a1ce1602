//! The least that a server over h2 must do: the reference of the ratios.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes, BytesMut};
use h2::{RecvStream, server::SendResponse};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use crate::subject::announce;

/// Answers each request in a task of its own. `deferred`: with one write after each poll of the connection.
pub(crate) async fn serve<F>(deferred: bool, answer: fn(RecvStream, SendResponse<Bytes>) -> F)
where
    F: Future<Output = Result<(), h2::Error>> + Send + 'static,
{
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    announce(listener.local_addr().unwrap());
    loop {
        let (socket, _) = listener.accept().await.unwrap();
        socket.set_nodelay(true).unwrap();
        if deferred {
            tokio::spawn(deferred_connection(Deferred::new(socket), answer));
        } else {
            tokio::spawn(connection(socket, answer));
        }
    }
}

/// All of a body.
pub(crate) async fn body(mut body: RecvStream) -> Result<Bytes, h2::Error> {
    let mut whole = BytesMut::new();
    while let Some(chunk) = body.data().await.transpose()? {
        body.flow_control().release_capacity(chunk.len())?;
        whole.extend_from_slice(&chunk);
    }
    Ok(whole.freeze())
}

fn settings() -> h2::server::Builder {
    let mut builder = h2::server::Builder::new();
    builder
        .initial_window_size(256 << 10)
        .initial_connection_window_size(4 << 20);
    builder
}

async fn connection<F>(socket: TcpStream, answer: fn(RecvStream, SendResponse<Bytes>) -> F)
where
    F: Future<Output = Result<(), h2::Error>> + Send + 'static,
{
    let mut connection = settings().handshake(socket).await.unwrap();
    while let Some(Ok((request, respond))) = connection.accept().await {
        tokio::spawn(answer(request.into_body(), respond));
    }
}

async fn deferred_connection<F>(wire: Deferred, answer: fn(RecvStream, SendResponse<Bytes>) -> F)
where
    F: Future<Output = Result<(), h2::Error>> + Send + 'static,
{
    let mut connection = settings().handshake(wire.clone()).await.unwrap();
    std::future::poll_fn(|cx| {
        loop {
            match connection.poll_accept(cx) {
                Poll::Ready(Some(Ok((request, respond)))) => {
                    tokio::spawn(answer(request.into_body(), respond));
                }
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => break,
            }
        }
        // Pending or not, the socket wakes this task.
        let _ = wire.drain(cx);
        Poll::Pending
    })
    .await;
}

/// A socket whose flush does nothing: what was written leaves in `drain`.
#[derive(Clone)]
struct Deferred(Arc<Mutex<(TcpStream, BytesMut)>>);

impl Deferred {
    fn new(socket: TcpStream) -> Self {
        Self(Arc::new(Mutex::new((socket, BytesMut::new()))))
    }

    fn drain(&self, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        let (socket, waiting) = &mut *self.0.lock().unwrap();
        while !waiting.is_empty() {
            let written = ready!(Pin::new(&mut *socket).poll_write(cx, waiting))?;
            waiting.advance(written);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Deferred {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0.lock().unwrap().0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Deferred {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        if self.0.lock().unwrap().1.len() > 1 << 20 {
            ready!(self.drain(cx))?;
        }
        self.0.lock().unwrap().1.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        if self.0.lock().unwrap().1.len() > 1 << 20 {
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

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        ready!(self.drain(cx))?;
        Pin::new(&mut self.0.lock().unwrap().0).poll_shutdown(cx)
    }
}
