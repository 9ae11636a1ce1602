//! Counts instructions: a bench runs itself under valgrind's callgrind, which counts what [`measured`] does.

use std::{env, process::Command};

/// What callgrind counts within [`measured`], in a process of its own that these words tell what to do.
pub(crate) fn instructions(words: &[&str]) -> u64 {
    let valgrind = env::var_os("VALGRIND").unwrap_or_else(|| "valgrind".into());
    let out = Command::new(valgrind)
        .args([
            "--tool=callgrind",
            "--callgrind-out-file=/dev/null",
            "--collect-atstart=no",
        ])
        .arg("--toggle-collect=*measured*")
        .arg(env::current_exe().unwrap())
        .args(words)
        .output()
        .expect("valgrind must be installed: apt-get install valgrind");
    let said = String::from_utf8_lossy(&out.stderr);
    let count = said.lines().find_map(|line| line.split_once("Collected :"));
    count
        .and_then(|(_, count)| count.trim().parse().ok())
        .unwrap_or_else(|| panic!("valgrind: {said}"))
}

/// What callgrind looks for.
#[inline(never)]
pub(crate) fn measured(turn: &mut dyn FnMut()) {
    turn();
}
