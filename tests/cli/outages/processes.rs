//! Real servers behind the command, that are killed, hang, come back, and move.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use super::{
    before,
    fronts::{Told, by_grpc, by_rest, exchange, get_book},
    url,
};
use crate::process::{PATIENCE, Server, command, demo_set, http, pause};

/// The demo, which answers.
fn demo() -> Server {
    Server::start(&["--workers", "1"])
}

/// One that comes back where it was.
fn again(address: &str) -> Server {
    Server::start(&["--workers", "1", "--listen", address])
}

fn kill(server: &mut Server) {
    server.signal("KILL");
    server.end();
}

fn until_well(front: &Server) {
    let start = Instant::now();
    while by_rest(front, "emma", 0).code != 0 {
        assert!(start.elapsed() < PATIENCE, "it is not found again: {}", front.err());
        pause();
    }
}

/// So many calls by each of so many callers at a time: how many failed, of all.
fn failures(front: &Server, callers: usize, calls: usize, millis: u32) -> (usize, usize) {
    let failed = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..callers {
            scope.spawn(|| {
                for _ in 0..calls {
                    failed.fetch_add(usize::from(by_rest(front, "emma", millis).code != 0), Ordering::Relaxed);
                }
            });
        }
    });
    (failed.into_inner(), callers * calls)
}

fn check(told: [Told; 4], code: i32, reason: &str) {
    for told in told {
        assert_eq!(told.code, code, "{told:?}");
        assert!(told.said.contains(reason), "{reason}: {told:?}");
    }
}

#[test]
fn calls_of_a_killed_server_end_unavailable_and_it_is_found_again() {
    let mut behind = demo();
    let front = before(&[url(behind.address())], &["--admin", "127.0.0.1:0"]);
    // An endless stream, by gRPC and by REST.
    let set = demo_set();
    let method = "bookshop.v1.Catalog/WatchPrices";
    let watching = command(["call", front.address(), method, set.to_str().unwrap()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let ended = thread::scope(|scope| {
        let reading = scope.spawn(|| exchange(&front, "GET /v1/prices:watch", "", b""));
        // Both have been sent there.
        let start = Instant::now();
        while in_flight(&front) < 2 {
            assert!(start.elapsed() < PATIENCE);
            pause();
        }
        kill(&mut behind);
        reading.join().unwrap()
    });
    let watched = watching.wait_with_output().unwrap();
    assert_eq!(watched.status.code(), Some(64 + 14), "{watched:?}");
    let said = String::from_utf8_lossy(&watched.stderr);
    assert!(
        said.contains("error: UNAVAILABLE: the connection to http://127.0.0.1:"),
        "{said}"
    );
    assert!(
        ended.1.contains(r#"{"error":{"code":14,"message":"the connection to "#),
        "{ended:?}"
    );
    check(get_book(&front, "emma", 0), 14, "cannot connect to http://127.0.0.1:");
    let _back = again(behind.address());
    until_well(&front);
}

/// How many calls the front has sent on that have not ended.
fn in_flight(front: &Server) -> usize {
    let (_, metrics) = http(&front.admin(), "GET /metrics");
    let of_upstream = |line: &&str| line.starts_with("descant_upstream_attempts_in_flight{");
    let counts = metrics.lines().filter(of_upstream);
    counts
        .filter_map(|line| line.rsplit(' ').next()?.parse::<usize>().ok())
        .sum()
}

#[test]
fn a_server_that_hangs_is_given_up() {
    let behind = demo();
    let folder = tempfile::tempdir().unwrap();
    let (file, set) = (folder.path().join("descant.yaml"), demo_set());
    let config = format!(
        "descriptors: {}\nroutes:\n- match: \"*\"\n  proxy: {{ url: \"{}\", connect_timeout: 500ms, keepalive: {{ every: 200ms, timeout: 300ms }} }}\n",
        set.display(),
        url(behind.address())
    );
    fs::write(&file, config).unwrap();
    let front = Server::start(&["-c", file.to_str().unwrap(), "--workers", "1"]);
    assert_eq!(by_rest(&front, "emma", 0).code, 0);
    behind.signal("STOP");
    let told = by_grpc(&front, "emma", 0);
    assert_eq!(told.code, 14, "{told:?}");
    assert!(
        told.said.contains("is lost: it did not answer a PING within 0.3 s"),
        "{told:?}"
    );
    // It takes connections, for the system does that, and says nothing.
    check(get_book(&front, "emma", 0), 14, "not done within 0.5 s");
    behind.signal("CONT");
    until_well(&front);
}

#[test]
fn who_refuses_or_speaks_something_else_is_told_by_each_protocol() {
    let nowhere = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let front = before(&[url(&nowhere.to_string())], &[]);
    check(get_book(&front, "emma", 0), 14, "Connection refused");
    let front = before(&[url(&parrots())], &[]);
    check(get_book(&front, "emma", 0), 14, "it answers in HTTP/1.1");
}

/// Speaks HTTP/1.1 to everyone.
fn parrots() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
        }
    });
    address
}

/// The third of three is bad in some way. Callers whose calls hang wait for a second.
fn of_three(bad: &str, make: impl FnOnce(&Server)) {
    let three = [demo(), demo(), demo()];
    let urls = three.each_ref().map(|server| url(server.address()));
    let front = before(&urls, &["--workers", "2"]);
    assert_eq!(failures(&front, 4, 20, 0), (0, 80));
    make(&three[2]);
    let (failed, all) = failures(&front, 4, 300, 1000);
    assert!(failed * 100 < all, "{bad}: {failed} of {all} failed\n{}", front.err());
}

