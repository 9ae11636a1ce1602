//! `serve --to URL` without a PATH: the server behind says what is served.

mod server;

use std::{
    fs,
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use descant::{Gateway, demo, handlers::Status};
use prost::Message as _;
use prost_types::{DescriptorProto, FileDescriptorProto, descriptor_proto::ExtensionRange};

use self::server::{careless, file, telling};
use crate::{
    page,
    process::{Server, demo_set, descant, http, http_with, serve_beside},
};

const BOOK: &str = "bookshop.v1.Catalog/GetBook";

/// An address where nobody listens.
pub(crate) fn free() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

fn front(behind: &str, options: &[&str]) -> Server {
    let url = format!("http://{behind}");
    Server::start(&[&["--to", &url], options].concat())
}

fn health(server: &Server) -> String {
    descant(["call", server.address(), "grpc.health.v1.Health/Check"]).out
}

#[test]
fn a_server_that_comes_late_is_waited_for() {
    let behind = free();
    let mut front = front(&behind, &["--admin", "127.0.0.1:0"]);
    let set = demo_set();
    let early = descant(["call", front.address(), BOOK, set.to_str().unwrap()]);
    assert_eq!(early.code, Some(64 + 14), "{early:?}");
    assert!(early.err.contains("has not described its API yet"), "{early:?}");
    assert!(early.err.contains("Connection refused"), "{early:?}");
    let (status, body) = http(front.address(), "GET /v1/books/emma");
    assert!(
        status.contains(" 503 ") && body.contains("Connection refused"),
        "{status} {body}"
    );
    assert_eq!(health(&front), "{\"status\":\"NOT_SERVING\"}\n");
    let why = format!("reflection sent UNAVAILABLE: http://{behind} has not described its API yet: ");
    for asking in [&["list"][..], &["list", BOOK], &["describe", BOOK]] {
        let asked = descant([asking, &["--from", front.address()]].concat());
        assert_eq!(asked.code, Some(1), "{asked:?}");
        assert!(
            asked.err.starts_with(&format!("error: {}: {why}", front.address())),
            "{asked:?}"
        );
    }
    let called = descant(["call", front.address(), BOOK]);
    assert_eq!(called.code, Some(1), "{called:?}");
    assert!(called.err.contains(&why), "{called:?}");

    let admin = front.admin();
    assert!(http(&admin, "GET /readyz").0.contains(" 503 "));

    let _behind = Server::start(&["--listen", &behind]);
    front.until("it is described", |front| {
        front.services().contains("bookshop.v1.Catalog")
    });
    let (status, body) = http(front.address(), "GET /v1/books/emma");
    assert!(status.contains(" 200 ") && body.contains("Emma"), "{status} {body}");
    assert_eq!(health(&front), "{\"status\":\"SERVING\"}\n");
    assert!(http(&admin, "GET /readyz").0.contains(" 200 "));
}

#[test]
fn what_was_described_outlives_its_server() {
    let behind = Server::start(&[]);
    let mut front = front(behind.address(), &["--schema-interval", "200ms"]);
    assert!(front.out().contains("bookshop.v1.Catalog"), "{}", front.out());
    drop(behind);
    front.until("it is missed", |front| front.err().contains("what was served stays"));
    assert!(front.services().contains("bookshop.v1.Catalog"));
    let gone = descant(["call", front.address(), BOOK]);
    assert_eq!(gone.code, Some(64 + 14), "{gone:?}");
}

/// A name that is not known here is looked for there, soon.
#[test]
fn a_new_version_is_taken_when_it_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let proto = folder.path().join("shop.proto");
    let version = |services: &str| {
        let text = format!("syntax = \"proto3\"; package shop; message M {{}} {services}");
        std::fs::write(&proto, text).unwrap();
    };
    version("service One { rpc Get(M) returns (M); }");
    let behind = Server::start(&[proto.to_str().unwrap(), "--echo"]);
    let mut front = front(behind.address(), &["--schema-interval", "off"]);
    assert!(front.services().contains("shop.One"));
    version("service Two { rpc Get(M) returns (M); }");
    behind.signal("HUP");
    let two = ["call", front.address(), "shop.Two/Get", proto.to_str().unwrap()].map(str::to_owned);
    front.until("it is taken", |_| descant(&two).code == Some(0));
    assert!(!front.services().contains("shop.One"));
    version("service Three { rpc Get(M) returns (M); }");
    let mut behind = behind;
    behind.signal("HUP");
    behind.until("it reloads", |behind| behind.services().contains("shop.Three"));
    front.signal("HUP");
    front.until("it is asked again", |front| front.services().contains("shop.Three"));
}

