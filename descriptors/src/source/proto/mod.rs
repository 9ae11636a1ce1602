//! `.proto` sources, compiled in memory.
//!
//! protox compiles proto2 and proto3. It knows no editions: those are left to `protoc` or `buf`, if there is one.

mod aside;
mod outline;
mod protox;
mod resolver;
mod roots;
mod tool;

use std::{
    collections::{BTreeSet, HashMap},
    fs::File,
    path::{Path, PathBuf},
};

use bytes::Bytes;

use super::{ReadError, Reader, read_up_to};
use crate::findings::Shown;
use outline::Outline;
use protox::{CompileError, Outcome};
use roots::Layout;
use tool::ToolError;

/// Sources that are compiled together.
#[derive(Debug)]
pub(super) struct Unit {
    /// What was given, for reports.
    origin: String,
    /// The folder that was given, or that of the file.
    folder: PathBuf,
    files: Vec<PathBuf>,
}

impl Unit {
    /// A single file.
    pub(super) fn file(path: &Path) -> Self {
        Self {
            origin: path.display().to_string(),
            folder: match path.parent() {
                Some(parent) if parent != Path::new("") => parent.to_owned(),
                _ => PathBuf::from("."),
            },
            files: vec![path.to_owned()],
        }
    }

    /// The files of a folder.
    pub(super) fn folder(folder: &Path, files: Vec<PathBuf>) -> Self {
        Self {
            origin: folder.display().to_string(),
            folder: folder.to_owned(),
            files,
        }
    }
}

/// Compiles units, which may import what others have, in whichever order they were named.
pub(super) fn compile(reader: &mut Reader<'_>, mut units: Vec<Unit>) {
    loop {
        let (count, mut refused) = (units.len(), Vec::new());
        for unit in units {
            if let Err(errors) = compile_one(reader, &unit) {
                refused.push((unit, errors));
            }
        }
        if refused.len() == count {
            for error in refused.into_iter().flat_map(|(_, errors)| errors) {
                reader.refuse(&error.file, error.what, error.mend);
            }
            return;
        }
        // What the others brought may be what these lacked.
        units = refused.into_iter().map(|(unit, _)| unit).collect();
    }
}

/// Compiles a unit; what it imports comes along, except for what is loaded already and what Descant ships. An error: its sources are
/// refused, by what is loaded so far.
fn compile_one(reader: &mut Reader<'_>, unit: &Unit) -> Result<(), Vec<CompileError>> {
    let outlines: Vec<_> = unit.files.iter().map(|path| outline(path, reader.left)).collect();
    let layout = Layout::of(unit, &outlines);
    let clashes = clashes(&layout, reader.left);
    if !clashes.is_empty() {
        for (name, what) in clashes {
            reader.refuse(&name, what, "leave one of them out");
        }
        return Ok(());
    }
    match protox::compile(&layout, loaded(reader), reader.left) {
        Outcome::Compiled { set, given } => add(reader, &unit.origin, &set.into(), given),
        Outcome::TooLarge => reader.too_large(&unit.origin),
        Outcome::Edition { name, edition } => compile_elsewhere(reader, unit, &layout, &name, &edition),
        Outcome::Refused(errors) => return Err(errors),
        Outcome::Nothing(reason) => {
            let mend = format!("make a descriptor set: {}", commands(unit, &layout));
            let what = format!("the compiler inside Descant (protox) cannot compile it: {reason}");
            reader.refuse(&unit.origin, what, mend);
        }
    }
    Ok(())
}

/// The files so far, by name.
fn loaded(reader: &Reader<'_>) -> HashMap<String, Bytes> {
    let named = reader.files.iter().map(|file| (file.name(), file));
    named
        .filter_map(|(name, file)| Some((name?.to_owned(), file.bytes.clone())))
        .collect()
}

/// Adds the files of a compiled set, except for those that the compiler was given.
fn add(reader: &mut Reader<'_>, origin: &str, set: &Bytes, given: BTreeSet<String>) {
    let start = reader.files.len();
    reader.set(origin, set);
    let mut compiled = reader.files.split_off(start);
    compiled.retain(|file| file.name().is_none_or(|name| !given.contains(name)));
    reader.files.append(&mut compiled);
    reader.wanted.extend(given);
}

/// Different files that import paths cannot tell apart: name and report.
fn clashes(layout: &Layout, limit: usize) -> Vec<(String, String)> {
    let mut first: HashMap<&str, &Path> = HashMap::with_capacity(layout.files.len());
    let mut found = Vec::new();
    for (name, path) in &layout.files {
        let other = *first.entry(name).or_insert(path);
        if other != path && !matches!((read(other, limit), read(path, limit)), (Ok(one), Ok(two)) if one == two) {
            let (one, two) = (other.to_string_lossy(), path.to_string_lossy());
            let what = format!("{} and {} are both imported by this name", Shown(&one), Shown(&two));
            found.push((name.clone(), what));
        }
    }
    found
}

fn read(path: &Path, limit: usize) -> Result<Vec<u8>, ReadError> {
    read_up_to(File::open(path)?, limit)
}

/// What cannot be read has no outline; the compiler reports it.
fn outline(path: &Path, limit: usize) -> Outline {
    read(path, limit)
        .map(|bytes| Outline::of(&String::from_utf8_lossy(&bytes)))
        .unwrap_or_default()
}

fn compile_elsewhere(reader: &mut Reader<'_>, unit: &Unit, layout: &Layout, name: &str, edition: &str) {
    let search = std::env::var_os("PATH").unwrap_or_default();
    let error = match tool::compile(&search, layout, reader.left) {
        Ok(set) => return reader.set(&unit.origin, &set.into()),
        Err(ToolError::TooLarge { .. }) => return reader.too_large(&unit.origin),
        Err(error) => error,
    };
    let what = format!(
        "it is of edition {}, which Descant compiles with `protoc` or `buf`, but {error}",
        Shown(edition)
    );
    let mend = match error {
        ToolError::Refused { .. } => "mend what the compiler complains about".to_owned(),
        _ => format!(
            "install one of them, or make a descriptor set elsewhere: {}",
            commands(unit, layout)
        ),
    };
    reader.refuse(name, what, mend);
}

/// The commands that make a descriptor set of a unit.
fn commands(unit: &Unit, layout: &Layout) -> String {
    let root = layout.roots.first().unwrap_or(&unit.folder).display();
    let file = match layout.files.as_slice() {
        [(name, _)] => name.as_str(),
        _ => "FILE...",
    };
    format!(
        "`buf build {root} -o api.binpb`, or `protoc -I {root} --include_imports --include_source_info -o api.binpb {file}`"
    )
}
