//! The command line, in two stages: what was typed ([`args`]), then what it means (a module for
//! each command).

mod args;
mod ask;
mod call;
mod check;
mod config;
mod convert;
mod describe;
mod explain;
mod failure;
mod grpcurl;
mod json;
mod list;
mod log;
mod metadata;
mod pages;
mod prepare;
mod screen;
mod serve;
mod server;
mod sources;

use std::process::ExitCode;

use clap::{ArgMatches, CommandFactory, FromArgMatches};

use self::{args::Command, failure::Failure};

/// Runs the command that the process was started with.
pub(crate) fn main() -> ExitCode {
    let matches = match args::Line::command().try_get_matches() {
        Ok(matches) => matches,
        Err(error) => {
            let words = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
            let Some(failure) = grpcurl::option(&error, words) else {
                error.exit();
            };
            failure.report();
            return ExitCode::from(&failure);
        }
    };
    let line = args::Line::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    match run(line.command, &matches) {
        Ok(code) => code,
        Err(failure) => {
            failure.report();
            ExitCode::from(&failure)
        }
    }
}

fn run(command: Command, matches: &ArgMatches) -> Result<ExitCode, Failure> {
    match command {
        Command::Serve(_) => serve::run(&config::given(&["serve"], matches)?),
        Command::Check(args) => check::run(&args, &config::given(&["check"], matches)?),
        Command::List(args) => list::run(&args),
        Command::Describe(args) => describe::run(&args),
        Command::Convert(args) => convert::run(&args),
        Command::Call(args) => call::run(&args),
        Command::Explain(args) => explain::run(&args, &config::given(&["explain"], matches)?),
        Command::Config { what } => config::run(&what, matches),
        Command::Completions { shell } => pages::completions(shell),
        Command::Man { command } => pages::man(&command),
    }
}
