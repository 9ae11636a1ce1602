//! One call, by each protocol that callers speak.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use crate::process::{PATIENCE, Server, demo_set, descant};

/// What a caller was told.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) protocol: &'static str,
    /// The code of gRPC, however the protocol writes it.
    pub(super) code: i32,
    /// The status of HTTP, where that is not always 200.
    pub(super) status: Option<u16>,
    pub(super) said: String,
}

/// `bookshop.v1.Catalog/GetBook`, of this book, by gRPC, REST, gRPC-Web and Connect. The caller waits for so many milliseconds
/// if that is not zero.
pub(super) fn get_book(front: &Server, id: &str, millis: u32) -> [Told; 4] {
    [
        by_grpc(front, id, millis),
        by_rest(front, id, millis),
        by_web(front, id, millis),
        by_connect(front, id, millis),
    ]
}

pub(super) fn by_grpc(front: &Server, id: &str, millis: u32) -> Told {
    let (set, timeout) = (demo_set(), format!("{millis}ms"));
    let message = format!(r#"{{"id":"{id}"}}"#);
    let mut args = vec!["call", front.address(), "bookshop.v1.Catalog/GetBook"];
    args.extend([set.to_str().unwrap(), "-d", &message]);
    if millis > 0 {
        args.extend(["--timeout", &timeout]);
    }
    let ran = descant(args);
    let code = ran.code.unwrap();
    Told {
        protocol: "gRPC",
        code: if code == 0 { 0 } else { code - 64 },
        status: None,
        said: ran.out + &ran.err,
    }
}

pub(super) fn by_rest(front: &Server, id: &str, millis: u32) -> Told {
    let wait = header("x-server-timeout", &format!("{}", f64::from(millis) / 1e3), millis);
    let (status, said) = exchange(front, &format!("GET /v1/books/{id}"), &wait, b"");
    let error: serde_json::Value = serde_json::from_str(body(&said)).unwrap();
    let code = error["code"].as_i64().unwrap_or_default();
    Told {
        protocol: "REST",
        code: i32::try_from(code).unwrap(),
        status: Some(status),
        said,
    }
}

fn by_web(front: &Server, id: &str, millis: u32) -> Told {
    let mut message = vec![0, 0, 0, 0, u8::try_from(id.len() + 2).unwrap(), 0x0a];
    message.push(u8::try_from(id.len()).unwrap());
    message.extend(id.as_bytes());
    let more = "content-type: application/grpc-web+proto\r\n".to_owned()
        + &header("grpc-timeout", &format!("{millis}m"), millis);
    let (status, said) = exchange(front, "POST /bookshop.v1.Catalog/GetBook", &more, &message);
    assert_eq!(status, 200, "{said}");
    // In the head if there is no message, else behind it.
    let (_, behind) = said.split_once("grpc-status:").unwrap();
    let digits = behind.trim_start().split(|digit: char| !digit.is_ascii_digit());
    Told {
        protocol: "gRPC-Web",
        code: digits.into_iter().next().unwrap().parse().unwrap(),
        status: None,
        said,
    }
}

fn by_connect(front: &Server, id: &str, millis: u32) -> Told {
    let more =
        "content-type: application/json\r\n".to_owned() + &header("connect-timeout-ms", &millis.to_string(), millis);
    let message = format!(r#"{{"id":"{id}"}}"#);
    let (status, said) = exchange(front, "POST /bookshop.v1.Catalog/GetBook", &more, message.as_bytes());
    let error: serde_json::Value = serde_json::from_str(body(&said)).unwrap();
    let code = match error["code"].as_str() {
        None => 0,
        Some("canceled") => 1,
        Some("unknown") => 2,
        Some("deadline_exceeded") => 4,
        Some("permission_denied") => 7,
        Some("resource_exhausted") => 8,
        Some("unimplemented") => 12,
        Some("internal") => 13,
        Some("unavailable") => 14,
        Some("unauthenticated") => 16,
        Some(other) => panic!("{other}: {said}"),
    };
    Told {
        protocol: "Connect",
        code,
        status: Some(status),
        said,
    }
}

fn header(name: &str, value: &str, millis: u32) -> String {
    match millis {
        0 => String::new(),
        _ => format!("{name}: {value}\r\n"),
    }
}

/// The status of HTTP, and all that came: over HTTP/1.1, on a connection that ends with it.
pub(super) fn exchange(front: &Server, request: &str, more: &str, sent: &[u8]) -> (u16, String) {
    let mut stream = TcpStream::connect(front.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let length = match sent.len() {
        0 => String::new(),
        length => format!("content-length: {length}\r\n"),
    };
    let head = format!("{request} HTTP/1.1\r\nhost: front.test\r\nconnection: close\r\n{more}{length}\r\n");
    stream.write_all(&[head.as_bytes(), sent].concat()).unwrap();
    let mut said = Vec::new();
    stream.read_to_end(&mut said).unwrap();
    let said = String::from_utf8_lossy(&said).into_owned();
    let status = said.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.unwrap_or_else(|| panic!("no answer: {said}")), said)
}

fn body(said: &str) -> &str {
    said.split_once("\r\n\r\n").unwrap().1
}
