//! A value of an answer, and what it is: a message, or how the call went.
//!
//! ```text
//! element = message / wrapped / failure        wrapped = {"result": message}        failure = {"error": Status}
//! ```
//! grpc-gateway wraps every message of a stream. A message that has such a member itself is no wrapped one.

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
    let Some(wrapper) = wrapper(json) else {
        return message(json, reading, codec);
    };
    // As strict as can be: what is a message so is no wrapper.
    let mut strict = JsonOptions::default();
    strict.depth = codec.options().depth;
    if let Ok(message) = read(json, reading, &mut Codec::new(strict)) {
        return Ok(message);
    }
    match wrapper {
        Wrapper::Result(inner) => message(inner.get().as_bytes(), reading, codec),
        Wrapper::Error(inner) => Err(failure(inner.get().as_bytes(), reading, codec.options().depth)),
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

enum Wrapper {
    Result(Box<RawValue>),
    Error(Box<RawValue>),
}

/// What the one member holds of an object that has no other.
fn wrapper(json: &[u8]) -> Option<Wrapper> {
    let start = json.trim_ascii_start().strip_prefix(b"{")?.trim_ascii_start();
    if !start.starts_with(b"\"result\"") && !start.starts_with(b"\"error\"") {
        return None;
    }
    let mut members: BTreeMap<String, Box<RawValue>> = serde_json::from_slice(json).ok()?;
    let (name, value) = members.pop_first().filter(|_| members.is_empty())?;
    match name.as_str() {
        "result" => Some(Wrapper::Result(value)),
        "error" => Some(Wrapper::Error(value)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrappers_have_one_member() {
        for (json, wrapped) in [
            (&br#" { "result" : {"a":1} }"#[..], Some("{\"a\":1}")),
            (br#"{"error":{"code":5}}"#, Some("{\"code\":5}")),
            (br#"{"result":1,"more":2}"#, None),
            (br#"{"results":1}"#, None),
            (br#"{"id":"result"}"#, None),
            (b"[]", None),
            (b"{", None),
        ] {
            let found = wrapper(json).map(|wrapper| match wrapper {
                Wrapper::Result(value) | Wrapper::Error(value) => value.get().to_owned(),
            });
            assert_eq!(found.as_deref(), wrapped);
        }
    }
}
