//! What a call costs in counts, which are the same on every machine: write calls and allocations. Times are for `echo`.
//!
//! `cargo test -p descant-benches --test gate` fails if a call takes more than is allowed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs
)]

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use bytes::BufMut;
use descant::{Gateway, Limits, Schema};
use descant_handlers::Echo;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex},
    runtime::Runtime,
};

/// Streams in flight at a time.
const STREAMS: usize = 50;
/// Rounds that are counted, after as many that are not.
const ROUNDS: usize = 40;
/// Bytes of a message.
const MESSAGE: usize = 1000;

/// With so many streams in flight replies share their writes.
const WRITES: f64 = 0.10;
/// What a call took when this was last lowered, and one for luck.
const ALLOCATIONS: f64 = 10.0;

const SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/echo.binpb"));

#[test]
fn a_unary_call_costs_no_more_than_is_allowed() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let writes = Arc::new(AtomicU64::new(0));
    let mut client = Client::connect(&runtime, writes.clone());
    let mut run = || runtime.block_on(client.run());
    run();
    writes.store(0, Ordering::Relaxed);
    let counted = allocation_counter::measure(run);
    #[allow(clippy::cast_precision_loss)]
    let per_call = |count: u64| count as f64 / (ROUNDS * STREAMS) as f64;
    let (writes, allocations) = (per_call(writes.load(Ordering::Relaxed)), per_call(counted.count_total));
    let bytes = per_call(counted.bytes_total);
    println!("{writes:.3} writes and {allocations:.1} allocations ({bytes:.0} bytes) a call");
    assert!(writes <= WRITES, "{writes} write calls a call; {WRITES} are allowed");
    assert!(
        allocations <= ALLOCATIONS,
        "{allocations} allocations a call; {ALLOCATIONS} are allowed"
    );
}

/// A client that takes no memory while it runs.
struct Client {
    io: DuplexStream,
    burst: Vec<u8>,
    /// Where in `burst` the numbers of streams stand.
    numbers: Vec<usize>,
    next: u32,
    buffer: Vec<u8>,
}

impl Client {
    fn connect(runtime: &Runtime, writes: Arc<AtomicU64>) -> Self {
        let (io, theirs) = duplex(1 << 20);
        let schema = Schema::from_bytes(SET).unwrap();
        let gateway = Gateway::builder(schema).route("*", Echo).build().unwrap();
        runtime.spawn(async move {
            let counted = Counted { io: theirs, writes };
            gateway.serve_connection(counted, &Limits::default()).await
        });
        let mut client = Self {
            io,
            burst: Vec::new(),
            numbers: Vec::new(),
            next: 1,
            buffer: vec![0; 1 << 20],
        };
        client.prepare();
        let mut hello = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        // SETTINGS: every stream may have 1 GiB; the same for the connection.
        frame(&mut hello, 4, 0, &[0, 4, 0x40, 0, 0, 0]);
        frame(&mut hello, 8, 0, &(1_u32 << 30).to_be_bytes());
        runtime.block_on(client.io.write_all(&hello)).unwrap();
        client
    }

    /// Lays down one round of requests.
    fn prepare(&mut self) {
        let mut block = vec![0x83, 0x86];
        for (name, value) in [
            (":authority", "localhost"),
            (":path", "/bench.v1.Echo/EchoBlob"),
            ("content-type", "application/grpc"),
            ("te", "trailers"),
        ] {
            block.push(0);
            for text in [name, value] {
                block.push(u8::try_from(text.len()).unwrap());
                block.extend_from_slice(text.as_bytes());
            }
        }
        let mut body = vec![0];
        body.put_u32(u32::try_from(MESSAGE).unwrap());
        body.resize(5 + MESSAGE, 0);
        for _ in 0..STREAMS {
            self.numbers.push(self.burst.len() + 5);
            frame(&mut self.burst, 1, 4, &block);
            self.numbers.push(self.burst.len() + 5);
            frame(&mut self.burst, 0, 1, &body);
        }
    }

    async fn run(&mut self) {
        for _ in 0..ROUNDS {
            for pair in self.numbers.chunks(2) {
                for place in pair {
                    self.burst[*place..*place + 4].copy_from_slice(&self.next.to_be_bytes());
                }
                self.next += 2;
            }
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
            let mut used = 0;
            while let Some(head) = self.buffer[used..filled].first_chunk::<9>() {
                let length = 9 + u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
                if used + length > filled {
                    break;
                }
                assert!(!matches!(head[3], 3 | 7), "the server refused");
                ended += usize::from(head[3] <= 1 && head[4] & 1 != 0);
                used += length;
            }
            self.buffer.copy_within(used..filled, 0);
            filled -= used;
        }
    }
}

/// A frame of stream 0, with `END_STREAM` for DATA and `END_HEADERS` for HEADERS as its flags.
fn frame(out: &mut Vec<u8>, kind: u8, flags: u8, payload: &[u8]) {
    out.put_uint(payload.len() as u64, 3);
    out.extend_from_slice(&[kind, flags, 0, 0, 0, 0]);
    out.extend_from_slice(payload);
}

/// Counts the calls that would be system calls.
struct Counted {
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
