//! Compilers on the machine, for what protox does not know.

use std::{
    ffi::{OsStr, OsString},
    io::{self, Read},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{
    super::{ReadError, read_up_to},
    aside::{TIMEOUT, aside},
    roots::Layout,
};
use crate::findings::Shown;

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
    let command = command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(failed)?;
    let output = child.stdout.take().map(|pipe| aside(move || read_up_to(pipe, limit)));
    let complaints = child.stderr.take().map(|pipe| aside(move || complaints(pipe)));
    // Both pipes end when the child does.
    let output = output
        .transpose()
        .map_err(failed)?
        .and_then(|output| output.wait().ok());
    let complaints = complaints
        .transpose()
        .map_err(failed)?
        .and_then(|text| text.wait().ok());
    let (Some(output), Some(message)) = (output, complaints) else {
        child.kill().and_then(|()| child.wait()).map_err(failed)?;
        return Err(ToolError::Timeout { tool });
    };
    let good = child.wait().map_err(failed)?.success();
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
        .map(|line| Shown(line.trim()).to_string())
        .collect();
    lines.join("; ")
}

#[cfg(all(test, unix))]
mod tests {
    use std::{
        fs,
        os::unix::fs::PermissionsExt,
        sync::{Mutex, PoisonError},
    };

    use tempfile::TempDir;

    use super::*;

    /// Linux runs no file that is open for writing, and a fork beside us would inherit it: one test at a time.
    static ONE_BY_ONE: Mutex<()> = Mutex::new(());

    /// What comes of a program that runs this script.
    fn run_script(name: &str, script: &str) -> Result<String, String> {
        let _guard = ONE_BY_ONE.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = TempDir::new().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        compile_with(&folder)
    }

    fn layout() -> Layout {
        Layout {
            roots: vec!["/protos".into(), "/more".into()],
            files: vec![("shop/a.proto".into(), "/protos/shop/a.proto".into())],
        }
    }

    fn compile_with(folder: &TempDir) -> Result<String, String> {
        let compiled = compile(folder.path().as_os_str(), &layout(), 1000);
        let text = compiled.map(|bytes| String::from_utf8(bytes).unwrap());
        text.map_err(|error| error.to_string())
    }

    #[test]
    fn protoc_gets_every_root() {
        assert_eq!(
            run_script("protoc", "printf '%s ' \"$@\"").unwrap(),
            "--include_imports --include_source_info --descriptor_set_out=/dev/stdout -I /protos -I /more shop/a.proto "
        );
    }

    #[test]
    fn buf_gets_a_module_and_the_file() {
        assert_eq!(
            run_script("buf", "printf '%s ' \"$@\"").unwrap(),
            "build /protos --as-file-descriptor-set -o -#format=binpb --path /protos/shop/a.proto "
        );
    }

    #[test]
    fn what_goes_wrong_is_told() {
        let refusing = run_script("protoc", "echo 'a.proto:1: no' >&2; echo ' nor this' >&2; exit 1");
        assert_eq!(refusing.unwrap_err(), "`protoc` refuses it: a.proto:1: no; nor this");
        assert_eq!(run_script("protoc", "yes").unwrap_err(), "`protoc` gave too much");
        let none = compile_with(&TempDir::new().unwrap());
        assert_eq!(none.unwrap_err(), "neither `protoc` nor `buf` is on the PATH");
    }
}
