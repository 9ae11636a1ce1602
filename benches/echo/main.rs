//! gRPC unary echo: CPU time a request of Descant beside a bare h2 server and tonic with generated code, in one run.
//!
//! `cargo bench -p descant-benches --bench echo [-- --rounds N --seconds S --only 1KB]`
//!
//! Each subject is a process of its own, pinned to the last core; the load comes from this one, pinned to the first:
//! 10 connections with 50 streams each, frames written by hand so that the generator stays cheap. Subjects take turns; a figure is the
//! lowest of the rounds, and what counts is its ratio to the bare server's. CPU time is the kernel's account of the
//! subject's threads (`schedstat`), so the bench runs on Linux only.
#![allow(
    clippy::cast_possible_wrap,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod load;
mod subjects;

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use subjects::{Payloads, SUBJECTS};

const CONNECTIONS: usize = 10;
const STREAMS: usize = 50;

fn main() {
    let mut words = std::env::args().skip(1);
    let (mut rounds, mut seconds, mut only) = (8, 0.5, String::new());
    while let Some(word) = words.next() {
        let mut value = || words.next().unwrap_or_else(|| panic!("{word} takes a value"));
        match word.as_str() {
            "--subject" => return subjects::serve(&value()),
            "--rounds" => rounds = value().parse().expect("--rounds takes a number"),
            "--seconds" => seconds = value().parse().expect("--seconds takes a number"),
            "--only" => only = value(),
            "--bench" => {}
            other => panic!("{other} is none of --rounds, --seconds, --only"),
        }
    }
    pin(0);
    let payloads = Payloads::new();
    println!("CPU microseconds a request, lowest of {rounds} rounds; ratio to bare-h2 (tonic's in brackets)");
    for (name, path, body) in payloads.cells() {
        if only.is_empty() || only == name {
            cell(name, path, &body, rounds, Duration::from_secs_f64(seconds));
        }
    }
}

/// Measures every subject with one payload.
fn cell(name: &str, path: &str, body: &[u8], rounds: usize, length: Duration) {
    let subjects: Vec<Subject> = SUBJECTS.iter().map(|name| Subject::start(name)).collect();
    for subject in &subjects {
        load::check(subject.address, path, body);
    }
    let mut lowest = vec![f64::INFINITY; subjects.len()];
    for _ in 0..rounds {
        for (subject, lowest) in subjects.iter().zip(&mut lowest) {
            *lowest = lowest.min(subject.measure(path, body, length));
        }
    }
    let at = |name| SUBJECTS.iter().position(|subject| *subject == name).unwrap();
    let (bare, tonic) = (lowest[at("bare-h2")], lowest[at("tonic")]);
    for (subject, figure) in SUBJECTS.iter().zip(&lowest) {
        println!(
            "{name:>5}  {subject:<17} {figure:7.2} us  {:.2}  ({:.2})",
            figure / bare,
            figure / tonic
        );
    }
}

struct Subject {
    process: Child,
    address: SocketAddr,
}

impl Subject {
    fn start(name: &str) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--subject", name])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the subject starts");
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let address = line
            .trim()
            .parse()
            .unwrap_or_else(|_| panic!("{name} did not say its address"));
        Self { process, address }
    }

    /// CPU microseconds a request over one run.
    fn measure(&self, path: &str, body: &[u8], length: Duration) -> f64 {
        let before = self.cpu();
        let requests = load::run(self.address, path, body, CONNECTIONS, STREAMS, Instant::now() + length);
        #[allow(clippy::cast_precision_loss)]
        let figure = self.cpu().saturating_sub(before).as_nanos() as f64 / 1000.0 / requests as f64;
        figure
    }

    fn cpu(&self) -> Duration {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.process.id())).expect("/proc is there");
        let nanoseconds = tasks.map(|task| {
            let text = std::fs::read_to_string(task.unwrap().path().join("schedstat")).unwrap_or_default();
            text.split(' ')
                .next()
                .and_then(|word| word.parse::<u64>().ok())
                .unwrap_or(0)
        });
        Duration::from_nanos(nanoseconds.sum())
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// Pins this thread, and those it starts from now on, to the first core or, for 1, to the last.
pub(crate) fn pin(which: usize) {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut set = rustix::thread::CpuSet::new();
    set.set(if which == 0 { 0 } else { cores - 1 });
    rustix::thread::sched_setaffinity(None, &set).ok();
}
