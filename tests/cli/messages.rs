//! What users read: help, and errors with their exit codes, to the letter.

use std::path::Path;

use crate::process::{Server, demo_set, descant, repository};

/// After a change of the help texts, run this test with `UPDATE_SNAPSHOTS=1`.
#[test]
fn help_is_as_it_was_agreed() {
    for command in [
        "",
        "serve",
        "check",
        "list",
        "describe",
        "convert",
        "call",
        "explain",
        "config",
        "config print",
        "config schema",
        "completions",
        "man",
    ] {
        let args: Vec<_> = command.split_whitespace().chain(["--help"]).collect();
        let ran = descant(args);
        assert_eq!(ran.code, Some(0));
        let name = if command.is_empty() { "descant" } else { command };
        let path = repository(&format!("tests/cli/snapshots/{}.txt", name.replace(' ', "-")));
        if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
            std::fs::write(&path, &ran.out).unwrap();
        }
        let expected = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(
            ran.out,
            expected,
            "{}: run this test with UPDATE_SNAPSHOTS=1",
            path.display()
        );
    }
}

fn fails(args: &[&str], code: i32, message: &str) {
    let ran = descant(args);
    assert_eq!(ran.err, message, "{args:?}");
    assert_eq!((ran.code, ran.out.as_str()), (Some(code), ""), "{args:?}");
}

#[test]
fn errors_say_what_where_and_how_to_mend_it() {
    let set = demo_set();
    let set = set.to_str().unwrap();
    fails(
        &["list"],
        2,
        "error: there is nothing to load\n\
         hint: name a descriptor set, a .proto file or a folder, or ask a live server with --from ADDR\n",
    );
    fails(
        &["list", "missing.binpb"],
        4,
        "error: the descriptors do not load\n\
         missing.binpb: there is no such file or folder\n  hint: check the path and its permissions\n",
    );
    fails(
        &["list", set, "bookshop.v1.Catalogue"],
        4,
        "error: there is no service `bookshop.v1.Catalogue`\nhint: did you mean bookshop.v1.Catalog?\n",
    );
    fails(
        &["list", set, "--from", "localhost:1"],
        2,
        &format!(
            "error: `{set}` and --from: the descriptors come from one or the other\n\
             hint: leave out the path, or --from\n"
        ),
    );
    fails(
        &["describe", set, "shop/missing.proto"],
        4,
        "error: there is no file `shop/missing.proto`\n",
    );
    fails(
        &["list", set, "bookshop.v1.Book"],
        4,
        "error: `bookshop.v1.Book` is a message, not a service\n",
    );
    fails(
        &[
            "convert",
            set,
            "--from",
            "json",
            "--to",
            "txtpb",
            "-t",
            "bookshop.v1.Catalog.GetBook",
        ],
        4,
        "error: `bookshop.v1.Catalog.GetBook` is a method, not a message\n",
    );
    fails(
        &["list", set, "shop/missing.proto"],
        4,
        "error: there is no service `shop/missing.proto`, and no file or folder either\n",
    );
    fails(
        &["list", "--from", "localhost"],
        2,
        "error: --from localhost: a host and a port are needed\nhint: for instance --from localhost:50051\n",
    );
    fails(
        &["list", "--from", "localhost:99999"],
        2,
        "error: --from localhost:99999: a host and a port are needed\nhint: ports are numbers up to 65535\n",
    );
    fails(
        &["list", "--from", "ftp://localhost:1"],
        2,
        "error: http and https are spoken, not ftp\n\
         hint: for instance --from localhost:50051, or --from https://localhost:50051\n",
    );
    fails(
        &["man", "dance"],
        2,
        "error: descant has no command `dance`\n\
         hint: the commands are serve, check, list, describe, convert, call, explain, config, completions, man\n",
    );
    fails(
        &["serve", "--cors-origin", "localhost", "--cors-header", "x-a, x-b"],
        2,
        "error: --cors-header: `x-a, x-b` is not the name of a header, or `*`\n",
    );
}

