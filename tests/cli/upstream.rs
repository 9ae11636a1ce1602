//! `--to` and its kin.

use std::fs;

use rcgen::generate_simple_self_signed;
use tempfile::TempDir;

use crate::{
    described::free,
    process::{Server, demo_set, descant, http},
};

const GET: &str = "GET /v1/books/emma";

/// A folder with `NAME.crt` and `NAME.key`, for `localhost`.
fn certificate(name: &str) -> (TempDir, String, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = |ending: &str| folder.path().join(format!("{name}.{ending}")).display().to_string();
    let (crt, key) = (path("crt"), path("key"));
    let pair = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(&crt, pair.cert.pem()).unwrap();
    fs::write(&key, pair.signing_key.serialize_pem()).unwrap();
    (folder, crt, key)
}

/// A server before this one.
fn before(behind: &Server, options: &[&str]) -> Server {
    let port = behind.address().rsplit_once(':').unwrap().1;
    let url = format!("https://localhost:{port}");
    let set = demo_set();
    let args = [set.to_str().unwrap(), "--to", &url];
    Server::start(&args.iter().chain(options).copied().collect::<Vec<_>>())
}

#[test]
fn the_server_behind_may_speak_tls() {
    let (_folder, crt, key) = certificate("a");
    let (_other, strange, _) = certificate("b");
    let behind = Server::start(&["--tls-cert", &crt, "--tls-key", &key]);
    for options in [&["--to-ca", &crt][..], &["--to-insecure"]] {
        let front = before(&behind, options);
        assert!(http(front.address(), GET).0.contains(" 200 "), "{options:?}");
    }
    for (options, why) in [
        (&["--to-ca", &strange][..], "is trusted has another key"),
        (
            &["--to-ca", &crt, "--to-server-name", "other.test"],
            "not valid for name",
        ),
    ] {
        let front = before(&behind, options);
        let (status, body) = http(front.address(), GET);
        assert!(status.contains(" 503 ") && body.contains(why), "{status} {body}");
    }
}

#[test]
fn replies_may_be_as_large_as_messages_may_be_unless_the_proxy_says_otherwise() {
    let behind = Server::start(&[]);
    let (folder, set) = (tempfile::tempdir().unwrap(), demo_set());
    let file = folder.path().join("descant.yaml");
    let call = |proxy: &str| {
        let (set, address) = (set.display(), behind.address());
        let text = format!(
            "descriptors: '{set}'\nlimits: {{ message_bytes: 64 }}\n\
             routes: [{{ match: '*', proxy: {{ url: 'http://{address}'{proxy} }} }}]\n"
        );
        fs::write(&file, text).unwrap();
        let front = Server::start(&["-c", file.to_str().unwrap()]);
        descant(["call", front.address(), "bookshop.v1.Catalog/ListBooks"])
    };
    let large = call("");
    assert_eq!(large.code, Some(64 + 8), "{large:?}");
    assert!(
        large
            .err
            .contains("larger than the limit of 64 bytes (`message_bytes`)"),
        "{large:?}"
    );
    assert_eq!(call(", message_bytes: 4MiB").code, Some(0));
}

#[test]
fn the_server_behind_may_ask_for_a_certificate() {
    let (_folder, crt, key) = certificate("a");
    let behind = Server::start(&["--tls-cert", &crt, "--tls-key", &key, "--tls-client-ca", &crt]);
    let front = before(&behind, &["--to-ca", &crt, "--to-cert", &crt, "--to-key", &key]);
    let (status, body) = http(front.address(), GET);
    assert!(status.contains(" 200 "), "{body}");
    let (status, body) = http(before(&behind, &["--to-ca", &crt]).address(), GET);
    assert!(
        status.contains(" 503 ") && body.contains("client certificate"),
        "{body}"
    );
}

#[cfg(unix)]
#[test]
fn a_renewed_authority_is_read_on_reload() {
    let (_folder, crt, key) = certificate("a");
    let (_other, strange, _) = certificate("b");
    let behind = Server::start(&["--tls-cert", &crt, "--tls-key", &key]);
    let mut front = before(&behind, &["--to-ca", &strange]);
    assert!(http(front.address(), GET).0.contains(" 503 "));
    fs::copy(&crt, &strange).unwrap();
    front.signal("HUP");
    front.until("it trusts the new one", |front| {
        http(front.address(), GET).0.contains(" 200 ")
    });
    assert!(front.err().contains("reloaded the certificates for the upstream"));
    fs::write(&strange, "").unwrap();
    front.signal("HUP");
    front.until("it says so", |front| {
        front
            .err()
            .contains("certificates for the upstream not reloaded, those that were used stay")
    });
}

