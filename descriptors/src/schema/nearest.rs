//! Names that resemble a name that does not exist.
//!
//! A look-up that fails must stay cheap, since peers choose the names: a set of letter pairs, kept for each method
//! and service, finds a few candidates in one pass, and only those are compared letter by letter. How many look-ups peers get is bounded by who asks for
//! them: here each name is answered, so that reports are the same each time.

use std::sync::OnceLock;

use strsim::osa_distance;

use super::tables::{Piece, Tables};
use crate::link::{Kind, Symbol};

/// How many names one look-up looks at.
const SCANNED: usize = 100_000;
/// How many of them it compares letter by letter.
const COMPARED: usize = 12;
/// Longer names resemble nothing, in bytes.
const LONGEST: usize = 200;
/// How many are answered.
const ANSWERED: usize = 3;

/// The letter pairs of names that peers ask for, made when the first of them is not found.
#[derive(Debug, Default)]
pub(super) struct Known {
    services: OnceLock<Vec<Pairs>>,
    methods: OnceLock<Vec<Pairs>>,
}

pub(super) fn services(tables: &Tables, name: &str) -> Vec<String> {
    let pairs = |name: Piece| Pairs::of(tables.text(name));
    let known = || tables.services.iter().map(|service| pairs(service.name)).collect();
    let known = tables.known.services.get_or_init(known);
    let all = known.iter().copied().zip(&tables.services);
    nearest(name, all, |service| tables.text(service.name).to_owned())
}

/// Of a service that exists, its methods; else any.
pub(crate) fn methods(tables: &Tables, path: &str) -> Vec<String> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let service = path.split_once('/').and_then(|(service, _)| tables.service(service));
    let service = service.and_then(|service| tables.services.get(service));
    let range = service.map_or(0..tables.methods.len(), |service| {
        service.methods.start as usize..service.methods.end as usize
    });
    let plain = |path: Piece| tables.text(path).trim_start_matches('/');
    let known = || {
        tables
            .methods
            .iter()
            .map(|method| Pairs::of(plain(method.path)))
            .collect()
    };
    let known = tables.known.methods.get_or_init(known);
    let all = known.get(range.clone()).into_iter().flatten().copied();
    let methods = tables.methods.get(range).unwrap_or_default();
    nearest(path, all.zip(methods), |method| plain(method.path).to_owned())
}

pub(super) fn symbols(tables: &Tables, name: &str) -> Vec<String> {
    let all = tables.symbols.iter().filter(|(_, symbol)| is_suggested(tables, symbol));
    let named = all.map(|(id, _)| tables.symbols.label(tables, id));
    nearest(name, named.map(|name| (Pairs::of(&name), name)), String::clone)
}

/// Fields and values are found by what they stand in. A long name is not even put together.
fn is_suggested(tables: &Tables, symbol: &Symbol) -> bool {
    let kind = matches!(
        symbol.kind,
        Kind::Message | Kind::Enum | Kind::Extension | Kind::Service | Kind::Method
    );
    let scopes = std::iter::successors(Some(*symbol), |symbol| tables.symbols.get(symbol.scope?));
    let lengths = scopes.map(|symbol| symbol.name(tables).len());
    kind && lengths
        .scan(0, |sum, length| {
            *sum += length;
            Some(*sum)
        })
        .all(|sum| sum <= LONGEST)
}

fn nearest<T>(name: &str, all: impl Iterator<Item = (Pairs, T)>, text: impl Fn(&T) -> String) -> Vec<String> {
    if name.len() > LONGEST {
        return Vec::new();
    }
    let wanted = Pairs::of(name);
    let mut best: Vec<(u32, T)> = Vec::with_capacity(COMPARED + 1);
    for (pairs, candidate) in all.take(SCANNED) {
        let apart = wanted.apart(pairs);
        if best.len() == COMPARED && best.last().is_some_and(|(worst, _)| *worst <= apart) {
            continue;
        }
        let at = best.partition_point(|(other, _)| *other <= apart);
        best.insert(at, (apart, candidate));
        best.truncate(COMPARED);
    }
    closest(name, best.iter().map(|(_, candidate)| text(candidate)))
}

/// The candidates that differ in at most a third of their letters or only in the package, best first.
fn closest(name: &str, candidates: impl Iterator<Item = String>) -> Vec<String> {
    let lower = name.to_ascii_lowercase();
    let mut found: Vec<_> = candidates
        .filter(|candidate| candidate.len() <= LONGEST)
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
#[derive(Debug, Clone, Copy)]
struct Pairs(u128);

impl Pairs {
    fn of(name: &str) -> Self {
        let mut set = 0;
        let mut before = 0u32;
        for byte in name.bytes().take(LONGEST) {
            let byte = u32::from(byte.to_ascii_lowercase());
            set |= 1u128 << ((before.wrapping_mul(31) ^ byte) % 128);
            before = byte;
        }
        Self(set)
    }

    /// How many places only one of two sets has.
    fn apart(self, other: Self) -> u32 {
        (self.0 ^ other.0).count_ones()
    }
}
