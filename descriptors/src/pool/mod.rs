//! prost-reflect's pool, for handlers that want a dynamic tree.
//!
//! It is built from files that passed all checks, when somebody asks for it. What it cannot read is lowered to what it
//! can; a panic inside it is an error of that call.

mod lower;
mod meaning;

use std::{
    collections::{HashMap, HashSet},
    panic::{AssertUnwindSafe, catch_unwind},
};

use bytes::Bytes;
use prost_reflect::DescriptorPool;

use crate::{
    Error, Finding, Severity, features,
    findings::{Findings, Shown},
    link, raw,
};
use meaning::Meaning;

/// Builds a pool of files that passed all checks.
pub(crate) fn build(files: &[Bytes]) -> Result<DescriptorPool, Error> {
    let built = catch_unwind(AssertUnwindSafe(|| fill(files)));
    built.unwrap_or_else(|_| Err(refused("", "", "prost-reflect panics on these files".to_owned())))
}

/// The pool has no such message, although the schema has.
pub(crate) fn missing(message: &str) -> Error {
    refused("", message, "prost-reflect does not know the message".to_owned())
}

fn refused(file: &str, symbol: &str, what: String) -> Error {
    Error::new(vec![Finding {
        severity: Severity::Error,
        file: Shown(file).to_string(),
        symbol: Shown(symbol).to_string(),
        what,
        mend: "handle the messages as bytes, not as dynamic trees".to_owned(),
    }])
}

fn fill(files: &[Bytes]) -> Result<DescriptorPool, Error> {
    let files: Vec<_> = files.iter().map(|bytes| raw::File::parse(bytes)).collect();
    // Nothing new can be found: the files were linked when the schema was built.
    let linked = link::link(&files, Severity::Error, &mut Findings::default());
    let features = features::resolve(&files);
    let mut pool = DescriptorPool::new();
    for index in by_dependency(&files) {
        let Some(file) = files.get(index) else { continue };
        let meaning = Meaning {
            files: &files,
            linked: &linked,
            features: &features,
            file: u32::try_from(index).unwrap_or(u32::MAX),
        };
        let name = file.name.unwrap_or_default();
        let lowered = lower::file(file, &meaning).map_err(|error| refused(name, "", error.to_string()))?;
        let added = pool.decode_file_descriptor_proto(lowered.as_slice());
        added.map_err(|error| refused(name, "", format!("prost-reflect refuses it: {}", chain(&error))))?;
    }
    Ok(pool)
}

/// An error and what caused it, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// The files in an order in which each comes after those that it imports.
fn by_dependency(files: &[raw::File<'_>]) -> Vec<usize> {
    let names: HashMap<_, _> = files
        .iter()
        .enumerate()
        .map(|(index, file)| (file.name, index))
        .collect();
    let mut order = Vec::with_capacity(files.len());
    let mut seen = HashSet::with_capacity(files.len());
    // Each entry: a file, and its imports still to look at. A list instead of recursion: chains may be long.
    let mut open = Vec::new();
    for (start, file) in files.iter().enumerate() {
        if seen.insert(start) {
            open.push((start, file.dependencies.iter()));
        }
        while let Some((index, imports)) = open.last_mut() {
            let Some(name) = imports.next() else {
                order.push(*index);
                open.pop();
                continue;
            };
            let import = names.get(&Some(*name)).copied().filter(|import| seen.insert(*import));
            open.extend(import.and_then(|import| Some((import, files.get(import)?.dependencies.iter()))));
        }
    }
    order
}
