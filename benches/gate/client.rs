//! A client that costs next to nothing itself, over a pipe in memory.

use std::{
    future::Future,
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use bytes::BufMut;
use descant::{Gateway, Limits};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex},
    runtime::Runtime,
};

/// Streams in flight at a time: their bodies fit in the first window of a connection.
pub(crate) const STREAMS: usize = 40;
/// Rounds of a run.
pub(crate) const ROUNDS: usize = 40;
/// Bytes of gRPC's message.
const MESSAGE: usize = 1000;

/// What is asked for.
pub(crate) struct Request {
    /// Of the static table of HPACK: `:method` is 2 for GET, 3 for POST.
    method: u8,
    pub(crate) path: &'static str,
    content_type: &'static str,
    body: Vec<u8>,
    /// Whether the caller says which trace it is part of.
    traced: bool,
}

impl Request {
    pub(crate) fn grpc() -> Self {
        let mut body = vec![0];
        body.put_u32(u32::try_from(MESSAGE).unwrap());
        body.resize(5 + MESSAGE, 0);
        Self {
            method: 3,
            path: "/bench.v1.Echo/EchoBlob",
            content_type: "application/grpc",
            body,
            traced: false,
        }
    }

    pub(crate) fn post(path: &'static str, json: &[u8]) -> Self {
        Self {
            method: 3,
            path,
            content_type: "application/json",
            body: json.to_vec(),
            traced: false,
        }
    }

    pub(crate) fn get(path: &'static str) -> Self {
        Self {
            method: 2,
            path,
            content_type: "application/json",
            body: Vec::new(),
            traced: false,
        }
    }

    /// The same from a caller that says which trace it is part of.
    #[allow(dead_code)] // For the test `gate`.
    pub(crate) fn traced(mut self) -> Self {
        self.traced = true;
        self
    }

    /// The header block: literals without indexing (RFC 7541, 6.2.2), the same for every request.
    fn block(&self) -> Vec<u8> {
        let mut block = vec![0x80 | self.method, 0x86];
        let headers = [
            (":authority", "localhost"),
            (":path", self.path),
            ("content-type", self.content_type),
            ("te", "trailers"),
            ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        ];
        let sent = headers.len() - usize::from(!self.traced);
        for (name, value) in &headers[..sent] {
            block.push(0);
            for text in [name, value] {
                block.push(u8::try_from(text.len()).unwrap());
                block.extend_from_slice(text.as_bytes());
            }
        }
        block
    }
}

/// A client that takes no memory while it runs.
pub(crate) struct Client {
    io: DuplexStream,
    burst: Vec<u8>,
    /// Where in `burst` the numbers of streams stand, and of which stream.
    numbers: Vec<(usize, u32)>,
    next: u32,
    buffer: Vec<u8>,
}

impl Client {
    /// A client of this gateway. `writes` counts what it writes.
    pub(crate) fn connect(runtime: &Runtime, gateway: Gateway, request: &Request, writes: Arc<AtomicU64>) -> Self {
        Self::of(runtime, request, writes, move |socket| async move {
            gateway.serve_connection(socket, &Limits::default()).await.ok();
        })
    }

    /// A client of whatever serves a connection.
    pub(crate) fn of<F>(
        runtime: &Runtime,
        request: &Request,
        writes: Arc<AtomicU64>,
        serve: impl FnOnce(Counted) -> F,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (io, theirs) = duplex(1 << 20);
        runtime.spawn(serve(Counted { io: theirs, writes }));
        let mut client = Self {
            io,
            burst: Vec::new(),
            numbers: Vec::new(),
            next: 1,
            buffer: vec![0; 1 << 20],
        };
        client.prepare(request);
        let mut hello = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        // SETTINGS: every stream may have 1 GiB; the same for the connection.
        frame(&mut hello, 4, 0, &[0, 4, 0x40, 0, 0, 0]);
        frame(&mut hello, 8, 0, &(1_u32 << 30).to_be_bytes());
        runtime.block_on(client.io.write_all(&hello)).unwrap();
        client
    }

    /// Lays down one round of requests.
    fn prepare(&mut self, request: &Request) {
        let (block, body) = (request.block(), &request.body);
        for stream in (0..STREAMS).map(|stream| u32::try_from(2 * stream).unwrap()) {
            let mut add = |kind, flags, payload: &[u8]| {
                self.numbers.push((self.burst.len() + 5, stream));
                frame(&mut self.burst, kind, flags, payload);
            };
            add(1, if body.is_empty() { 5 } else { 4 }, &block);
            if !body.is_empty() {
                add(0, 1, body);
            }
        }
    }

    /// Runs [`ROUNDS`] rounds.
    pub(crate) async fn run(&mut self) {
        for _ in 0..ROUNDS {
            for (place, stream) in &self.numbers {
                self.burst[*place..*place + 4].copy_from_slice(&(self.next + stream).to_be_bytes());
            }
            self.next += 2 * u32::try_from(STREAMS).unwrap();
            self.io.write_all(&self.burst).await.unwrap();
            self.answers().await;
        }
    }

    /// Reads until every stream of the round has ended.
    async fn answers(&mut self) {
        let (mut ended, mut filled) = (0, 0);
        while ended < STREAMS {
            let more = self.io.read(&mut self.buffer[filled..]).await.unwrap();
            assert!(more > 0, "the connection was closed");
            filled += more;
            let used = frames(&self.buffer[..filled], |head, _| {
                assert!(!matches!(head[3], 3 | 7), "the server refused");
                ended += usize::from(ends(head));
            });
            self.buffer.copy_within(used..filled, 0);
            filled -= used;
        }
    }
}

/// Shows each whole frame, head and payload; returns how many bytes they had.
pub(crate) fn frames(bytes: &[u8], mut see: impl FnMut(&[u8; 9], &[u8])) -> usize {
    let mut rest = bytes;
    while let Some((head, behind)) = rest.split_first_chunk::<9>() {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let Some((payload, behind)) = behind.split_at_checked(length) else {
            break;
        };
        see(head, payload);
        rest = behind;
    }
    bytes.len() - rest.len()
}

/// Whether this frame, by its head, is the last of its stream.
pub(crate) fn ends(head: &[u8; 9]) -> bool {
    head[3] <= 1 && head[4] & 1 != 0
}

/// A frame of stream 0, with `END_STREAM` for DATA and `END_HEADERS` for HEADERS as its flags.
pub(crate) fn frame(out: &mut Vec<u8>, kind: u8, flags: u8, payload: &[u8]) {
    out.put_uint(payload.len() as u64, 3);
    out.extend_from_slice(&[kind, flags, 0, 0, 0, 0]);
    out.extend_from_slice(payload);
}

/// Counts the calls that would be system calls.
pub(crate) struct Counted {
    io: DuplexStream,
    writes: Arc<AtomicU64>,
}

impl AsyncRead for Counted {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.writes.fetch_add(1, Ordering::Relaxed);
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.writes.fetch_add(1, Ordering::Relaxed);
        Pin::new(&mut self.io).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
