//! The router of HTTP rules: what a look-up costs with ten, a thousand and a hundred thousand templates.
//!
//! The paths of a turn are drawn from all templates, so that large tries miss the caches as they would in service; 1,000
//! of them, so that the paths themselves do not. A figure is the lowest of the rounds.

use std::{hint::black_box, time::Instant};

use descant_descriptors::{Captures, Found, Routes};

use super::schema;

/// How many paths are looked up in a turn.
const PATHS: usize = 1000;

/// Prints what a look-up costs at each size.
pub(super) fn run(rounds: usize) {
    println!("nanoseconds a look-up, lowest of {rounds} rounds");
    for count in [10, 1000, 100_000] {
        let start = Instant::now();
        let schema = schema::with_templates(count);
        let loaded = start.elapsed();
        let routes = schema.routes();
        assert_eq!(routes.bindings().len(), count);
        let hits: Vec<_> = (0..PATHS).map(|_| schema::path(fastrand::usize(..count))).collect();
        let misses: Vec<_> = hits.iter().map(|path| path.replacen("/books/", "/films/", 1)).collect();
        let escaped: Vec<_> = hits
            .iter()
            .map(|path| path.replacen("/books/", "/b%6Foks/", 1))
            .collect();
        println!(
            "{count:>6} templates: found {:.0}, found with an escape {:.0}, not found {:.0} (loaded in {loaded:.1?})",
            lowest(rounds, routes, &hits, true),
            lowest(rounds, routes, &escaped, true),
            lowest(rounds, routes, &misses, false),
        );
    }
}

fn lowest(rounds: usize, routes: &Routes, paths: &[String], found: bool) -> f64 {
    let mut captures = Captures::default();
    let mut best = f64::MAX;
    for _ in 0..rounds {
        let start = Instant::now();
        for path in paths {
            let binding = matches!(routes.find("GET", black_box(path), &mut captures), Found::Binding(_));
            assert_eq!(binding, found, "{path}");
        }
        best = best.min(start.elapsed().as_nanos() as f64 / paths.len() as f64);
    }
    let counted = allocation_counter::measure(|| {
        for path in paths {
            black_box(matches!(routes.find("GET", path, &mut captures), Found::Nothing));
        }
    });
    assert_eq!(counted.count_total, 0, "a look-up allocates");
    best
}
