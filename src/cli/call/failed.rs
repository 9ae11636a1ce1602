//! What is printed of a call that fails: its status, the details, and what to do.

use std::{fmt::Write as _, process::ExitCode};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use descant::handlers::{Code, Message, Status};
use descant_descriptors::{Builtin, Codec, Schema};
use prost_types::Any;

use crate::cli::{
    args::Call,
    screen::{self, Tone},
    server::Server,
};

/// Where the exit codes of calls begin.
const FIRST: i32 = 64;

/// 64 and the code of gRPC.
pub(super) fn exit_code(code: Code) -> ExitCode {
    u8::try_from(FIRST + code.number()).map_or(ExitCode::FAILURE, ExitCode::from)
}

/// Tells of the status.
pub(super) fn report(args: &Call, server: &Server, status: &Status, schema: Option<&Schema>) {
    if args.quiet {
        return;
    }
    let mut text = status.to_string();
    for detail in status.details() {
        let _ = write!(text, "\n  {}", detail_line(detail, schema));
    }
    screen::tell(Tone::Error, text);
    if let Some(hint) = hint(args, server, status) {
        screen::tell(Tone::Hint, hint);
    }
}

/// Its type, and what is in it as JSON, if it is known: by the server's descriptors, or as one of those that gRPC has for all.
fn detail_line(detail: &Any, schema: Option<&Schema>) -> String {
    let name = detail.type_url.rsplit('/').next().unwrap_or_default();
    let common = Schema::builder().builtin(Builtin::ErrorDetails).build().ok();
    let known = schema
        .into_iter()
        .chain(&common)
        .find_map(|schema| schema.message(name));
    let json = known.and_then(|message| {
        let wire = Message::from_wire(detail.value.clone().into());
        wire.to_json(&message, &mut Codec::default()).ok()
    });
    match json.map(String::from_utf8) {
        Some(Ok(json)) => format!("{name} {json}"),
        _ => format!(
            "{name} (its descriptor is missing) base64:{}",
            STANDARD.encode(&detail.value)
        ),
    }
}

fn hint(args: &Call, server: &Server, status: &Status) -> Option<String> {
    if let Some(hint) = server.hint(status) {
        return Some(hint);
    }
    Some(match status.code() {
        Code::Unimplemented => format!("`descant list --from {}` tells what it serves", server.name()),
        Code::Unauthenticated => "-H 'authorization: Bearer TOKEN' says who calls".to_owned(),
        Code::InvalidArgument => "`descant describe` shows the fields of the request's type".to_owned(),
        Code::DeadlineExceeded if args.timeout.is_some() => "--timeout TIME gives it longer".to_owned(),
        Code::ResourceExhausted if status.message().contains("larger than the limit") => {
            "--max-message SIZE takes larger ones".to_owned()
        }
        Code::Unavailable => "trying the same again may help".to_owned(),
        _ => return None,
    })
}
