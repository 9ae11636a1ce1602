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

use crate::wire::{DATA, END_HEADERS, END_STREAM, HEADERS, PREFACE, SETTINGS, block, frame, head};

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
        if write.write_all(bytes).await.is_ok() {
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

/// What the client writes.
fn written(input: &[u8]) -> Vec<u8> {
    let Some((how, rest)) = input.split_first() else {
        return Vec::new();
    };
    let rest = match how % 3 {
        0 => rest.to_vec(),
        1 => frames(rest),
        _ => call(rest),
    };
    [PREFACE, &frame(SETTINGS, 0, 0, &[]), &rest].concat()
}

fn frames(mut rest: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    while let [kind, flags, stream, length, tail @ ..] = rest {
        let (payload, tail) = tail.split_at(usize::from(*length).min(tail.len()));
        out.extend(frame(*kind, *flags, u32::from(*stream), payload));
        rest = tail;
    }
    out
}

fn call(rest: &[u8]) -> Vec<u8> {
    let [method, pieces, body @ ..] = rest else {
        return Vec::new();
    };
    let mut fields = head(METHODS[usize::from(*method) % METHODS.len()]);
    fields.push(("grpc-encoding", ["identity", "gzip", "zstd"][usize::from(*pieces) % 3]));
    fields.push(("grpc-accept-encoding", "gzip,zstd"));
    let mut out = frame(HEADERS, END_HEADERS, 1, &block(&fields));
    for piece in body.chunks(usize::from(*pieces).max(1)) {
        out.extend(frame(DATA, 0, 1, piece));
    }
    out.extend(frame(DATA, END_STREAM, 1, &[]));
    out
}
