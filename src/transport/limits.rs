//! What a peer may take, and for how long.

use std::time::Duration;

use super::container;

/// What a peer may take, and for how long.
///
/// Times bound a phase as a whole, whatever trickles in meanwhile. The defaults suit a port that
/// faces the open internet; a service among friends may raise them.
///
/// ```
/// let mut limits = descant::Limits::default();
/// limits.message_bytes = 16 << 20;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// From the accepted connection to the end of its TLS handshake. Default 10 s.
    pub tls_handshake: Duration,
    /// From the accepted connection, or the TLS handshake, to the first byte of a request, or to the HTTP/2 preface and the first SETTINGS.
    /// Default 10 s.
    pub preface: Duration,
    /// From a header block's first byte to its last. Over HTTP/1.1 more is answered with status 408. Default 10 s.
    pub header_block: Duration,
    /// From a message's first byte to its last; also for a single DATA frame. Default 30 s.
    pub message: Duration,
    /// How long a peer may take less than 1 KiB a second while bytes wait for it. A connection whose
    /// socket takes no more is closed, a stream without window is reset. Default 10 s.
    pub write_stall: Duration,
    /// How long a connection may be open without a request. Default 5 min; `None`: for ever.
    pub idle: Option<Duration>,
    /// Pings to peers of HTTP/2 from which nothing comes. Default every 30 s; `None`: no pings.
    pub keepalive: Option<Keepalive>,
    /// How old a connection may grow before it is asked to go, within 10 % more or less, so that
    /// clients find new servers. Requests that are open on it then have [`grace`](Self::grace) to end. Default 30 min; `None`: for ever.
    pub age: Option<Duration>,
    /// How long requests in flight may take once a connection or the server is to end; what is still open then ends
    /// `UNAVAILABLE`. Default 30 s.
    pub grace: Duration,
    /// Requests at a time on one connection: `SETTINGS_MAX_CONCURRENT_STREAMS`. Default 100.
    pub streams: u32,
    /// Bytes of a request's headers, each field counted with 32 more. More is answered with status 431. Default 16 KiB.
    ///
    /// Twice as many is `SETTINGS_MAX_HEADER_LIST_SIZE`: whoever sends more than that is answered without a body.
    pub header_bytes: u32,
    /// Fields among a request's headers. More is answered with status 431. Default 100.
    pub header_fields: usize,
    /// Bytes of a message as it comes, and where it is inflated after that too. Of one that goes on compressed, to an upstream that takes
    /// its coding, what it would inflate to is not known, and for the upstream to bound. Default 4 MiB.
    pub message_bytes: usize,
    /// How deep messages may nest in requests and replies that are looked into: those that are JSON on one side. Default 100; more than
    /// [`JsonOptions::MOST_DEPTH`](crate::JsonOptions::MOST_DEPTH) counts as that. What counts as a level is told at [`JsonOptions::depth`](crate::JsonOptions::depth).
    ///
    /// Messages that pass as they came, as gRPC's do, nest as deep as they like, until a handler reads them: prost reads no more than 100
    /// levels.
    pub depth: u32,
    /// Bytes of a request's body that a peer may send before they are read:
    /// `SETTINGS_INITIAL_WINDOW_SIZE`, which is a sixty-fourth more for what stands around a message of just this size. Default
    /// 64 KiB.
    pub stream_window: u32,
    /// The same for all requests of a connection together. Default 1 MiB.
    pub connection_window: u32,
    /// Frames that carry nothing: PING, SETTINGS, PRIORITY, `WINDOW_UPDATE`, `RST_STREAM`, unknown
    /// ones and empty DATA. A peer that sends more is told `ENHANCE_YOUR_CALM` and cut off. Requests
    /// and the frames of replies earn a peer more of them. Default 1000, and 100 a second.
    pub control_frames: Rate,
    /// Open connections. More are closed at once. Default 20,000.
    pub connections: usize,
    /// Open connections from one IPv4 address or one IPv6 network of 64 bits. Default 1,000.
    pub connections_per_peer: usize,
    /// Bytes that all connections of a server hold together. Beyond it new calls are refused: `RESOURCE_EXHAUSTED`, with
    /// `retry-after`, REST with status 503; an eighth beyond it new connections are closed at once. What runs goes on, and the gateway's own health and
    /// reflection are answered. Default 0: three quarters of what the container has (control groups of Linux, both versions), else the
    /// machine; nothing where neither is known.
    ///
    /// It is counted what is held for connections, calls, the messages of requests while they come and for as long as a call of one
    /// message runs, and replies until their peers take them; not what handlers hold themselves, nor what the allocator keeps.
    pub memory: usize,
    /// Bytes of streamed and large replies that are held for one connection until its peer takes
    /// them. A stream pulls its next message before it knows the peer's window: once 16 times as many
    /// bytes wait for that, the streams of the connection pull no more. Default 1 MiB.
    pub held_per_connection: usize,
}

