//! The compiler in the process.

use std::{
    collections::{BTreeSet, HashMap},
    mem,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;

use super::{
    aside::{Aside, NoResult, aside},
    resolver::{Resolver, Seen},
    roots::Layout,
};
use crate::findings::Shown;

/// After so many files that are refused the others are not looked at.
const MOST_ERRORS: usize = 1000;

/// What came of compiling.
#[derive(Debug)]
pub(super) enum Outcome {
    /// A descriptor set with everything in it, and the names of those files that came to the compiler as descriptors.
    Compiled { set: Vec<u8>, given: BTreeSet<String> },
    /// The sources come to more than may be read.
    TooLarge,
    /// A file is of an edition.
    Edition { name: String, edition: String },
    /// One error for each file that was refused.
    Refused(Vec<CompileError>),
    /// A bug of the compiler, or more than it can take.
    Nothing(NoResult),
}

/// Why one file was refused.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CompileError {
    pub(super) file: String,
    pub(super) what: String,
    pub(super) mend: &'static str,
}

/// Compiles the files of a layout, which may import `loaded` ones, reading at most `limit` bytes of sources.
pub(super) fn compile(layout: &Layout, loaded: HashMap<String, Bytes>, limit: usize) -> Outcome {
    let (resolver, seen) = Resolver::new(layout, loaded, limit);
    let names: Vec<_> = layout.files.iter().map(|(name, _)| name.clone()).collect();
    let compiling = aside(move || run(resolver, &names));
    let result = compiling.map_err(NoResult::Thread).and_then(Aside::wait);
    match result {
        Ok(result) => outcome(result, &seen),
        Err(reason) => Outcome::Nothing(reason),
    }
}

fn outcome(result: Result<Vec<u8>, Vec<CompileError>>, seen: &Arc<Mutex<Seen>>) -> Outcome {
    let seen = mem::take(&mut *seen.lock().unwrap_or_else(PoisonError::into_inner));
    match (seen, result) {
        (Seen { too_large: true, .. }, _) => Outcome::TooLarge,
        (
            Seen {
                edition: Some((name, edition)),
                ..
            },
            _,
        ) => Outcome::Edition { name, edition },
        (Seen { given, .. }, Ok(set)) => Outcome::Compiled { set, given },
        (_, Err(errors)) => Outcome::Refused(errors),
    }
}

fn run(resolver: Resolver, names: &[String]) -> Result<Vec<u8>, Vec<CompileError>> {
    let mut compiler = protox::Compiler::with_file_resolver(resolver);
    compiler.include_imports(true).include_source_info(true);
    let mut errors = Vec::new();
    for name in names {
        if let Err(error) = compiler.open_file(name) {
            let error = describe(name, &error);
            // A broken file comes up again for each file that imports it.
            if !errors.contains(&error) {
                errors.push(error);
            }
            if errors.len() == MOST_ERRORS {
                break;
            }
        }
    }
    if errors.is_empty() {
        Ok(compiler.encode_file_descriptor_set())
    } else {
        Err(errors)
    }
}

/// protox says where in `Debug` only, as `file:line:column: message`.
fn describe(name: &str, error: &protox::Error) -> CompileError {
    let file = error.file().unwrap_or(name);
    let message = error.to_string();
    let placed = format!("{error:?}");
    let placed = placed.strip_prefix(file).and_then(|rest| rest.strip_prefix(':'));
    let what = match placed {
        Some(placed) => format!("line {}", Shown(placed.trim_start())),
        None => Shown(&message).to_string(),
    };
    CompileError {
        file: file.to_owned(),
        what,
        mend: mend(&message),
    }
}

fn mend(message: &str) -> &'static str {
    if message.starts_with("import '") {
        "load the folder that its import paths start from"
    } else if message.starts_with("invalid value of type '") {
        // protox keeps to itself which.
        "one of the fields in it is misspelt, or has a value of another type"
    } else {
        "mend the source"
    }
}
