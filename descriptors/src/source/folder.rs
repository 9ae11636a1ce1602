//! Folders of descriptors.

use std::{
    collections::HashSet,
    fs, io,
    path::{Path, PathBuf},
};

/// The endings of descriptor sets, for messages; `.gz` and `.zst` may follow.
pub(super) const ENDINGS: &str = ".binpb, .pb, .desc, .protoset or .bin";

/// How many files and folders one walk looks at.
const MAX_ENTRIES: usize = 200_000;

/// What a folder has in it, sorted by path.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) sets: Vec<PathBuf>,
    pub(super) protos: Vec<PathBuf>,
    pub(super) errors: Vec<(PathBuf, WalkError)>,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum WalkError {
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
    #[error("there are more than {MAX_ENTRIES} files and folders in it")]
    TooMany,
}

/// Looks through a folder and those inside it. What is hidden is left out, links are followed.
pub(super) fn walk(folder: &Path) -> Found {
    let mut walk = Walk {
        found: Found::default(),
        entries: 0,
        // Each folder is visited once, whatever links lead to it.
        visited: HashSet::new(),
        open: vec![folder.to_owned()],
    };
    while let Some(next) = walk.open.pop() {
        if let Err(error) = walk.folder(&next) {
            walk.found.errors.push((next, error));
        }
        if walk.entries > MAX_ENTRIES {
            walk.found.errors.push((folder.to_owned(), WalkError::TooMany));
            break;
        }
    }
    let mut found = walk.found;
    found.sets.sort();
    found.protos.sort();
    found
}

struct Walk {
    found: Found,
    entries: usize,
    visited: HashSet<PathBuf>,
    open: Vec<PathBuf>,
}

impl Walk {
    fn folder(&mut self, folder: &Path) -> Result<(), WalkError> {
        if !self.visited.insert(folder.canonicalize()?) {
            return Ok(());
        }
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            self.entries += 1;
            if self.entries > MAX_ENTRIES {
                break;
            }
            if !entry.file_name().as_encoded_bytes().starts_with(b".") {
                self.entry(entry.path());
            }
        }
        Ok(())
    }

    /// Pipes, devices and links that lead nowhere are left out.
    fn entry(&mut self, path: PathBuf) {
        let Ok(metadata) = fs::metadata(&path) else {
            return;
        };
        if metadata.is_dir() {
            self.open.push(path);
        } else if metadata.is_file() && super::is_proto(&path) {
            self.found.protos.push(path);
        } else if metadata.is_file() && is_set(&path) {
            self.found.sets.push(path);
        }
    }
}

pub(super) fn is_set(path: &Path) -> bool {
    match ending(path) {
        Some("gz" | "zst") => path.file_stem().is_some_and(|stem| is_set(Path::new(stem))),
        Some(ending) => matches!(ending, "binpb" | "pb" | "desc" | "protoset" | "bin"),
        None => false,
    }
}

fn ending(path: &Path) -> Option<&str> {
    path.extension()?.to_str()
}
