//! A value of an answer, and what it is: a message, or how the call went.
//!
//! ```text
//! element = message / wrapped / failure        wrapped = {"result": message}        failure = {"error": Status} / Status
//! ```
//! grpc-gateway wraps every message of a stream, and Envoy's transcoder sends nothing but a Status for one that fails at once. What is a
//! message of the method as it stands is none of these.

use std::collections::BTreeMap;

use bytes::Bytes;
use descant_descriptors::{Codec, CodecError, JsonOptions};
use serde_json::value::RawValue;

use super::{Reading, error};
use crate::{Message, Status};

/// The message that an answer is as a whole.
pub(super) fn message(json: &[u8], reading: &Reading, codec: &mut Codec) -> Result<Message, Status> {
    read(json, reading, codec).map_err(|error| {
        let output = reading.method.output();
        let part = reading
            .field()
            .map_or_else(String::new, |field| format!(" (its {field})"));
        Status::internal(format!(
            "the upstream sent JSON that is no {}{part}: {error}",
            output.full_name()
        ))
    })
}

fn read(json: &[u8], reading: &Reading, codec: &mut Codec) -> Result<Message, CodecError> {
    let (output, mut wire) = (reading.method.output(), Vec::new());
    match reading.field() {
        None => codec.json_to_wire(&output, json, &mut wire)?,
        Some(field) => codec.json_to_field(&output, field, json, &mut wire)?,
    }
    Ok(Message::from_wire(Bytes::from(wire)))
}

/// A message of a stream.
pub(super) fn streamed(json: &[u8], reading: &Reading, codec: &mut Codec) -> Result<Message, Status> {
    let Some(other) = other(json) else {
        return message(json, reading, codec);
    };
    // As strict as can be: what is a message so is nothing else.
    let mut strict = JsonOptions::default();
    strict.depth = codec.options().depth;
    if let Ok(message) = read(json, reading, &mut Codec::new(strict)) {
        return Ok(message);
    }
    match other {
        Other::Wrapped(inner) => message(inner.get().as_bytes(), reading, codec),
        Other::Failure(inner) => Err(failure(inner.get().as_bytes(), reading, codec.options().depth)),
        Other::Status => Err(failure(json, reading, codec.options().depth)),
    }
}

/// The Status that stands in a stream.
pub(super) fn failure(json: &[u8], reading: &Reading, depth: u32) -> Status {
    let said = serde_json::from_slice(json).ok();
    let status = said.and_then(|said| error::said(&said, None, reading, depth));
    status.unwrap_or_else(|| {
        let text: String = String::from_utf8_lossy(json).chars().take(error::SHOWN).collect();
        Status::unknown(format!("the upstream's stream ends with an error: {text}"))
    })
}

/// What an element may be beside a message.
enum Other {
    Wrapped(Box<RawValue>),
    Failure(Box<RawValue>),
    Status,
}

fn other(json: &[u8]) -> Option<Other> {
    let start = json.trim_ascii_start().strip_prefix(b"{")?.trim_ascii_start();
    let names: [&[u8]; 3] = [b"\"result\"", b"\"error\"", b"\"code\""];
    if !names.iter().any(|name| start.starts_with(name)) {
        return None;
    }
    let mut members: BTreeMap<String, Box<RawValue>> = serde_json::from_slice(json).ok()?;
    if members.contains_key("code") {
        let of_status = |name: &String| matches!(name.as_str(), "code" | "message" | "details");
        let is_status = members.contains_key("message") && members.keys().all(of_status);
        return is_status.then_some(Other::Status);
    }
    let (name, value) = members.pop_first().filter(|_| members.is_empty())?;
    match name.as_str() {
        "result" => Some(Other::Wrapped(value)),
        "error" => Some(Other::Failure(value)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrappers_have_one_member_and_a_status_its_own() {
        for (json, found) in [
            (&br#" { "result" : {"a":1} }"#[..], Some("{\"a\":1}")),
            (br#"{"error":{"code":5}}"#, Some("{\"code\":5}")),
            (br#"{"result":1,"more":2}"#, None),
            (br#"{"results":1}"#, None),
            (br#"{"id":"result"}"#, None),
            (br#"{"code":5,"message":"","details":[]}"#, Some("status")),
            (br#"{"code":5,"message":"","more":1}"#, None),
            (br#"{"code":5}"#, None),
            (b"[]", None),
            (b"{", None),
        ] {
            let other = other(json).map(|other| match other {
                Other::Wrapped(value) | Other::Failure(value) => value.get().to_owned(),
                Other::Status => "status".to_owned(),
            });
            assert_eq!(other.as_deref(), found);
        }
    }
}