/// Nothing imports what extends a message: it is asked for.
#[test]
fn extensions_are_described_too() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        (
            "base",
            "package base; message M { optional string s = 1; extensions 100 to 200; message In { extensions 5; } }
             service S { rpc Do(M) returns (M); }",
        ),
        (
            "far",
            "package far; import \"base.proto\";
             message X { optional string f = 1; extensions 7; extend base.M { optional X x = 101; } }
             extend base.M { optional int32 far = 100; }",
        ),
        (
            "farther",
            "package farther; import \"far.proto\"; extend far.X { optional bool yes = 7; }",
        ),
    ] {
        let text = format!("syntax = \"proto2\"; {text}");
        fs::write(folder.path().join(format!("{name}.proto")), text).unwrap();
    }
    let behind = Server::start(&[folder.path().to_str().unwrap(), "--echo"]);
    let front = front(behind.address(), &[]);
    let all = r#"{"s":"a","[far.far]":1,"[far.X.x]":{"f":"b","[farther.yes]":true}}"#;
    for server in [&behind, &front] {
        let called = descant(["call", server.address(), "base.S/Do", "-d", all]);
        assert_eq!(called.out, format!("{all}\n"), "{}", called.err);
    }
}

/// `good.proto`, whose message may be extended.
fn extendable() -> FileDescriptorProto {
    let mut good = file("good", "", ".good.M");
    good.syntax = Some("proto2".to_owned());
    good.message_type[0].extension_range.push(ExtensionRange {
        start: Some(100),
        end: Some(200),
        options: None,
    });
    good
}

/// Servers of tonic end the conversation at a question of extensions, others refuse it.
#[test]
fn a_server_that_does_not_tell_of_extensions_is_described_without() {
    let described = extendable().encode_to_vec();
    for told in [
        Ok(None),
        Err(Status::not_found("no such thing")),
        Err(Status::unimplemented("not here")),
        Err(Status::permission_denied("not for you")),
    ] {
        let (described, asked) = (described.clone(), Arc::<AtomicUsize>::default());
        let (count, answer) = (asked.clone(), told.clone());
        let tell = move |name: &str| match name {
            "good.S" => Ok(Some(described.clone())),
            // A question of another kind.
            "" => {
                count.fetch_add(1, Ordering::SeqCst);
                answer.clone()
            }
            _ => Ok(None),
        };
        let behind = telling(&["good.S"], tell, Duration::ZERO);
        let shown = descant(["describe", "--from", &behind]);
        assert_eq!(shown.code, Some(0), "{told:?} {shown:?}");
        assert!(asked.load(Ordering::SeqCst) > 0);
        let front = front(&behind, &[]);
        assert!(front.services().contains("good.S"), "{told:?} {}", front.err());
    }
}

/// It may not be needed.
#[test]
fn an_extension_that_does_not_load_is_left_out() {
    let broken = file("bad", "gone.proto", ".bad.M");
    let tell = move |name: &str| match name {
        "good.S" => Ok(Some(extendable().encode_to_vec())),
        "" => Ok(Some(Vec::new())),
        "100" => Ok(Some(broken.encode_to_vec())),
        _ => Ok(None),
    };
    let behind = telling(&["good.S"], tell, Duration::ZERO);
    let called = descant(["call", &behind, "good.S/Do"]);
    assert_eq!((called.code, called.out.as_str()), (Some(0), "{}\n"), "{called:?}");
    assert!(front(&behind, &[]).services().contains("good.S"));
}

