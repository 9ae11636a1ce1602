//! The forwarder that one writes first, over h2: frames go from one side to the other as they come. The reference of what a
//! proxy costs.

use std::{
    future::poll_fn,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use h2::{RecvStream, SendStream, client::SendRequest, server::SendResponse};
use http::{Request, Response, Uri, uri::Authority};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

use crate::deferred::Deferred;

/// The windows of a stream and of a connection, on both sides.
const STREAM_WINDOW: u32 = 256 << 10;
const WINDOW: u32 = 4 << 20;

/// One connection to an upstream, for all that is forwarded.
#[derive(Clone)]
pub(crate) struct Forward {
    upstream: SendRequest<Bytes>,
    authority: Authority,
    deferred: bool,
}

impl Forward {
    /// `deferred`: with one write after each poll of a connection, on either side.
    pub(crate) async fn to(address: SocketAddr, deferred: bool) -> Self {
        let socket = TcpStream::connect(address).await.unwrap();
        socket.set_nodelay(true).unwrap();
        let mut builder = h2::client::Builder::new();
        builder
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(WINDOW)
            // The default ends the connection when a stream of many small messages comes.
            .data_frame_budget(usize::MAX);
        let upstream = if deferred {
            let socket = Deferred::new(socket);
            let (upstream, mut connection) = builder.handshake(socket.clone()).await.unwrap();
            tokio::spawn(poll_fn(move |cx| {
                let polled = Pin::new(&mut connection).poll(cx);
                let _ = socket.drain(cx);
                polled
            }));
            upstream
        } else {
            let (upstream, connection) = builder.handshake(socket).await.unwrap();
            tokio::spawn(connection);
            upstream
        };
        Self {
            upstream,
            authority: address.to_string().parse().unwrap(),
            deferred,
        }
    }

    /// Forwards what comes by a connection until it is closed.
    pub(crate) async fn serve<T>(self, socket: T)
    where
        T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let mut builder = h2::server::Builder::new();
        builder
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(WINDOW);
        if self.deferred {
            let socket = Deferred::new(socket);
            let mut connection = builder.handshake(socket.clone()).await.unwrap();
            poll_fn(|cx| {
                let closed = self.accept(&mut connection, cx);
                let _ = socket.drain(cx);
                closed
            })
            .await;
        } else {
            let mut connection = builder.handshake(socket).await.unwrap();
            poll_fn(|cx| self.accept(&mut connection, cx)).await;
        }
    }

    fn accept<T>(&self, connection: &mut h2::server::Connection<T, Bytes>, cx: &mut Context<'_>) -> Poll<()>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        loop {
            match connection.poll_accept(cx) {
                Poll::Ready(Some(Ok((request, respond)))) => {
                    tokio::spawn(self.clone().forward(request, respond));
                }
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    async fn forward(self, request: Request<RecvStream>, mut respond: SendResponse<Bytes>) -> Result<(), h2::Error> {
        let (mut head, body) = request.into_parts();
        let mut uri = head.uri.into_parts();
        uri.authority = Some(self.authority);
        head.uri = Uri::from_parts(uri).unwrap();
        let mut upstream = self.upstream.ready().await?;
        let (response, up) = upstream.send_request(Request::from_parts(head, ()), body.is_end_stream())?;
        tokio::spawn(pass(body, up));
        let (head, body) = response.await?.into_parts();
        let down = respond.send_response(Response::from_parts(head, ()), body.is_end_stream())?;
        pass(body, down).await
    }
}

/// Passes a body on, chunk by chunk, and what comes behind it.
async fn pass(mut from: RecvStream, mut to: SendStream<Bytes>) -> Result<(), h2::Error> {
    let mut ended = from.is_end_stream();
    while !ended {
        let Some(chunk) = from.data().await.transpose()? else {
            return match from.trailers().await? {
                Some(trailers) => to.send_trailers(trailers),
                None => to.send_data(Bytes::new(), true),
            };
        };
        let length = chunk.len();
        ended = from.is_end_stream();
        send(chunk, &mut to, ended).await?;
        from.flow_control().release_capacity(length)?;
    }
    Ok(())
}

/// Sends a chunk as there is window for it.
async fn send(mut chunk: Bytes, to: &mut SendStream<Bytes>, ends: bool) -> Result<(), h2::Error> {
    loop {
        to.reserve_capacity(chunk.len());
        let mut room = chunk.len();
        if room > 0 {
            match poll_fn(|cx| to.poll_capacity(cx)).await.transpose()? {
                Some(there) => room = room.min(there),
                None => return Ok(()),
            }
        }
        let part = chunk.split_to(room);
        to.send_data(part, ends && chunk.is_empty())?;
        if chunk.is_empty() {
            return Ok(());
        }
    }
}
