//! What a peer is told that does not speak HTTP/2 here.

use std::time::Duration;

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::timeout,
};

/// How long a farewell may take.
const PATIENCE: Duration = Duration::from_secs(1);

const HTTP1: &[u8] = b"HTTP/1.1 505 HTTP Version Not Supported\r\n\
    content-type: text/plain; charset=utf-8\r\n\
    connection: close\r\n\
    content-length: 142\r\n\
    \r\n\
    This port speaks gRPC over HTTP/2 with prior knowledge (h2c), not HTTP/1.1.\n\
    Use a gRPC client without TLS, or `curl --http2-prior-knowledge`.\n";

/// A fatal `protocol_version` alert: a record of type 21, TLS 1.0, two bytes. RFC 8446, section 6.
const TLS: &[u8] = &[21, 3, 1, 0, 2, 2, 70];

/// How a request of HTTP/1.1 begins.
const METHODS: [&[u8]; 8] = [
    b"GET ",
    b"POST ",
    b"PUT ",
    b"HEAD ",
    b"DELETE ",
    b"OPTIONS ",
    b"PATCH ",
    b"CONNECT ",
];

/// Whether a request of HTTP/1.1 begins like that; the bytes may end within its method.
fn is_http1(bytes: &[u8]) -> bool {
    METHODS
        .iter()
        .any(|method| bytes.starts_with(method) || method.starts_with(bytes))
}

/// Which protocol a peer began to speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Greeting {
    Http1,
    Tls,
    Unknown,
}

impl Greeting {
    /// Judges by the bytes of the first read that did not fit.
    pub(super) fn of(bytes: &[u8]) -> Self {
        match bytes {
            // A handshake record (22) of SSL 3 or TLS.
            [22, 3, ..] => Self::Tls,
            bytes if is_http1(bytes) => Self::Http1,
            _ => Self::Unknown,
        }
    }

    /// What went wrong, and how to mend it.
    pub(super) fn mistake(self) -> &'static str {
        match self {
            Self::Http1 => "the peer speaks HTTP/1.1; this port expects HTTP/2 with prior knowledge",
            Self::Tls => {
                "the peer speaks TLS, but this port is plain text: \
                 use a plain-text client (grpcurl -plaintext, http://)"
            }
            Self::Unknown => "the peer speaks neither HTTP/2 nor HTTP/1.1 nor TLS",
        }
    }

    fn answer(self) -> &'static [u8] {
        match self {
            Self::Http1 => HTTP1,
            Self::Tls => TLS,
            Self::Unknown => &[],
        }
    }

    /// Says it, and reads on for a moment: closing on unread bytes would destroy the answer.
    pub(super) async fn say<T: AsyncRead + AsyncWrite + Unpin>(self, io: &mut T) {
        let farewell = async {
            io.write_all(self.answer()).await?;
            io.shutdown().await?;
            let mut rest = io.take(64 << 10);
            tokio::io::copy(&mut rest, &mut tokio::io::sink()).await
        };
        // The peer may be gone, or go on talking: both are its own affair.
        let _ = timeout(PATIENCE, farewell).await;
    }
}
