//! A peer that writes what it is told and reads what comes, frame by frame.

use std::{
    future::Future,
    sync::{Arc, atomic::Ordering},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    task::JoinHandle,
};

use super::super::Ended;
use crate::transport::{Connection, Drain, Limits, converse::serve, script::Script};

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const PRIORITY: u8 = 2;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PING: u8 = 6;
pub(super) const GOAWAY: u8 = 7;
pub(super) const WINDOW_UPDATE: u8 = 8;
pub(super) const CONTINUATION: u8 = 9;

pub(super) const END_STREAM: u8 = 1;
pub(super) const ACK: u8 = 1;
pub(super) const END_HEADERS: u8 = 4;

pub(super) const ENHANCE_YOUR_CALM: u32 = 11;

/// The other end of a connection.
pub(super) struct Peer {
    pub(super) io: DuplexStream,
    pub(super) served: JoinHandle<Result<(), Ended>>,
    pub(super) script: Script,
    pub(super) connection: Arc<Connection>,
    pub(super) drain: Drain,
}

/// A frame as it came.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) stream: u32,
    pub(super) payload: Vec<u8>,
}

impl Frame {
    pub(super) fn ends(&self) -> bool {
        matches!(self.kind, DATA | HEADERS) && self.flags & END_STREAM != 0
    }

    /// The error code of a GOAWAY or `RST_STREAM`: their last word.
    pub(super) fn code(&self) -> u32 {
        assert!(matches!(self.kind, GOAWAY | RST_STREAM), "{self:?}");
        let at = if self.kind == GOAWAY { 4 } else { 0 };
        u32::from_be_bytes(self.payload[at..at + 4].try_into().unwrap())
    }

    /// The last stream of a GOAWAY.
    pub(super) fn last_stream(&self) -> u32 {
        assert_eq!(self.kind, GOAWAY);
        u32::from_be_bytes(self.payload[..4].try_into().unwrap())
    }
}

impl Peer {
    /// Connects, and says nothing yet.
    pub(super) fn connect(limits: Limits) -> Self {
        Self::connect_by(limits, 64 << 10)
    }

    /// The same with so many bytes of room in each direction.
    pub(super) fn connect_by(limits: Limits, room: usize) -> Self {
        let (io, theirs) = duplex(room);
        let (script, drain) = (Script::default(), Drain::new());
        let connection = Arc::new(Connection::new(descant_handlers::Peer::default(), Arc::new(limits)));
        let served = tokio::spawn(serve(theirs, script.clone(), connection.clone(), drain.watch()));
        Self {
            io,
            served,
            script,
            connection,
            drain,
        }
    }

    /// Connects and exchanges SETTINGS; `settings` are this peer's.
    pub(super) async fn greeted(limits: Limits, settings: &[(u16, u32)]) -> Self {
        let mut peer = Self::connect(limits);
        peer.greet(settings).await;
        peer
    }

    pub(super) async fn greet(&mut self, settings: &[(u16, u32)]) {
        let settings: Vec<u8> = settings
            .iter()
            .flat_map(|(name, value)| setting(*name, *value))
            .collect();
        self.send(PREFACE).await;
        self.send(&frame(SETTINGS, 0, 0, &settings)).await;
        self.until(|frame| frame.kind == SETTINGS && frame.flags == 0).await;
        self.send(&frame(SETTINGS, ACK, 0, &[])).await;
        self.until(|frame| frame.kind == SETTINGS && frame.flags == ACK).await;
    }

    pub(super) async fn send(&mut self, bytes: &[u8]) {
        self.io.write_all(bytes).await.unwrap();
    }

    /// Sends as much as is taken.
    pub(super) async fn push(&mut self, bytes: &[u8]) {
        let _ = self.io.write_all(bytes).await;
    }

    /// The next frame; `None` at the end.
    pub(super) async fn frame(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        self.io.read_exact(&mut head).await.ok()?;
        let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        self.io.read_exact(&mut payload).await.ok()?;
        Some(Frame {
            kind: head[3],
            flags: head[4],
            stream: u32::from_be_bytes(head[5..].try_into().unwrap()),
            payload,
        })
    }

    /// The first frame that fits; others are passed over.
    pub(super) async fn until(&mut self, fits: impl Fn(&Frame) -> bool) -> Frame {
        while let Some(frame) = self.frame().await {
            if fits(&frame) {
                return frame;
            }
        }
        panic!("the connection ended before the frame came");
    }

    /// All frames up to the end of the connection, and how it ended.
    pub(super) async fn rest(mut self) -> (Vec<Frame>, Result<(), Ended>) {
        let mut frames = Vec::new();
        while let Some(frame) = self.frame().await {
            frames.push(frame);
        }
        (frames, self.served.await.unwrap())
    }

    /// How many requests are being answered.
    pub(super) fn open(&self) -> usize {
        self.script.open.load(Ordering::Relaxed)
    }
}

pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let [_, a, b, c] = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = vec![a, b, c, kind, flags];
    frame.extend_from_slice(&stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

fn setting(name: u16, value: u32) -> Vec<u8> {
    [&name.to_be_bytes()[..], &value.to_be_bytes()].concat()
}

/// HEADERS of a POST.
pub(super) fn request(stream: u32, path: &str, flags: u8) -> Vec<u8> {
    frame(HEADERS, END_HEADERS | flags, stream, &block(path, &[]))
}

/// The fields of a POST, as literals without indexing. RFC 7541, section 6.2.2.
pub(super) fn block(path: &str, more: &[(&str, &str)]) -> Vec<u8> {
    // `:method: POST` and `:scheme: http` in the static table.
    let mut block = vec![0x83, 0x86];
    let first = [(":authority", "test"), (":path", path)];
    for (name, value) in first.iter().chain(more) {
        block.push(0);
        for text in [name, value] {
            assert!(text.len() < 127);
            block.push(u8::try_from(text.len()).unwrap());
            block.extend_from_slice(text.as_bytes());
        }
    }
    block
}

/// Polls `what` often enough for everything that can happen without time passing to happen.
pub(super) async fn settle() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

/// The future, or a panic if it takes too long in the test's own time.
pub(super) async fn within<T>(seconds: u64, what: impl Future<Output = T>) -> T {
    tokio::time::timeout(std::time::Duration::from_secs(seconds), what)
        .await
        .expect("it took too long")
}
