//! What a configuration brings about, and what becomes of a change while it is served.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::Path,
};

use tempfile::{TempDir, tempdir};

use crate::process::{Ran, Server, command, demo_set, descant, http, http_with};

const LIBRARY: &str = r#"syntax = "proto3"; package library;
message Book { string name = 1; }
service Shelf { rpc Get(Book) returns (Book); }
service Desk { rpc Lend(Book) returns (Book); rpc Back(Book) returns (Book); }
"#;

fn write(folder: &Path, text: &str) {
    let fresh = folder.join("fresh");
    fs::write(&fresh, text).unwrap();
    fs::rename(fresh, folder.join("descant.yaml")).unwrap();
}

/// A folder with an API and its configuration.
fn folder(configuration: &str) -> TempDir {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("library.proto"), LIBRARY).unwrap();
    write(folder.path(), configuration);
    folder
}

fn start(folder: TempDir, more: &[&str]) -> Server {
    let file = folder.path().join("descant.yaml").display().to_string();
    Server::start_in(folder, &[&["-c", &file], more].concat())
}

/// How a method is answered: the status, and the body.
fn call(server: &Server, method: &str) -> String {
    // What follows the path is a header, and the version in the place of its value.
    let request = format!("POST /library.{method} HTTP/1.1\r\ncontent-type: application/json\r\nx-version:");
    let (status, body) = http_with(server.address(), &request, r#"{"name":"a"}"#);
    format!("{} {body}", status.split(' ').nth(1).unwrap())
}

#[test]
fn each_route_has_its_handler() {
    let behind = start(
        folder("descriptors: library.proto\nroutes: [{ match: '*', echo: {} }]"),
        &[],
    );
    let text = format!(
        "descriptors: library.proto\nroutes:\n- {{ match: library.Desk, proxy: 'http://{}' }}\n- {{ match: library.Desk/Back, echo: {{}} }}\n",
        behind.address()
    );
    let server = start(folder(&text), &[]);
    let banner = server.out();
    assert!(
        banner.contains("answered by 2 routes, of which the most specific wins:\n"),
        "{banner}"
    );
    for method in ["Desk/Lend", "Desk/Back"] {
        assert_eq!(call(&server, method), r#"200 {"name":"a"}"#, "{method}");
    }
    assert!(call(&server, "Shelf/Get").starts_with("501 "));
    drop(behind);
    assert!(call(&server, "Desk/Lend").starts_with("503 "));
    assert!(call(&server, "Desk/Back").starts_with("200 "));
}

#[test]
fn options_win_over_the_file() {
    let text = "descriptors: library.proto\nlisten: 'nowhere.invalid:1'\nroutes: [{ match: library.Desk, echo: {} }]\nlog: { format: json }\n";
    let server = start(folder(text), &["--echo", "--log-format", "text"]);
    assert!(call(&server, "Shelf/Get").starts_with("200 "));
    assert!(server.out().contains("answered with their own requests"));
}

#[test]
fn a_change_of_routes_is_served_and_a_fault_changes_nothing() {
    let admin = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .to_string();
    let text = |more: &str| format!("descriptors: library.proto\nadmin: {admin}\n{more}");
    let folder = folder(&text("routes: [{ match: library.Desk, echo: {} }]\n"));
    let place = folder.path().to_owned();
    let server = start(folder, &["--admin", &admin]);
    assert!(call(&server, "Shelf/Get").starts_with("501 "));
    assert_eq!(reloads(&admin), [0, 0, 1]);

    write(
        &place,
        &text("routes: [{ match: '*', echo: {} }]\nworkers: 7\nlimits: { grace: 1s }\n"),
    );
    let (status, body) = http(&admin, "POST /reload");
    assert_eq!(status, "HTTP/1.1 200 OK", "{body}");
    let report: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(report["needs_restart"], serde_json::json!(["limits.grace", "workers"]));
    assert!(call(&server, "Shelf/Get").starts_with("200 "));
    let told = "`workers` has changed, which takes effect with the next start: what was in force stays";
    assert!(server.err().contains(told), "{}", server.err());
    assert_eq!(reloads(&admin), [1, 0, 1]);

    write(
        &place,
        &text("routes: [{ match: library.Dusk, echo: {} }, { match: library.Shelf }]\n"),
    );
    let (status, body) = http(&admin, "POST /reload");
    assert_eq!(status, "HTTP/1.1 422 Unprocessable Entity", "{body}");
    let report: serde_json::Value = serde_json::from_str(&body).unwrap();
    let faults: Vec<_> = report["faults"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fault| fault.as_str().unwrap())
        .collect();
    let ends = [
        "descant.yaml:3:19: `library.Dusk` matches no method of the descriptors; did you mean library.Desk?",
        "descant.yaml:3:45: a route says nothing of how its methods are answered; give it one of `proxy` and `echo`",
    ];
    assert_eq!(faults.len(), ends.len(), "{faults:?}");
    for (fault, end) in faults.iter().zip(ends) {
        assert!(fault.ends_with(end), "{fault}");
    }
    assert!(call(&server, "Shelf/Get").starts_with("200 "));

    write(&place, &text("routes: [{ match: library.Dusk, echo: {} }]\n"));
    let (_, body) = http(&admin, "POST /reload");
    assert!(
        body.contains("matches no method of the descriptors; did you mean library.Desk?"),
        "{body}"
    );
    assert!(call(&server, "Desk/Back").starts_with("200 "));
    assert_eq!(reloads(&admin), [1, 2, 0]);
}

/// How many reloads went well and failed, and whether the last went well.
fn reloads(admin: &str) -> [u64; 3] {
    let (_, metrics) = http(admin, "GET /metrics");
    [
        "descant_reloads_total{outcome=\"done\"}",
        "descant_reloads_total{outcome=\"failed\"}",
        "descant_last_reload_successful",
    ]
    .map(|series| {
        let line = metrics.lines().find_map(|line| line.strip_prefix(series));
        line.unwrap().trim().parse().unwrap()
    })
}

#[test]
fn a_change_of_the_file_is_watched_and_so_is_what_it_comes_to_name() {
    let folder = folder("descriptors: library.proto\nwatch: true\nlog: { calls: api, level: error }\n");
    let place = folder.path().to_owned();
    let mut server = start(folder, &[]);
    assert!(call(&server, "Shelf/Get").starts_with("501 "));
    assert!(!server.err().contains("grpc.request"), "{}", server.err());
    fs::create_dir(place.join("protos")).unwrap();
    fs::write(place.join("protos/other.proto"), LIBRARY.replace("Shelf", "Cellar")).unwrap();
    write(
        &place,
        "descriptors: protos\nwatch: true\nroutes: [{ match: '*', echo: {} }]\nlog: { calls: api, level: info }\n",
    );
    server.until("the new folder is served", |server| {
        call(server, "Cellar/Get").starts_with("200 ")
    });
    // The log follows what is served: the call before may have come between the two.
    server.until("the log is louder", |server| {
        call(server, "Cellar/Get");
        server.err().contains("grpc.request")
    });
    fs::write(place.join("protos/other.proto"), LIBRARY.replace("Shelf", "Attic")).unwrap();
    server.until("the new folder is watched", |server| {
        call(server, "Attic/Get").starts_with("200 ")
    });
}

#[test]
fn what_a_source_imports_is_watched() {
    let folder = folder("descriptors: api/library.proto\nwatch: true\nroutes: [{ match: '*', echo: {} }]\n");
    let place = folder.path().to_owned();
    fs::create_dir_all(place.join("api")).unwrap();
    fs::create_dir_all(place.join("common")).unwrap();
    let text = LIBRARY.replace("package library;", "package library; import \"common/names.proto\";");
    let text = text.replace("string name = 1;", "common.Name name = 1;");
    fs::write(place.join("api/library.proto"), text).unwrap();
    let names = |field: &str| {
        let text = format!("syntax = \"proto3\"; package common; message Name {{ string {field} = 1; }}");
        fs::write(place.join("common/names.proto"), text).unwrap();
    };
    names("first");
    let mut server = start(folder, &[]);
    let request = "POST /library.Shelf/Get HTTP/1.1\r\ncontent-type: application/json\r\nx-version:";
    let last = |server: &Server| http_with(server.address(), request, r#"{"name":{"last":"a"}}"#).0;
    assert!(last(&server).contains(" 400 "));
    names("last");
    server.until("the import is read again", |server| last(server).contains(" 200 "));
}

/// The folder with the API, made anew with another one in it.
fn make_anew(folder: &Path, service: &str) {
    // There may be none.
    let _ = fs::remove_dir_all(folder);
    fs::create_dir(folder).unwrap();
    fs::write(folder.join("library.proto"), LIBRARY.replace("Shelf", service)).unwrap();
}

const OF_FOLDERS: [&str; 2] = ["gen/library.proto", "gen"];

#[test]
fn a_folder_that_is_made_anew_is_watched_on() {
    for descriptors in OF_FOLDERS {
        let text = format!("descriptors: {descriptors}\nwatch: true\nroutes: [{{ match: '*', echo: {{}} }}]\n");
        let folder = folder(&text);
        let place = folder.path().join("gen");
        make_anew(&place, "Shelf");
        let mut server = start(folder, &[]);
        for service in ["Cellar", "Attic", "Hall"] {
            make_anew(&place, service);
            server.until(service, |server| {
                call(server, &format!("{service}/Get")).starts_with("200 ")
            });
        }
        // It is away for longer.
        fs::remove_dir_all(&place).unwrap();
        server.until("it is missed", |server| server.err().contains("not reloaded"));
        for service in ["Garden", "Yard"] {
            make_anew(&place, service);
            server.until(service, |server| {
                call(server, &format!("{service}/Get")).starts_with("200 ")
            });
        }
        // Another is put in its place.
        make_anew(&place.with_extension("new"), "Roof");
        fs::rename(&place, place.with_extension("old")).unwrap();
        fs::rename(place.with_extension("new"), &place).unwrap();
        server.until("the roof", |server| call(server, "Roof/Get").starts_with("200 "));
        fs::write(place.join("library.proto"), LIBRARY).unwrap();
        server.until("the shelf", |server| call(server, "Shelf/Get").starts_with("200 "));
    }
}

#[cfg(unix)]
#[test]
fn a_link_that_comes_to_lead_elsewhere_is_watched() {
    for descriptors in OF_FOLDERS {
        let text = format!("descriptors: {descriptors}\nwatch: true\nroutes: [{{ match: '*', echo: {{}} }}]\n");
        let folder = folder(&text);
        let place = folder.path().to_owned();
        let release = |name: &str, service: &str| {
            make_anew(&place.join(name), service);
            std::os::unix::fs::symlink(name, place.join("fresh")).unwrap();
            fs::rename(place.join("fresh"), place.join("gen")).unwrap();
        };
        release("one", "Cellar");
        let mut server = start(folder, &[]);
        for (name, service) in [("two", "Attic"), ("three", "Hall")] {
            release(name, service);
            server.until(service, |server| {
                call(server, &format!("{service}/Get")).starts_with("200 ")
            });
        }
    }
}

/// A handler has to answer what it is asked, and no more.
#[test]
fn a_route_is_held_to_the_methods_that_it_answers() {
    let place = tempdir().unwrap();
    let proto = crate::process::repository("tests/cli/shelf.proto");
    let check = |more: &str| {
        let text = format!(
            "descriptors: {}\nroutes:\n- {{ match: '*', proxy: {{ url: 'http://h:1', protocol: rest }} }}\n{more}",
            proto.display()
        );
        write(place.path(), &text);
        descant(["check", "-c", place.path().join("descant.yaml").to_str().unwrap()])
    };
    let alone = check("");
    assert_eq!(alone.code, Some(3), "{alone:?}");
    assert!(
        alone.err.contains("shelf.v1.Shelves.Plain has no HTTP rule"),
        "{alone:?}"
    );
    let beside = check("- { match: shelf.v1.Shelves/Plain, echo: {} }\n");
    assert_eq!((beside.code, beside.err.as_str()), (Some(0), ""));
}

#[test]
fn what_is_in_force_is_told_with_its_reason() {
    let folder = folder("descriptors: library.proto\nlimits:\n  grace: 5s\n  idle: '${IDLE:-7m}'\n");
    let file = folder.path().join("descant.yaml").display().to_string();
    let printed = descant(["config", "print", "-c", &file, "--workers", "3"]);
    assert_eq!(printed.code, Some(0), "{}", printed.err);
    for line in [
        "workers: 3  # --workers",
        "  grace: 5s  # descant.yaml:3",
        "  idle: 7m  # descant.yaml:4",
        "  # age: 30m  # default",
        "  # memory: 0  # default",
        "# watch: false  # default",
    ] {
        assert!(
            printed.out.lines().any(|printed| printed == line),
            "{line}\n{}",
            printed.out
        );
    }
    let json = descant(["config", "print", "--format", "json", "--grace", "9s"]);
    let json: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(
        json["limits.grace"],
        serde_json::json!({ "value": "9s", "from": "--grace" })
    );
    assert_eq!(
        json["limits.streams"],
        serde_json::json!({ "value": 100, "from": "default" })
    );
}

/// What is printed is saved beside the file, whose own paths mean the same there; those of options have to be called otherwise.
#[test]
fn paths_of_options_are_printed_as_the_file_would_have_them() {
    let folder = tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    fs::create_dir_all(root.join("a/deep")).unwrap();
    fs::copy(demo_set(), root.join("x.binpb")).unwrap();
    for file in ["f.yaml", "a/f.yaml", "a/deep/f.yaml"] {
        fs::write(root.join(file), "ready_file: ready\n").unwrap();
    }
    std::os::unix::fs::symlink("a/deep", root.join("link")).unwrap();
    let run = |args: &[&str]| Ran::from(command(args).current_dir(&root).output().unwrap());
    let options = [
        "x.binpb",
        "a/y.binpb",
        "/z.binpb",
        "--listen",
        "unix:d.sock",
        "--tls-cert",
        "c.pem",
        "--tls-key",
        "a/k.pem",
    ];
    let at_root = |path: &str| root.join(path).display().to_string();
    let typed = ["x.binpb", "a/y.binpb", "/z.binpb", "d.sock", "c.pem", "a/k.pem"].map(str::to_owned);
    for (file, printed) in [
        ("f.yaml", typed.clone()),
        ("./f.yaml", typed),
        (
            "a/f.yaml",
            ["../x.binpb", "y.binpb", "/z.binpb", "../d.sock", "../c.pem", "k.pem"].map(str::to_owned),
        ),
        (
            "link/f.yaml",
            ["x.binpb", "a/y.binpb", "/z.binpb", "d.sock", "c.pem", "a/k.pem"].map(at_root),
        ),
    ] {
        let ran = run(&[&["config", "print", "-c", file], &options[..]].concat());
        assert_eq!(ran.code, Some(0), "{ran:?}");
        let [x, y, z, socket, certificate, key] = printed;
        for line in [
            format!("  - {x}  # PATH"),
            format!("  - {y}  # PATH"),
            format!("  - {z}  # PATH"),
            format!("  - address: \"unix:{socket}\"  # --listen"),
            format!("        - {certificate}  # --tls-cert"),
            format!("        - {key}  # --tls-key"),
            "ready_file: ready  # f.yaml:1".to_owned(),
        ] {
            assert!(ran.out.lines().any(|printed| printed == line), "{line}\n{}", ran.out);
        }
    }
    let saved = run(&["config", "print", "-c", "a/f.yaml", "x.binpb"]);
    fs::write(root.join("a/saved.yaml"), saved.out).unwrap();
    assert_eq!(run(&["check", "-c", "a/saved.yaml"]).code, Some(0));
    let json = run(&["config", "print", "-c", "a/f.yaml", "x.binpb", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(json["descriptors[0]"]["value"], "../x.binpb");
    let alone = run(&["config", "print", "x.binpb"]);
    assert!(alone.out.contains("\n  - x.binpb  # PATH\n"), "{}", alone.out);
}

/// Each worker connects to what answers before a call asks it to, from the start and after a reload.
#[test]
fn servers_behind_are_connected_to_before_the_first_call() {
    let behind = || {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        (listener.local_addr().unwrap(), listener)
    };
    let ((first, one), (second, other)) = (behind(), behind());
    let text = |address: SocketAddr, more: &str| {
        format!(
            "descriptors: library.proto\nworkers: 2\nroutes: [{{ match: '*', proxy: {{ url: 'http://{address}'{more} }} }}]\n"
        )
    };
    let folder = folder(&text(first, ""));
    let place = folder.path().to_owned();
    let mut server = start(folder, &[]);
    // Nobody else takes these addresses while they are held.
    let mut held = Vec::new();
    let mut connected = |server: &mut Server, listener: &TcpListener| {
        server.until("both workers connect", |_| {
            held.extend(listener.accept().ok());
            held.len() == 2
        });
        held.clear();
    };
    connected(&mut server, &one);
    write(&place, &text(second, ""));
    server.signal("HUP");
    connected(&mut server, &other);
    write(&place, &text(first, ", warm_up: false"));
    server.signal("HUP");
    server.until("it is reloaded", |server| {
        server.err().matches("reloaded: ").count() == 2
    });
    assert!(one.accept().is_err());
}

/// What is counted of servers behind stays over reloads, whatever changes of them but their URL.
#[test]
fn counts_of_a_server_behind_stay_for_as_long_as_it_does() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap();
    let admin = port.local_addr().unwrap().to_string();
    let dead = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    drop(port);
    let behind = start(
        folder("descriptors: library.proto\nroutes: [{ match: '*', echo: {} }]"),
        &[],
    );
    let text = |more: &str| {
        format!(
            "descriptors: library.proto\nworkers: 2\nroutes:\n- match: library.Desk\n  proxy: {{ url: 'http://{}'{more} }}\n",
            behind.address()
        )
    };
    let both = |more: &str| {
        let text = text(more);
        format!("{text}- match: library.Shelf\n  proxy: {{ url: 'http://{dead}', warm_up: false }}\n")
    };
    let folder = folder(&both(""));
    let place = folder.path().to_owned();
    let mut server = start(folder, &["--admin", &admin]);
    let shows = |server: &mut Server, metric: &str, upstream: &str, value: u64| {
        let line = format!("descant_upstream_{metric},upstream=\"http://{upstream}\"}} {value}\n");
        server.until(&line, |_| http(&admin, "GET /metrics").1.contains(&line));
    };
    for _ in 0..3 {
        assert!(call(&server, "Desk/Lend").starts_with("200 "));
    }
    assert!(call(&server, "Shelf/Get").starts_with("503 "));
    let dead = dead.to_string();
    shows(&mut server, "connections_failed_total{reason=\"refused\"", &dead, 1);
    shows(&mut server, "attempts_ended_total{outcome=\"unreachable\"", &dead, 1);
    shows(&mut server, "addresses{state=\"unreachable\"", &dead, 1);
    // Two workers know it; it is one address.
    shows(&mut server, "addresses{state=\"ready\"", behind.address(), 1);
    for (reloads, more) in ["", ", timeout: 5s"].into_iter().enumerate() {
        write(&place, &both(more));
        if reloads == 0 {
            server.signal("HUP");
            server.until("it is reloaded", |server| server.err().contains("reloaded: "));
        } else {
            assert_eq!(http(&admin, "POST /reload").0, "HTTP/1.1 200 OK");
        }
        shows(
            &mut server,
            "attempts_total{kind=\"first\"",
            behind.address(),
            3 + reloads as u64,
        );
        assert!(call(&server, "Desk/Lend").starts_with("200 "));
        shows(
            &mut server,
            "attempts_ended_total{outcome=\"ok\"",
            behind.address(),
            4 + reloads as u64,
        );
    }
    write(&place, &text(""));
    assert_eq!(http(&admin, "POST /reload").0, "HTTP/1.1 200 OK");
    let (_, metrics) = http(&admin, "GET /metrics");
    assert!(!metrics.contains(&dead), "{metrics}");
    shows(&mut server, "attempts_total{kind=\"first\"", behind.address(), 5);
}

/// What could not be started with is not taken.
#[test]
fn a_certificate_that_is_not_there_changes_nothing() {
    let text = |listen: &str| {
        format!("descriptors: library.proto\nadmin: off\nroutes: [{{ match: '*', echo: {{}} }}]\nlisten: {listen}\n")
    };
    let folder = folder(&text("'127.0.0.1:0'"));
    let (file, ready) = (folder.path().join("descant.yaml"), folder.path().join("ready"));
    // Where to listen is said by the file alone.
    let mut server = Server::start_as(folder, &[], |_| {
        let mut serve = command(["serve", "--ready-file"]);
        serve.arg(ready).arg("-c").arg(file);
        serve
    });
    write(
        server.folder.path(),
        &text("{ address: '127.0.0.1:0', tls: { certificate: gone.crt, key: gone.key } }"),
    );
    server.signal("HUP");
    server.until("it is refused", |server| server.err().contains("gone.crt"));
    assert!(!server.err().contains("has to be started anew"), "{}", server.err());
    assert!(call(&server, "Shelf/Get").starts_with("200 "));
}