#[test]
fn a_reload_says_that_it_took_effect_though_a_certificate_stays() {
    let (_folder, crt, key) = certificate("a");
    let behind = Server::start(&["--tls-cert", &crt, "--tls-key", &key]);
    let (place, admin) = (tempfile::tempdir().unwrap(), free());
    let (file, trusted) = (place.path().join("descant.yaml"), place.path().join("ca.pem"));
    fs::copy(&crt, &trusted).unwrap();
    let write = |more: &str| {
        let (set, port) = (demo_set(), behind.address().rsplit_once(':').unwrap().1);
        let proxy = format!("{{ url: 'https://localhost:{port}', tls: {{ ca: ca.pem }} }}");
        let text = format!(
            "descriptors: '{}'\nadmin: '{admin}'\nroutes: [{{ match: '*', proxy: {proxy} }}]\n{more}",
            set.display()
        );
        fs::write(&file, text).unwrap();
    };
    write("");
    let front = Server::start(&["-c", file.to_str().unwrap(), "--admin", &admin]);
    assert!(http(front.address(), GET).0.contains(" 200 "));

    fs::write(&trusted, "").unwrap();
    write("rest: { pretty: true }\nworkers: 3\n");
    let (status, body) = http(&admin, "POST /reload");
    assert_eq!(status, "HTTP/1.1 422 Unprocessable Entity", "{body}");
    let report: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(report["reloaded"], true, "{body}");
    assert_eq!(report["needs_restart"], serde_json::json!(["workers"]));
    let why = report["error"].as_str().unwrap();
    let told = "certificates for the upstream not reloaded, those that were used stay: ";
    assert!(why.starts_with(told) && why.contains("ca.pem"), "{why}");
    let (status, body) = http(front.address(), GET);
    assert!(status.contains(" 200 ") && body.contains("{\n"), "{body}");
}

#[test]
fn what_is_hardly_meant_is_told_at_the_start_and_on_reload() {
    let (place, admin) = (tempfile::tempdir().unwrap(), free());
    let file = place.path().join("descant.yaml");
    let write = |service: &str| {
        let (set, names) = (
            demo_set(),
            format!("[{{ name: [{{ service: {service} }}], timeout: 1s }}]"),
        );
        let proxy = format!("{{ url: 'http://127.0.0.1:1', service_config: {{ methodConfig: {names} }} }}");
        let text = format!(
            "descriptors: '{}'\nadmin: '{admin}'\nroutes: [{{ match: bookshop.v1.Catalog, proxy: {proxy} }}]\n",
            set.display()
        );
        fs::write(&file, text).unwrap();
    };
    let told = "descant.yaml:3:129: the service bookshop.v1.Desk is not among the methods of this route";
    write("bookshop.v1.Desk");
    let front = Server::start(&["-c", file.to_str().unwrap(), "--admin", &admin]);
    assert_eq!(front.err().matches(told).count(), 1, "{}", front.err());
    assert_eq!(http(&admin, "POST /reload").0, "HTTP/1.1 200 OK");
    assert_eq!(front.err().matches(told).count(), 2, "{}", front.err());
    write("bookshop.v1.Catalog");
    assert_eq!(http(&admin, "POST /reload").0, "HTTP/1.1 200 OK");
    assert_eq!(front.err().matches(told).count(), 2, "{}", front.err());
}

#[test]
fn several_servers_may_be_behind() {
    let (one, other) = (Server::start(&[]), Server::start(&[]));
    let urls = [&one, &other].map(|server| format!("http://{}", server.address()));
    let set = demo_set();
    for balance in ["power-of-two", "round-robin", "ring-hash:user"] {
        let front = Server::start(&[
            set.to_str().unwrap(),
            "--to",
            &urls[0],
            "--to",
            &urls[1],
            "--to-balance",
            balance,
            "--to-health=bookshop.v1.Catalog",
        ]);
        let banner = front.out();
        assert!(
            banner.contains(&format!("answered by {}, {}\n", urls[0], urls[1])),
            "{banner}"
        );
        for _ in 0..10 {
            assert!(http(front.address(), GET).0.contains(" 200 "));
        }
    }
    let front = Server::start(&[set.to_str().unwrap(), "--to", &urls[0], "--to", &urls[1], "--to-health"]);
    drop(one);
    for _ in 0..20 {
        let (status, body) = http(front.address(), GET);
        assert!(status.contains(" 200 "), "{body}");
    }
}

#[test]
fn the_server_behind_may_speak_another_protocol() {
    let behind = Server::start(&[]);
    let url = format!("http://{}", behind.address());
    for options in [
        &["--to-protocol", "connect"][..],
        &[
            "--to-protocol",
            "connect",
            "--to-get",
            "--to-http1",
            "--to-encoding",
            "gzip",
        ],
        &["--to-protocol", "grpc-web", "--to-http1", "--to-codec", "json"],
        &["--to-codec", "json"],
    ] {
        // What it serves it tells by reflection, in that protocol too.
        let front = Server::start(&[&["--to", &url], options].concat());
        let (status, body) = http(front.address(), GET);
        assert!(status.contains(" 200 "), "{options:?}: {status} {body}");
    }
}

