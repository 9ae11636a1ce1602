//! The ready file: tells scripts where the server is, once it is there.

use std::{
    fs,
    io::{self, Write},
    path::Path,
};

use super::{Failure, Kind};
use crate::cli::sources::shown;

/// Writes one address a line. Whoever sees the file sees all of it.
pub(super) fn write(file: &Path, addresses: &[String]) -> Result<(), Failure> {
    put(file, addresses).map_err(|error| {
        Failure::new(
            Kind::Other,
            format!("cannot write the ready file {}: {error}", shown(file)),
            "does its folder exist, and may this user write there?",
        )
    })
}

/// Whoever asks after the end must not find the file; but one that a successor has written stays.
pub(super) fn remove(file: &Path, addresses: &[String]) {
    let own = fs::read(file).is_ok_and(|there| there == lines(addresses).as_bytes());
    if own && let Err(error) = fs::remove_file(file) {
        tracing::debug!("the ready file {} is still there: {error}", shown(file));
    }
}

fn put(file: &Path, addresses: &[String]) -> io::Result<()> {
    // Beside it, since a rename is atomic within one file system only.
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    // Temporary files are private as a rule; this one is for others.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
    let mut fresh = builder.tempfile_in(folder)?;
    fresh.write_all(lines(addresses).as_bytes())?;
    fresh.persist(file).map(drop).map_err(|error| error.error)
}

fn lines(addresses: &[String]) -> String {
    let mut lines = String::new();
    for address in addresses {
        lines.push_str(address);
        lines.push('\n');
    }
    lines
}
