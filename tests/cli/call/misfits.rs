//! Servers that speak something else.

use std::{
    io::{Read, Write},
    net::TcpListener,
    thread,
};

use super::{BOOK, call, pages};
use crate::{
    ask::parrot,
    process::{Server, demo_set, descant},
};

/// A server that takes connections and says nothing.
fn silence() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

/// A server that says the same to every request, and hangs up.
fn parrots(answer: &'static [u8]) -> String {
    let (listener, address) = silence();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            // Of some nothing is asked.
            thread::spawn(move || {
                let _ = stream.read(&mut [0; 4096]);
                let _ = stream.write_all(answer);
            });
        }
    });
    address
}

#[test]
fn what_does_not_fit_is_told_plainly() {
    let plain = Server::start(&[]);
    let (_listener, silent) = silence();
    let http1 = parrot(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
    let headless = parrot(b"<!DOCTYPE HTML>\n<html></html>\n");
    let tls = parrot(&[21, 3, 3, 0, 2, 2, 40]);
    let (page, rude) = (pages(), parrots(b""));
    let over_tls = format!("https://{}", plain.address());
    for (address, code, told) in [
        (
            tls.as_str(),
            14,
            "error: cannot connect to ADDRESS: it speaks TLS\nhint: say https://HOST:PORT\n",
        ),
        (
            &over_tls,
            14,
            "error: cannot connect to ADDRESS: it speaks no TLS (received fatal alert: ProtocolVersion)\n\
             hint: is it plain text? then say http://, or the host and port alone\n",
        ),
        (
            &http1,
            14,
            "error: cannot connect to ADDRESS: it answers in HTTP/1.1, and gRPC needs HTTP/2\n\
             hint: is it the port of the gRPC server? over HTTP/1.1 it may be called with --protocol grpc-web, connect or rest, \
             and --http1\n",
        ),
        (
            &headless,
            14,
            "error: cannot connect to ADDRESS: it answers with a web page, and gRPC needs HTTP/2\n\
             hint: is it the port of the gRPC server? over HTTP/1.1 it may be called with --protocol grpc-web, connect or rest, \
             and --http1\n",
        ),
        (
            &rude,
            14,
            "error: cannot connect to ADDRESS: it hung up at once\n\
             hint: does it speak TLS? then say https://HOST:PORT\n",
        ),
        (
            &silent,
            14,
            "error: cannot connect to ADDRESS: not done within 0.5 s\n\
             hint: is it a gRPC server? does something on the way hold the connection back?\n",
        ),
        (
            &page,
            2,
            "error: UNKNOWN: the upstream answers with HTTP 200 OK and content type text/html, not as gRPC does\n\
             hint: that is a web page: is it the port of the API? does something on the way answer in its place?\n",
        ),
        (
            "127.0.0.1:1",
            14,
            "error: cannot connect to ADDRESS: Connection refused (os error 111)\n\
             hint: is the server running, and is the port right?\n",
        ),
    ] {
        let set = demo_set();
        let ran = descant([
            "call",
            address,
            BOOK,
            set.to_str().unwrap(),
            "--connect-timeout",
            "500ms",
        ]);
        assert_eq!(ran.err, told.replace("ADDRESS", address));
        assert_eq!(ran.code, Some(64 + code), "{told}");
    }
    // A gateway's own troubles are none of who calls it.
    let front = Server::start(&[demo_set().to_str().unwrap(), "--to", &format!("http://{}", pages())]);
    let relayed = call(&front, &[BOOK]);
    assert_eq!(
        relayed.err,
        "error: UNKNOWN: the upstream answers with HTTP 200 OK and content type text/html, not as gRPC does\n"
    );
    // Reflection ends as a call would.
    let page = pages();
    let undescribed = descant(["call", &page, BOOK]);
    assert_eq!(undescribed.code, Some(64 + 2), "{undescribed:?}");
    let told = format!("error: reflection at {page} ended with UNKNOWN: the upstream answers with HTTP 200 OK");
    assert!(undescribed.err.starts_with(&told), "{undescribed:?}");
    let name = descant(["call", "nowhere.invalid:50051", BOOK]);
    assert_eq!(name.code, Some(64 + 14), "{name:?}");
    assert!(name.err.ends_with("hint: is the name of the host right?\n"), "{name:?}");
}

/// Where nothing is said before a call.
#[test]
fn what_does_not_fit_over_http1_is_told_as_plainly() {
    let rude = parrots(b"");
    let (_, port) = rude.rsplit_once(':').unwrap();
    for (address, is_called) in [
        (format!("127.0.0.1:{port}"), String::new()),
        (format!("localhost:{port}"), format!(" (127.0.0.1:{port})")),
    ] {
        for protocol in ["connect", "grpc-web"] {
            let set = demo_set();
            let call = [
                "call",
                &address,
                BOOK,
                set.to_str().unwrap(),
                "--protocol",
                protocol,
                "--http1",
            ];
            let told = format!(
                "error: UNAVAILABLE: the connection to http://{address}{is_called} is lost: connection closed before message \
                 completed\nhint: does it speak TLS? then say https://HOST:PORT\n"
            );
            assert_eq!(descant(call).err, told);
        }
    }
    let http1 = parrots(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
    for protocol in ["connect", "grpc-web", "rest"] {
        let set = demo_set();
        let ran = descant(["call", &http1, BOOK, set.to_str().unwrap(), "--protocol", protocol]);
        let what = "it does not speak HTTP/2, and may be called over HTTP/1.1\nhint: say --http1 too\n";
        assert_eq!(ran.err, format!("error: cannot connect to {http1}: {what}"));
    }
    let no_streams =
        parrots(b"HTTP/1.1 505 HTTP Version Not Supported\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    let ran = descant(["call", &no_streams, BOOK, "--protocol", "connect", "--http1"]);
    assert!(
        ran.err.ends_with("over HTTP/1.1: name a PATH that describes it\n"),
        "{ran:?}"
    );
    let unknown = parrots(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    let ran = descant(["call", &unknown, BOOK, "--protocol", "connect", "--http1"]);
    assert!(
        ran.err.contains("UNAUTHENTICATED") && !ran.err.contains("PATH"),
        "{ran:?}"
    );
}
