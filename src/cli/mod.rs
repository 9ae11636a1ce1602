//! The command line, in two stages: what was typed ([`args`]), then what it means (a module for
//! each command).

mod args;
mod ask;
mod check;
mod convert;
mod describe;
mod explain;
mod failure;
mod list;
mod log;
mod pages;
mod rest;
mod screen;
mod serve;
mod sources;

use std::process::ExitCode;

use clap::Parser;

use self::{args::Command, failure::Failure};

/// Runs the command that the process was started with.
pub(crate) fn main() -> ExitCode {
    let line = args::Line::parse();
    match run(line.command) {
        Ok(code) => code,
        Err(failure) => {
            failure.report();
            ExitCode::from(&failure)
        }
    }
}

fn run(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Serve(args) => serve::run(*args),
        Command::Check(args) => check::run(&args),
        Command::List(args) => list::run(&args),
        Command::Describe(args) => describe::run(&args),
        Command::Convert(args) => convert::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Completions { shell } => pages::completions(shell),
        Command::Man { command } => pages::man(command.as_deref()),
    }
}