/// As grpcurl has it: files that import what the server does not have by that name, and that need nothing of it.
#[test]
fn what_is_imported_and_not_needed_may_be_missing() {
    let good = file("good", "validate/validate.proto", ".good.M").encode_to_vec();
    let tell = move |name: &str| Ok((name == "good.S").then(|| good.clone()));
    let behind = telling(&["good.S"], tell, Duration::ZERO);
    let called = descant(["call", &behind, "good.S/Do"]);
    assert_eq!((called.code, called.out.as_str()), (Some(0), "{}\n"), "{called:?}");
    for command in ["list", "describe"] {
        let ran = descant([command, "--from", &behind, "good.S"]);
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{ran:?}");
    }
    let front = front(&behind, &[]);
    let called = descant(["call", front.address(), "good.S/Do"]);
    assert_eq!((called.code, called.out.as_str()), (Some(0), "{}\n"), "{called:?}");
    let told = "good.proto: it imports \"validate/validate.proto\", which is not in the set";
    assert!(front.err().contains(told), "{}", front.err());
}

/// As servers of akka and pekko do.
#[test]
fn an_answer_without_files_is_none() {
    let good = file("good", "", ".good.M").encode_to_vec();
    let tell = move |name: &str| {
        Ok(Some(match name {
            "good.S" | "good.proto" => good.clone(),
            _ => Vec::new(),
        }))
    };
    let behind = telling(&["good.S", "none.S"], tell, Duration::ZERO);
    let called = descant(["call", &behind, "good.T/Do"]);
    assert!(called.err.contains("knows no symbol `good.T"), "{called:?}");
    let described = descant(["describe", "--from", &behind, "good.proto"]);
    assert_eq!((described.code, described.err.as_str()), (Some(0), ""), "{described:?}");
    let described = descant(["describe", "--from", &behind]);
    assert_eq!(described.code, Some(4), "{described:?}");
    assert!(
        described
            .err
            .contains("does not describe `none.S`: the server lists it, and does not know it")
    );
}

#[test]
fn what_is_bad_is_told_beside_what_is_described() {
    let behind = careless();
    let ran = descant(["describe", "--from", &behind]);
    assert_eq!(ran.code, Some(4), "{ran:?}");
    assert!(
        ran.out.contains("good.S is a service") && !ran.out.contains("bad.S is"),
        "{ran:?}"
    );
    for (service, why) in [
        ("bad.S", "its file is left out: "),
        ("after.S", "it imports bad.proto, which is left out"),
        ("none.S", "the server lists it, and does not know it"),
        ("junk.S", "what the server sends for it does not declare it"),
    ] {
        let told = format!("{behind} does not describe `{service}`: {why}");
        assert!(ran.err.contains(&told), "{told}: {ran:?}");
    }
}

#[test]
fn one_bad_file_breaks_nothing_else() {
    let front = front(&careless(), &[]);
    let services = front.services();
    assert!(services.contains("good.S"), "{}", front.err());
    assert!(
        !services.contains("bad.S") && !services.contains("after.S"),
        "{services}"
    );
    let called = descant(["call", front.address(), "good.S/Do"]);
    assert_eq!((called.code, called.out.as_str()), (Some(0), "{}\n"), "{called:?}");
    for told in [
        "bad.proto: bad.S.Do: its file is left out: ",
        "after.proto: it imports bad.proto, which is left out",
        "none.S: the server lists it, and does not know it",
        "junk.S: what the server sends for it does not declare it",
        "a file that the server sent is no descriptor",
        "none\\n.S: the server lists it, and does not know it",
        "longlong... (201 bytes): long.S.Do: its file is left out: ",
    ] {
        assert!(front.err().contains(told), "{told}: {}", front.err());
    }
}

