//! Settings: what a file and options say together, and the commands that show it.

use std::{path::Path, process::ExitCode};

use clap::{ArgMatches, Command, CommandFactory, parser::ValueSource};
use descant::{Config, ConfigError, config::ConfigBuilder};

use super::{
    args::{Config as What, ConfigFormat, Line, PAYLOAD_BYTES},
    failure::{Failure, Kind},
    screen, sources,
};

/// Options that are no settings: where settings come from, how something is shown, and what a request holds.
const NO_SETTINGS: [&str; 4] = ["--config", "--data", "--format", "--header"];

/// Shows a configuration, or what one looks like.
pub(crate) fn run(what: &What, matches: &ArgMatches) -> Result<ExitCode, Failure> {
    let text = match what {
        What::Schema => format!("{:#}\n", Config::json_schema()),
        What::Print(args) => {
            let config = load(&given(&["config", "print"], matches)?)?;
            match args.format {
                ConfigFormat::Yaml => config.to_yaml(),
                ConfigFormat::Json => format!("{:#}\n", config.to_json()),
            }
        }
    };
    screen::print(&screen::escape_lines(&text))?;
    Ok(ExitCode::SUCCESS)
}

/// Reads what is given.
pub(crate) fn load(given: &ConfigBuilder) -> Result<Config, Failure> {
    given.build().map_err(|error| refused(&error))
}

/// Why settings make no sense. A slip of the hand on the command line is one of its use.
pub(crate) fn refused(error: &ConfigError) -> Failure {
    match () {
        () if error.is_tls() => Failure::new(Kind::Bind, error, ""),
        () if error.is_of_descriptors() => {
            Failure::new(Kind::Descriptors, format!("the descriptors do not load\n{error}"), "")
        }
        () if error.is_of_flags() => Failure::new(Kind::Usage, error, ""),
        () => Failure::new(
            Kind::Configuration,
            format!("the configuration cannot be used\n{error}"),
            "",
        ),
    }
}

/// What was typed for a command that takes the options of `serve`.
pub(crate) fn given(path: &[&str], matches: &ArgMatches) -> Result<ConfigBuilder, Failure> {
    let line = Line::command();
    let (mut command, mut matches) = (&line, matches);
    for name in path {
        let found = command.find_subcommand(name).zip(matches.subcommand_matches(name));
        let missing = || Failure::new(Kind::Other, format!("descant has no command `{name}`"), "");
        (command, matches) = found.ok_or_else(missing)?;
    }
    of(command, matches)
}

fn of(command: &Command, matches: &ArgMatches) -> Result<ConfigBuilder, Failure> {
    let mut given = Config::builder();
    for argument in command.get_arguments() {
        let id = argument.get_id().as_str();
        if matches.value_source(id) != Some(ValueSource::CommandLine) {
            continue;
        }
        let name = match argument.get_long() {
            Some(long) => format!("--{long}"),
            None if id == "paths" => "PATH".to_owned(),
            // Words that a command reads in its own way.
            None => continue,
        };
        let mut values = Vec::new();
        for value in matches.get_raw(id).into_iter().flatten() {
            let refused = || Failure::new(Kind::Usage, format!("{name}: {} is no UTF-8", value.display()), "");
            values.push(value.to_str().ok_or_else(refused)?.to_owned());
        }
        if name == "PATH" {
            values.iter().try_for_each(|path| is_no_source(path))?;
            is_no_size(command, matches, &values)?;
        }
        given = match name.as_str() {
            "--config" => given.file(values.concat()),
            other if NO_SETTINGS.contains(&other) => given,
            _ => given.flag(name, values),
        };
    }
    Ok(given)
}

/// What stands behind `--log-payloads` alone is its value to who wrote it, and a path to everybody else.
fn is_no_size(command: &Command, matches: &ArgMatches, paths: &[String]) -> Result<(), Failure> {
    let is_known = command
        .get_arguments()
        .any(|argument| argument.get_id() == "log_payloads");
    let said = is_known.then(|| matches.get_raw("log_payloads")).flatten();
    let alone = said.is_some_and(|mut said| said.next().is_some_and(|bytes| bytes == PAYLOAD_BYTES));
    let is_size = |path: &&String| {
        let unit = path.trim_start_matches(|digit: char| digit.is_ascii_digit());
        let is_unit = unit.len() < path.len() && unit.chars().all(|letter| letter.is_ascii_alphabetic());
        is_unit && !Path::new(path).exists()
    };
    match paths.iter().find(is_size).filter(|_| alone) {
        None => Ok(()),
        Some(size) => {
            let size = screen::escape(size);
            Err(Failure::new(
                Kind::Usage,
                format!("`{size}` is no file or folder of descriptors"),
                format!("say --log-payloads={size} if it is how many bytes are logged"),
            ))
        }
    }
}

/// YAML is never descriptors: what was typed is a file of settings, or of HTTP rules. Nor is the address of a server.
fn is_no_source(path: &str) -> Result<(), Failure> {
    let path = Path::new(path);
    if sources::is_url(path) {
        return Err(sources::no_path(
            path,
            "--to URL answers calls from it, and asks it what it serves",
        ));
    }
    let ending = path.extension().unwrap_or_default();
    if !(ending == "yaml" || ending == "yml") || path.is_dir() {
        return Ok(());
    }
    let path = sources::shown(path);
    Err(Failure::new(
        Kind::Usage,
        format!("`{path}` is YAML, which describes no API"),
        format!("-c {path} takes settings from it, --http-rules {path} HTTP rules"),
    ))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Each option of `serve` is a key of the file, and the other way round; and what help says of defaults is true.
    #[test]
    fn options_and_keys_are_the_same_settings() {
        let line = Line::command();
        let serve = line.find_subcommand("serve").unwrap();
        let arguments = serve.get_arguments();
        let options: BTreeSet<_> = arguments
            .map(|argument| {
                argument
                    .get_long()
                    .map_or("PATH".to_owned(), |long| format!("--{long}"))
            })
            .filter(|name| !NO_SETTINGS.contains(&name.as_str()))
            .collect();
        let keys = Config::keys();
        let flags: BTreeSet<_> = keys.iter().flat_map(|key| &key.flags).cloned().collect();
        assert_eq!(
            options, flags,
            "an option of `serve` has a key in src/config/settings.rs"
        );
        for argument in serve.get_arguments() {
            let Some(default) = argument.get_default_values().first() else {
                continue;
            };
            let name = argument.get_long().map_or_else(String::new, |long| format!("--{long}"));
            let Some(key) = keys.iter().find(|key| key.flags.contains(&name)) else {
                continue;
            };
            let is_switch = argument.get_num_args().is_some_and(|range| !range.takes_values());
            assert!(is_switch || key.default == default.to_str(), "{name}");
        }
    }
}
