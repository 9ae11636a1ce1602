//! The `descant` command.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

mod cli;

/// A call makes some twenty allocations and frees them on the same thread, and bodies need buffers of 64 KiB, which glibc's allocator gives
/// back to the system only to ask for them again.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    cli::main()
}
