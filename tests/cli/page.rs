//! Pages of the documentation whose `console` blocks are run.

use std::{path::Path, process::Command};

use crate::process::{Ran, Server, repository};

/// Runs every `$` line against this server, in the place of `localhost:50051`, and compares what is printed.
pub(crate) fn check(page: &str, server: &Server) {
    let page = std::fs::read_to_string(repository(page)).unwrap();
    let blocks = page.split("```console\n").skip(1);
    let blocks: String = blocks.filter_map(|block| block.split("```").next()).collect();
    let runs: Vec<_> = blocks.split("$ ").skip(1).collect();
    assert!(runs.len() > 5);
    let binary = Path::new(env!("CARGO_BIN_EXE_descant")).parent().unwrap();
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
    for run in runs {
        let (line, shown) = run.split_once('\n').unwrap();
        let line = format!("exec 2>&1; {}", line.replace("localhost:50051", server.address()));
        let mut shell = Command::new("sh");
        shell.args(["-c", &line]).env("PATH", &path).env("NO_COLOR", "1");
        let ran = Ran::from(shell.output().unwrap());
        assert_eq!(ran.out.replace(server.address(), "localhost:50051"), shown, "{line}");
    }
}
