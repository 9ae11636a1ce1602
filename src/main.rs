//! The `descant` command.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

mod cli;

fn main() -> std::process::ExitCode {
    cli::main()
}
