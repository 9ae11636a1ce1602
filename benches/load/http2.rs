//! A load generator that writes HTTP/2 frames by hand: one thread a connection, so many streams in flight on each.

use std::{
    collections::{HashMap, VecDeque},
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Instant,
};

use bytes::{BufMut, Bytes, BytesMut};

const FRAME: usize = 16_384;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// Both windows of replies, large enough never to be the bottleneck.
const WINDOW: u32 = 1 << 30;

/// What is asked for: POST requests that differ in their bodies, one after the other.
pub(crate) struct Requests<'a> {
    pub(crate) path: &'a str,
    pub(crate) fields: &'a [(&'a str, &'a str)],
    pub(crate) bodies: Vec<Bytes>,
}

/// Asks until `end` on every connection, and waits for what was asked; returns how many requests that were.
pub(crate) fn run(
    address: SocketAddr,
    requests: &Requests<'_>,
    connections: usize,
    streams: usize,
    end: Instant,
) -> usize {
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..connections)
            .map(|_| scope.spawn(|| Connection::open(address, requests).run(streams, end)))
            .collect();
        running.into_iter().map(|thread| thread.join().unwrap()).sum()
    })
}

/// The first request by the h2 client: the body and the trailers of its answer, which is a 200.
pub(crate) fn call(address: SocketAddr, requests: &Requests<'_>) -> (Vec<u8>, Option<http::HeaderMap>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let socket = tokio::net::TcpStream::connect(address).await.unwrap();
        // The default ends the connection when a stream of many small messages comes.
        let mut builder = h2::client::Builder::new();
        let shaken = builder.data_frame_budget(usize::MAX).handshake::<_, Bytes>(socket);
        let (mut send, connection) = shaken.await.unwrap();
        tokio::spawn(connection);
        let mut request = http::Request::post(format!("http://{address}{}", requests.path));
        for (name, value) in requests.fields {
            request = request.header(*name, *value);
        }
        let (response, mut stream) = send.send_request(request.body(()).unwrap(), false).unwrap();
        stream.send_data(requests.bodies[0].clone(), true).unwrap();
        let response = response.await.unwrap();
        assert_eq!(response.status(), 200);
        let mut reply = response.into_body();
        let mut back = Vec::new();
        while let Some(chunk) = reply.data().await {
            let chunk = chunk.unwrap();
            reply.flow_control().release_capacity(chunk.len()).unwrap();
            back.extend_from_slice(&chunk);
        }
        (back, reply.trailers().await.unwrap())
    })
}

struct Connection<'a> {
    socket: TcpStream,
    /// The header block of every request.
    block: Vec<u8>,
    bodies: &'a [Bytes],
    out: BytesMut,
    next_stream: u32,
    /// What the peer still takes on the connection; on a stream, when it was opened.
    window: i64,
    stream_window: i64,
    /// Bodies on their way: bytes sent, and what the stream still takes.
    sending: HashMap<u32, (usize, i64)>,
    waiting: VecDeque<u32>,
    received: u32,
    asked: usize,
    answered: usize,
}

