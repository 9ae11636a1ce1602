//! A value of an answer, and what it is: a message, or how the call went.
//!
//! ```text
//! element = message / wrapped / failure        wrapped = {"result": message}        failure = {"error": Status, ...} / Status
//! ```
//! grpc-gateway wraps every message of a stream, and Envoy's transcoder sends nothing but a Status for one that fails at once. What is a
//! message of the method as it stands is none of these. What is not would be an empty message, all of whose members are unknown: an error
//! is looked for first.

use std::{collections::BTreeMap, fmt};

use bytes::Bytes;
use descant_descriptors::{Codec, CodecError, JsonOptions};
use memchr::memmem;
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{Reading, error};
use crate::{
    Message, Status,
    proxy::{connect::MOST, status},
};

/// The message that an answer is as a whole.
pub(super) fn message(json: &[u8], reading: &Reading, codec: &mut Codec) -> Result<Message, Status> {
    let message = read(json, reading, codec);
    if message.is_ok()
        && tracing::enabled!(target: "descant.proxy.rest", tracing::Level::DEBUG)
        && let Err(error) = read(json, reading, &mut strict(codec))
    {
        // Members that the type has not are passed over, for the server may be newer. It may be another one as well.
        tracing::debug!(target: "descant.proxy.rest", unknown = %error);
    }
    message.map_err(|error| {
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

/// One that passes over nothing.
fn strict(codec: &Codec) -> Codec {
    let mut options = JsonOptions::default();
    options.depth = codec.options().depth;
    Codec::new(options)
}

/// A message of a stream.
pub(super) fn streamed(json: &[u8], reading: &Reading, codec: &mut Codec) -> Result<Message, Status> {
    let Some(other) = other(json, || reading.has("error")) else {
        return message(json, reading, codec);
    };
    // What is a message to the strictest is nothing else.
    if let Ok(message) = read(json, reading, &mut strict(codec)) {
        return Ok(message);
    }
    match other {
        Other::Wrapped(inner) if is_meant(inner, reading, codec) => message(inner.get().as_bytes(), reading, codec),
        Other::Wrapped(_) => message(json, reading, codec),
        Other::Failure(failed) => Err(failure(failed, reading, codec.options().depth)),
    }
}

/// Whether what stands in a member `result` is a message in grpc-gateway's wrapper. Where the message has a field of that name it may as well be
/// that field's value, of a server that is newer than the schema.
fn is_meant(inner: &RawValue, reading: &Reading, codec: &Codec) -> bool {
    let inner = inner.get().as_bytes();
    if !reading.has("result") || read(inner, reading, &mut strict(codec)).is_ok() {
        return true;
    }
    let members: BTreeMap<String, &RawValue> = serde_json::from_slice(inner).unwrap_or_default();
    members.keys().any(|name| reading.has(name))
}

/// The Status that stands in a stream.
pub(super) fn failure(json: &[u8], reading: &Reading, depth: u32) -> Status {
    // What is longer is no error of any form that is known.
    let said = (json.len() <= MOST)
        .then(|| serde_json::from_slice(json).ok())
        .flatten();
    let status = said.and_then(|said| error::said(&said, None, reading, depth));
    status.unwrap_or_else(|| {
        // No character has more than four bytes.
        let start = json.get(..4 * status::SHOWN).unwrap_or(json);
        let text: String = String::from_utf8_lossy(start).chars().take(status::SHOWN).collect();
        Status::unknown(format!("the upstream's stream ends with an error: {text}"))
    })
}

/// What an element may be beside a message.
#[derive(Debug)]
enum Other<'j> {
    Wrapped(&'j RawValue),
    /// The Status, or what else is said of an error.
    Failure(&'j [u8]),
}

/// `has_error`: whether the message has a field of the name `error`.
fn other(json: &[u8], has_error: impl Fn() -> bool) -> Option<Other<'_>> {
    let names: [&[u8]; 3] = [b"\"result\"", b"\"error\"", b"\"code\""];
    if !names.iter().any(|name| memmem::find(json, name).is_some()) {
        return None;
    }
    let members: Members<'_> = serde_json::from_slice(json).ok()?;
    if let Some(result) = members.result.filter(|_| members.count == 1) {
        return Some(Other::Wrapped(result));
    }
    if members.is_status() {
        return Some(Other::Failure(json));
    }
    let error = members.error.map(|error| error.get().as_bytes())?;
    // Many APIs say in each answer that there was none.
    let is_none: [&[u8]; 6] = [b"null", b"false", b"0", b"\"\"", b"{}", b"[]"];
    // A server that is newer than the schema may send other members beside one that is the message's own.
    if is_none.contains(&error) || members.count > 1 && has_error() {
        return None;
    }
    Some(Other::Failure(if error.starts_with(b"{") { error } else { json }))
}

/// What stands at the top of an object, as far as it tells what that is: no more is kept, however many members there are.
#[derive(Default)]
struct Members<'j> {
    count: usize,
    result: Option<&'j RawValue>,
    error: Option<&'j RawValue>,
    code: Option<&'j RawValue>,
    has_message: bool,
    /// Some of them are none of a Status.
    has_others: bool,
}

impl Members<'_> {
    /// Whether they are a Status and no more; a code alone has to be one of gRPC's.
    fn is_status(&self) -> bool {
        let number = |code: &RawValue| code.get().parse::<u8>().ok();
        let is_code = |code| self.has_message || number(code).is_some_and(|number| (1..=16).contains(&number));
        !self.has_others && self.code.is_some_and(is_code)
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_map(Top)
    }
}

struct Top;

impl<'de> Visitor<'de> for Top {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
        let mut members = Members::default();
        while let Some(name) = map.next_key::<String>()? {
            members.count += 1;
            members.has_others |= !matches!(name.as_str(), "code" | "message" | "details");
            match name.as_str() {
                "result" => members.result = Some(map.next_value()?),
                "error" => members.error = Some(map.next_value()?),
                "code" => members.code = Some(map.next_value()?),
                name => {
                    members.has_message |= name == "message";
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(json: &str, has_error: bool) -> Option<String> {
        other(json.as_bytes(), || has_error).map(|other| match other {
            Other::Wrapped(value) => format!("message {value}"),
            Other::Failure(value) => format!("error {}", str::from_utf8(value).unwrap()),
        })
    }

    /// A call ended well, with an empty message in the place of its error, where that was not first or alone, or had no message.
    #[test]
    fn errors_are_found_wherever_they_stand() {
        for (json, wanted) in [
            (r#" { "result" : {"a":1} }"#, Some(r#"message {"a":1}"#)),
            (r#"{"error":{"code":5}}"#, Some(r#"error {"code":5}"#)),
            (r#"{"error":{"code":5},"x":1}"#, Some(r#"error {"code":5}"#)),
            (r#"{"x":1,"error":{"code":5}}"#, Some(r#"error {"code":5}"#)),
            (r#"{"x":1,"error":"bad"}"#, Some(r#"error {"x":1,"error":"bad"}"#)),
            (
                r#"{"error":true,"message":"no"}"#,
                Some(r#"error {"error":true,"message":"no"}"#),
            ),
            (
                r#"{"code":5,"message":"","details":[]}"#,
                Some(r#"error {"code":5,"message":"","details":[]}"#),
            ),
            (
                r#"{"message":"x","code":13}"#,
                Some(r#"error {"message":"x","code":13}"#),
            ),
            (r#"{"code":5}"#, Some(r#"error {"code":5}"#)),
            (r#"{"code":16,"details":[]}"#, Some(r#"error {"code":16,"details":[]}"#)),
            (r#"{"code":17}"#, None),
            (r#"{"code":0}"#, None),
            (r#"{"code":"x"}"#, None),
            (r#"{"code":5,"message":"","more":1}"#, None),
            (r#"{"error":null,"x":1}"#, None),
            (r#"{"x":{"error":{"code":5}}}"#, None),
            (r#"{"result":1,"more":2}"#, None),
            (r#"{"results":1}"#, None),
            (r#"{"id":"result"}"#, None),
            (r#"["code"]"#, None),
            (r#"{"code""#, None),
        ] {
            assert_eq!(found(json, false).as_deref(), wanted, "{json}");
        }
    }

    #[test]
    fn a_field_of_the_message_is_no_error() {
        assert_eq!(found(r#"{"error":{"code":5},"x":1}"#, true), None);
        assert_eq!(
            found(r#"{"error":{"code":5}}"#, true).as_deref(),
            Some(r#"error {"code":5}"#)
        );
    }
}
