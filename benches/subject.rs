//! A server that is measured: a process of its own, pinned to the last core, while the load comes from the first.
//!
//! CPU time is the kernel's account of the process's threads (`schedstat`), so what uses this runs on Linux only.

use std::{
    future::Future,
    io::{BufRead, BufReader},
    net::{SocketAddr, TcpStream},
    process::{Child, Command, Stdio},
    time::Duration,
};

/// What a bench is told on its command line.
pub(crate) struct Plan {
    pub(crate) rounds: usize,
    /// Of one measurement.
    pub(crate) length: Duration,
    only: String,
}

impl Plan {
    /// `--rounds N --seconds S --only NAME`; so many rounds unless it is said. `None`: this process was told to be a subject, and `serve` has
    /// ended.
    pub(crate) fn of_arguments(rounds: usize, serve: fn(&str)) -> Option<Self> {
        let mut plan = Self {
            rounds,
            length: Duration::from_millis(500),
            only: String::new(),
        };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            let mut value = || words.next().unwrap_or_else(|| panic!("{word} takes a value"));
            match word.as_str() {
                "--subject" => {
                    serve(&value());
                    return None;
                }
                "--rounds" => plan.rounds = value().parse().expect("--rounds takes a number"),
                "--seconds" => {
                    let seconds = value().parse().expect("--seconds takes a number");
                    plan.length = Duration::from_secs_f64(seconds);
                }
                "--only" => plan.only = value(),
                "--bench" => {}
                other => panic!("{other} is none of --rounds, --seconds, --only"),
            }
        }
        Some(plan)
    }

    /// Whether this is to be measured.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only == name
    }
}

/// A process of this program that was told to be `--subject NAME`.
pub(crate) struct Subject {
    process: Child,
    pub(crate) address: SocketAddr,
}

impl Subject {
    pub(crate) fn start(name: &str) -> Self {
        Self::start_with(name, &[])
    }

    /// With environment variables.
    pub(crate) fn start_with(name: &str, variables: &[(&str, String)]) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--subject", name])
            .envs(variables.iter().map(|(name, value)| (name, value)))
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

    /// A program of somebody else's that listens there; it is waited for.
    #[allow(dead_code, clippy::disallowed_methods)] // Most benches have peers that are built into them. No worker sleeps.
    pub(crate) fn of(mut process: Child, address: SocketAddr) -> Self {
        for _ in 0..200 {
            if TcpStream::connect(address).is_ok() {
                return Self { process, address };
            }
            assert!(process.try_wait().unwrap().is_none(), "the program ended");
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("the program does not listen at {address}");
    }

    /// CPU microseconds a request while `load` runs, which says how many were answered.
    pub(crate) fn measure(&self, load: impl FnOnce(SocketAddr) -> usize) -> f64 {
        let before = self.cpu();
        let requests = load(self.address);
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

/// The lowest figure of each subject, of so many rounds in which they take turns.
pub(crate) fn lowest(subjects: &[Subject], rounds: usize, load: impl Fn(SocketAddr) -> usize) -> Vec<f64> {
    let mut lowest = vec![f64::INFINITY; subjects.len()];
    for _ in 0..rounds {
        for (subject, lowest) in subjects.iter().zip(&mut lowest) {
            *lowest = lowest.min(subject.measure(&load));
        }
    }
    lowest
}

/// Serves on the last core, in one thread.
pub(crate) fn serve(server: impl Future<Output = ()>) {
    serve_on(1, server);
}

/// Serves on the first core or, for 1, on the last, in one thread.
pub(crate) fn serve_on(which: usize, server: impl Future<Output = ()>) {
    pin(which);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(server);
}

/// Tells the process that started this one where the server listens.
pub(crate) fn announce(address: SocketAddr) {
    println!("{address}");
}

/// Pins this thread, and those it starts from now on, to the first core or, for 1, to the last.
pub(crate) fn pin(which: usize) {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut set = rustix::thread::CpuSet::new();
    set.set(if which == 0 { 0 } else { cores - 1 });
    rustix::thread::sched_setaffinity(None, &set).ok();
}
