//! Servers that are processes of their own, and what happens when they are killed.

use std::{
    net::SocketAddr,
    process::{Child, Command},
    time::Duration,
};

use descant_handlers::{Proxy, proxy::ProxyOptions};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use super::{
    proxy,
    replica::{Names, call, failures, quick, until},
};
use crate::support::{Ask, WAIT, soon};

/// The suites' own server.
struct Process {
    child: Child,
    address: SocketAddr,
    _folder: TempDir,
}

impl Process {
    async fn start(listen: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ready = folder.path().join("ready");
        let child = Command::new(env!("CARGO_BIN_EXE_descant-suite-server"))
            .args(["--listen", listen, "--ready-file"])
            .arg(&ready)
            .spawn()
            .unwrap();
        let address = async {
            loop {
                let written = std::fs::read_to_string(&ready).unwrap_or_default();
                if let Some((first, _)) = written.split_once('\n') {
                    return first.parse().unwrap();
                }
                sleep(Duration::from_millis(10)).await;
            }
        };
        Self {
            address: soon(address).await,
            child,
            _folder: folder,
        }
    }

    /// Kills it, as a machine that fails does.
    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Lets it hang.
    fn stop(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-STOP", &pid]).status().unwrap().success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn three() -> [Process; 3] {
    [
        Process::start("127.0.0.1:0").await,
        Process::start("127.0.0.1:0").await,
        Process::start("127.0.0.1:0").await,
    ]
}

#[tokio::test]
async fn of_three_one_that_is_killed_costs_hardly_a_call() {
    let mut processes = three().await;
    let urls = processes
        .each_ref()
        .map(|process| format!("http://{}", process.address));
    let front = proxy(Proxy::to_each(&urls).unwrap()).await;
    let peer = front.connect().await;
    assert_eq!(failures(&peer, 300).await, 0);
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..5 {
        let peer = front.connect().await;
        callers.spawn(async move { failures(&peer, 600).await });
    }
    sleep(Duration::from_millis(200)).await;
    processes[1].kill();
    let failed: usize = callers.join_all().await.into_iter().sum();
    // Of 3,000: at most those that were on their way, or one a caller.
    assert!(failed <= 5, "{failed}");
    // It comes back where it was.
    let _back = Process::start(&processes[1].address.to_string()).await;
    assert_eq!(failures(&peer, 100).await, 0);
}

#[tokio::test]
async fn open_calls_of_a_killed_server_end_at_once() {
    let mut process = Process::start("127.0.0.1:0").await;
    let to = Proxy::to(&format!("http://{}", process.address)).unwrap();
    let front = proxy(to).await;
    let peer = front.connect().await;
    assert_eq!(call(&peer).await.code(), Some(0));
    let open = tokio::spawn(peer.open(Ask::empty(WAIT)).await.finish());
    sleep(Duration::from_millis(100)).await;
    process.kill();
    let answer = soon(open).await.unwrap();
    assert_eq!(answer.code(), Some(14), "{answer:?}");
    assert!(
        answer.reason().starts_with("the connection to http://127.0.0.1:"),
        "{answer:?}"
    );
    let answer = call(&peer).await;
    assert!(answer.reason().starts_with("cannot connect to "), "{answer:?}");
    let _back = Process::start(&process.address.to_string()).await;
    until(&peer, |answer| answer.code() == Some(0)).await;
}

#[tokio::test]
async fn a_server_that_hangs_is_found_and_left() {
    let [hung, one, _] = three().await;
    let mut options = quick();
    let keepalive = options.keepalive.as_mut().unwrap();
    keepalive.every = Duration::from_millis(200);
    keepalive.timeout = Duration::from_millis(300);
    let names = Names::of([hung.address]);
    let front = proxy(names.proxy(options)).await;
    let peer = front.connect().await;
    assert_eq!(call(&peer).await.code(), Some(0));
    hung.stop();
    let began = Instant::now();
    let answer = call(&peer).await;
    assert_eq!(answer.code(), Some(14), "{answer:?}");
    assert!(
        answer
            .reason()
            .ends_with("is lost: it did not answer a PING within 0.3 s"),
        "{answer:?}"
    );
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    names.set([one.address]);
    until(&peer, |answer| answer.code() == Some(0)).await;
}

#[tokio::test]
async fn of_three_one_that_hangs_is_avoided() {
    let processes = three().await;
    let names = Names::of(processes.each_ref().map(|process| process.address));
    let mut options = ProxyOptions::default();
    let keepalive = options.keepalive.as_mut().unwrap();
    keepalive.every = Duration::from_millis(400);
    keepalive.timeout = Duration::from_millis(400);
    let front = proxy(names.proxy(options)).await;
    let peer = front.connect().await;
    assert_eq!(failures(&peer, 100).await, 0);
    processes[0].stop();
    // A call that goes there waits until the connection is given up; then it gets no more.
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let peer = front.connect().await;
        callers.spawn(async move { failures(&peer, 500).await });
    }
    let failed: usize = callers.join_all().await.into_iter().sum();
    assert!(failed <= 8, "{failed} of 2000");
}
