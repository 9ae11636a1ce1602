//! Which descriptor sets load and which are refused, and that no set, however hostile, does harm.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    // A builder's parts are made for it alone.
    clippy::needless_pass_by_value,
    // Tables of cases are as long as the rules are many.
    clippy::too_many_lines
)]

mod cases;
#[path = "../clock/mod.rs"]
mod clock;
mod hostile;
mod random;
mod rich;
mod verdicts;
mod write;
