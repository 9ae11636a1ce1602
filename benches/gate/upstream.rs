//! An upstream that costs next to nothing itself: whatever it is asked, it answers the same.

use std::{
    io::ErrorKind,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::BufMut;
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::Runtime,
};

use crate::client::{ends, frame, frames};

/// Bytes of the message of a reply, as of the request.
const MESSAGE: usize = 1000;

/// A server for one connection, which is polled beside the client, so that neither is counted. It takes no memory while it runs.
pub(crate) struct Upstream {
    listener: TcpListener,
    socket: Option<TcpStream>,
    /// A reply of stream 0, and where in it the numbers of streams stand.
    reply: Vec<u8>,
    numbers: [usize; 3],
    buffer: Vec<u8>,
    filled: usize,
    out: Vec<u8>,
    written: usize,
}

impl Upstream {
    pub(crate) fn listen(runtime: &Runtime) -> Self {
        let mut reply = Vec::new();
        let mut numbers = [0; 3];
        let mut message = vec![0];
        message.put_u32(u32::try_from(MESSAGE).unwrap());
        message.resize(5 + MESSAGE, 0);
        // `:status: 200` is 8 of the static table; literals without indexing.
        let mut head = vec![0x88];
        field(&mut head, "content-type", "application/grpc");
        let mut trailers = Vec::new();
        field(&mut trailers, "grpc-status", "0");
        let parts = [(1, 4, head), (0, 0, message), (1, 5, trailers)];
        for (number, (kind, flags, payload)) in numbers.iter_mut().zip(parts) {
            *number = reply.len() + 5;
            frame(&mut reply, kind, flags, &payload);
        }
        Self {
            listener: runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap(),
            socket: None,
            reply,
            numbers,
            buffer: vec![0; 1 << 20],
            filled: 0,
            out: Vec::with_capacity(1 << 20),
            written: 0,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    /// Answers what came.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) {
        if self.socket.is_none() {
            let Poll::Ready(accepted) = self.listener.poll_accept(cx) else {
                return;
            };
            let (socket, _) = accepted.unwrap();
            socket.set_nodelay(true).unwrap();
            self.socket = Some(socket);
            // SETTINGS: 100 streams, each with 1 GiB; the same for the connection.
            frame(&mut self.out, 4, 0, &[0, 3, 0, 0, 0, 100, 0, 4, 0x40, 0, 0, 0]);
            frame(&mut self.out, 8, 0, &(1_u32 << 30).to_be_bytes());
        }
        while self.poll_write(cx).is_ready() && self.poll_read(cx).is_ready() {}
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(socket) = &self.socket else {
            return Poll::Pending;
        };
        loop {
            match socket.try_read(&mut self.buffer[self.filled..]) {
                Ok(more) => {
                    assert!(more > 0, "the proxy closed its connection");
                    self.filled += more;
                    break;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if socket.poll_read_ready(cx).is_pending() {
                        return Poll::Pending;
                    }
                }
                Err(error) => panic!("{error}"),
            }
        }
        self.answer();
        Poll::Ready(())
    }

    /// Answers the requests that are whole.
    fn answer(&mut self) {
        const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
        let bytes = &self.buffer[..self.filled];
        let skipped = if bytes.starts_with(PREFACE) { PREFACE.len() } else { 0 };
        let out = &mut self.out;
        let used = frames(&bytes[skipped..], |head, _| {
            assert!(!matches!(head[3], 3 | 7), "the proxy refused");
            if head[3] == 4 && head[4] == 0 {
                frame(out, 4, 1, &[]);
            }
            if ends(head) {
                let begin = out.len();
                out.extend_from_slice(&self.reply);
                for number in self.numbers {
                    out[begin + number..begin + number + 4].copy_from_slice(&head[5..]);
                }
            }
        });
        self.buffer.copy_within(skipped + used..self.filled, 0);
        self.filled -= skipped + used;
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(socket) = &self.socket else {
            return Poll::Pending;
        };
        while self.written < self.out.len() {
            match socket.try_write(&self.out[self.written..]) {
                Ok(more) => self.written += more,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if socket.poll_write_ready(cx).is_pending() {
                        return Poll::Pending;
                    }
                }
                Err(error) => panic!("{error}"),
            }
        }
        self.out.clear();
        self.written = 0;
        Poll::Ready(())
    }
}

/// Polls an upstream for as long as a future runs.
pub(crate) async fn beside<F: Future>(upstream: &mut Option<Upstream>, running: F) -> F::Output {
    let mut running = std::pin::pin!(running);
    std::future::poll_fn(|cx| poll_beside(upstream, running.as_mut(), cx)).await
}

/// Polls an upstream, if there is one, and a future.
pub(crate) fn poll_beside<F: Future>(
    upstream: &mut Option<Upstream>,
    running: Pin<&mut F>,
    cx: &mut Context<'_>,
) -> Poll<F::Output> {
    if let Some(upstream) = upstream {
        upstream.poll(cx);
    }
    running.poll(cx)
}

fn field(block: &mut Vec<u8>, name: &str, value: &str) {
    block.push(0);
    for text in [name, value] {
        block.push(u8::try_from(text.len()).unwrap());
        block.extend_from_slice(text.as_bytes());
    }
}
