//! The least that a server over h2 must do: the reference of the ratios.

use std::{future::Future, task::Poll};

use bytes::{Bytes, BytesMut};
use h2::{RecvStream, server::SendResponse};
use http::Request;
use tokio::net::TcpStream;

use crate::{deferred::Deferred, subject::announce};

/// Answers each request in a task of its own. `deferred`: with one write after each poll of the connection.
pub(crate) async fn serve<F>(deferred: bool, answer: fn(Request<RecvStream>, SendResponse<Bytes>) -> F)
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

async fn connection<F>(socket: TcpStream, answer: fn(Request<RecvStream>, SendResponse<Bytes>) -> F)
where
    F: Future<Output = Result<(), h2::Error>> + Send + 'static,
{
    let mut connection = settings().handshake(socket).await.unwrap();
    while let Some(Ok((request, respond))) = connection.accept().await {
        tokio::spawn(answer(request, respond));
    }
}

async fn deferred_connection<F>(wire: Deferred<TcpStream>, answer: fn(Request<RecvStream>, SendResponse<Bytes>) -> F)
where
    F: Future<Output = Result<(), h2::Error>> + Send + 'static,
{
    let mut connection = settings().handshake(wire.clone()).await.unwrap();
    std::future::poll_fn(|cx| {
        loop {
            match connection.poll_accept(cx) {
                Poll::Ready(Some(Ok((request, respond)))) => {
                    tokio::spawn(answer(request, respond));
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