#[test]
fn calls_may_be_retried_and_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("calls.json");
    let waits = r#"{ "methodConfig": [{ "name": [{ "service": "bookshop.v1.Catalog" }], "waitForReady": true }] }"#;
    fs::write(&path, waits).unwrap();
    let set = demo_set();
    let args = [set.to_str().unwrap(), "--to", "http://127.0.0.1:1"];
    let (status, body) = http(Server::start(&args).address(), GET);
    assert!(status.contains(" 503 "), "{status} {body}");
    let options = ["--service-config", path.to_str().unwrap(), "--to-timeout", "200ms"];
    let mut front = Server::start(&args.iter().chain(&options).copied().collect::<Vec<_>>());
    let (status, body) = http(front.address(), GET);
    let late = "and there is no connection: cannot connect to http://127.0.0.1:1: ";
    assert!(status.contains(" 504 ") && body.contains(late), "{status} {body}");
    #[cfg(unix)]
    {
        fs::write(&path, "{}").unwrap();
        front.signal("HUP");
        front.until("it no longer waits", |front| {
            http(front.address(), GET).0.contains(" 503 ")
        });
        fs::write(&path, "{ nothing }").unwrap();
        front.signal("HUP");
        front.until("it says so", |front| front.err().contains("this is no JSON"));
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    let (_folder, crt, key) = certificate("a");
    let set = demo_set();
    let set = set.to_str().unwrap();
    for (args, code, says) in [
        (
            &["--to", "http://localhost:1", "--to-ca", &crt][..],
            2,
            "no TLS is spoken with http://localhost:1",
        ),
        (
            &["--to", "http://localhost:1", "--to-insecure"],
            2,
            "write https://HOST:PORT",
        ),
        (&["--to", "https://localhost", "--to-cert", &crt], 2, "--to-key"),
        (&["--to-ca", &crt], 2, "--to"),
        (&["--to-health"], 2, "--to"),
        (
            &["--to", "http://localhost:1", "--to-balance", "random"],
            2,
            "expected power-of-two",
        ),
        (
            &["--to", "http://localhost:1", "--to-protocol", "thrift"],
            2,
            "[possible values: grpc, grpc-web, connect, rest]",
        ),
        (&["--to", "http://localhost:1", "--to-http1"], 2, "--to-protocol"),
        (
            &["--to", "http://localhost:1", "--to-protocol", "grpc", "--to-http1"],
            2,
            "gRPC is not spoken over HTTP/1.1, which has no room for its trailers\n  hint: say --to-protocol grpc-web, connect or rest, or leave it out",
        ),
        (
            &["--to", "http://localhost:1", "--to-protocol", "grpc-web", "--to-get"],
            2,
            "calls by GET are known to Connect alone\n  hint: say --to-protocol connect, or leave it out",
        ),
        (
            &[
                "--to",
                "http://localhost:1",
                "--to-protocol",
                "rest",
                "--to-codec",
                "proto",
                "--to-health",
            ],
            2,
            "error: --to-codec: messages of REST are JSON in any case\n  hint: leave it out\n\
             --to-health: whether a server is well is asked by gRPC, and this one speaks REST\n  hint: leave it out\n",
        ),
        (
            &["--to", "http://localhost:1", "--to-health=off"],
            2,
            "--to-health: the service that servers are asked for would be `off`\n  hint: leave it out",
        ),
        (
            &["--to", "http://localhost:7", "--listen", "[::]:7"],
            2,
            "--to: http://localhost:7 is this server itself, which listens on `[::]:7`: its calls would go round and round\n  hint: ",
        ),
        (
            &["--to", "unix:/a.sock", "--listen", "unix:/a.sock"],
            2,
            "--to: unix:/a.sock is this server itself",
        ),
        (&["--to-timeout", "1s"], 2, "--to"),
        (&["--to", "http://localhost:1", "--to-timeout", "0s"], 2, "--to-timeout"),
        (&["--service-config", "calls.json"], 2, "--to"),
        (
            &["--to", "http://localhost:1", "--service-config", "gone.json"],
            2,
            "--service-config: gone.json: the file cannot be read",
        ),
        (
            &["--to", "https://localhost", "--to-ca", &key],
            5,
            "there is no certificate in it, but a private key: name the file of a certificate\n",
        ),
        (&["--to", "https://localhost", "--to-ca", "gone.pem"], 5, "gone.pem"),
    ] {
        let ran = descant(
            ["serve", set, "--listen", "127.0.0.1:0", "--admin", "off"]
                .iter()
                .chain(args),
        );
        assert_eq!(ran.code, Some(code), "{args:?}: {}", ran.err);
        assert!(ran.err.contains(says), "{args:?}: {}", ran.err);
    }
}
