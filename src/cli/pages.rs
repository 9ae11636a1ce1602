//! Completion scripts and manual pages, made from the definition of the command line.

use std::{io, process::ExitCode};

use clap::{Command, CommandFactory};
use clap_complete::Shell;

use super::{
    args::Line,
    failure::{Failure, Kind},
    screen,
};

/// Prints the completion script for a shell.
pub(crate) fn completions(shell: Shell) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Line::command(), "descant", &mut script);
    screen::print(&String::from_utf8_lossy(&script))?;
    Ok(ExitCode::SUCCESS)
}

/// Prints the manual page of descant, or of one of its commands.
pub(crate) fn man(command: &[String]) -> Result<ExitCode, Failure> {
    let mut line = without_help(Line::command());
    line.build();
    let page = command
        .iter()
        .try_fold(line, |around, name| sub_command(&around, name))?;
    let mut roff = Vec::new();
    render(page, &mut roff).map_err(|error| Failure::new(Kind::Other, error, ""))?;
    screen::print(&String::from_utf8_lossy(&roff))?;
    Ok(ExitCode::SUCCESS)
}

/// The command `help` says what is in the pages.
fn without_help(command: Command) -> Command {
    command.disable_help_subcommand(true).mut_subcommands(without_help)
}

fn sub_command(around: &Command, name: &str) -> Result<Command, Failure> {
    if let Some(command) = around.get_subcommands().find(|command| command.get_name() == name) {
        return Ok(command.clone());
    }
    let names: Vec<_> = around.get_subcommands().map(Command::get_name).collect();
    let around = around.get_display_name().unwrap_or(around.get_name()).replace('-', " ");
    Err(Failure::new(
        Kind::Usage,
        format!("{around} has no command `{}`", screen::escape(name)),
        match names.as_slice() {
            [] => String::new(),
            names => format!("the commands are {}", names.join(", ")),
        },
    ))
}

fn render(page: Command, roff: &mut Vec<u8>) -> io::Result<()> {
    let source = concat!("descant ", env!("CARGO_PKG_VERSION"));
    clap_mangen::Man::new(page).source(source).render(roff)
}