#[test]
fn where_all_files_are_bad_it_is_told_what_is_wrong_with_them() {
    // A well-known file that is well is nothing to serve.
    let bad = file("bad", "google/protobuf/empty.proto", ".bad.Missing").encode_to_vec();
    let empty = FileDescriptorProto {
        name: Some("google/protobuf/empty.proto".to_owned()),
        package: Some("google.protobuf".to_owned()),
        message_type: vec![DescriptorProto {
            name: Some("Empty".to_owned()),
            ..Default::default()
        }],
        ..Default::default()
    };
    let tell = move |name: &str| {
        Ok(match name {
            "bad.S" => Some(bad.clone()),
            "google/protobuf/empty.proto" => Some(empty.encode_to_vec()),
            _ => None,
        })
    };
    let behind = telling(&["bad.S"], tell, Duration::ZERO);
    let mut front = front(&behind, &[]);
    front.until("it is told", |front| front.err().contains(" WARN "));
    let err = front.err();
    assert!(
        err.contains("has not described its API yet") && err.contains("bad.proto: bad.S.Do"),
        "{err}"
    );
    assert!(!err.contains("is empty"), "{err}");
}

/// As servers of tonic do.
#[test]
fn a_server_may_end_reflection_at_a_name_that_it_does_not_know() {
    let mut good = file("good", "google/protobuf/empty.proto", ".good.M");
    good.service[0].method[0].output_type = Some(".google.protobuf.Empty".to_owned());
    let good = good.encode_to_vec();
    let tell = move |name: &str| match name {
        "good.S" | "good.proto" => Ok(Some(good.clone())),
        other => Err(Status::not_found(format!("there is no {other}"))),
    };
    let behind = telling(&["none.S", "good.S"], tell, Duration::ZERO);
    let front = front(&behind, &[]);
    assert!(front.services().contains("good.S"), "{}", front.err());
    assert!(
        front
            .err()
            .contains("none.S: the server lists it, and does not know it"),
        "{}",
        front.err()
    );
    let described = descant(["describe", "--from", &behind, "good.proto"]);
    assert_eq!(described.code, Some(0), "{described:?}");
    let called = descant(["call", &behind, "good.T/Do"]);
    assert_eq!(called.code, Some(4), "{called:?}");
    assert!(
        called.err.contains("knows no symbol `good.T") && called.err.contains("it serves none.S, good.S"),
        "{called:?}"
    );
}

/// Reflection is a conversation of its own, however long calls may take.
#[test]
fn what_is_said_of_calls_is_not_said_of_reflection() {
    let good = file("good", "", ".good.M").encode_to_vec();
    let tell = move |name: &str| Ok((name == "good.S").then(|| good.clone()));
    let behind = telling(&["good.S", "none.S"], tell, Duration::from_millis(150));
    let front = front(&behind, &["--to-timeout", "200ms"]);
    assert!(front.services().contains("good.S"), "{}", front.err());
}

