//! HTTP/2 by hand, for what the h2 crate's client would not send.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::soon;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

/// A frame that came.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) payload: Vec<u8>,
}

/// A connection whose every byte the test writes.
pub(crate) struct Raw(TcpStream);

impl Raw {
    /// Connects and shakes hands.
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let mut raw = Self(TcpStream::connect(address).await.unwrap());
        raw.0.write_all(PREFACE).await.unwrap();
        raw.send(SETTINGS, 0, 0, &[]).await;
        raw.send(SETTINGS, 1, 0, &[]).await;
        raw
    }

    pub(crate) async fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let mut frame = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        // The server may have closed the connection: what it said is still there to be read.
        let _ = self.0.write_all(&frame).await;
    }

    /// A call of `path` with one empty message.
    pub(crate) async fn call(&mut self, path: &str) {
        self.send(HEADERS, END_HEADERS, 1, &block(&head(path))).await;
        self.send(DATA, END_STREAM, 1, &[0; 5]).await;
    }

    /// The next frame; `None` at the end of the connection.
    pub(crate) async fn next(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        soon(self.0.read_exact(&mut head)).await.ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        soon(self.0.read_exact(&mut payload)).await.ok()?;
        Some(Frame { kind: head[3], payload })
    }

    /// The next frame of one of these kinds.
    pub(crate) async fn next_of(&mut self, kinds: &[u8]) -> Option<Frame> {
        loop {
            let frame = self.next().await?;
            if kinds.contains(&frame.kind) {
                return Some(frame);
            }
        }
    }
}

/// The fields of a sound call.
pub(crate) fn head(path: &str) -> Vec<(&str, &str)> {
    vec![
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "descant.test"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ]
}

/// A header block of literals that are neither indexed nor Huffman-coded. RFC 7541, section 6.2.2.
pub(crate) fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in fields {
        out.push(0);
        for text in [name, value] {
            assert!(text.len() < 127, "longer lengths take more bytes");
            out.push(u8::try_from(text.len()).unwrap());
            out.extend(text.as_bytes());
        }
    }
    out
}

/// The `:status` of a header block, if it is one of the static table's. RFC 7541, appendix A.
pub(crate) fn status(block: &[u8]) -> Option<u16> {
    // Changes of the table's size may come first: 001xxxxx.
    let first = block.iter().find(|byte| *byte >> 5 != 1)?;
    let index = usize::from(first.checked_sub(0x88)?);
    [200, 204, 206, 304, 400, 404, 500].get(index).copied()
}
