//! What is typed out of habit by who knows grpcurl, and what it is here: the same as in the table of `docs/call.md`.

use clap::error::{Error, ErrorKind};

use super::{
    args::Call,
    failure::{Failure, Kind},
    screen,
};

/// Commands that do what grpcurl does.
const COMMANDS: [&str; 3] = ["call", "list", "describe"];

/// Options of grpcurl without their dashes, and what to do instead.
const WAYS: &[(&str, &str)] = &[
    (
        "plaintext",
        "HOST:PORT is spoken to in plain text, https://HOST:PORT over TLS",
    ),
    ("insecure", "say --insecure, and https://HOST:PORT"),
    ("cacert", "say --ca FILE, and https://HOST:PORT"),
    ("cert", "say --cert FILE, and https://HOST:PORT"),
    ("key", "say --key FILE, and https://HOST:PORT"),
    ("servername", "say --server-name NAME"),
    ("authority", "say --authority NAME"),
    ("unix", "write unix:PATH for the address"),
    ("proto", FILES),
    ("protoset", FILES),
    ("import-path", FILES),
    (
        "use-reflection",
        "a server is asked by reflection unless a PATH is named",
    ),
    ("rpc-header", METADATA),
    ("reflect-header", METADATA),
    ("expand-headers", "let the shell do it: -H \"authorization: $TOKEN\""),
    ("user-agent", "say -H 'user-agent: NAME'"),
    ("max-time", "say --timeout TIME, 5s for instance"),
    ("connect-timeout", "say --connect-timeout TIME, 5s for instance"),
    ("max-msg-sz", "say --max-message SIZE, 16MiB for instance"),
    ("format", "say --format json, pretty or text"),
    ("emit-defaults", "say --emit-defaults"),
    ("allow-unknown-fields", "say --ignore-unknown"),
    (
        "format-error",
        "the exit code is 64 and the code of gRPC; details are lines of JSON",
    ),
    (
        "msg-template",
        "`descant describe` shows the fields of a message, and their comments",
    ),
    ("alts", NOTHING),
    ("alts-handshaker-service", NOTHING),
    ("alts-target-service-account", NOTHING),
    ("keepalive-time", NOTHING),
    ("version", "say --version, without a command"),
    ("proto-out-dir", SOURCE),
    ("protoset-out", SOURCE),
];
const FILES: &str = "a PATH names a descriptor set, a .proto file or a folder: behind the method, or before the name to list or describe";
const NOTHING: &str = "there is no such thing here";
const METADATA: &str = "say -H 'name: value'";
const SOURCE: &str = "`descant describe` prints source that compiles again";

/// An option of grpcurl that the parser of the command line does not know; it would tell of its first letter.
pub(crate) fn option(error: &Error, words: impl IntoIterator<Item = String>) -> Option<Failure> {
    let mut words = words.into_iter().skip(1);
    let is_here = words.next().is_some_and(|command| COMMANDS.contains(&&*command));
    if error.kind() != ErrorKind::UnknownArgument || !is_here {
        return None;
    }
    let (word, mend) = words.take_while(|word| word != "--").find_map(|word| {
        let word = word.split('=').next().unwrap_or_default();
        let mend = way(word)?;
        Some((word.to_owned(), mend))
    })?;
    let what = format!("`{word}` is an option of grpcurl");
    Some(Failure::new(Kind::Usage, what, mend))
}

fn way(word: &str) -> Option<&'static str> {
    let bare = word.strip_prefix('-')?;
    let bare = bare.strip_prefix('-').unwrap_or(bare);
    let (_, mend) = WAYS.iter().find(|(option, _)| *option == bare)?;
    // Some have the same name here.
    (!mend.starts_with(&format!("say {word}"))).then_some(*mend)
}

/// `ADDRESS list` and `ADDRESS describe`, where a method is due.
pub(crate) fn command(args: &Call) -> Option<Failure> {
    let command = args.method.as_str();
    if !matches!(command, "list" | "describe") {
        return None;
    }
    let named = args.paths.iter().map(|name| format!(" {}", name.display()));
    let asks = format!("descant {command} --from {}{}", args.address, named.collect::<String>());
    let what = format!("`{command}` is no method");
    Some(Failure::new(Kind::Usage, what, screen::escape(&asks)))
}