#[test]
fn settings_change_while_the_server_behind_is_away() {
    let folder = tempfile::tempdir().unwrap();
    let (path, admin) = (folder.path().join("descant.yaml"), free());
    let write = |behind: &str, more: &str| {
        let text = format!("admin: '{admin}'\nroutes:\n- match: '*'\n  proxy:\n    url: 'http://{behind}'\n{more}");
        fs::write(&path, text).unwrap();
    };
    let (behind, other) = (Server::start(&[]), careless());
    write(behind.address(), "");
    let front = Server::start(&["-c", path.to_str().unwrap(), "--admin", &admin]);
    let report = |body: &str| -> serde_json::Value { serde_json::from_str(body).unwrap() };

    write(
        behind.address(),
        "    schema_interval: 5m\n    message_bytes: 64\nlimits: { streams: 7 }\n",
    );
    let (status, body) = http(&admin, "POST /reload");
    assert!(status.contains(" 200 "), "{body}");
    assert_eq!(report(&body)["needs_restart"], serde_json::json!(["limits.streams"]));
    let large = descant(["call", front.address(), "bookshop.v1.Catalog/ListBooks"]);
    assert_eq!(large.code, Some(64 + 8), "{large:?}");

    let address = behind.address().to_owned();
    drop(behind);
    write(&address, "log: { calls: api }\n");
    let (status, body) = http(&admin, "POST /reload");
    assert!(status.contains(" 422 "), "{body}");
    assert_eq!(report(&body)["reloaded"], true, "{body}");
    let why = report(&body)["error"].as_str().unwrap().to_owned();
    assert!(
        why.contains("does not describe its API, the schema of before stays, and all else is in force: "),
        "{why}"
    );
    assert_eq!(descant(["call", front.address(), BOOK]).code, Some(64 + 14));
    assert!(front.err().contains("grpc.request"), "{}", front.err());

    write(&address, "http_rules: gone.yaml\n");
    let (status, body) = http(&admin, "POST /reload");
    assert!(status.contains(" 422 ") && body.contains("gone.yaml"), "{body}");

    write(&other, "");
    let (status, body) = http(&admin, "POST /reload");
    assert!(status.contains(" 200 "), "{body}");
    assert!(front.services().contains("good.S") && !front.services().contains("bookshop"));

    fs::write(
        &path,
        format!("admin: '{admin}'\ndescriptors: '{}'\n", demo_set().display()),
    )
    .unwrap();
    let (status, body) = http(&admin, "POST /reload");
    assert!(status.contains(" 422 ") && body.contains("needs a restart"), "{body}");
}

/// An HTTP rule is served where it fits; one that does not keeps nothing else out, at the start or on reload.
#[test]
fn an_http_rule_that_does_not_fit_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("rules.yaml");
    let good = "- { selector: good.S.Do, post: /do, body: '*' }";
    let write = |more: &str| std::fs::write(&rules, format!("http:\n  rules:\n  {good}\n{more}")).unwrap();
    write("  - { selector: bad.S.Do, get: /bad }\n");
    let mut front = front(&careless(), &["--http-rules", rules.to_str().unwrap()]);
    assert!(http_with(front.address(), "POST /do", "{}").0.contains(" 200 "));
    let told = "rules.yaml:4:17: a rule is left out: there is no method \"bad.S.Do\"";
    assert!(front.err().contains(told), "{}", front.err());
    write("  - { selector: good.S.Done, get: /done }\n  - { selector: good.S.Do, get: '/{field}' }\n");
    front.signal("HUP");
    front.until("it is told of", |front| {
        front.err().contains("no method \"good.S.Done\"")
    });
    front.until("it is told of as well", |front| {
        front.err().contains("\"GET /{field}\" names a field that is not there")
    });
    assert!(front.services().contains("good.S"));
    write("  - selector good.S.Do\n");
    front.signal("HUP");
    front.until("it is refused", |front| {
        front.err().contains("not reloaded, what was served stays")
    });
    assert!(front.services().contains("good.S"));
}

/// What can be read of the rules is read at the start, though their methods are still to come.
#[test]
fn rules_that_cannot_be_read_are_told_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("rules.yaml");
    std::fs::write(&rules, "http:\n  rules:\n  - { get: /do }\n").unwrap();
    let ran = descant([
        "serve",
        "--to",
        "http://127.0.0.1:1",
        "--http-rules",
        rules.to_str().unwrap(),
    ]);
    assert_eq!(ran.code, Some(4), "{ran:?}");
    let told = format!(
        "error: the descriptors do not load\n{}:3:5: a rule has no `selector`, in \"- {{ get: /do }}\"\n  hint: name its method\n",
        rules.display()
    );
    assert_eq!(ran.err, told);
}

