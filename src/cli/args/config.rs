//! Options of `config`.

use clap::{Args, Subcommand, ValueEnum};

use super::Serve;

/// What to show of a configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Print what would be in force, each value with where it comes from: the default, the file, an option
    Print(Box<PrintConfig>),
    /// Print the JSON Schema of the file (2020-12), for editors
    Schema,
}

/// Options of `config print`: those of `serve`.
#[derive(Args, Debug)]
pub(crate) struct PrintConfig {
    #[command(flatten)]
    pub(crate) serve: Serve,

    /// How it looks
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = ConfigFormat::Yaml)]
    pub(crate) format: ConfigFormat,
}

/// How `config print` looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ConfigFormat {
    /// A file that says the same, with comments
    Yaml,
    /// One JSON object: by path the value, and where it comes from
    Json,
}
