//! Running the command.

use std::{
    ffi::OsStr,
    io::{Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::mpsc::{self, SyncSender},
    thread,
    time::{Duration, Instant},
};

use descant::GatewayBuilder;
use tempfile::TempDir;

/// No test waits longer for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn command(args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_descant"));
    command.args(args).stdin(Stdio::null());
    for setting in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS"] {
        command.env_remove(setting);
    }
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("OTEL_")) {
        command.env_remove(name);
    }
    command
}

/// What a command that ends by itself left behind.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

pub(crate) fn descant(args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Ran {
    command(args).output().unwrap().into()
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// A file of this repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

pub(crate) fn demo_set() -> PathBuf {
    repository("src/demo/bookshop.binpb")
}

/// A server, and the folder in which it says where it is. Ended when it is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) folder: TempDir,
    pub(crate) addresses: Vec<String>,
}

impl Server {
    /// `descant serve` on a port of its own, once it accepts.
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), args)
    }

    pub(crate) fn start_in(folder: TempDir, args: &[&str]) -> Self {
        Self::start_as(folder, args, |serve| serve)
    }

    /// The same by another command, which has to run this one.
    pub(crate) fn start_as(folder: TempDir, args: &[&str], by: impl FnOnce(Command) -> Command) -> Self {
        let ready = folder.path().join("ready");
        let mut command = command(["serve", "--listen", "127.0.0.1:0", "--ready-file"]);
        command.arg(&ready);
        if !args.contains(&"--admin") {
            command.args(["--admin", "off"]);
        }
        let out = |name: &str| std::fs::File::create(folder.path().join(name)).unwrap();
        command.args(args);
        let child = by(command)
            .stdin(Stdio::null())
            .stdout(out("out"))
            .stderr(out("err"))
            .spawn()
            .unwrap();
        let mut server = Self {
            child,
            folder,
            addresses: Vec::new(),
        };
        server.until("it listens", |server| {
            let ended = server.child.try_wait().unwrap();
            assert!(ended.is_none(), "ended with {ended:?}: {}", server.err());
            ready.exists()
        });
        let addresses = std::fs::read_to_string(ready).unwrap();
        server.addresses = addresses.lines().map(str::to_owned).collect();
        server
    }

    pub(crate) fn address(&self) -> &str {
        &self.addresses[0]
    }

    pub(crate) fn out(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("out")).unwrap()
    }

    /// Where its admin pages are.
    pub(crate) fn admin(&self) -> String {
        let out = self.out();
        let (_, admin) = out.split_once("Admin: http://").unwrap();
        admin.split_whitespace().next().unwrap().to_owned()
    }

    pub(crate) fn err(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("err")).unwrap()
    }

    /// The services, asked for over the network.
    pub(crate) fn services(&self) -> String {
        descant(["list", "--from", self.address()]).out
    }

    pub(crate) fn until(&mut self, what: &str, mut holds: impl FnMut(&mut Self) -> bool) {
        let start = Instant::now();
        while !holds(self) {
            assert!(
                start.elapsed() < PATIENCE,
                "not within {PATIENCE:?}: {what}\n{}",
                self.err()
            );
            pause();
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args(["-s", name, &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
    }

    pub(crate) fn end(&mut self) -> ExitStatus {
        let mut status = None;
        self.until("it ends", |server| {
            status = server.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Between two looks at something that takes a while.
#[allow(clippy::disallowed_methods)] // No runtime here, and nothing else to do.
pub(crate) fn pause() {
    std::thread::sleep(Duration::from_millis(20));
}

/// An HTTP/1.1 exchange: the status line and the body.
pub(crate) fn http(address: &str, request: &str) -> (String, String) {
    http_with(address, request, "")
}

/// The same with a body.
pub(crate) fn http_with(address: &str, request: &str, body: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let length = match body.len() {
        0 => String::new(),
        length => format!("content-length: {length}\r\n"),
    };
    write!(
        stream,
        "{request} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{length}\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), body.to_owned())
}

/// Runs what serves in a thread of its own, and gives the address that it tells.
pub(crate) fn beside<F: Future<Output = ()>>(serve: impl FnOnce(SyncSender<String>) -> F + Send + 'static) -> String {
    let (tell, told) = mpsc::sync_channel(1);
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(serve(tell));
    });
    told.recv().unwrap()
}

/// The same for a gateway.
pub(crate) fn serve_beside(builder: impl FnOnce() -> GatewayBuilder + Send + 'static) -> String {
    beside(|tell| async move {
        let gateway = builder().build().unwrap();
        let server = descant::Server::builder(gateway).listen("127.0.0.1:0");
        let server = server.bind().await.unwrap();
        tell.send(server.addresses()[0].to_string()).unwrap();
        server.serve(std::future::pending::<()>()).await.unwrap();
    })
}