/// Of methods that are not known yet something may be said.
#[test]
fn calls_of_a_server_that_describes_itself_are_configured() {
    let behind = Server::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let calls = folder.path().join("calls.json");
    std::fs::write(
        &calls,
        r#"{"methodConfig":[{"name":[{"service":"bookshop.v1.Catalog"},{"service":"not.there.Yet"}],"timeout":"2s"}]}"#,
    )
    .unwrap();
    let calls = calls.to_str().unwrap();
    let front = front(behind.address(), &["--service-config", calls]);
    assert_eq!(
        descant(["call", front.address(), BOOK, "-d", r#"{"id":"emma"}"#]).code,
        Some(0)
    );
    let set = demo_set();
    let url = format!("http://{}", behind.address());
    let named = descant(["serve", set.to_str().unwrap(), "--to", &url, "--service-config", calls]);
    assert!(named.err.contains("not.there.Yet"), "{named:?}");
}

/// What a server says of itself may be nothing.
#[test]
fn a_server_that_does_not_describe_itself_is_told_once() {
    let behind = serve_beside(|| Gateway::builder(demo::schema().unwrap()).reflection(false));
    let mut silent = front(&behind, &[]);
    silent.until("it is told", |front| front.err().contains(" WARN "));
    let told = format!(
        "http://{behind} has not described its API yet, and is asked again: it does not offer reflection: turn it on there, or name what \
         describes it"
    );
    assert_eq!(silent.err().matches(&told).count(), 1, "{}", silent.err());
    assert!(!silent.err().contains("what was served stays"), "{}", silent.err());
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.proto");
    std::fs::write(&empty, "syntax = \"proto3\"; message M {}").unwrap();
    let behind = Server::start(&[empty.to_str().unwrap()]);
    let mut nothing = front(behind.address(), &[]);
    nothing.until("it is told", |front| {
        front
            .err()
            .contains(": it lists no service of its own: does it tell its reflection of them?")
    });
}

#[test]
fn a_server_without_reflection_is_named() {
    let set = demo_set();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("descant.yaml");
    std::fs::write(&config, "routes: [{ match: '*', proxy: 'http://127.0.0.1:1' }]\n").unwrap();
    let checked = descant(["check", "--config", config.to_str().unwrap()]);
    assert_eq!((checked.code, checked.err.as_str()), (Some(0), ""));
    assert!(checked.out.starts_with("The configuration is sound."), "{checked:?}");
    let front = Server::start(&["--config", config.to_str().unwrap()]);
    let ran = descant(["call", front.address(), BOOK, set.to_str().unwrap()]);
    assert!(
        ran.err.contains("http://127.0.0.1:1 has not described its API yet"),
        "{ran:?}"
    );
    let usage = descant(["serve", "--to", "http://127.0.0.1:1", "--schema-interval", "soon"]);
    assert_eq!(usage.code, Some(2), "{usage:?}");
    let (set, behind) = (set.to_str().unwrap(), "http://127.0.0.1:1");
    let beside = descant(["serve", set, "--to", behind, "--schema-interval", "5s"]);
    let told = "error: --schema-interval: the server is not asked what it serves: descriptors are named that say it\n  \
                hint: leave it out, or the descriptors\n";
    assert_eq!((beside.code, beside.err.as_str()), (Some(2), told));
    // A PATH wins over what the file says, and over what that means.
    let text = format!("routes: [{{ match: '*', proxy: {{ url: '{behind}', schema_interval: 5s }} }}]\n");
    std::fs::write(&config, text).unwrap();
    let path = descant(["check", "--config", config.to_str().unwrap(), set]);
    assert_eq!((path.code, path.err.as_str()), (Some(0), ""));
}

#[test]
fn the_pages_are_true() {
    let behind = Server::start(&[]);
    let front = front(behind.address(), &[]);
    page::check("docs/rest-front.md", &front);
    page::check("docs/from-envoy.md", &front);
}

#[test]
fn one_that_hangs_is_told_of_and_nothing_is_well_meanwhile() {
    // Connections are made by the system; nobody takes them.
    let behind = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut front = front(&behind.local_addr().unwrap().to_string(), &[]);
    assert_eq!(health(&front), "{\"status\":\"NOT_SERVING\"}\n");
    let told = "WARN the server behind has not described its API within 3 s; until it has, there is nothing to call";
    front.until("it is told", |front| front.err().contains(told));
}
