//! The testee of protobuf's conformance suite: `descant-conformance SET.binpb [SETTING]...`, with settings of
//! [`JsonOptions`] by their names.
//!
//! It answers on standard input and output with Descant's codec alone, for whichever message type of the set is named.
//! Source: the comment over `ConformanceRequest` in the suite's `conformance.proto`: four bytes of length, little
//! endian, then the message, both ways.

use std::{
    error::Error,
    io::{self, Read as _, Write as _},
};

use descant_descriptors::{Codec, CodecError, JsonOptions, MessageType, Schema};
use prost::Message as _;

#[derive(Clone, PartialEq, prost::Message)]
struct Request {
    #[prost(oneof = "Payload", tags = "1, 2, 7, 8")]
    payload: Option<Payload>,
    /// A `WireFormat`.
    #[prost(int32, tag = "3")]
    output: i32,
    #[prost(string, tag = "4")]
    message_type: String,
    /// A `TestCategory`.
    #[prost(int32, tag = "5")]
    category: i32,
    #[prost(bool, tag = "9")]
    print_unknown: bool,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Payload {
    #[prost(bytes, tag = "1")]
    Protobuf(Vec<u8>),
    /// Bytes, since what is not UTF-8 is for the codec to refuse.
    #[prost(bytes, tag = "2")]
    Json(Vec<u8>),
    #[prost(bytes, tag = "7")]
    Jspb(Vec<u8>),
    #[prost(bytes, tag = "8")]
    Text(Vec<u8>),
}

#[derive(Clone, PartialEq, prost::Message)]
struct Response {
    #[prost(oneof = "Answer", tags = "1, 6, 2, 3, 4, 5, 8")]
    result: Option<Answer>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Answer {
    #[prost(string, tag = "1")]
    ParseError(String),
    #[prost(string, tag = "6")]
    SerializeError(String),
    #[prost(string, tag = "2")]
    RuntimeError(String),
    #[prost(bytes, tag = "3")]
    Protobuf(Vec<u8>),
    #[prost(bytes, tag = "4")]
    Json(Vec<u8>),
    #[prost(string, tag = "5")]
    Skipped(String),
    #[prost(bytes, tag = "8")]
    Text(Vec<u8>),
}

const PROTOBUF: i32 = 1;
const JSON: i32 = 2;
const TEXT: i32 = 4;
const IGNORE_UNKNOWN: i32 = 3;

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let set = words
        .next()
        .ok_or("usage: descant-conformance SET.binpb [SETTING]...")?;
    let schema = Schema::load(set)?;
    let mut testee = Testee::new(options(words)?);
    while let Some(request) = read(&mut io::stdin().lock())? {
        let answer = match schema.message(&request.message_type) {
            Some(message) => testee.answer(&message, request),
            None => Answer::RuntimeError(format!("no message {} in the set", request.message_type)),
        };
        let response = Response { result: Some(answer) }.encode_to_vec();
        let mut out = io::stdout().lock();
        out.write_all(&u32::try_from(response.len())?.to_le_bytes())?;
        out.write_all(&response)?;
        out.flush()?;
    }
    Ok(())
}

fn options(settings: impl Iterator<Item = String>) -> Result<JsonOptions, String> {
    let mut options = JsonOptions::default();
    for setting in settings {
        match setting.as_str() {
            "emit_defaults" => options.emit_defaults = true,
            "proto_names" => options.proto_names = true,
            "enums_as_numbers" => options.enums_as_numbers = true,
            "integers_as_numbers" => options.integers_as_numbers = true,
            _ => return Err(format!("no setting {setting}")),
        }
    }
    Ok(options)
}

/// The next request; `None` at the end of the input.
fn read(input: &mut impl io::Read) -> Result<Option<Request>, Box<dyn Error>> {
    let mut length = [0; 4];
    match input.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        done => done?,
    }
    let mut bytes = Vec::new();
    input
        .take(u64::from(u32::from_le_bytes(length)))
        .read_to_end(&mut bytes)?;
    Ok(Some(Request::decode(&*bytes)?))
}

struct Testee {
    strict: Codec,
    lenient: Codec,
    /// Prints unknown fields.
    telling: Codec,
}

impl Testee {
    fn new(options: JsonOptions) -> Self {
        let (mut lenient, mut telling) = (options.clone(), options.clone());
        lenient.ignore_unknown = true;
        telling.print_unknown = true;
        Self {
            strict: Codec::new(options),
            lenient: Codec::new(lenient),
            telling: Codec::new(telling),
        }
    }

    fn answer(&mut self, message: &MessageType, request: Request) -> Answer {
        let codec = match request.category {
            IGNORE_UNKNOWN => &mut self.lenient,
            _ if request.print_unknown => &mut self.telling,
            _ => &mut self.strict,
        };
        let mut wire = Vec::new();
        let mut input = None;
        let parsed: Result<(), CodecError> = match request.payload {
            Some(Payload::Protobuf(bytes)) => codec.normalize(message, input.insert(bytes), &mut wire),
            Some(Payload::Json(json)) => codec.json_to_wire(message, &json, &mut wire),
            Some(Payload::Text(text)) => codec.textproto_to_wire(message, &text, &mut wire),
            Some(Payload::Jspb(_)) | None => return Answer::Skipped("no such input format".to_owned()),
        };
        if let Err(error) = parsed {
            return Answer::ParseError(error.to_string());
        }
        // As they came: bytes in an odd order take a walk of their own.
        let input = input.as_ref().unwrap_or(&wire);
        let mut out = Vec::new();
        let written = match request.output {
            PROTOBUF => return Answer::Protobuf(wire),
            JSON => codec.wire_to_json(message, input, &mut out).map(|()| Answer::Json(out)),
            TEXT => codec
                .wire_to_textproto(message, input, &mut out)
                .map(|()| Answer::Text(out)),
            _ => return Answer::Skipped("no such output format".to_owned()),
        };
        written.unwrap_or_else(|error| Answer::SerializeError(error.to_string()))
    }
}