#[test]
fn what_is_no_source_is_told_what_it_is() {
    let told = "error: `http://127.0.0.1:1` is a server, and no file or folder of descriptors\n";
    for (args, hint) in [
        (
            &["list", "http://127.0.0.1:1"][..],
            "--from http://127.0.0.1:1 asks it what it serves, by reflection",
        ),
        (
            &["describe", "http://127.0.0.1:1", "a.B"],
            "--from http://127.0.0.1:1 asks it what it serves, by reflection",
        ),
        (
            &["serve", "http://127.0.0.1:1"],
            "--to URL answers calls from it, and asks it what it serves",
        ),
    ] {
        fails(args, 2, &format!("{told}hint: {hint}\n"));
    }
    fails(
        &["serve", "--watch"],
        2,
        "error: --watch: the demo API is part of the program and does not change\n\
         hint: name a PATH to watch, or leave --watch out\n",
    );
    fails(
        &["serve", "--watch", "--to", "http://127.0.0.1:1"],
        2,
        "error: --watch: no file is named that could change, and the server behind is asked again in any case\n\
         hint: leave --watch out; --schema-interval says how often that server is asked\n",
    );
}

#[test]
fn a_word_that_makes_no_sense_is_a_usage_error() {
    for args in [
        ["serve", "--nonsense", ""],
        ["serve", "--workers", "0"],
        ["serve", "--grace", "soon"],
        ["serve", "--admin", "localhost"],
        ["check", "--format", "xml"],
        ["dance", "", ""],
    ] {
        let ran = descant(args.into_iter().filter(|arg| !arg.is_empty()));
        assert_eq!(ran.code, Some(2), "{args:?}: {ran:?}");
        assert!(ran.err.starts_with("error: "), "{args:?}: {ran:?}");
    }
}

#[test]
fn an_address_has_a_port() {
    for address in ["foo", "127.0.0.1", "localhost:99999", "[::]:"] {
        let ran = descant(["serve", "--admin", "off", &format!("--listen={address}")]);
        let start = format!("error: --listen: `{address}` is not a host and a port such as ");
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(ran.err.starts_with(&start), "{}", ran.err);
    }
}

#[test]
fn a_number_of_workers_is_bounded() {
    for number in ["0", "-1", "many", "99999"] {
        let ran = descant(["serve", &format!("--workers={number}")]);
        assert_eq!(ran.code, Some(2), "{ran:?}");
        let start = format!("error: --workers: `{number}` is not a whole number from 1 to 256\n");
        assert!(ran.err.starts_with(&start), "{}", ran.err);
    }
}

