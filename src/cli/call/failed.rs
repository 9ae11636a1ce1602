//! What is printed of a call that fails: its status, the details, and what to do.

use std::{fmt::Write as _, process::ExitCode};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use descant::handlers::{Code, Status};
use descant_descriptors::{Builtin, Codec, MessageType, Schema};
use prost_types::Any;

use super::types::Types;
use crate::cli::{
    args::{Call, Protocol},
    json,
    screen::{self, Tone},
    server::Server,
};

/// Where the exit codes of calls begin.
const FIRST: i32 = 64;

/// 64 and the number in `grpc-status`; for one that no exit code has room for, that of `UNKNOWN`.
pub(super) fn exit_code(status: &Status) -> ExitCode {
    let code = |number: i32| FIRST.checked_add(number).and_then(|code| u8::try_from(code).ok());
    let code = code(status.grpc_number()).or_else(|| code(Code::Unknown.number()));
    code.map_or(ExitCode::FAILURE, ExitCode::from)
}

/// Tells of the status; of its details unless they could not be read.
pub(super) fn report(args: &Call, server: &Server, status: &Status, details: Option<Vec<String>>) {
    if args.quiet {
        return;
    }
    let mut text = status.to_string();
    let details = details.unwrap_or_else(|| status.details().iter().map(undescribed).collect());
    for detail in details {
        let _ = write!(text, "\n  {detail}");
    }
    screen::tell(Tone::Error, text);
    if let Some(hint) = hint(args, server, status) {
        screen::tell(Tone::Hint, hint);
    }
}

/// The details of a status, a line each.
pub(super) async fn details(status: &Status, types: &Types) -> Vec<String> {
    let mut lines = Vec::new();
    for detail in status.details() {
        lines.push(line(detail, types).await);
    }
    lines
}

/// Its type, and what is in it as JSON, if it is known: by the server's descriptors, or as one of those that gRPC has for all.
async fn line(detail: &Any, types: &Types) -> String {
    let name = name(detail);
    let Some(message) = message(name, types).await else {
        return undescribed(detail);
    };
    let write = |message: &MessageType, codec: &mut Codec| {
        let mut json = Vec::new();
        codec.wire_to_json(message, &detail.value, &mut json).map(|()| json)
    };
    let json = types.convert(&message, &mut Codec::default(), |_| false, write).await;
    match json {
        Ok(json) => format!("{name} {}", screen::escape_json(&String::from_utf8_lossy(&json))),
        Err(error) => opaque(detail, &format!("it does not parse: {error}")),
    }
}

async fn message(name: &str, types: &Types) -> Option<MessageType> {
    if let Some(known) = types.schema().await.message(name) {
        return Some(known);
    }
    let common = Schema::builder().builtin(Builtin::ErrorDetails).build().ok();
    if let Some(known) = common.and_then(|common| common.message(name)) {
        return Some(known);
    }
    types.learn(&[name.to_owned()]).await?.message(name)
}

fn name(detail: &Any) -> &str {
    detail.type_url.rsplit('/').next().unwrap_or_default()
}

fn undescribed(detail: &Any) -> String {
    opaque(detail, "its descriptor is missing")
}

/// Its bytes, and why no more is told of it.
fn opaque(detail: &Any, why: &str) -> String {
    let (name, value) = (name(detail), STANDARD.encode(&detail.value));
    format!("{name} ({why}) base64:{value}")
}

fn hint(args: &Call, server: &Server, status: &Status) -> Option<String> {
    if let Some(hint) = server.hint(status) {
        return Some(hint);
    }
    // Else messages are not looked into here: it is the server's limit.
    if args.protocol == Protocol::Rest
        && let Some(hint) = json::deeper(status.message(), args.depth)
    {
        return Some(hint);
    }
    Some(match status.code() {
        Code::Unimplemented => return unserved(args, server, status),
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

/// What to do where the server has no such method.
fn unserved(args: &Call, server: &Server, status: &Status) -> Option<String> {
    // It has it, and answers with another number of messages.
    if status.message().ends_with("where one message is due") {
        return None;
    }
    Some(if let Some(coding) = args.compress {
        format!("does it take messages in {}? else leave out --compress", coding.name())
    } else if args.paths.is_empty() {
        format!("`descant list --from {}` tells what it serves", server.name())
    } else {
        "does the server have that method? the descriptors may not be its own".to_owned()
    })
}
