//! Several sources, one set of files.

use std::hash::BuildHasher;

use bytes::Bytes;
use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::Loaded;
use crate::{
    Severity,
    findings::{Findings, Position, Report, Shown},
    raw::{Fields, Value},
};

/// Keeps one of identical files, with comments if one has them, and reports different files of one name.
pub(super) fn merge(files: Vec<Loaded>, findings: &mut Findings) -> Vec<Bytes> {
    let hasher = RandomState::default();
    let mut kept: Vec<Loaded> = Vec::with_capacity(files.len());
    let mut names: HashTable<usize> = HashTable::with_capacity(files.len());
    for file in files {
        let name = name(&file.bytes);
        let hash = hasher.hash_one(name);
        let same_name = |index: &usize| kept.get(*index).is_some_and(|kept| self::name(&kept.bytes) == name);
        let Some(first) = names.find(hash, same_name).and_then(|index| kept.get_mut(*index)) else {
            names.insert_unique(hash, kept.len(), |_| 0);
            kept.push(file);
            continue;
        };
        if first.bytes == file.bytes {
            continue;
        }
        if !same(&first.bytes, &file.bytes) {
            report(name.unwrap_or_default(), first, &file, findings);
        } else if file.bytes.len() > first.bytes.len() {
            *first = file;
        }
    }
    kept.into_iter().map(|file| file.bytes).collect()
}

/// The last name, as parsers read it.
pub(super) fn name(file: &[u8]) -> Option<&[u8]> {
    let names = Fields::new(file).filter_map(|field| match field {
        Ok((1, Value::Bytes(name))) => Some(name),
        _ => None,
    });
    names.last()
}

/// Whether two files differ at most in their `source_code_info`.
fn same(one: &[u8], other: &[u8]) -> bool {
    let content = |file| Fields::new(file).filter(|field| !matches!(field, Ok((9, _))));
    content(one).eq(content(other))
}

fn report(name: &[u8], first: &Loaded, second: &Loaded, findings: &mut Findings) {
    findings.add(Severity::Error, Position::default(), || Report {
        file: String::from_utf8_lossy(name).into_owned(),
        what: if first.origin == second.origin {
            format!("two different files of {} have this name", Shown(&first.origin))
        } else {
            format!(
                "{} and {} have different files of this name",
                Shown(&first.origin),
                Shown(&second.origin)
            )
        },
        mend: "leave one of them out, or make both from the same sources".to_owned(),
        ..Report::default()
    });
}
