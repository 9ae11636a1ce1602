//! The examples of mounts run, and do what they say.

use std::{
    fs,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::OnceLock,
    time::Instant,
};

use tempfile::TempDir;

use crate::process::{PATIENCE, descant, http, pause, repository};

/// Builds the examples, and says where they are.
fn built() -> &'static PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let folder = PathBuf::from(env!("CARGO_BIN_EXE_descant"));
        let folder = folder.parent().unwrap();
        let profile = if folder.ends_with("release") {
            "--release"
        } else {
            "--quiet"
        };
        let mut cargo = Command::new(env!("CARGO"));
        let built = cargo
            .current_dir(repository(""))
            .args(["build", "--example", "mount_axum", "--example", "mount_tokio"])
            .args(["--example", "interceptors", profile])
            .status()
            .unwrap();
        assert!(built.success());
        folder.join("examples")
    })
}

/// An example that runs. Ended when it is dropped.
struct Example {
    child: Child,
    folder: TempDir,
}

impl Example {
    fn start(name: &str, args: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let out = fs::File::create(folder.path().join("out")).unwrap();
        let child = Command::new(built().join(name))
            .current_dir(repository(""))
            .args(args)
            .stdin(Stdio::null())
            .stdout(out)
            .spawn()
            .unwrap();
        Self { child, folder }
    }

    fn out(&self) -> String {
        fs::read_to_string(self.folder.path().join("out")).unwrap()
    }

    /// What follows this in what it printed, up to the end of the line.
    fn says(&mut self, begin: &str) -> String {
        let start = Instant::now();
        loop {
            let out = self.out();
            let mut lines = out.lines().filter_map(|line| line.strip_prefix(begin));
            if let Some(rest) = lines.next() {
                return rest.to_owned();
            }
            assert!(start.elapsed() < PATIENCE, "it does not say {begin:?}: {out}");
            assert!(self.child.try_wait().unwrap().is_none(), "it ended: {out}");
            pause();
        }
    }

    /// Ends as Ctrl-C ends it.
    fn interrupt(mut self) -> String {
        let sent = Command::new("kill")
            .args(["-s", "INT", &self.child.id().to_string()])
            .status();
        assert!(sent.unwrap().success());
        let start = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(start.elapsed() < PATIENCE, "it does not end: {}", self.out());
            pause();
        };
        assert!(status.success(), "{status}: {}", self.out());
        self.out()
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// REST, for which the standard library has all it takes.
fn book(address: &str) -> String {
    let (status, body) = http(address, "GET /v1/books/emma");
    assert_eq!(status, "HTTP/1.1 200 OK", "{body}");
    body
}

#[test]
fn mount_axum_shares_port_and_state() {
    let mut example = Example::start("mount_axum", &["127.0.0.1:0", "0"]);
    let own = example.says("pages and API on ");
    let port = example.says("API on ").rsplit_once(':').unwrap().1.to_owned();
    let api = format!("127.0.0.1:{port}");
    assert_eq!(http(&own, "GET /").1, "0 books lent\n");
    for address in [&own, &api] {
        assert_eq!(book(address), r#"{"id":"emma","title":"EMMA"}"#);
        let listed = descant(["list", "--from", address]);
        assert!(listed.out.starts_with("bookshop.v1.Catalog\n"), "{listed:?}");
    }
    assert_eq!(http(&own, "GET /").1, "2 books lent\n");
    example.interrupt();
}

#[test]
fn mount_tokio_starts_and_stops_with_the_program() {
    let mut example = Example::start("mount_tokio", &["0"]);
    let address = format!("127.0.0.1:{}", example.says("API on port "));
    let start = Instant::now();
    // Another task fills the shelf meanwhile.
    while !book(&address).contains(r#""inStock":2"#) {
        assert!(start.elapsed() < PATIENCE);
        pause();
    }
    assert!(example.interrupt().ends_with("stopped\n"));
}

#[test]
fn interceptors_stand_before_handlers() {
    let mut example = Example::start("interceptors", &["0"]);
    let address = format!("127.0.0.1:{}", example.says("API on port "));
    assert_eq!(book(&address), r#"{"id":"emma"}"#);
    let delete = |more: &str| http(&address, &format!("DELETE /v1/books/emma{more}"));
    let (status, body) = delete("");
    assert_eq!(status, "HTTP/1.1 401 Unauthorized", "{body}");
    let as_customer = |name: &str| {
        let request = format!("DELETE /v1/books/emma HTTP/1.1\r\nauthorization: Bearer {name}\r\nx-rest:");
        http(&address, &request).0
    };
    assert_eq!(as_customer("bob"), "HTTP/1.1 403 Forbidden");
    assert_eq!(as_customer("anne"), "HTTP/1.1 200 OK");
    let out = example.interrupt();
    assert!(out.contains(" bookshop.v1.Catalog.GetBook OK after "), "{out}");
    assert!(
        out.contains(" bookshop.v1.Catalog.DeleteBook UNAUTHENTICATED: say who you are"),
        "{out}"
    );
}
