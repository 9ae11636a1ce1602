//! `check`, `list` and `describe`.

use std::process::Stdio;

use crate::process::{Ran, Server, command, demo_set, descant, repository};

const DEMO: &str = "bookshop.v1.Catalog\nbookshop.v1.Desk\n";

fn demo() -> String {
    demo_set().to_str().unwrap().to_owned()
}

#[test]
fn check_sums_up_what_is_right() {
    let ran = descant(["check"]);
    assert_eq!(
        ran.out,
        "9 files, 2 services, 10 methods: 0 errors, 0 warnings, 0 notes\n"
    );
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
}

#[test]
fn check_names_everything_that_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("broken.proto");
    std::fs::write(
        &broken,
        "syntax = \"proto3\";\nmessage M { Missing m = 1; Gone g = 2; }\n",
    )
    .unwrap();
    let text = descant([c("check"), broken.as_os_str()]);
    assert_eq!(text.code, Some(4), "{text:?}");
    assert!(text.out.contains("error: "), "{}", text.out);
    assert!(text.out.contains("  hint: "), "{}", text.out);
    assert!(
        text.out.ends_with("notes\n") && text.out.contains("The descriptors do not load: "),
        "{}",
        text.out
    );

    let json = descant([c("check"), broken.as_os_str(), c("--format"), c("json")]);
    assert_eq!(json.code, Some(4));
    let report: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(report["loads"], false);
    let findings = report["findings"].as_array().unwrap();
    assert_eq!(report["errors"], findings.len());
    for finding in findings {
        for key in ["severity", "file", "symbol", "what", "mend"] {
            assert!(finding[key].is_string(), "{key}: {finding}");
        }
    }
}

#[test]
fn a_source_in_the_working_folder_is_called_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("api.proto"),
        "syntax = \"proto3\"; message M {} service S { rpc Do(M) returns (M); }",
    )
    .unwrap();
    let ran: Ran = command(["list", "api.proto"])
        .current_dir(folder.path())
        .output()
        .unwrap()
        .into();
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), "S\n"), "{ran:?}");
}

fn c(text: &str) -> &std::ffi::OsStr {
    text.as_ref()
}

#[test]
fn names_are_listed_one_a_line() {
    assert_eq!(descant(["list", &demo()]).out, DEMO);
    let desk = "bookshop.v1.Desk.Chat\nbookshop.v1.Desk.PlaceOrder\n";
    assert_eq!(descant(["list", &demo(), "bookshop.v1.Desk"]).out, desk);
}

#[test]
fn symbols_are_described_as_source() {
    let money = "bookshop.v1.Money is a message:
// An amount of money.
message Money {
  // ISO 4217, for instance \"EUR\".
  string currency = 1;
  int64 units = 2;

  // Billionths of a unit: 990000000 of an EUR are 99 cents.
  int32 nanos = 3;
}
";
    assert_eq!(descant(["describe", &demo(), "bookshop.v1.Money"]).out, money);
    for (name, head) in [
        ("bookshop.v1.Catalog", "a service"),
        ("bookshop.v1.Catalog/GetBook", "a method"),
        (".bookshop.v1.Book.format", "a one-of"),
        ("bookshop.v1.Book.id", "a field"),
        ("bookshop.v1.Genre", "an enum"),
        ("bookshop.v1.NOVEL", "an enum value"),
        ("google.api.http", "an extension"),
        ("bookshop.proto", "a file"),
    ] {
        let ran = descant(["describe", &demo(), name]);
        let first = ran.out.lines().next().unwrap_or_default();
        assert!(first.ends_with(&format!(" is {head}:")), "{name}: {ran:?}");
    }
}

#[test]
fn a_live_server_is_asked_instead_of_files() {
    let server = Server::start(&[]);
    let all = server.services();
    assert!(all.starts_with(DEMO), "{all}");
    assert!(all.contains("grpc.health.v1.Health\n"), "{all}");
    // The last one is also a path of the working folder, which is not what is meant.
    for name in ["bookshop.v1.Money", "bookshop.proto", "google/api/annotations.proto"] {
        let mut asked = command(["describe", "--from", server.address(), name]);
        let described: Ran = asked
            .current_dir(repository("descriptors/protos"))
            .output()
            .unwrap()
            .into();
        assert_eq!(described.out, descant(["describe", &demo(), name]).out, "{described:?}");
        assert_eq!(described.code, Some(0), "{described:?}");
    }
    let methods = descant(["list", "--from", server.address(), "bookshop.v1.Desk"]);
    assert_eq!(methods.out, "bookshop.v1.Desk.Chat\nbookshop.v1.Desk.PlaceOrder\n");
    let everything = descant(["describe", "--from", server.address()]).out;
    assert_eq!(everything.matches(" is a service:").count(), 5, "{everything}");
}

/// `| head` closes the pipe early.
#[test]
fn a_reader_that_leaves_is_no_error() {
    let mut child = command(["describe", &demo()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn what_cannot_be_written_is_an_error() {
    for args in [
        &["check"][..],
        &["list", &demo()],
        &["describe", &demo()],
        &["man"],
        &["completions", "bash"],
    ] {
        let full = std::fs::File::create("/dev/full").unwrap();
        let ran = command(args).stdout(full).output().unwrap();
        let said = String::from_utf8_lossy(&ran.stderr);
        assert_eq!(ran.status.code(), Some(1), "{args:?}: {said}");
        assert!(
            said.starts_with("error: standard output cannot be written: "),
            "{args:?}: {said}"
        );
    }
}

#[test]
fn colours_are_for_terminals() {
    let describe = || command(["describe", &demo(), "bookshop.v1.Money"]);
    let coloured = |command: &mut std::process::Command| command.output().unwrap().stdout.contains(&0x1b);
    assert!(!coloured(&mut describe()));
    assert!(coloured(describe().env("CLICOLOR_FORCE", "1")));
    assert!(!coloured(describe().env("NO_COLOR", "1")));
}

#[test]
fn completions_and_pages_are_printed() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ran = descant(["completions", shell]);
        assert_eq!(ran.code, Some(0), "{shell}");
        assert!(ran.out.contains("ready-file"), "{shell}");
        assert!(ran.out.contains("config") && ran.out.contains("schema"), "{shell}");
    }
    let page = descant(["man", "serve"]);
    assert!(page.out.contains(".TH descant-serve 1  \"descant "), "{}", page.out);
    let page = descant(["man", "config", "print"]);
    assert!(
        page.out.contains(".TH descant-config-print 1  \"descant "),
        "{}",
        page.out
    );
    let lost = descant(["man", "config", "dance"]);
    assert_eq!(
        lost.err,
        "error: descant config has no command `dance`\nhint: the commands are print, schema\n"
    );
    let page = descant(["man"]).out;
    assert!(
        page.contains(".TH descant 1") && page.contains("descant\\-serve(1)"),
        "{page}"
    );
    assert!(!page.contains("descant\\-help(1)"), "{page}");
    let bash = descant(["completions", "bash"]).out;
    let codings =
        "--compress)\n                    COMPREPLY=($(compgen -W \"gzip zstd br deflate snappy\" -- \"${cur}\"))\n";
    assert!(bash.contains(codings), "{bash}");
}
