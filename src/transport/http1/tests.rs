use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

use crate::transport::{
    Connection, Drain, Ended, Limits, clock::Phase, converse, greeting::Mistake, http1::Violation, script::MEBIBYTE,
    script::Script,
};

/// The other end of a connection.
struct Peer {
    io: DuplexStream,
    served: JoinHandle<Result<(), Ended>>,
    script: Script,
    drain: Drain,
}

impl Peer {
    fn connect(limits: Limits) -> Self {
        let (io, theirs) = duplex(64 << 10);
        let (script, drain) = (Script::default(), Drain::new());
        let connection = Arc::new(Connection::new(descant_handlers::Peer::default(), Arc::new(limits)));
        let served = tokio::spawn(converse::serve(theirs, script.clone(), connection, drain.watch()));
        Self {
            io,
            served,
            script,
            drain,
        }
    }

    async fn send(&mut self, bytes: &str) {
        self.io.write_all(bytes.as_bytes()).await.unwrap();
    }

    /// All that is said up to `end`.
    async fn until(&mut self, end: &str) -> String {
        let mut said = Vec::new();
        while !said.ends_with(end.as_bytes()) {
            let byte = timeout(Duration::from_secs(5), self.io.read_u8()).await;
            match byte {
                Ok(Ok(byte)) => said.push(byte),
                other => panic!("{other:?} after {}", said.escape_ascii()),
            }
        }
        String::from_utf8(said).unwrap()
    }

    /// All that is said up to the end of the connection, and how it ended.
    async fn rest(mut self) -> (String, Result<(), Ended>) {
        let mut said = Vec::new();
        timeout(Duration::from_secs(4000), self.io.read_to_end(&mut said))
            .await
            .unwrap()
            .unwrap();
        drop(self.io);
        (String::from_utf8(said).unwrap(), self.served.await.unwrap())
    }

    fn open(&self) -> usize {
        self.script.open.load(Ordering::Relaxed)
    }
}

/// What is said to these bytes.
async fn answer(bytes: &str) -> (String, Result<(), Ended>) {
    let mut peer = Peer::connect(Limits::default());
    peer.send(bytes).await;
    peer.rest().await
}

async fn settle() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

fn get(path: &str, more: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: test\r\n{more}\r\n")
}

