//! `--tls-cert` and its kin.

use std::{fs, io::Read, net::TcpListener, path::Path, sync::Arc, thread};

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, date_time_ymd, generate_simple_self_signed};
use tempfile::TempDir;
use tokio_rustls::rustls::{ServerConfig, ServerConnection, Stream, crypto::aws_lc_rs, pki_types::PrivateKeyDer};

use crate::process::{Server, demo_set, descant, http};

/// A folder with `NAME.crt` and `NAME.key`.
fn certificates(names: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in names {
        issue(folder.path(), name);
    }
    folder
}

fn issue(folder: &Path, name: &str) {
    let pair = generate_simple_self_signed(["localhost".to_owned(), format!("{name}.test")]).unwrap();
    fs::write(folder.join(format!("{name}.crt")), pair.cert.pem()).unwrap();
    fs::write(folder.join(format!("{name}.key")), pair.signing_key.serialize_pem()).unwrap();
}

fn path(folder: &TempDir, name: &str) -> String {
    folder.path().join(name).display().to_string()
}

#[test]
fn what_makes_no_sense_is_refused() {
    let folder = certificates(&["a", "b"]);
    let (crt, key, other) = (path(&folder, "a.crt"), path(&folder, "a.key"), path(&folder, "b.key"));
    for (args, code, says) in [
        (
            &["--tls-cert", &crt][..],
            2,
            "error: --tls-cert: TLS has no `key`\n  hint: add --tls-key FILE. Files with keys (PEM), one for each certificate and \
             in their order\n",
        ),
        (
            &["--tls-key", &key],
            2,
            "error: --tls-key: TLS has no `certificate`\n  hint: add --tls-cert FILE. Files with certificates, each",
        ),
        (
            &["--tls-cert", &crt, "--tls-cert", &crt, "--tls-key", &key],
            2,
            "error: --tls-key: --tls-cert is given 2 times, but --tls-key once\n",
        ),
        (&["--tls-client-ca", &crt], 2, "--tls-cert"),
        (
            &["--tls-cert", &crt, "--tls-key", "gone.key"],
            5,
            "error: --tls-key: TLS: cannot read gone.key",
        ),
        (
            &["--tls-cert", &crt, "--tls-key", &other],
            5,
            "b.key: the key does not belong to the certificate in",
        ),
        (
            &["--tls-cert", &crt, "--tls-key", &other],
            5,
            "a.crt: name the one that it was made with",
        ),
        (
            &["--tls-cert", &crt, "--tls-key", &key, "--tls-client-ca", &other],
            5,
            "error: --tls-client-ca: TLS: ",
        ),
        (
            &["--tls-cert", &key, "--tls-key", &crt],
            5,
            "a private key: are certificate and key swapped?\n",
        ),
        (
            &["--tls-cert", &crt, "--tls-key", &key, "--tls-client-ca", &key],
            5,
            &format!(
                "error: --tls-client-ca: TLS: {key}: there is no certificate in it, but a private key: name the file of a \
                 certificate\n"
            ),
        ),
        (
            &["--tls-cert", &crt, "--tls-key", &crt],
            5,
            &format!("error: --tls-key: TLS: {crt}: there is no private key in it, but a certificate: are"),
        ),
    ] {
        let ran = descant(
            ["serve", "--listen", "127.0.0.1:0", "--admin", "off"]
                .iter()
                .chain(args),
        );
        assert_eq!(ran.code, Some(code), "{args:?}: {}", ran.err);
        assert!(ran.err.contains(says), "{args:?}: {}", ran.err);
    }
    let config = folder.path().join("descant.yaml");
    let listen = "listen: { address: ':1', tls: { certificate: a.crt, key: b.key } }\n";
    std::fs::write(&config, format!("descriptors: {}\n{listen}", demo_set().display())).unwrap();
    let ran = descant(["check", "--config", config.to_str().unwrap()]);
    assert_eq!(ran.code, Some(5), "{ran:?}");
    let (_, told) = ran.err.split_once("descant.yaml:2:58: TLS: ").unwrap();
    assert!(told.contains("/b.key: the key does not belong to"), "{told}");
}

