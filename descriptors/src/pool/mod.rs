//! prost-reflect's pool, for handlers that want a dynamic tree.

use std::{
    collections::{HashMap, HashSet},
    panic::{AssertUnwindSafe, catch_unwind},
};

use bytes::Bytes;
use prost_reflect::DescriptorPool;

use crate::{Error, Finding, Severity, raw};

/// Builds a pool of files that passed all checks. A panic in prost-reflect becomes an error.
pub(crate) fn build(files: &[Bytes]) -> Result<DescriptorPool, Error> {
    let built = catch_unwind(AssertUnwindSafe(|| fill(files)));
    built.unwrap_or_else(|_| Err(refused("", "prost-reflect panics on these files")))
}

/// The pool has no such message, although the schema has.
pub(crate) fn missing(message: &str) -> Error {
    refused(message, "prost-reflect does not know the message")
}

fn refused(symbol: &str, what: &str) -> Error {
    let mend = "handle this method's messages as bytes";
    Error::new(vec![Finding::new(Severity::Error, "", symbol, what.to_owned(), mend)])
}

fn fill(files: &[Bytes]) -> Result<DescriptorPool, Error> {
    let mut pool = DescriptorPool::new();
    let files: Vec<_> = files.iter().map(|bytes| raw::File::parse(bytes)).collect();
    for index in by_dependency(&files) {
        let Some(file) = files.get(index) else { continue };
        let added = pool.decode_file_descriptor_proto(file.bytes);
        added.map_err(|error| {
            refused(
                "",
                &format!("prost-reflect refuses {}: {error}", file.name.unwrap_or_default()),
            )
        })?;
    }
    Ok(pool)
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
