//! Names that resemble a name that does not exist.
//!
//! A look-up that fails must stay cheap, since peers choose the names: a signature of letter pairs finds a few
//! candidates in one pass over at most [`SCANNED`] names, and only those are compared letter by letter.

use strsim::osa_distance;

use super::tables::Tables;
use crate::link::Kind;

/// How many names one look-up looks at.
const SCANNED: usize = 10_000;
/// How many of them it compares letter by letter.
const COMPARED: usize = 16;
/// Longer names resemble nothing.
const LONGEST: usize = 200;
/// How many are answered.
const ANSWERED: usize = 3;

pub(super) fn services(tables: &Tables, name: &str) -> Vec<String> {
    let names = tables.services.iter().map(|service| tables.text(service.name));
    nearest(name, names.map(str::to_owned))
}

pub(super) fn methods(tables: &Tables, path: &str) -> Vec<String> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let service = path.split_once('/').and_then(|(service, _)| tables.service(service));
    let known = service.and_then(|service| tables.services.get(service));
    let range = known.map_or(0..tables.methods.len(), |service| {
        service.methods.start as usize..service.methods.end as usize
    });
    let methods = tables.methods.get(range).unwrap_or_default();
    let paths = methods.iter().map(|method| tables.text(method.path));
    nearest(path, paths.map(|path| path.trim_start_matches('/').to_owned()))
}

pub(super) fn symbols(tables: &Tables, name: &str) -> Vec<String> {
    let named = |kind| {
        matches!(
            kind,
            Kind::Message | Kind::Enum | Kind::Extension | Kind::Service | Kind::Method
        )
    };
    let all = tables.symbols.iter().filter(|(_, symbol)| named(symbol.kind));
    nearest(name, all.map(|(id, _)| tables.symbols.label(tables, id)))
}

fn nearest(name: &str, all: impl Iterator<Item = String>) -> Vec<String> {
    if name.len() > LONGEST {
        return Vec::new();
    }
    let wanted = Pairs::of(name);
    let mut best: Vec<(u32, String)> = Vec::with_capacity(COMPARED + 1);
    for candidate in all.take(SCANNED).filter(|candidate| candidate.len() <= LONGEST) {
        let score = wanted.apart(Pairs::of(&candidate));
        if best.len() == COMPARED && best.last().is_some_and(|(worst, _)| *worst <= score) {
            continue;
        }
        let at = best.partition_point(|(other, _)| *other <= score);
        best.insert(at, (score, candidate));
        best.truncate(COMPARED);
    }
    closest(name, best.into_iter().map(|(_, candidate)| candidate))
}

/// The candidates that differ in less than a third of their letters or only in the package, best first.
fn closest(name: &str, candidates: impl Iterator<Item = String>) -> Vec<String> {
    let lower = name.to_ascii_lowercase();
    let mut found: Vec<_> = candidates
        .filter_map(|candidate| {
            let other = candidate.to_ascii_lowercase();
            let distance = osa_distance(&lower, &other);
            let near = distance * 3 <= lower.len().max(other.len()) || last_word(&lower) == last_word(&other);
            near.then_some((distance, candidate))
        })
        .collect();
    found.sort();
    found
        .into_iter()
        .take(ANSWERED)
        .map(|(_, candidate)| candidate)
        .collect()
}

fn last_word(name: &str) -> &str {
    name.rsplit(['.', '/']).next().unwrap_or(name)
}

/// Which pairs of letters a name has, as a set of 128 places.
#[derive(Clone, Copy)]
struct Pairs(u128);

impl Pairs {
    fn of(name: &str) -> Self {
        let mut set = 0;
        let mut before = 0u32;
        for byte in name.bytes() {
            let byte = u32::from(byte.to_ascii_lowercase());
            set |= 1u128 << ((before.wrapping_mul(31) ^ byte) % 128);
            before = byte;
        }
        Self(set)
    }

    fn apart(self, other: Self) -> u32 {
        (self.0 ^ other.0).count_ones()
    }
}
