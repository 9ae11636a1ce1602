//! The README says what is true.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};

use crate::process::{PATIENCE, Server, descant, pause, repository};

fn readme() -> String {
    fs::read_to_string(repository("README.md")).unwrap()
}

/// The fenced blocks of one language.
pub(crate) fn blocks(text: &str, language: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line == format!("```{language}") {
            let block: Vec<_> = lines.by_ref().take_while(|line| *line != "```").collect();
            blocks.push(block.join("\n") + "\n");
        }
    }
    blocks
}

/// The example of the README is `examples/first.rs`, without its first line of documentation.
#[test]
fn the_first_example_is_short_and_stands_in_the_readme() {
    let example = fs::read_to_string(repository("examples/first.rs")).unwrap();
    let (_, code) = example.split_once('\n').unwrap();
    let shown = blocks(&readme(), "rust").remove(0);
    assert_eq!(shown, code);
    assert!(code.lines().count() < 25, "{}", code.lines().count());
}

#[test]
fn the_first_example_runs() {
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let address = port.to_string();
    let (_, port) = address.rsplit_once(':').unwrap();
    let folder = Path::new(env!("CARGO_BIN_EXE_descant")).parent().unwrap();
    let profile = if folder.ends_with("release") {
        "--release"
    } else {
        "--quiet"
    };
    let mut cargo = Command::new(env!("CARGO"));
    let built = cargo
        .current_dir(repository(""))
        .args(["build", "--example", "first", profile])
        .status()
        .unwrap();
    assert!(built.success());
    let mut example = Command::new(folder.join("examples/first"));
    let mut child = example
        .current_dir(repository(""))
        .arg(port)
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let start = Instant::now();
    let served = loop {
        let ran = descant(["list", "--from", &address]);
        if ran.code == Some(0) || start.elapsed() > PATIENCE {
            break ran;
        }
        assert!(child.try_wait().unwrap().is_none(), "the example ended");
        pause();
    };
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(served.out.starts_with("bookshop.v1.Catalog\n"), "{served:?}");
}

/// What a new user sees first is what the README shows.
#[test]
fn the_banner_stands_in_the_readme() {
    let shown = blocks(&readme(), "text").remove(0);
    let server = Server::start(&["--admin", "127.0.0.1:0"]);
    let printed = server.out().replace(server.address(), "localhost:50051");
    let same = |text: &str| -> Vec<String> {
        let lines = text
            .lines()
            .filter(|line| !line.contains("plain text)") && !line.starts_with("Admin: "));
        lines.map(str::to_owned).collect()
    };
    assert_eq!(same(&shown), same(&printed));
}

/// Each option of the help is in the README's reference, and the other way round.
#[test]
fn the_reference_is_complete() {
    let readme = readme();
    let options = |text: &str| -> std::collections::BTreeSet<String> {
        let words = text.split(|character: char| !(character.is_ascii_lowercase() || character == '-'));
        words
            .filter(|word| word.starts_with("--") && word.len() > 2)
            .map(str::to_owned)
            .collect()
    };
    let (_, reference) = readme.split_once("## The command line").unwrap();
    let reference = reference.split("\n## ").next().unwrap();
    for command in ["serve", "check", "list", "describe", "call", "explain"] {
        for option in options(&descant([command, "-h"]).out) {
            let common = matches!(option.as_str(), "--help" | "--version");
            assert!(common || reference.contains(&option), "{command} {option}");
        }
    }
}
