//! `descant describe`: a symbol or a file as proto source, headed as `grpcurl describe` heads it.

use std::{fmt::Write, path::Path, process::ExitCode};

use descant_descriptors::{Schema, Symbol};

use super::{
    args::Describe,
    ask::Live,
    failure::Failure,
    screen::{self, FAINT, STRONG},
    sources::{self, Words},
};

/// Prints one symbol or file, or every service.
pub(crate) fn run(args: &Describe) -> Result<ExitCode, Failure> {
    let words = Words::tell_apart(&args.words, args.live.from.is_some())?;
    let mut missing = None;
    let pages = match (&Live::at(&args.live)?, &words.name) {
        (Some(server), Some(name)) => vec![live(server, name, &words)?],
        (Some(server), None) => {
            let names = server.services()?;
            let schema;
            (schema, missing) = server.schema(&names)?;
            services(&schema, &names)
        }
        (None, Some(name)) => vec![find(&stored(&words)?, name, &words)?],
        (None, None) => {
            let schema = stored(&words)?;
            let names: Vec<_> = schema
                .services()
                .map(|service| service.full_name().to_owned())
                .collect();
            services(&schema, &names)
        }
    };
    screen::print(&pages.join("\n"))?;
    missing.map_or(Ok(ExitCode::SUCCESS), Err)
}

fn live(live: &Live, name: &str, words: &Words) -> Result<String, Failure> {
    let file = words.file.as_deref();
    let schema = match file.filter(|file| sources::is_proto(Path::new(file))) {
        Some(file) => live.schema_of_file(file, name)?,
        None => live.schema_of(name)?,
    };
    find(&schema, name, words)
}

fn stored(words: &Words) -> Result<Schema, Failure> {
    sources::load(&words.paths, &[]).map_err(|error| sources::refused(&error))
}

/// The page of a file, if `file` is one, or else of a symbol.
fn find(schema: &Schema, name: &str, words: &Words) -> Result<String, Failure> {
    let file = words.file.as_deref();
    if let Some(file) = file.and_then(|file| schema.file(file)) {
        return Ok(page(file.name(), "a file", &file.source()));
    }
    match (schema.symbol(name), file) {
        (Some(symbol), _) => Ok(symbol_page(&symbol)),
        (None, Some(file)) if sources::is_proto(Path::new(file)) => Err(sources::unknown("file", file, &[])),
        (None, _) => Err(words.unknown("symbol", name, &schema.nearest_symbols(name))),
    }
}

fn services(schema: &Schema, names: &[String]) -> Vec<String> {
    let symbols: Vec<_> = names.iter().filter_map(|name| schema.symbol(name)).collect();
    let sources = schema.sources(&symbols);
    let page = |(symbol, source): (&Symbol, String)| page(&symbol.full_name(), sources::kind(symbol), &source);
    symbols.iter().zip(sources).map(page).collect()
}

/// `pkg.Name is a message:`, then its source.
fn page(name: &str, kind: &str, source: &str) -> String {
    let name = screen::escape(name);
    let mut page = format!("{STRONG}{name}{STRONG:#} is {kind}:\n");
    for line in source.lines() {
        // The printer has escaped what would steer a terminal.
        let _ = if line.trim_start().starts_with("//") {
            writeln!(page, "{FAINT}{line}{FAINT:#}")
        } else {
            writeln!(page, "{line}")
        };
    }
    page
}

fn symbol_page(symbol: &Symbol) -> String {
    page(&symbol.full_name(), sources::kind(symbol), &symbol.source())
}