/// Options have the words that the keys of the file have.
#[test]
fn a_size_has_a_unit_or_none() {
    let ran = descant(["serve", "--log-payloads=4MB"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(
        ran.err
            .starts_with("error: --log-payloads: `4MB` is not a size above 0 such as 64KiB or 4MiB"),
        "{}",
        ran.err
    );
    let apart = descant(["serve", "--log-payloads", "10"]);
    assert_eq!(apart.code, Some(2), "{apart:?}");
    assert_eq!(
        apart.err,
        "error: `10` is no file or folder of descriptors\nhint: say --log-payloads=10 if it is how many bytes are logged\n"
    );
    let server = Server::start(&["--log-payloads=64KiB"]);
    assert!(!server.address().is_empty());
}

#[test]
fn nobody_there_is_said_so() {
    // Reserved, and nothing listens there.
    let ran = descant(["list", "--from", "127.0.0.1:1"]);
    assert_eq!(ran.code, Some(1));
    assert_eq!(
        ran.err,
        "error: cannot connect to 127.0.0.1:1: Connection refused (os error 111)\n\
         hint: is the server running, and is the port right?\n"
    );
}

#[test]
fn listeners_that_are_in_each_others_way_are_told_as_such() {
    for (one, other) in [("127.0.0.1:24177", "0.0.0.0:24177"), ("unix:q.sock", "unix:./q.sock")] {
        let ran = descant(["serve", "--admin", "off", "--listen", one, "--listen", other]);
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert_eq!(
            ran.err,
            format!(
                "error: --listen: `{other}` is taken by the listener `{one}`\n  hint: leave one of them out, or give it another port\n"
            )
        );
    }
    let shared = [
        "--listen",
        "0.0.0.0:24177",
        "--listen",
        "127.0.0.1:24177",
        "--reuse-port",
    ];
    let ran = descant([&["config", "print"], &shared[..]].concat());
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
}

#[test]
fn a_port_that_is_taken_is_a_bind_error() {
    let server = Server::start(&[]);
    let ran = descant(["serve", "--admin", "off", "--listen", server.address()]);
    assert_eq!(ran.code, Some(5), "{ran:?}");
    let start = format!("error: cannot listen on {}: port ", server.address());
    assert!(ran.err.starts_with(&start), "{}", ran.err);
    assert!(ran.err.contains("choose another port"), "{}", ran.err);

    let ran = descant(["serve", "--listen", "127.0.0.1:0", "--admin", server.address()]);
    assert_eq!(ran.code, Some(5), "{ran:?}");
    assert!(ran.err.contains("for the admin pages: "), "{}", ran.err);
    assert!(
        ran.err
            .ends_with("hint: choose another address with --admin ADDR, or `--admin off`\n"),
        "{}",
        ran.err
    );
}

#[test]
fn a_live_server_without_the_symbol_is_asked_what_it_has() {
    let server = Server::start(&[]);
    let ran = descant(["describe", "--from", server.address(), "bookshop.v1.Nothing"]);
    assert_eq!(ran.code, Some(4));
    let start = format!(
        "error: {} knows no symbol `bookshop.v1.Nothing`\nhint: it serves ",
        server.address()
    );
    assert!(ran.err.starts_with(&start), "{}", ran.err);
    let ran = descant(["describe", "--from", server.address(), "shop/missing.proto"]);
    let start = format!("error: {} knows no file `shop/missing.proto`\n", server.address());
    assert!(ran.err.starts_with(&start), "{}", ran.err);
}

#[test]
fn the_ready_file_needs_a_folder() {
    let nowhere = Path::new("no/such/folder/ready");
    let ran = descant([
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--admin",
        "off",
        "--ready-file",
        nowhere.to_str().unwrap(),
    ]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(
        ran.err
            .starts_with("error: cannot write the ready file no/such/folder/ready: "),
        "{}",
        ran.err
    );
}

#[test]
fn habits_of_grpcurl_are_answered_with_the_way_of_descant() {
    let call = |words: &[&str], told: &str| fails(&[&["call"], words].concat(), 2, told);
    call(
        &["-plaintext", "-d", "{}", "localhost:1", "a.B/C"],
        "error: `-plaintext` is an option of grpcurl\n\
         hint: HOST:PORT is spoken to in plain text, https://HOST:PORT over TLS\n",
    );
    call(
        &["-max-time=5", "localhost:1", "a.B/C"],
        "error: `-max-time` is an option of grpcurl\nhint: say --timeout TIME, 5s for instance\n",
    );
    // One that has the same name, with one dash more.
    call(
        &["--insecure", "-authority", "a", "https://localhost:1", "a.B/C"],
        "error: `-authority` is an option of grpcurl\nhint: say --authority NAME\n",
    );
    call(
        &["localhost:1", "list", "a.B"],
        "error: `list` is no method\nhint: descant list --from localhost:1 a.B\n",
    );
    fails(
        &["list", "--plaintext", "localhost:1"],
        2,
        "error: `--plaintext` is an option of grpcurl\n\
         hint: HOST:PORT is spoken to in plain text, https://HOST:PORT over TLS\n",
    );
    for words in [&["list", "localhost:1"][..], &["describe", "localhost:1", "a.B"]] {
        fails(
            words,
            2,
            "error: `localhost:1` is a server, and no file or folder of descriptors\n\
             hint: --from localhost:1 asks it what it serves, by reflection\n",
        );
    }
    // Of what grpcurl has not either the parser tells.
    let unknown = descant(["call", "--nothing", "localhost:1", "a.B/C"]);
    assert!(
        unknown.err.starts_with("error: unexpected argument '--nothing'"),
        "{unknown:?}"
    );
}
