//! `descant list`: services, or the methods of one, as `grpcurl list` prints them.

use std::process::ExitCode;

use descant_descriptors::{Schema, Service};

use super::{
    args::List,
    ask::Live,
    failure::Failure,
    screen,
    sources::{self, Words},
};

/// Prints one name a line, sorted.
pub(crate) fn run(args: &List) -> Result<ExitCode, Failure> {
    let words = Words::tell_apart(&args.words, args.live.from.is_some())?;
    let mut names = match &Live::at(&args.live)? {
        Some(server) => live(server, &words)?,
        None => stored(&words)?,
    };
    names.sort_unstable();
    let lines: Vec<_> = names.iter().map(|name| screen::escape(name) + "\n").collect();
    screen::print(&lines.concat())?;
    Ok(ExitCode::SUCCESS)
}

fn stored(words: &Words) -> Result<Vec<String>, Failure> {
    let schema = sources::load(&words.paths, &[]).map_err(|error| sources::refused(&error))?;
    match &words.name {
        None => Ok(schema
            .services()
            .map(|service| service.full_name().to_owned())
            .collect()),
        Some(name) => methods(&schema, name, words),
    }
}

fn live(server: &Live, words: &Words) -> Result<Vec<String>, Failure> {
    match &words.name {
        None => server.services(),
        Some(name) => methods(&server.schema_of(name)?, name, words),
    }
}

fn methods(schema: &Schema, name: &str, words: &Words) -> Result<Vec<String>, Failure> {
    let Some(service) = schema.service(name) else {
        return Err(match schema.symbol(name) {
            Some(symbol) => sources::another("a service", &symbol),
            None => words.unknown("service", name, &schema.nearest_services(name)),
        });
    };
    Ok(method_names(&service))
}

fn method_names(service: &Service) -> Vec<String> {
    service.methods().map(|method| method.full_name().to_owned()).collect()
}
