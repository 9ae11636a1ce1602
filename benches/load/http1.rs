//! The same load over HTTP/1.1: one connection, so many requests on their way, one behind the other.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Instant,
};

use super::http2::Requests;

/// Runs until `end`; returns how many requests were answered.
pub(crate) fn run(address: SocketAddr, requests: &Requests<'_>, depth: usize, end: Instant) -> usize {
    let mut connection = Connection::open(address, requests);
    let mut answered = 0;
    connection.send(depth);
    loop {
        let came = connection.receive();
        answered += came;
        if Instant::now() > end {
            return answered;
        }
        connection.send(came);
    }
}

/// The body of the answer to the first request.
pub(crate) fn call(address: SocketAddr, requests: &Requests<'_>) -> Vec<u8> {
    let mut connection = Connection::open(address, requests);
    connection.send(1);
    while connection.receive() == 0 {}
    connection.last
}

struct Connection {
    socket: TcpStream,
    requests: Vec<Vec<u8>>,
    next: usize,
    out: Vec<u8>,
    buffer: Vec<u8>,
    filled: usize,
    /// The body that came last.
    last: Vec<u8>,
}

impl Connection {
    fn open(address: SocketAddr, requests: &Requests<'_>) -> Self {
        let socket = TcpStream::connect(address).unwrap();
        socket.set_nodelay(true).unwrap();
        let mut head = Vec::new();
        write!(head, "POST {} HTTP/1.1\r\nhost: {address}\r\n", requests.path).unwrap();
        for (name, value) in requests.fields {
            write!(head, "{name}: {value}\r\n").unwrap();
        }
        let whole = |body: &bytes::Bytes| {
            let mut whole = head.clone();
            write!(whole, "content-length: {}\r\n\r\n", body.len()).unwrap();
            whole.extend_from_slice(body);
            whole
        };
        Self {
            socket,
            requests: requests.bodies.iter().map(whole).collect(),
            next: 0,
            out: Vec::new(),
            buffer: vec![0; 1 << 20],
            filled: 0,
            last: Vec::new(),
        }
    }

    fn send(&mut self, count: usize) {
        self.out.clear();
        for _ in 0..count {
            self.out.extend_from_slice(&self.requests[self.next]);
            self.next = (self.next + 1) % self.requests.len();
        }
        self.socket.write_all(&self.out).unwrap();
    }

    /// Reads once; returns how many answers are whole now.
    fn receive(&mut self) -> usize {
        let read = self.socket.read(&mut self.buffer[self.filled..]).unwrap();
        assert!(read > 0, "the subject closed the connection");
        self.filled += read;
        let (mut used, mut count) = (0, 0);
        while let Some((body, end)) = answer(&self.buffer[used..self.filled]) {
            self.last.clear();
            self.last.extend_from_slice(&self.buffer[used + body..used + end]);
            used += end;
            count += 1;
        }
        self.buffer.copy_within(used..self.filled, 0);
        self.filled -= used;
        count
    }
}

/// Where the body of the first answer begins and ends, if it is whole.
fn answer(bytes: &[u8]) -> Option<(usize, usize)> {
    let head = bytes.windows(4).position(|end| end == b"\r\n\r\n")?;
    let text = std::str::from_utf8(&bytes[..head]).unwrap();
    assert!(text.starts_with("HTTP/1.1 200 "), "the subject refused: {text}");
    let mut lines = text.lines().filter_map(|line| line.split_once(": "));
    let length = lines.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length: usize = length.and_then(|(_, length)| length.parse().ok()).expect("a length");
    let (body, end) = (head + 4, head + 4 + length);
    (end <= bytes.len()).then_some((body, end))
}
