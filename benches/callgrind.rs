//! Counts with valgrind: a bench runs itself under it, in a process of its own that some words tell what to do.

use std::{env, hint::black_box, process::Command};

/// The instructions of what [`measured`] does, but for what [`unmeasured`] does within it.
pub(crate) fn instructions(words: &[&str]) -> u64 {
    // Whenever a function of such a name begins or ends, counting is turned on if it is off, and off if it is on.
    let options = [
        "--tool=callgrind",
        "--collect-atstart=no",
        "--toggle-collect=*measured*",
    ];
    let out = ["--callgrind-out-file=/dev/null"];
    valgrind(&[&options[..], &out].concat(), words, "Collected :")
}

/// The bytes that `memcpy` and its like move in all of the process.
#[allow(dead_code)] // A bench may count instructions only.
pub(crate) fn moved(words: &[&str]) -> u64 {
    valgrind(
        &["--tool=dhat", "--mode=copy", "--dhat-out-file=/dev/null"],
        words,
        "Total:",
    )
}

/// The number that valgrind says behind `what`.
fn valgrind(options: &[&str], words: &[&str], what: &str) -> u64 {
    let valgrind = env::var_os("VALGRIND").unwrap_or_else(|| "valgrind".into());
    let out = Command::new(valgrind)
        .args(options)
        .arg(env::current_exe().unwrap())
        .args(words)
        .output()
        .expect("valgrind must be installed: apt-get install valgrind");
    let said = String::from_utf8_lossy(&out.stderr);
    let found = said.lines().find_map(|line| line.split_once(what));
    found
        .and_then(|(_, count)| count.split_whitespace().next()?.replace(',', "").parse().ok())
        .unwrap_or_else(|| panic!("valgrind: {said}"))
}

/// The limit of a count, so many percent above what was written down, and what is to be said of it: "ok", or what is wrong.
pub(crate) fn verdict(found: u64, written: u64, percent: u64) -> (u64, &'static str) {
    let margin = written * percent / 100;
    let verdict = match found {
        _ if found > written + margin => "FAILED: too many",
        _ if found < written - margin => "ok, and the limit may be lowered",
        _ => "ok",
    };
    (written + margin, verdict)
}

/// What callgrind looks for.
#[inline(never)]
pub(crate) fn measured(turn: &mut dyn FnMut()) {
    turn();
}

/// Does what is not to be counted, within [`measured`].
#[allow(dead_code)] // A bench may count all that it does.
#[inline(never)]
pub(crate) fn unmeasured(turn: &mut dyn FnMut()) {
    turn();
    // Or the compiler makes one function of the two.
    black_box(0);
}