#[tokio::test(start_paused = true)]
async fn requests_follow_one_another() {
    let mut peer = Peer::connect(Limits::default());
    for byte in get("/plain", "").bytes() {
        peer.io.write_u8(byte).await.unwrap();
        settle().await;
    }
    let first = peer.until("hello").await;
    assert!(first.starts_with("HTTP/1.1 200 OK\r\n"), "{first}");
    assert!(first.contains("content-length: 5\r\n"), "{first}");
    peer.send(&(get("/plain", "") + &get("/plain", "connection: close\r\n")))
        .await;
    peer.until("hello").await;
    let (last, ended) = peer.rest().await;
    assert!(
        last.contains("connection: close\r\n") && last.ends_with("hello"),
        "{last}"
    );
    ended.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_request_may_come_in_part_before_the_answer_to_another() {
    let mut peer = Peer::connect(Limits::default());
    let post = |length| format!("POST /echo HTTP/1.1\r\nhost: test\r\ncontent-length: {length}\r\n\r\nhello");
    peer.send(&(post(5) + &post(10))).await;
    let first = peer.until("hello").await;
    assert!(!first.contains("connection: close"), "{first}");
    peer.send("world").await;
    peer.until("helloworld").await;
}

#[tokio::test(start_paused = true)]
async fn bodies_come_and_go_in_chunks() {
    let mut peer = Peer::connect(Limits::default());
    peer.send("POST /mirror HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n")
        .await;
    // The answer begins before the request has ended.
    let head = peer.until("\r\n\r\n").await;
    assert!(head.contains("transfer-encoding: chunked\r\n"), "{head}");
    peer.send("5\r\nfirst\r\n").await;
    assert_eq!(peer.until("first\r\n").await, "5\r\nfirst\r\n");
    peer.send("6\r\nsecond\r\n0\r\nignored: trailer\r\n\r\n").await;
    assert_eq!(peer.until("0\r\n\r\n").await, "6\r\nsecond\r\n0\r\n\r\n");
    peer.send(&get("/plain", "")).await;
    peer.until("hello").await;
}

#[tokio::test(start_paused = true)]
async fn what_is_ready_leaves_as_one_chunk() {
    let mut peer = Peer::connect(Limits::default());
    peer.send(&get("/lines", "")).await;
    peer.until("\r\n\r\n").await;
    assert_eq!(peer.until("0\r\n\r\n").await, "F\r\nline\nline\nline\n\r\n0\r\n\r\n");
}

#[tokio::test(start_paused = true)]
async fn a_cut_reply_has_no_last_chunk() {
    let (said, ended) = answer(&get("/cut", "")).await;
    assert!(said.ends_with("\r\n\r\nA\r\nline\nline\n\r\n"), "{said:?}");
    ended.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn trailers_are_for_those_who_ask() {
    let mut peer = Peer::connect(Limits::default());
    peer.send(&get("/hello", "te: trailers\r\n")).await;
    let head = peer.until("\r\n\r\n").await;
    assert!(head.contains("trailer: grpc-status\r\n"), "{head}");
    assert_eq!(
        peer.until("\r\n\r\n").await,
        "5\r\nhello\r\n0\r\ngrpc-status: 0\r\n\r\n"
    );
    peer.send(&get("/hello", "")).await;
    let plain = peer.until("hello").await;
    assert!(plain.contains("content-length: 5\r\n"), "{plain}");
}

#[tokio::test(start_paused = true)]
async fn a_head_alone_has_no_body() {
    let mut peer = Peer::connect(Limits::default());
    for path in ["/plain", "/lines", "/large"] {
        peer.send(&format!("HEAD {path} HTTP/1.1\r\nhost: test\r\n\r\n")).await;
        let head = peer.until("\r\n\r\n").await;
        let length = match path {
            "/plain" => "content-length: 5\r\n",
            "/large" => "content-length: 1048576\r\n",
            _ => "",
        };
        assert!(head.starts_with("HTTP/1.1 200") && head.contains(length), "{head}");
    }
    peer.send(&get("/plain", "")).await;
    assert!(peer.until("hello").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test(start_paused = true)]
async fn leave_to_send_is_given_once_the_body_is_read() {
    let mut peer = Peer::connect(Limits::default());
    peer.send("POST /echo HTTP/1.1\r\nhost: test\r\ncontent-length: 5\r\nexpect: 100-continue\r\n\r\n")
        .await;
    assert_eq!(peer.until("\r\n\r\n").await, "HTTP/1.1 100 Continue\r\n\r\n");
    peer.send("hello").await;
    assert!(peer.until("hello").await.contains("200 OK"));
}

#[tokio::test(start_paused = true)]
async fn http_1_0_gets_no_chunks() {
    let (said, ended) = answer("GET /lines HTTP/1.0\r\n\r\n").await;
    assert!(said.starts_with("HTTP/1.0 200 OK\r\n"), "{said}");
    assert!(
        said.ends_with("\r\n\r\nline\nline\nline\n") && !said.contains("chunked"),
        "{said}"
    );
    ended.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_is_left_aside() {
    let mut peer = Peer::connect(Limits::default());
    let upgrade = "connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n";
    peer.send(&get("/plain", upgrade)).await;
    assert!(peer.until("hello").await.starts_with("HTTP/1.1 200"));
    peer.send(&get("/plain", "")).await;
    peer.until("hello").await;
}

#[tokio::test(start_paused = true)]
async fn what_is_no_http_is_closed_without_a_word() {
    for line in ["INVALID CONNECTION PREFACE", "Lorem", "EHLO example.com", "HELP"] {
        let (said, ended) = answer(&format!("{line}\r\n\r\n")).await;
        assert_eq!(said, "", "{line}");
        assert!(
            matches!(ended, Err(Ended::Stranger(Mistake::Unknown))),
            "{line}: {ended:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_sound_is_refused() {
    for (request, status) in [
        (
            get("/plain", "content-length: 1\r\ntransfer-encoding: chunked\r\n"),
            "400 Bad Request",
        ),
        (
            get("/plain", "transfer-encoding: chunked\r\ncontent-length: 1\r\n"),
            "400 Bad Request",
        ),
        (
            get("/plain", "content-length: 1\r\ncontent-length: 1\r\n"),
            "400 Bad Request",
        ),
        (get("/plain", "a : b\r\n"), "400 Bad Request"),
        (get("/plain", "a: b\r\n c\r\n"), "400 Bad Request"),
        (get("/plain", "a: \x01\r\n"), "400 Bad Request"),
        ("GET /plain HTTP/1.1\r\n\r\n".into(), "400 Bad Request"),
        ("GET /plain HTTP/1.1\nhost: test\n\n".into(), "400 Bad Request"),
        ("GET  /plain HTTP/1.1\r\nhost: test\r\n\r\n".into(), "400 Bad Request"),
        ("GET /plain HTTP/2.0\r\nhost: test\r\n\r\n".into(), "400 Bad Request"),
        ("GET test:80 HTTP/1.1\r\nhost: test\r\n\r\n".into(), "400 Bad Request"),
        ("PRI * HTTP/1.1\r\n\r\n".into(), "400 Bad Request"),
        ("GET ipsum\r\n\r\n".into(), "400 Bad Request"),
        ("LOREM ipsum HTTP/X\r\n\r\n".into(), "400 Bad Request"),
        (
            get("/plain", "transfer-encoding: gzip, chunked\r\n"),
            "501 Not Implemented",
        ),
        (get(&format!("/{}", "x".repeat(16 << 10)), ""), "414 URI Too Long"),
        (
            get("/plain", &format!("a: {}\r\n", "x".repeat(16 << 10))),
            "431 Request Header Fields Too Large",
        ),
        (
            get("/plain", &"a: b\r\n".repeat(100)),
            "431 Request Header Fields Too Large",
        ),
    ] {
        let mut peer = Peer::connect(Limits::default());
        peer.send(&request).await;
        let said = peer.until("\r\n\r\n").await;
        assert!(
            said.starts_with(&format!("HTTP/1.1 {status}\r\n")),
            "{request:?}: {said}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_is_refused_in_its_turn() {
    let mut peer = Peer::connect(Limits::default());
    let slow = "POST /echo HTTP/1.1\r\nhost: test\r\ncontent-length: 5\r\n\r\nhello";
    peer.send(&format!(
        "{slow}{}",
        get("/plain", "content-length: 1\r\ncontent-length: 2\r\n")
    ))
    .await;
    let (said, ended) = peer.rest().await;
    assert_eq!(said.matches("HTTP/1.1 ").count(), 2, "{said}");
    assert!(said.starts_with("HTTP/1.1 200 OK") && said.contains("hello"), "{said}");
    assert!(said.contains("HTTP/1.1 400 Bad Request"), "{said}");
    assert!(matches!(ended, Err(Ended::Refused(Violation::Head(_)))), "{ended:?}");
}

#[tokio::test(start_paused = true)]
async fn whoever_reads_hears_of_broken_chunks() {
    let mut peer = Peer::connect(Limits::default());
    peer.send("POST /mirror HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n2\r\nabc\r\n")
        .await;
    let (said, _) = peer.rest().await;
    assert!(said.contains("ab\r\n") && !said.ends_with("0\r\n\r\n"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn a_handler_is_dropped_when_the_peer_leaves() {
    let mut peer = Peer::connect(Limits::default());
    peer.send(&get("/never", "")).await;
    settle().await;
    assert_eq!(peer.open(), 1);
    let Peer { io, script, served, .. } = peer;
    drop(io);
    timeout(Duration::from_secs(1), served)
        .await
        .unwrap()
        .unwrap()
        .unwrap_err();
    assert_eq!(script.open.load(Ordering::Relaxed), 0);
}

/// Waits for the end; it must come for this phase, after so many seconds.
async fn ends_late(peer: Peer, phase: Phase, seconds: u64) -> String {
    let since = Instant::now();
    let (said, ended) = peer.rest().await;
    assert!(matches!(ended, Err(Ended::Late(late)) if late == phase), "{ended:?}");
    let took = since.elapsed().as_secs();
    assert!((seconds..=seconds + 1).contains(&took), "after {took} s");
    said
}

#[tokio::test(start_paused = true)]
async fn a_head_has_its_time() {
    let mut peer = Peer::connect(Limits::default());
    peer.send("GET /pl").await;
    let said = ends_late(peer, Phase::Frame, 10).await;
    assert!(said.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{said}");
    // The time of the next one begins when it begins.
    let mut peer = Peer::connect(Limits::default());
    peer.send(&get("/plain", "")).await;
    peer.until("hello").await;
    sleep(Duration::from_secs(60)).await;
    peer.send("GET").await;
    ends_late(peer, Phase::Frame, 10).await;
}

#[tokio::test(start_paused = true)]
async fn half_a_head_behind_a_request_has_its_time_too() {
    let mut peer = Peer::connect(Limits::default());
    peer.send(&(get("/plain", "") + "GET /p")).await;
    peer.until("hello").await;
    ends_late(peer, Phase::Frame, 10).await;
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed() {
    let mut peer = Peer::connect(Limits::default());
    peer.send(&get("/plain", "")).await;
    peer.until("hello").await;
    let since = Instant::now();
    let (said, ended) = peer.rest().await;
    ended.unwrap();
    assert_eq!((said.as_str(), since.elapsed().as_secs()), ("", 300));
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_takes_nothing_is_cut_off() {
    for path in ["/large", "/endless"] {
        let mut peer = Peer::connect(Limits::default());
        peer.send(&get(path, "")).await;
        let since = Instant::now();
        let ended = (&mut peer.served).await.unwrap();
        assert!(matches!(ended, Err(Ended::Late(Phase::WriteStall))), "{ended:?}");
        assert!((10..=11).contains(&since.elapsed().as_secs()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_large_reply_arrives_whole() {
    let mut peer = Peer::connect(Limits::default());
    peer.send(&get("/large", "connection: close\r\n")).await;
    let (said, ended) = peer.rest().await;
    ended.unwrap();
    let (_, body) = said.split_once("\r\n\r\n").unwrap();
    assert_eq!(body.len(), MEBIBYTE);
}

#[tokio::test(start_paused = true)]
async fn a_drain_lets_the_request_finish_and_ends_the_rest() {
    let mut idle = Peer::connect(Limits::default());
    idle.send(&get("/plain", "")).await;
    idle.until("hello").await;
    idle.drain.begin(Duration::from_secs(30));
    let (said, ended) = timeout(Duration::from_millis(10), idle.rest()).await.unwrap();
    assert_eq!(said, "");
    ended.unwrap();

    let mut busy = Peer::connect(Limits::default());
    busy.send("POST /echo HTTP/1.1\r\nhost: test\r\ncontent-length: 5\r\n\r\nhe")
        .await;
    settle().await;
    busy.drain.begin(Duration::from_secs(30));
    settle().await;
    busy.send("llo").await;
    let (said, ended) = busy.rest().await;
    assert!(
        said.contains("connection: close\r\n") && said.ends_with("hello"),
        "{said}"
    );
    ended.unwrap();

    let mut never = Peer::connect(Limits::default());
    never.send(&get("/never", "")).await;
    settle().await;
    never.drain.begin(Duration::from_secs(30));
    ends_late(never, Phase::Grace, 30).await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_before_the_end_of_a_request_arrives() {
    let mut peer = Peer::connect(Limits::default());
    peer.send("POST /plain HTTP/1.1\r\nhost: test\r\ncontent-length: 1000000\r\n\r\n")
        .await;
    peer.send(&"x".repeat(10_000)).await;
    let said = peer.until("hello").await;
    assert!(said.contains("200 OK") && said.contains("connection: close"), "{said}");
    let _ = peer.io.write_all("x".repeat(20_000).as_bytes()).await;
    peer.rest().await.1.unwrap();
}

/// As an attack would: heads of anything, in pieces of any size.
#[tokio::test(start_paused = true)]
async fn no_bytes_make_it_panic_or_hang() {
    let mut random = fastrand::Rng::with_seed(11);
    let words = [
        "GET ",
        "POST ",
        "PRI * HTTP/2.0\r\n\r\n",
        "/plain",
        "/echo",
        " HTTP/1.1",
        " HTTP/1.0",
        "\r\n",
        "\n",
        "\r",
        "host: a",
        "content-length: 3",
        "transfer-encoding: chunked",
        "abc",
        "3\r\nabc\r\n",
        "0\r\n\r\n",
        "\0",
        ":",
        " ",
        "\u{16}\u{3}",
        "%",
    ];
    for _ in 0..300 {
        let mut peer = Peer::connect(Limits::default());
        let bytes: String = (0..random.usize(1..14))
            .map(|_| words[random.usize(..words.len())])
            .collect();
        let mut sent = bytes.as_bytes();
        while !sent.is_empty() {
            let (piece, rest) = sent.split_at(random.usize(1..=sent.len()));
            if peer.io.write_all(piece).await.is_err() {
                break;
            }
            settle().await;
            sent = rest;
        }
        // Whoever is waited for says nothing more.
        let _ = peer.io.shutdown().await;
        let mut said = Vec::new();
        timeout(Duration::from_secs(400), peer.io.read_to_end(&mut said))
            .await
            .unwrap()
            .unwrap();
        drop(peer.io);
        timeout(Duration::from_secs(5), peer.served)
            .await
            .unwrap()
            .unwrap()
            .ok();
    }
}
