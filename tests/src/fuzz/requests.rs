//! The request path under bytes that nobody chose.
//!
//! ```text
//! input = how(1) rest        how mod 3 = 0: rest is what follows the preface, byte for byte
//!                                        1: rest is frames, made whole: kind(1) flags(1) stream(1) length(1) payload
//!                                        2: rest is the body of a sound call: method(1) pieces(1) body
//! ```

use std::time::Duration;

use descant::{Gateway, Limits};
use descant_handlers::Health;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    runtime::{Builder, Runtime},
    task::yield_now,
    time::timeout,
};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
const METHODS: [&str; 8] = [
    "/descant.suite.v1.Shapes/Unary",
    "/descant.suite.v1.Shapes/Client",
    "/descant.suite.v1.Shapes/Server",
    "/descant.suite.v1.Shapes/Bidi",
    "/descant.suite.v1.Shapes/Fail",
    "/grpc.testing.TestService/FullDuplexCall",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.health.v1.Health/Check",
];
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// What takes longer than this is a stall.
const PATIENCE: Duration = Duration::from_secs(5);

/// A gateway and a runtime that serve one input after another.
#[allow(missing_debug_implementations, reason = "a Runtime says nothing of use")]
pub struct Requests {
    runtime: Runtime,
    gateway: Gateway,
}

impl Default for Requests {
    fn default() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let gateway = crate::gateway(&Health::new());
        Self { runtime, gateway }
    }
}

impl Requests {
    /// Serves one input on a connection of its own.
    ///
    /// # Panics
    /// If the server stalls.
    pub fn serve(&self, input: &[u8]) {
        let (server, client) = tokio::io::duplex(64 << 10);
        let (limits, bytes) = (Limits::default(), written(input));
        let both = async {
            let serving = self.gateway.serve_connection(server, &limits);
            tokio::join!(timeout(PATIENCE, serving), attack(client, &bytes))
        };
        let (ended, ()) = self.runtime.block_on(both);
        // Whatever came, an end is all that is asked for: the peer broke the rules first.
        let _ = ended.expect("the server stalls");
    }
}

/// Writes everything, takes what comes, and leaves.
async fn attack(client: DuplexStream, bytes: &[u8]) {
    let (mut read, mut write) = tokio::io::split(client);
    let reading = async {
        let mut taken = [0; 4096];
        while read.read(&mut taken).await.is_ok_and(|count| count > 0) {}
    };
    let writing = async {
        // An error says that the server has had enough.
        if write.write_all(PREFACE).await.is_ok() && write.write_all(bytes).await.is_ok() {
            // Calls run as tasks: a few turns let them answer.
            for _ in 0..20 {
                yield_now().await;
            }
        }
    };
    tokio::select! {
        () = reading => {}
        () = writing => {}
    }
}

/// What the client writes after the preface.
fn written(input: &[u8]) -> Vec<u8> {
    let Some((how, rest)) = input.split_first() else {
        return Vec::new();
    };
    match how % 3 {
        0 => rest.to_vec(),
        1 => frames(rest),
        _ => call(rest),
    }
}

fn frames(mut rest: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    while let [kind, flags, stream, length, tail @ ..] = rest {
        let (payload, tail) = tail.split_at(usize::from(*length).min(tail.len()));
        push(&mut out, *kind, *flags, *stream, payload);
        rest = tail;
    }
    out
}

fn call(rest: &[u8]) -> Vec<u8> {
    let [method, pieces, body @ ..] = rest else {
        return Vec::new();
    };
    let path = METHODS[usize::from(*method) % METHODS.len()];
    let encoding = ["identity", "gzip", "zstd"][usize::from(*pieces) % 3];
    let fields = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "descant.test"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
        ("grpc-encoding", encoding),
        ("grpc-accept-encoding", "gzip,zstd"),
    ];
    let mut out = Vec::new();
    push(&mut out, HEADERS, END_HEADERS, 1, &block(&fields));
    for piece in body.chunks(usize::from(*pieces).max(1)) {
        push(&mut out, DATA, 0, 1, piece);
    }
    push(&mut out, DATA, END_STREAM, 1, &[]);
    out
}

fn push(out: &mut Vec<u8>, kind: u8, flags: u8, stream: u8, payload: &[u8]) {
    let [_, length @ ..] = u32::try_from(payload.len()).expect("a frame").to_be_bytes();
    out.extend(length);
    out.extend([kind, flags, 0, 0, 0, stream]);
    out.extend(payload);
}

/// Literals that are neither indexed nor Huffman-coded. RFC 7541, section 6.2.2.
fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in fields {
        out.push(0);
        for text in [name, value] {
            out.push(u8::try_from(text.len()).expect("a short text"));
            out.extend(text.as_bytes());
        }
    }
    out
}
