//! `--listen unix:PATH`.

use std::{
    fs,
    io::{Read, Write},
    os::unix::net::UnixStream,
};

use rcgen::generate_simple_self_signed;

use crate::process::{PATIENCE, Server, descant};

fn get(path: &str, target: &str) -> String {
    let mut stream = UnixStream::connect(path).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(
        stream,
        "GET {target} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// A path for a socket in the server's own folder, and the server's word for it.
fn socket(folder: &tempfile::TempDir) -> (String, String) {
    let path = folder.path().join("x.sock").display().to_string();
    let address = format!("unix:{path}");
    (path, address)
}

#[test]
fn a_unix_socket_is_served_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let (path, address) = socket(&folder);
    let mut server = Server::start(&["--listen", &address, "--workers", "2"]);
    assert_eq!(server.addresses[1], address);
    assert!(
        server.out().contains(&format!("  {address} (plain text)")),
        "{}",
        server.out()
    );
    // More than one, so that each worker serves some.
    for _ in 0..4 {
        let answer = get(&path, "/v1/books/emma");
        assert!(
            answer.starts_with("HTTP/1.1 200") && answer.contains("\"Emma\""),
            "{answer}"
        );
    }
    for from in [address.clone(), format!("unix://{path}")] {
        let listed = descant(["list", "--from", &from]);
        assert!(listed.out.contains("bookshop.v1.Catalog"), "{}", listed.err);
        let described = descant(["describe", "--from", &from, "bookshop.v1.Desk"]);
        assert!(described.out.contains("service Desk"), "{}", described.err);
    }
    server.signal("TERM");
    assert!(server.end().success(), "{}", server.err());
    assert!(!fs::exists(&path).unwrap());
}

#[test]
fn a_socket_is_replaced_only_where_nobody_listens() {
    let folder = tempfile::tempdir().unwrap();
    let (path, address) = socket(&folder);
    let mut server = Server::start(&["--listen", &address]);
    let second = descant(["serve", "--admin", "off", "--listen", &address]);
    assert_eq!(second.code, Some(5), "{}", second.err);
    assert!(
        second.err.contains(&address) && second.err.contains("another process listens there"),
        "{}",
        second.err
    );
    server.signal("KILL");
    server.end();
    assert!(fs::exists(&path).unwrap());
    let _successor = Server::start(&["--listen", &address]);
    assert!(get(&path, "/v1/books/emma").starts_with("HTTP/1.1 200"));
}

#[test]
fn a_file_stays_and_a_server_that_is_gone_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (path, address) = socket(&folder);
    let asked = descant(["list", "--from", &address]);
    assert_eq!(asked.code, Some(1));
    assert!(
        asked.err.contains(&address) && asked.err.contains("is the path right"),
        "{}",
        asked.err
    );
    fs::write(&path, "kept").unwrap();
    let ran = descant(["serve", "--admin", "off", "--listen", &address]);
    assert_eq!(ran.code, Some(5), "{}", ran.err);
    assert!(ran.err.contains("no socket"), "{}", ran.err);
    assert_eq!(fs::read(&path).unwrap(), b"kept");
}

#[test]
fn tls_is_spoken_over_a_unix_socket() {
    let folder = tempfile::tempdir().unwrap();
    let (_, address) = socket(&folder);
    let pair = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let [crt, key] = ["crt", "key"].map(|name| folder.path().join(name).display().to_string());
    fs::write(&crt, pair.cert.pem()).unwrap();
    fs::write(&key, pair.signing_key.serialize_pem()).unwrap();
    let server = Server::start(&["--listen", &address, "--tls-cert", &crt, "--tls-key", &key]);
    assert!(server.out().contains(&format!("  {address} (TLS)")), "{}", server.out());
    for trust in [&["--ca", &crt][..], &["--insecure"]] {
        let ran = descant([&["list", "--from", &address], trust].concat());
        assert!(ran.out.contains("bookshop.v1.Catalog"), "{trust:?}: {}", ran.err);
    }
    let plain = descant(["list", "--from", &address]);
    assert_eq!(plain.code, Some(1));
    assert!(
        plain.err.contains("speaks TLS") && plain.err.contains("--ca FILE"),
        "{}",
        plain.err
    );
}
