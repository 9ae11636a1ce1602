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
pub(crate) fn man(command: Option<&str>) -> Result<ExitCode, Failure> {
    let mut line = Line::command();
    line.build();
    let page = match command {
        None => line,
        Some(name) => sub_command(&line, name)?,
    };
    let mut roff = Vec::new();
    render(page, &mut roff).map_err(|error| Failure::new(Kind::Other, error, ""))?;
    screen::print(&String::from_utf8_lossy(&roff))?;
    Ok(ExitCode::SUCCESS)
}

fn sub_command(line: &Command, name: &str) -> Result<Command, Failure> {
    let known = || line.get_subcommands().filter(|command| command.get_name() != "help");
    if let Some(command) = known().find(|command| command.get_name() == name) {
        return Ok(command.clone());
    }
    let names: Vec<_> = known().map(Command::get_name).collect();
    Err(Failure::new(
        Kind::Usage,
        format!("descant has no command `{}`", screen::escape(name)),
        format!("the commands are {}", names.join(", ")),
    ))
}

fn render(page: Command, roff: &mut Vec<u8>) -> io::Result<()> {
    let source = concat!("descant ", env!("CARGO_PKG_VERSION"));
    clap_mangen::Man::new(page).source(source).render(roff)
}