impl<'a> Connection<'a> {
    fn open(address: SocketAddr, requests: &'a Requests<'_>) -> Self {
        let socket = TcpStream::connect(address).unwrap();
        socket.set_nodelay(true).unwrap();
        let mut out = BytesMut::from(&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..]);
        frame(&mut out, SETTINGS, 0, 0, &[&[0, 4][..], &WINDOW.to_be_bytes()].concat());
        frame(&mut out, WINDOW_UPDATE, 0, 0, &(WINDOW - 65_535).to_be_bytes());
        Self {
            socket,
            block: block(&address.to_string(), requests),
            bodies: &requests.bodies,
            out,
            next_stream: 1,
            window: 65_535,
            stream_window: 65_535,
            sending: HashMap::new(),
            waiting: VecDeque::new(),
            received: 0,
            asked: 0,
            answered: 0,
        }
    }

    fn run(mut self, streams: usize, end: Instant) -> usize {
        (0..streams).for_each(|_| self.request());
        let (mut buffer, mut filled) = (vec![0; 1 << 20], 0);
        loop {
            self.write();
            let read = self.socket.read(&mut buffer[filled..]).unwrap();
            assert!(read > 0, "the subject closed the connection");
            filled += read;
            let before = self.answered;
            let used = self.frames(&buffer[..filled]);
            buffer.copy_within(used..filled, 0);
            filled -= used;
            if Instant::now() < end {
                (before..self.answered).for_each(|_| self.request());
            } else if self.answered == self.asked {
                return self.answered;
            }
        }
    }

    fn write(&mut self) {
        for stream in std::mem::take(&mut self.waiting) {
            self.body(stream);
        }
        if !self.out.is_empty() {
            self.socket.write_all(&self.out).unwrap();
            self.out.clear();
        }
    }

    fn request(&mut self) {
        let stream = self.next_stream;
        self.next_stream += 2;
        self.asked += 1;
        frame(&mut self.out, HEADERS, END_HEADERS, stream, &self.block);
        self.sending.insert(stream, (0, self.stream_window));
        self.body(stream);
    }

    /// Sends what the windows take of a body.
    fn body(&mut self, stream: u32) {
        let Some((sent, window)) = self.sending.get_mut(&stream) else {
            return;
        };
        let body = &self.bodies[stream as usize / 2 % self.bodies.len()];
        while *sent < body.len() {
            let room = usize::try_from(self.window.min(*window)).unwrap_or(0);
            let length = (body.len() - *sent).min(FRAME).min(room);
            if length == 0 {
                return self.waiting.push_back(stream);
            }
            let piece = &body[*sent..*sent + length];
            *sent += length;
            self.window -= length as i64;
            *window -= length as i64;
            let flags = if *sent == body.len() { END_STREAM } else { 0 };
            frame(&mut self.out, DATA, flags, stream, piece);
        }
        self.sending.remove(&stream);
    }

    /// Takes in whole frames; returns how many bytes they had.
    fn frames(&mut self, bytes: &[u8]) -> usize {
        let mut rest = bytes;
        while let Some(head) = rest.first_chunk::<9>() {
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
            let Some(payload) = rest.get(9..9 + length) else {
                break;
            };
            let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
            self.frame(head[3], head[4], stream, payload);
            rest = &rest[9 + length..];
        }
        bytes.len() - rest.len()
    }

    fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        match kind {
            DATA => self.received += u32::try_from(payload.len()).unwrap(),
            SETTINGS if flags == 0 => self.settings(payload),
            PING if flags == 0 => frame(&mut self.out, PING, 1, 0, payload),
            WINDOW_UPDATE => {
                let more = i64::from(u32::from_be_bytes(payload.try_into().unwrap()));
                match self.sending.get_mut(&stream) {
                    _ if stream == 0 => self.window += more,
                    Some((_, window)) => *window += more,
                    None => {}
                }
            }
            RST_STREAM | GOAWAY => panic!("the subject refused: frame {kind} {payload:?}"),
            _ => {}
        }
        if matches!(kind, DATA | HEADERS) && flags & END_STREAM != 0 {
            self.answered += 1;
        }
        if self.received > WINDOW / 2 {
            frame(&mut self.out, WINDOW_UPDATE, 0, 0, &self.received.to_be_bytes());
            self.received = 0;
        }
    }

    fn settings(&mut self, payload: &[u8]) {
        for setting in payload.chunks(6) {
            if setting[1] == 4 {
                let value = i64::from(u32::from_be_bytes(setting[2..6].try_into().unwrap()));
                let more = value - self.stream_window;
                self.sending.values_mut().for_each(|(_, window)| *window += more);
                self.stream_window = value;
            }
        }
        frame(&mut self.out, SETTINGS, 1, 0, &[]);
    }
}

fn frame(out: &mut BytesMut, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    out.put_uint(payload.len() as u64, 3);
    out.put_u8(kind);
    out.put_u8(flags);
    out.put_u32(stream);
    out.put_slice(payload);
}

/// The request's fields, as literals without indexing (RFC 7541, 6.2.2): the block is the same for every request.
fn block(authority: &str, requests: &Requests<'_>) -> Vec<u8> {
    // :method POST and :scheme http are 3 and 6 of the static table.
    let mut block = vec![0x83, 0x86];
    let pseudo = [(":authority", authority), (":path", requests.path)];
    for (name, value) in pseudo.iter().chain(requests.fields) {
        block.push(0);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).expect("short"));
            block.extend_from_slice(text.as_bytes());
        }
    }
    block
}
