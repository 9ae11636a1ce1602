//! Sets, each with its verdict: for each rule one that breaks it, and beside it one that just does not.

mod enums;
mod extensions;
mod features;
mod fields;
mod files;
mod http;
mod json;
mod maps;
mod messages;
mod names;
mod oneofs;
mod options;
mod services;
mod types;

use crate::{
    rich,
    write::{Wire, set},
};

/// What becomes of a set.
#[derive(Debug)]
pub(crate) enum Verdict {
    Loads,
    /// It loads with a warning that says this.
    Warned(&'static str),
    /// It is refused with a finding that says this.
    Refused(&'static str),
}

/// A set and its verdict.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) set: Vec<u8>,
    pub(crate) verdict: Verdict,
    /// protoc says otherwise, for a reason that stands beside the case.
    pub(crate) unlike_protoc: bool,
}

/// Every case.
pub(crate) fn all() -> Vec<Case> {
    let groups = [
        vec![loads("something of everything", &rich::files())],
        files::cases(),
        names::cases(),
        messages::cases(),
        fields::cases(),
        types::cases(),
        maps::cases(),
        oneofs::cases(),
        enums::cases(),
        extensions::cases(),
        json::cases(),
        services::cases(),
        features::cases(),
        options::cases(),
        http::cases(),
    ];
    groups.into_iter().flatten().collect()
}

fn case(name: &'static str, verdict: Verdict, files: &[Wire]) -> Case {
    Case {
        name,
        set: set(files),
        verdict,
        unlike_protoc: false,
    }
}

fn loads(name: &'static str, files: &[Wire]) -> Case {
    case(name, Verdict::Loads, files)
}

fn warned(name: &'static str, what: &'static str, files: &[Wire]) -> Case {
    case(name, Verdict::Warned(what), files)
}

fn refused(name: &'static str, what: &'static str, files: &[Wire]) -> Case {
    case(name, Verdict::Refused(what), files)
}

impl Case {
    fn unlike_protoc(self) -> Self {
        Self {
            unlike_protoc: true,
            ..self
        }
    }
}

/// A message to refer to.
fn message_n() -> Wire {
    crate::write::message("N")
}