#[test]
fn what_makes_no_sense_toward_servers_is_refused() {
    let folder = certificates(&["a", "b"]);
    let (crt, key, other) = (path(&folder, "a.crt"), path(&folder, "a.key"), path(&folder, "b.key"));
    let to = [
        "serve",
        "--to",
        "https://localhost:1",
        "--to-ca",
        &crt,
        "--to-cert",
        &crt,
        "--to-key",
        &other,
    ];
    let ran = descant(to);
    assert_eq!(ran.code, Some(5), "{ran:?}");
    assert!(
        ran.err
            .starts_with("error: --to-key: upstream https://localhost:1: TLS: "),
        "{ran:?}"
    );
    let of_ca = [&to[..3], &["--to-ca", &key, "--to-cert", &crt, "--to-key", &key]].concat();
    let ran = descant(of_ca);
    assert_eq!(ran.code, Some(5), "{ran:?}");
    let what = "there is no certificate in it, but a private key: name the file of a certificate";
    assert_eq!(
        ran.err,
        format!("error: --to-ca: upstream https://localhost:1: TLS: {key}: {what}\n")
    );
    let named = descant([&to[..3], &["--to-server-name", "a b"]].concat());
    assert_eq!(named.code, Some(2), "{named:?}");
    assert_eq!(
        named.err,
        "error: --to-server-name: `a b` is not a name that a certificate can have, such as orders.internal, or an IP address\n"
    );
    for args in [
        ["list", "--from", "https://localhost:1", "--cert", &crt, "--key", &other],
        ["call", "https://localhost:1", "a.B/C", "--cert", &crt, "--key", &other],
    ] {
        let ran = descant(args);
        assert_eq!(ran.code, Some(5), "{ran:?}");
        assert!(
            ran.err.contains("b.key: the key does not belong") && !ran.err.contains("hint"),
            "{ran:?}"
        );
    }
}

#[test]
fn a_server_is_asked_over_tls() {
    let folder = certificates(&["a"]);
    let (crt, key) = (path(&folder, "a.crt"), path(&folder, "a.key"));
    let server = Server::start(&["--tls-cert", &crt, "--tls-key", &key]);
    assert!(server.out().contains("(TLS)"), "{}", server.out());
    let port = server.address().rsplit_once(':').unwrap().1;
    let address = format!("https://localhost:{port}");
    let trusting = descant(["list", "--from", &address, "--ca", &crt]);
    assert!(trusting.out.contains("bookshop.v1.Catalog"), "{}", trusting.err);
    let careless = descant(["describe", "--from", &address, "--insecure", "bookshop.v1.Desk"]);
    assert!(careless.out.contains("service Desk"), "{}", careless.err);
    let careful = descant(["list", "--from", &address]);
    assert_eq!(careful.code, Some(1));
    assert!(
        careful.err.contains("certificate") && careful.err.contains("--ca"),
        "{}",
        careful.err
    );
    let plain = descant(["list", "--from", server.address()]);
    assert_eq!(plain.code, Some(1));
    let (told, hint) = ("it speaks TLS\n", "hint: say --from https://HOST:PORT\n");
    assert!(plain.err.ends_with(&format!("{told}{hint}")), "{}", plain.err);
}

