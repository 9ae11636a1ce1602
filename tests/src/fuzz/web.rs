//! gRPC-Web and Connect under bodies and queries that nobody chose, over HTTP/1.1: every answer has to be whole.
//!
//! ```text
//! input = how(1) pieces(1) rest      how: the method in the lowest two bits, the form in three, the coding in three
//!                                    pieces: how many bytes a chunk of the body has; 0: it is not in chunks
//!                                    rest: the body; of a GET, the query
//! ```

use std::{fmt::Write as _, path::Path, time::Duration};

use descant::{Gateway, Limits, Schema};
use descant_handlers::Echo;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    runtime::{Builder, Runtime},
    time::timeout,
};

use super::answer::Answer;

const METHODS: [&str; 4] = ["One", "Server", "Client", "Both"];
const WEB: [&str; 8] = [
    "application/grpc-web",
    "application/grpc-web+proto",
    "application/grpc-web+json",
    "application/grpc-web-text",
    "application/grpc-web-text+proto",
    "application/grpc-web-text+json",
    "Application/gRPC-Web-Text; charset=utf-8",
    "application/grpc-web+thrift",
];
/// The last stands for a GET.
const CONNECT: [&str; 8] = [
    "application/connect+proto",
    "application/connect+json",
    "application/proto",
    "application/json",
    "application/json; charset=utf-8",
    "application/connect+thrift",
    "application/connect+json",
    "",
];
const CODINGS: [&str; 8] = ["", "identity", "gzip", "zstd", "br", "deflate", "snappy", "none-such"];
/// What takes longer than this is a stall.
const PATIENCE: Duration = Duration::from_secs(5);
/// A limit that inputs of a few bytes reach.
const MESSAGE_BYTES: usize = 4096;

/// A gateway and a runtime that serve one input after another.
#[allow(missing_debug_implementations, reason = "a Runtime says nothing of use")]
pub struct Web {
    runtime: Runtime,
    gateway: Gateway,
    limits: Limits,
}

/// What an input says besides the body.
struct How {
    method: &'static str,
    content_type: &'static str,
    coding: &'static str,
    /// Bytes of a chunk.
    pieces: usize,
}

impl Default for Web {
    fn default() -> Self {
        let proto = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/fuzz/web.proto");
        let schema = Schema::load(proto).expect("the schema of the fuzz targets");
        let mut limits = Limits::default();
        limits.message_bytes = MESSAGE_BYTES;
        Self {
            runtime: Builder::new_current_thread().enable_all().build().expect("a runtime"),
            gateway: Gateway::builder(schema).route("*", Echo).build().expect("a gateway"),
            limits,
        }
    }
}

impl Web {
    /// Serves a call of gRPC-Web.
    ///
    /// # Panics
    /// If the server stalls, or answers with anything but messages and, at the end, trailers.
    pub fn grpc_web(&self, input: &[u8]) {
        let Some((how, body)) = how(input, &WEB) else {
            return;
        };
        let head = format!("POST /web.Web/{} HTTP/1.1\r\n", how.method);
        let answer = self.answer(&head, "grpc-encoding", &how, body);
        if answer.content_type().starts_with("application/grpc-web") {
            answer.ends_with_trailers();
        } else {
            // What is no gRPC-Web may be REST.
            assert!(answer.status >= 400, "{answer:?}");
        }
    }

    /// Serves a call of Connect.
    ///
    /// # Panics
    /// If the server stalls, or the answer is none of Connect.
    pub fn connect(&self, input: &[u8]) {
        let Some((how, rest)) = how(input, &CONNECT) else {
            return;
        };
        let answer = if how.content_type.is_empty() {
            let head = format!("GET /web.Web/{}?{} HTTP/1.1\r\n", how.method, query(rest));
            self.answer(&head, "content-encoding", &how, &[])
        } else {
            let head = format!("POST /web.Web/{} HTTP/1.1\r\n", how.method);
            let streams = how.content_type.starts_with("application/connect");
            let name = if streams {
                "connect-content-encoding"
            } else {
                "content-encoding"
            };
            self.answer(&head, name, &how, rest)
        };
        if answer.content_type().starts_with("application/connect") && answer.status == 200 {
            answer.ends_with_end_of_stream();
        } else if answer.status != 200 && answer.content_type() == "application/json" {
            answer.is_error();
        }
    }

    fn answer(&self, head: &str, encoding: &str, how: &How, body: &[u8]) -> Answer {
        let mut request = format!("{head}host: descant.test\r\nconnection: close\r\n");
        let mut field = |name: &str, value: &str| {
            if !value.is_empty() {
                let _ = write!(request, "{name}: {value}\r\n");
            }
        };
        field("content-type", how.content_type);
        field(encoding, how.coding);
        field(&encoding.replace("encoding", "accept-encoding"), how.coding);
        let mut request = request.into_bytes();
        request.extend(written(how, body));
        let (server, client) = tokio::io::duplex(64 << 10);
        let both = async {
            let serving = self.gateway.serve_connection(server, &self.limits);
            tokio::join!(timeout(PATIENCE, serving), ask(client, &request))
        };
        let (ended, answer) = self.runtime.block_on(both);
        // It may end by an error: the peer broke the rules first.
        let _ = ended.expect("the server stalls");
        Answer::read(&answer)
    }
}

fn how<'i>(input: &'i [u8], content_types: &[&'static str; 8]) -> Option<(How, &'i [u8])> {
    let [how, pieces, rest @ ..] = input else {
        return None;
    };
    let how = How {
        method: METHODS[usize::from(how & 3)],
        content_type: content_types[usize::from(how >> 2 & 7)],
        coding: CODINGS[usize::from(how >> 5)],
        pieces: usize::from(*pieces),
    };
    Some((how, rest))
}

/// The body and the fields of the head that say how long it is.
fn written(how: &How, body: &[u8]) -> Vec<u8> {
    if how.content_type.is_empty() {
        return b"\r\n".to_vec();
    }
    if how.pieces == 0 {
        let head = format!("content-length: {}\r\n\r\n", body.len());
        return [head.as_bytes(), body].concat();
    }
    let mut out = b"transfer-encoding: chunked\r\n\r\n".to_vec();
    for piece in body.chunks(how.pieces) {
        out.extend(format!("{:x}\r\n", piece.len()).into_bytes());
        out.extend(piece);
        out.extend(b"\r\n");
    }
    out.extend(b"0\r\n\r\n");
    out
}

/// A query; what can't stand in a request's target is escaped.
fn query(rest: &[u8]) -> String {
    let mut out = String::new();
    for byte in rest {
        if byte.is_ascii_graphic() && *byte != b'#' {
            out.push(char::from(*byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// Writes everything, and takes the answer.
async fn ask(client: DuplexStream, request: &[u8]) -> Vec<u8> {
    let (mut read, mut write) = tokio::io::split(client);
    let mut answer = Vec::new();
    // The server may have had enough, and then it says so.
    let (_, read) = tokio::join!(write.write_all(request), read.read_to_end(&mut answer));
    read.expect("a pipe");
    answer
}