#[test]
fn of_three_a_killed_one_costs_less_than_a_hundredth_of_the_calls() {
    of_three("killed", |server| server.signal("KILL"));
}

#[test]
fn of_three_one_that_hangs_costs_less_than_a_hundredth_of_the_calls() {
    of_three("hung", |server| server.signal("STOP"));
}

#[test]
fn of_three_one_that_fails_costs_less_than_a_hundredth_of_the_calls() {
    let (one, other) = (demo(), demo());
    // Its own upstream is gone: it answers, and says UNAVAILABLE.
    let bad = before(&["http://127.0.0.1:1".to_owned()], &[]);
    let urls = [&one, &bad, &other].map(|server| url(server.address()));
    let front = before(&urls, &["--workers", "1"]);
    let (failed, all) = failures(&front, 4, 300, 0);
    assert!(failed * 100 < all, "{failed} of {all} failed\n{}", front.err());
    assert!(
        front.err().contains("ejected for 30 s: 5 failures in a row"),
        "{}",
        front.err()
    );
}

#[test]
fn a_server_that_restarts_is_not_stormed() {
    let behind = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = behind.local_addr().unwrap().to_string();
    let attempts = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&attempts);
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let slamming = thread::spawn(move || {
        behind.set_nonblocking(true).unwrap();
        while stopped.try_recv().is_err() {
            match behind.accept() {
                Ok(_) => drop(counted.fetch_add(1, Ordering::Relaxed)),
                Err(_) => pause(),
            }
        }
    });
    let front = before(&[url(&address)], &["--workers", "2"]);
    let end = Instant::now() + Duration::from_secs(4);
    let calls = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| {
                while Instant::now() < end {
                    assert_eq!(by_rest(&front, "emma", 0).code, 14);
                    calls.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    // 0.1 s, 0.16 s and so on: some nine waits, for each worker.
    let (attempts, calls) = (attempts.load(Ordering::Relaxed), calls.into_inner());
    assert!((4..=30).contains(&attempts), "{attempts} attempts, {calls} calls");
    assert!(calls > 100, "{calls}");
    stop.send(()).unwrap();
    slamming.join().unwrap();
    // The server is back: with the same crowd at the door it gets a connection or two of each worker.
    let admin = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .to_string();
    let _back = Server::start(&["--workers", "1", "--listen", &address, "--admin", &admin]);
    // Each worker comes back when its own wait is over.
    let start = Instant::now();
    while failures(&front, 20, 20, 0).0 > 0 {
        assert!(start.elapsed() < PATIENCE, "it is not found again: {}", front.err());
    }
    let (_, metrics) = http(&admin, "GET /metrics");
    let connections = metrics
        .lines()
        .find_map(|line| line.strip_prefix("descant_connections_total "))
        .unwrap();
    assert!(connections.parse::<usize>().unwrap() <= 2 * 4, "{connections}");
}

/// A name is what a file says, in a namespace of mounts that this test makes for the front alone.
#[cfg(target_os = "linux")]
#[allow(clippy::print_stdout)]
#[test]
fn a_name_that_moves_takes_the_calls_along() {
    let allowed = Command::new("unshare").args(["--mount", "true"]).status();
    if !allowed.is_ok_and(|status| status.success()) {
        println!("NOT RUN: this machine lets nobody mount anything, so no name can be moved");
        return;
    }
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let place = |host: &str| SocketAddr::new(host.parse().unwrap(), port).to_string();
    let (old, new) = (again(&place("127.0.0.1")), again(&place("127.0.0.2")));
    let folder = tempfile::tempdir().unwrap();
    let hosts = folder.path().join("hosts");
    fs::write(&hosts, "127.0.0.1 orders.test\n").unwrap();
    let config = folder.path().join("descant.yaml");
    let set = demo_set();
    let text = format!(
        "descriptors: {}\nroutes:\n- match: \"*\"\n  proxy: {{ url: \"http://orders.test:{port}\", resolve_every: 200ms }}\n",
        set.display(),
    );
    fs::write(&config, text).unwrap();
    let front = Server::start_as(folder, &["-c", config.to_str().unwrap(), "--workers", "1"], |serve| {
        let mut unshared = Command::new("unshare");
        unshared.args(["--mount", "sh", "-c", r#"mount --bind "$0" /etc/hosts && exec "$@""#]);
        unshared.arg(&hosts).arg(serve.get_program()).args(serve.get_args());
        unshared
    });
    let mut old = old;
    assert_eq!(failures(&front, 2, 20, 0).0, 0);
    // In place: what is mounted is the file, not its name.
    fs::write(&hosts, "127.0.0.2 orders.test\n").unwrap();
    let start = Instant::now();
    while !front.err().contains("no address of the upstream any more") {
        assert!(start.elapsed() < PATIENCE, "{}", front.err());
        assert_eq!(failures(&front, 2, 5, 0).0, 0, "{}", front.err());
    }
    kill(&mut old);
    assert_eq!(failures(&front, 2, 50, 0).0, 0, "{}", front.err());
    drop(new);
    assert_eq!(by_rest(&front, "emma", 0).code, 14);
}
