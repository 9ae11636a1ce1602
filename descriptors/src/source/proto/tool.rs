//! Compilers on the machine, for what protox does not know.

use std::{
    ffi::{OsStr, OsString},
    io::{self, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::{
    super::{ReadError, read_up_to},
    roots::Layout,
};

/// How long a compiler may take.
const TIMEOUT: Duration = Duration::from_secs(60);
/// How much of its complaints is shown, in bytes.
const SHOWN: u64 = 2000;

/// Why no compiler on the machine helped.
#[derive(Debug, thiserror::Error)]
pub(super) enum ToolError {
    /// Neither is on the search path.
    #[error("neither `protoc` nor `buf` is on the PATH")]
    None,
    #[error("`{tool}` cannot be run: {error}")]
    Run { tool: &'static str, error: io::Error },
    #[error("`{tool}` took more than {} seconds", TIMEOUT.as_secs())]
    Timeout { tool: &'static str },
    #[error("`{tool}` refuses it: {message}")]
    Refused { tool: &'static str, message: String },
    /// It gave more than may be read.
    #[error("`{tool}` gave too much")]
    TooLarge { tool: &'static str },
}

/// Compiles with `protoc`, which knows several roots, or with `buf`. `search` is a list of folders such as `PATH`.
pub(super) fn compile(search: &OsStr, layout: &Layout, limit: usize) -> Result<Vec<u8>, ToolError> {
    if let Some(program) = find(search, "protoc") {
        return run("protoc", &program, &protoc_arguments(layout), limit);
    }
    let program = find(search, "buf").ok_or(ToolError::None)?;
    run("buf", &program, &buf_arguments(layout), limit)
}

fn find(search: &OsStr, name: &str) -> Option<PathBuf> {
    let name = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    std::env::split_paths(search)
        .map(|folder| folder.join(&name))
        .find(|path| path.is_file())
}

fn protoc_arguments(layout: &Layout) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = [
        "--include_imports",
        "--include_source_info",
        "--descriptor_set_out=/dev/stdout",
    ]
    .map(OsString::from)
    .into();
    for root in &layout.roots {
        arguments.push("-I".into());
        arguments.push(root.into());
    }
    arguments.extend(layout.files.iter().map(|(name, _)| OsString::from(name)));
    arguments
}

/// `buf` takes one folder as its module; the files are named so that others in it may be broken.
fn buf_arguments(layout: &Layout) -> Vec<OsString> {
    let root = layout.roots.first().map_or(Path::new("."), PathBuf::as_path);
    let mut arguments: Vec<OsString> = vec!["build".into(), root.into()];
    arguments.extend(["--as-file-descriptor-set", "-o", "-#format=binpb"].map(OsString::from));
    for (_, path) in &layout.files {
        arguments.push("--path".into());
        arguments.push(path.into());
    }
    arguments
}

fn run(tool: &'static str, program: &Path, arguments: &[OsString], limit: usize) -> Result<Vec<u8>, ToolError> {
    let failed = |error| ToolError::Run { tool, error };
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(failed)?;
    let output = child
        .stdout
        .take()
        .map(|pipe| thread::spawn(move || read_up_to(pipe, limit)));
    let complaints = child.stderr.take().map(|pipe| thread::spawn(move || complaints(pipe)));
    if !wait(&mut child).map_err(failed)? {
        child.kill().and_then(|()| child.wait()).map_err(failed)?;
        return Err(ToolError::Timeout { tool });
    }
    let good = child.wait().map_err(failed)?.success();
    let output = output.and_then(|thread| thread.join().ok()).unwrap_or(Ok(Vec::new()));
    let message = complaints.and_then(|thread| thread.join().ok()).unwrap_or_default();
    match output {
        Err(ReadError::TooLarge) => Err(ToolError::TooLarge { tool }),
        Err(ReadError::Io(error)) => Err(failed(error)),
        Ok(_) if !good => Err(ToolError::Refused { tool, message }),
        Ok(bytes) => Ok(bytes),
    }
}

/// Reads the start of what a compiler complains about, and lets the rest go, so that it does not wait for us.
fn complaints(mut pipe: impl Read) -> String {
    let mut start = Vec::new();
    let read = pipe.by_ref().take(SHOWN).read_to_end(&mut start);
    if let Err(error) = read.and_then(|_| io::copy(&mut pipe, &mut io::sink())) {
        return format!("its complaint cannot be read: {error}");
    }
    let lines: Vec<_> = String::from_utf8_lossy(&start)
        .lines()
        .map(str::trim)
        .map(str::to_owned)
        .collect();
    lines.join("; ")
}

/// Whether the child ended in time.
fn wait(child: &mut Child) -> io::Result<bool> {
    let end = Instant::now() + TIMEOUT;
    while child.try_wait()?.is_none() {
        if Instant::now() > end {
            return Ok(false);
        }
        thread::sleep(Duration::from_millis(10));
    }
    Ok(true)
}