/// As `openssl req -x509` makes them: the certificate is an authority's, and nobody has signed it but itself.
#[test]
fn an_authority_that_is_a_server_is_trusted_by_name_and_date() {
    let folder = tempfile::tempdir().unwrap();
    let issue = |name: &str, host: &str, expired: bool| {
        let mut params = CertificateParams::new([host.to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        if expired {
            params.not_after = date_time_ymd(2001, 1, 1);
        }
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let (crt, pem) = (
            path(&folder, &format!("{name}.crt")),
            path(&folder, &format!("{name}.key")),
        );
        fs::write(&crt, certificate.pem()).unwrap();
        fs::write(&pem, key.serialize_pem()).unwrap();
        (crt, pem)
    };
    let (good, good_key) = issue("good", "localhost", false);
    let (other, other_key) = issue("other", "elsewhere.test", false);
    let (old, old_key) = issue("old", "localhost", true);
    let asked = |crt: &str, key: &str, ca: &str| {
        let server = Server::start(&["--tls-cert", crt, "--tls-key", key]);
        let port = server.address().rsplit_once(':').unwrap().1.to_owned();
        descant(["list", "--from", &format!("https://localhost:{port}"), "--ca", ca])
    };
    let trusting = asked(&good, &good_key, &good);
    assert!(trusting.out.contains("bookshop.v1.Catalog"), "{}", trusting.err);
    for (ran, says) in [
        (asked(&good, &good_key, &other), "signed by nobody but itself"),
        (
            asked(&other, &other_key, &other),
            "not valid for name localhost, but for elsewhere.test\n",
        ),
        (
            asked(&old, &old_key, &old),
            "it has expired: it was valid until 2001-01-01T00:00:00Z, and it is 2",
        ),
    ] {
        assert_eq!(ran.code, Some(1), "{says}");
        assert!(ran.err.contains(says), "{says}: {}", ran.err);
    }
}

#[test]
fn certificates_out_of_date_are_told_before_anybody_refuses_them() {
    let folder = tempfile::tempdir().unwrap();
    let issue = |name: &str, change: fn(&mut CertificateParams)| {
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap().pem();
        fs::write(path(&folder, &format!("{name}.crt")), &certificate).unwrap();
        fs::write(path(&folder, &format!("{name}.key")), key.serialize_pem()).unwrap();
        certificate
    };
    let good = issue("good", |_| {});
    let old = issue("old", |params| params.not_after = date_time_ymd(2001, 2, 3));
    issue("early", |params| params.not_before = date_time_ymd(3000, 1, 31));
    fs::write(path(&folder, "good.crt"), format!("{good}{old}")).unwrap();
    fs::copy(demo_set(), path(&folder, "api.binpb")).unwrap();
    let file = path(&folder, "descant.yaml");
    let text = "descriptors: api.binpb\nadmin: off\nlisten:\n\
                - { address: 'localhost:0', tls: { certificate: [old.crt, good.crt], key: [old.key, good.key] } }\n\
                routes:\n- match: '*'\n  proxy: { url: 'https://localhost:1', tls: { certificate: early.crt, key: early.key } }\n";
    fs::write(&file, text).unwrap();
    let told = [
        (
            "4:50",
            "old.crt: the certificate is not valid: it has expired: it was valid until 2001-02-03T00:00:00Z",
        ),
        (
            "4:59",
            "good.crt: certificate 2 of its chain is not valid: it has expired: ",
        ),
        (
            "7:60",
            "early.crt: the certificate is not valid: it is not valid yet: it will be from 3000-01-31T00:00:00Z on",
        ),
    ];
    let told = told.map(|(place, told)| format!("{file}:{place}: {}", path(&folder, told)));
    let checked = descant(["check", "-c", &file]);
    for told in &told {
        assert!(checked.out.contains(told), "{told}: {}", checked.out);
    }
    for (mend, count) in [("renew it", 2), ("is the clock right, and is it the right file?", 1)] {
        let told = format!("\n  hint: {mend}\n");
        assert_eq!(checked.out.matches(&told).count(), count, "{}", checked.out);
    }
    assert_eq!(checked.code, Some(0));
    assert_eq!(checked.out.matches("warning: ").count(), 3, "{}", checked.out);
    let (old, key) = (path(&folder, "old.crt"), path(&folder, "old.key"));
    let server = Server::start(&["-c", &file, "--tls-cert", &old, "--tls-key", &key]);
    let own = format!(
        "--tls-cert: {old}: the certificate is not valid: it has expired: it was valid until 2001-02-03T00:00:00Z"
    );
    for told in [&own, &told[2]] {
        assert!(server.err().contains(told), "{told}: {}", server.err());
    }
}

#[test]
fn a_server_that_asks_for_a_certificate_hangs_up() {
    let folder = certificates(&["a"]);
    let (crt, key) = (path(&folder, "a.crt"), path(&folder, "a.key"));
    let server = Server::start(&["--tls-cert", &crt, "--tls-key", &key, "--tls-client-ca", &crt]);
    let ran = descant(["list", "--insecure", "--from", &format!("https://{}", server.address())]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("certificate"), "{}", ran.err);
    assert!(!ran.err.contains("https://HOST"), "{}", ran.err);
}

#[test]
fn a_certificate_that_is_missing_is_told_over_either_version_of_http() {
    let folder = certificates(&["a"]);
    let (crt, key) = (path(&folder, "a.crt"), path(&folder, "a.key"));
    let server = Server::start(&["--tls-cert", &crt, "--tls-key", &key, "--tls-client-ca", &crt]);
    let address = format!("https://{}", server.address());
    let set = demo_set();
    for more in [&["--protocol", "connect"][..], &["--protocol", "connect", "--http1"]] {
        let call = [
            "call",
            &address,
            "bookshop.v1.Catalog/ListBooks",
            set.to_str().unwrap(),
            "--insecure",
        ];
        let ran = descant([&call[..], more].concat());
        assert_eq!(ran.code, Some(64 + 14), "{ran:?}");
        let told = "it asks for a client certificate, and none was shown\nhint: --cert FILE and --key FILE show one that it trusts\n";
        assert!(ran.err.ends_with(told), "{ran:?}");
    }
}

/// As servers of gRPC do that speak HTTP/2 alone, and such as miss a certificate and say so with no alert: the port of one.
fn hanging_up_behind_the_handshake() -> u16 {
    let pair = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(pair.signing_key.serialize_der().into());
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth();
    let config = Arc::new(config.with_single_cert(vec![pair.cert.der().clone()], key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for socket in listener.incoming() {
            let mut connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let _ = Stream::new(&mut connection, &mut socket.unwrap()).read(&mut [0; 4096]);
        }
    });
    port
}

#[test]
fn who_hangs_up_behind_the_handshake_over_http1_may_speak_http2_alone() {
    let port = hanging_up_behind_the_handshake();
    let folder = certificates(&["a"]);
    let (crt, key) = (path(&folder, "a.crt"), path(&folder, "a.key"));
    let set = demo_set();
    for (host, is_called) in [("127.0.0.1", ""), ("localhost", &*format!(" (127.0.0.1:{port})"))] {
        let address = format!("https://{host}:{port}");
        let call = ["call", &address, "bookshop.v1.Catalog/ListBooks", set.to_str().unwrap()];
        let call = [&call[..], &["--insecure", "--protocol", "connect", "--http1"]].concat();
        let told = format!(
            "error: UNAVAILABLE: the connection to {address}{is_called} is lost: it hung up behind the TLS handshake: it may speak \
             HTTP/2 alone, or ask for a client certificate, or for another one\n\
             hint: does it speak HTTP/2 alone? then leave out --http1; "
        );
        let none = "does it ask clients for a certificate? --cert FILE and --key FILE show one\n";
        assert_eq!(descant(&call).err, format!("{told}{none}"));
        let shown = descant([&call[..], &["--cert", &crt, "--key", &key]].concat());
        assert_eq!(
            shown.err,
            format!("{told}is the certificate that --cert names the right one?\n")
        );
    }
}

#[test]
fn tls_is_not_looked_for_where_there_is_none() {
    let server = Server::start(&[]);
    let ran = descant(["list", "--insecure", "--from", &format!("https://{}", server.address())]);
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.err.contains("speaks no TLS") && ran.err.contains("http://"),
        "{}",
        ran.err
    );
    let usage = descant(["list", "--insecure", "--from", server.address()]);
    assert_eq!(usage.code, Some(2), "{}", usage.err);
}

#[cfg(unix)]
#[test]
fn a_renewed_certificate_is_shown_after_a_reload() {
    let folder = certificates(&["a", "b"]);
    let (crt, key) = (path(&folder, "a.crt"), path(&folder, "a.key"));
    let mut server = Server::start(&["--tls-cert", &crt, "--tls-key", &key]);
    let port = server.address().rsplit_once(':').unwrap().1.to_owned();
    let asked = |ca: &str| descant(["list", "--from", &format!("https://localhost:{port}"), "--ca", ca]).code;
    let new = path(&folder, "b.crt");
    assert_eq!((asked(&crt), asked(&new)), (Some(0), Some(1)));
    fs::copy(&new, &crt).unwrap();
    server.signal("HUP");
    server.until("it says that the certificate is not the key's", |server| {
        server
            .err()
            .contains("certificates not reloaded, those that were shown stay")
    });
    assert_eq!(asked(&new), Some(1));
    fs::copy(path(&folder, "b.key"), &key).unwrap();
    server.signal("HUP");
    server.until("it shows the new one", |_| asked(&new) == Some(0));
}

#[test]
fn until_when_certificates_are_valid_is_among_the_metrics() {
    let folder = certificates(&[]);
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let key = KeyPair::generate().unwrap();
    let mut shown = |year| {
        params.not_after = date_time_ymd(year, 1, 31);
        let certificate = params.self_signed(&key).unwrap();
        fs::write(folder.path().join("a.crt"), certificate.pem()).unwrap();
    };
    shown(2090);
    fs::write(folder.path().join("a.key"), key.serialize_pem()).unwrap();
    let (crt, key_file) = (path(&folder, "a.crt"), path(&folder, "a.key"));
    let mut server = Server::start(&["--tls-cert", &crt, "--tls-key", &key_file, "--admin", "127.0.0.1:0"]);
    let admin = server.admin();
    let series = |seconds| format!("descant_certificate_not_after_timestamp_seconds{{file=\"{crt}\"}} {seconds}\n");
    let metrics = || http(&admin, "GET /metrics").1;
    assert!(metrics().contains(&series(3_789_504_000_i64)), "{}", metrics());
    shown(2091);
    server.signal("HUP");
    let renewed = series(3_821_040_000);
    server.until("the date of the new certificate", |_| metrics().contains(&renewed));
}