/// When a silent peer is pinged, and how long it may take to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keepalive {
    /// A ping is sent once nothing has come for this long. Default 30 s.
    pub every: Duration,
    /// If nothing comes for this long after the ping the connection is closed. Default 20 s.
    pub timeout: Duration,
}

/// A budget that fills up again as time passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many at once. Default 1,000.
    pub burst: u32,
    /// How many more a second, up to `burst`. Default 100.
    pub per_second: u32,
}

/// No phase lasts longer. Times are added to one another, and to `Duration::MAX` nothing can be added.
pub(super) const LONGEST: Duration = Duration::from_secs(30 * 365 * 24 * 3600);
/// RFC 9113, section 6.9.1.
pub(super) const LARGEST_WINDOW: u32 = u32::MAX >> 1;

impl Limits {
    /// How many bytes all connections of a server may hold.
    pub(crate) fn memory_in_all(&self) -> usize {
        match self.memory {
            0 => container::memory().map_or(usize::MAX, |there| there / 4 * 3),
            bytes => bytes,
        }
    }

    /// The same, where what was meant as "without end" is so large that it can be counted with.
    pub(crate) fn bounded(mut self) -> Self {
        let bound = |time: &mut Duration| *time = LONGEST.min(*time);
        let times = [
            &mut self.tls_handshake,
            &mut self.preface,
            &mut self.header_block,
            &mut self.message,
            &mut self.write_stall,
            &mut self.grace,
        ];
        times.into_iter().for_each(bound);
        self.idle.iter_mut().chain(&mut self.age).for_each(bound);
        if let Some(Keepalive { every, timeout }) = &mut self.keepalive {
            [every, timeout].into_iter().for_each(bound);
        }
        self.stream_window = LARGEST_WINDOW.min(self.stream_window);
        self.connection_window = LARGEST_WINDOW.min(self.connection_window);
        self
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            tls_handshake: Duration::from_secs(10),
            preface: Duration::from_secs(10),
            header_block: Duration::from_secs(10),
            message: Duration::from_secs(30),
            write_stall: Duration::from_secs(10),
            idle: Some(Duration::from_secs(5 * 60)),
            keepalive: Some(Keepalive::default()),
            age: Some(Duration::from_secs(30 * 60)),
            grace: Duration::from_secs(30),
            streams: 100,
            header_bytes: 16 << 10,
            header_fields: 100,
            message_bytes: 4 << 20,
            depth: 100,
            stream_window: 64 << 10,
            connection_window: 1 << 20,
            control_frames: Rate::default(),
            connections: 20_000,
            connections_per_peer: 1_000,
            memory: 0,
            held_per_connection: 1 << 20,
        }
    }
}

impl Default for Keepalive {
    fn default() -> Self {
        Self {
            every: Duration::from_secs(30),
            timeout: Duration::from_secs(20),
        }
    }
}

impl Default for Rate {
    fn default() -> Self {
        Self {
            burst: 1_000,
            per_second: 100,
        }
    }
}
