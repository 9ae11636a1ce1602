//! HTTP/2 by hand, for what the h2 crate's client would not send.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use descant_tests::wire::{ACK, DATA, END_HEADERS, END_STREAM, HEADERS, PREFACE, SETTINGS, block, frame, head};

use super::soon;

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
        raw.send(SETTINGS, ACK, 0, &[]).await;
        raw
    }

    pub(crate) async fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        // The server may have closed the connection: what it said is still there to be read.
        let _ = self.0.write_all(&frame(kind, flags, stream, payload)).await;
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

/// The `:status` of a header block, if it is one of the static table's. RFC 7541, appendix A.
pub(crate) fn status(block: &[u8]) -> Option<u16> {
    // Changes of the table's size may come first: 001xxxxx.
    let first = block.iter().find(|byte| *byte >> 5 != 1)?;
    let index = usize::from(first.checked_sub(0x88)?);
    [200, 204, 206, 304, 400, 404, 500].get(index).copied()
}
