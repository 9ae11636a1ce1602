//! Errors: `google.rpc.Status` as JSON. Source: `google/rpc/status.proto`, `google/rpc/code.proto`.

use std::{mem, sync::LazyLock};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use descant_descriptors::{Builtin, Codec, JsonOptions, MessageType, Schema};
use descant_handlers::Status;
use http::HeaderValue;
use prost_types::Any;

/// What errors are detailed with nearly always. A schema need not have it.
static DETAILS: LazyLock<Option<Schema>> =
    LazyLock::new(|| Schema::builder().builtin(Builtin::ErrorDetails).build().ok());

/// `{"code": 5, "message": "...", "details": [...]}`
pub(super) fn json(status: &Status, schema: &Schema, mut options: JsonOptions) -> Vec<u8> {
    let mut out = format!("{{\"code\":{},\"message\":", status.code().number()).into_bytes();
    string(&mut out, status.message());
    out.extend_from_slice(b",\"details\":[");
    let (pretty, limit) = (mem::take(&mut options.pretty), options.limit);
    let mut codec = Codec::new(options);
    for (place, detail) in status.details().iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        self::detail(&mut out, detail, schema, &mut codec);
    }
    out.extend_from_slice(b"]}");
    let indented = pretty.then(|| Codec::indented(&out, limit)).flatten();
    indented.unwrap_or(out)
}

/// A detail as ProtoJSON has an `Any`. What is unknown, or does not parse, keeps its bytes: it must not destroy the error.
fn detail(out: &mut Vec<u8>, detail: &Any, schema: &Schema, codec: &mut Codec) {
    out.extend_from_slice(b"{\"@type\":");
    string(out, &detail.type_url);
    let mut json = Vec::new();
    let written = message(&detail.type_url, schema)
        .filter(|message| codec.wire_to_json(message, &detail.value, &mut json).is_ok());
    match (written, json.get(1..)) {
        (Some(message), Some(members)) if !message.is_well_known() => {
            if members != b"}" {
                out.push(b',');
            }
            out.extend_from_slice(members);
            return;
        }
        (Some(_), _) => {
            out.extend_from_slice(b",\"value\":");
            out.append(&mut json);
        }
        (None, _) => {
            out.extend_from_slice(b",\"value\":");
            string(out, &BASE64.encode(&detail.value));
        }
    }
    out.push(b'}');
}

fn message(type_url: &str, schema: &Schema) -> Option<MessageType> {
    let (_, name) = type_url.rsplit_once('/')?;
    schema.message(name).or_else(|| DETAILS.as_ref()?.message(name))
}

fn string(out: &mut Vec<u8>, text: &str) {
    // Neither a string nor a vector can fail.
    let _ = serde_json::to_writer(out, text);
}

/// How many seconds the client should wait, by the status' `google.rpc.RetryInfo`: whole ones, and at least as long.
/// RFC 9110, section 10.2.3.
pub(super) fn retry_after(status: &Status) -> Option<HeaderValue> {
    let info = status.details().iter().find_map(|detail| {
        let name = detail.type_url.rsplit('/').next();
        (name == Some("google.rpc.RetryInfo")).then_some(&detail.value)
    })?;
    let retry_info = DETAILS.as_ref()?.message("google.rpc.RetryInfo")?;
    let mut json = Vec::new();
    Codec::default().wire_to_json(&retry_info, info, &mut json).ok()?;
    let json: serde_json::Value = serde_json::from_slice(&json).ok()?;
    let delay = json.get("retryDelay")?.as_str()?.strip_suffix('s')?;
    let (seconds, part) = delay.split_once('.').unwrap_or((delay, ""));
    let more = part.bytes().any(|digit| digit != b'0');
    Some(HeaderValue::from(
        seconds.parse::<u64>().ok()?.saturating_add(more.into()),
    ))
}
