//! What `descant serve` tells a receiver of OTLP.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use crate::process::{Server, command, descant, http};

/// A receiver, of which only what it is sent is of interest: names in protobuf are plain text.
struct Receiver {
    url: String,
    got: Arc<Mutex<Vec<Got>>>,
}

/// A request's head and body.
type Got = (String, Vec<u8>);

impl Receiver {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let got = Arc::<Mutex<Vec<_>>>::default();
        let all = got.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                all.lock().unwrap().push(take(stream.unwrap()));
            }
        });
        Self { url, got }
    }

    /// Whether some batch has these words.
    fn has(&self, words: &str) -> bool {
        let got = self.got.lock().unwrap();
        got.iter().any(|(_, body)| contains(body, words.as_bytes()))
    }

    fn heads(&self) -> String {
        let got = self.got.lock().unwrap();
        got.iter().map(|(head, _)| head.as_str()).collect()
    }
}

/// A request's head and body, which is answered as one that was taken.
fn take(stream: TcpStream) -> Got {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    while !head.ends_with("\r\n\r\n") {
        let from = head.len();
        reader.read_line(&mut head).unwrap();
        let line = head[from..].to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n";
    reader.get_mut().write_all(answer.as_bytes()).unwrap();
    (head, body)
}

fn contains(body: &[u8], words: &[u8]) -> bool {
    body.windows(words.len()).any(|window| window == words)
}

#[test]
fn spans_are_sent_before_the_server_has_ended() {
    let receiver = Receiver::start();
    let mut server = Server::start(&["--otlp", &receiver.url]);
    http(server.address(), "GET /v1/books/emma");
    assert!(server.services().contains("bookshop.v1.Catalog"));
    server.signal("TERM");
    assert!(server.end().success());
    for words in [
        "bookshop.v1.Catalog/GetBook",
        "/v1/books/emma",
        "service.name",
        "descant",
    ] {
        assert!(receiver.has(words), "{words}");
    }
    assert!(!receiver.has("grpc.reflection.v1.ServerReflection"));
    let heads = receiver.heads();
    assert!(heads.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{heads}");
    assert!(heads.contains("content-type: application/x-protobuf\r\n"), "{heads}");
}

#[test]
fn calls_are_traced_after_a_reload_as_before() {
    let receiver = Receiver::start();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("descant.yaml");
    let set = crate::process::demo_set();
    let written = format!("descriptors: {}\notlp: {}\n", set.display(), receiver.url);
    std::fs::write(&config, written).unwrap();
    let mut server = Server::start(&["--config", config.to_str().unwrap()]);
    server.signal("HUP");
    server.until("it has reloaded", |server| server.err().contains("reloaded:"));
    http(server.address(), "GET /v1/books/emma");
    server.signal("TERM");
    assert!(server.end().success());
    assert!(receiver.has("bookshop.v1.Catalog/GetBook"));
}

#[test]
fn the_environment_says_where_and_what() {
    let receiver = Receiver::start();
    let folder = tempfile::tempdir().unwrap();
    let ready = folder.path().join("ready");
    let mut server = command(["serve", "--listen", "127.0.0.1:0", "--admin", "off", "--ready-file"])
        .arg(&ready)
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", &receiver.url)
        .env("OTEL_EXPORTER_OTLP_HEADERS", "api-key=secret%20word")
        .env("OTEL_SERVICE_NAME", "the-shop")
        .env("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
        .env("OTEL_BSP_SCHEDULE_DELAY", "50")
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    while !ready.exists() {
        crate::process::pause();
    }
    let address = std::fs::read_to_string(ready).unwrap();
    http(address.trim(), "GET /v1/books/emma");
    let start = std::time::Instant::now();
    while !receiver.has("bookshop.v1.Catalog/GetBook") {
        assert!(start.elapsed() < crate::process::PATIENCE);
        crate::process::pause();
    }
    server.kill().unwrap();
    server.wait().unwrap();
    assert!(receiver.has("the-shop") && receiver.has("deployment.environment.name"));
    assert!(
        receiver.heads().contains("api-key: secret word\r\n"),
        "{}",
        receiver.heads()
    );
}

#[test]
fn a_receiver_that_is_away_is_told_of_once_and_stops_nobody() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap();
    let away = format!("http://{}", port.local_addr().unwrap());
    drop(port);
    let mut server = Server::start(&["--otlp", &away]);
    let told = |server: &mut Server| server.err().matches("no spans can be sent to").count();
    for _ in 0..3 {
        assert_eq!(http(server.address(), "GET /v1/books/emma").0, "HTTP/1.1 200 OK");
    }
    server.until("it is told", |server| told(server) == 1);
    for _ in 0..3 {
        assert_eq!(http(server.address(), "GET /v1/books/emma").0, "HTTP/1.1 200 OK");
    }
    server.signal("TERM");
    assert!(server.end().success());
    assert_eq!(told(&mut server), 1, "{}", server.err());
}

#[test]
fn what_makes_no_sense_is_a_setting() {
    for (args, variable, code, said) in [
        (
            &["--otlp", "localhost:4318"][..],
            "",
            2,
            "error: --otlp: the receiver \"localhost:4318\" has no scheme: write http://HOST:4318",
        ),
        (
            &["--otlp", "http://a:4318"],
            "OTEL_TRACES_SAMPLER",
            3,
            "OTEL_TRACES_SAMPLER is \"x\"",
        ),
        (
            &["--otlp", "http://a:4318"],
            "OTEL_EXPORTER_OTLP_PROTOCOL",
            3,
            "http/protobuf is what is spoken",
        ),
    ] {
        let mut command = command([&["serve"], args].concat());
        if !variable.is_empty() {
            command.env(variable, "x");
        }
        let ran: crate::process::Ran = command.output().unwrap().into();
        assert_eq!(ran.code, Some(code), "{ran:?}");
        assert!(ran.err.contains(said), "{ran:?}");
    }
    let both = descant(["serve", "--no-observe", "--otlp", "http://a:4318"]);
    assert_eq!(both.code, Some(2), "{both:?}");
}
