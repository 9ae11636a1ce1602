//! Wire bytes to JSON or the text format and back, straight along the tables: no tree of values in between.
//!
//! ```text
//! wire -> to_json (straight, else indexed) -> print -> JSON
//! JSON -> to_wire (reader -> members, scalars, well-known types -> writer) -> wire
//! text -> text/read -> normal -> wire;  wire -> normal -> text/print -> text
//! ```
//!
//! Source: ProtoJSON, <https://protobuf.dev/programming-guides/json/>, and protobuf's conformance suite where that is
//! silent.

#![allow(clippy::unnecessary_box_returns)] // Faults travel boxed: results are one or two words wide.

mod base64;
mod decimal;
mod depth;
mod error;
mod item;
mod lanes;
mod leaves;
mod mask;
mod names;
mod normal;
mod options;
mod page;
mod pieces;
mod print;
mod required;
mod scratch;
mod text;
mod time;
mod to_json;
mod to_wire;
mod wire;

use std::fmt;

use self::{
    depth::Depth,
    error::Fault,
    normal::Entries,
    page::Page,
    scratch::Scratch,
    text::{FromText, Print},
    to_json::{ToJson, too_long},
    to_wire::FromJson,
};
use crate::MessageType;

pub(crate) use error::shown;
pub use error::{CodecError, Place};
pub(crate) use leaves::{Leaf, Leaves};
pub(crate) use names::Names;
pub use options::JsonOptions;
pub(crate) use page::{PADDING, Prefix};
pub(crate) use pieces::{Clash, Pieces, Spliced, put_bytes, put_length, put_message};

/// Offsets into a message are kept in 32 bits; the output may be several times as long.
const LONGEST: usize = 256 << 20;

/// Converts messages between wire bytes and JSON, or the text format.
///
/// It owns the buffers that a conversion needs, and appends to one that the caller owns. So a codec that is kept
/// allocates nothing once its buffers have grown. It serves messages of any schema, one after another.
///
/// ```
/// use descant_descriptors::{Builtin, Codec, Schema};
///
/// let schema = Schema::builder().builtin(Builtin::Health).build()?;
/// let request = schema.message("grpc.health.v1.HealthCheckRequest").ok_or("no such message")?;
/// let (mut codec, mut wire, mut json) = (Codec::default(), Vec::new(), Vec::new());
/// codec.json_to_wire(&request, br#"{"service": "a.B"}"#, &mut wire)?;
/// assert_eq!(wire, b"\x0a\x03a.B");
/// codec.wire_to_json(&request, &wire, &mut json)?;
/// assert_eq!(json, br#"{"service":"a.B"}"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Default)]
pub struct Codec {
    options: JsonOptions,
    scratch: Scratch,
    /// JSON or text while it grows.
    page: Page,
    /// A message on its way from text, or to it.
    wire: Vec<u8>,
    unknown: u64,
}

impl Codec {
    /// A codec with these settings.
    pub fn new(options: JsonOptions) -> Self {
        Self {
            options,
            ..Self::default()
        }
    }

    /// Its settings.
    pub fn options(&self) -> &JsonOptions {
        &self.options
    }

    /// How deep messages may nest.
    pub(crate) fn depth(&self) -> Depth {
        Depth::new(&self.options)
    }

    /// How many fields the last [`Codec::wire_to_json`] or [`Codec::wire_to_textproto`] left out because they are unknown.
    pub fn unknown_fields(&self) -> u64 {
        self.unknown
    }

    /// Full names of the types, each once and up to 100, that the last conversion met in a `google.protobuf.Any` and that the schema does
    /// not have: JSON has their bytes in base64 then, and a message that is read from other JSON, or from text, is an error.
    pub fn missing_types(&self) -> &[String] {
        self.scratch.missing.names()
    }

    /// The paths of required fields (proto2, and `LEGACY_REQUIRED` of editions) that a message lacks, up to 20 of them. Conversions do not ask
    /// for them. The message is taken to be in one piece, as the codec writes it, and what stands in a `google.protobuf.Any` is not looked into.
    pub fn missing_fields(message: &MessageType, wire: &[u8]) -> Vec<String> {
        required::missing(&message.schema().0, index(message), wire)
    }

    /// What the last conversion to wire skipped because it is unknown.
    pub(crate) fn ignored(&self) -> &Names {
        &self.scratch.ignored
    }

    /// Appends the JSON form of a message to `json`. After an error `json` is as it was.
    ///
    /// Whatever is legal on the wire is rendered: fields in any order and messages in pieces too.
    pub fn wire_to_json(&mut self, message: &MessageType, wire: &[u8], json: &mut Vec<u8>) -> Result<(), CodecError> {
        self.render(message, wire).map_err(Fault::on_wire)?;
        self.deliver(json, wire.len())
    }

    /// Hands over what was rendered. An error is about the end of the input.
    fn deliver(&self, json: &mut Vec<u8>, end: usize) -> Result<(), CodecError> {
        let (text, limit) = (self.page.text(), self.options.limit);
        if text.len() > limit || self.options.pretty && !print::pretty(text, json, limit) {
            return Err(too_long(limit, end).on_wire());
        }
        if !self.options.pretty {
            json.extend_from_slice(text);
        }
        Ok(())
    }

    /// Indents compact JSON as [`JsonOptions::pretty`] has it. `None`: it would take more than `limit` bytes.
    pub fn indented(compact: &[u8], limit: usize) -> Option<Vec<u8>> {
        let mut json = Vec::new();
        print::pretty(compact, &mut json, limit).then_some(json)
    }

    fn render(&mut self, message: &MessageType, wire: &[u8]) -> Result<(), Box<Fault>> {
        check_length(wire)?;
        if self.options.are_plain() {
            self.walk(message, wire, |walk: &mut ToJson<'_, '_, true>| {
                walk.run(index(message))
            })
        } else {
            self.walk(message, wire, |walk: &mut ToJson<'_, '_, false>| {
                walk.run(index(message))
            })
        }
    }

    /// Runs a walk that writes to a page without text.
    fn walk<'a, const PLAIN: bool, T>(
        &mut self,
        message: &'a MessageType,
        wire: &'a [u8],
        run: impl FnOnce(&mut ToJson<'a, '_, PLAIN>) -> T,
    ) -> T {
        self.page.clear();
        self.scratch.keys.clear();
        self.scratch.occurrences.clear();
        self.scratch.missing.clear();
        let mut walk = ToJson {
            tables: &message.schema().0,
            input: wire,
            most: self.options.limit,
            out: &mut self.page,
            scratch: &mut self.scratch,
            options: &self.options,
            depth: Depth::new(&self.options),
            unknown: 0,
            keeps_unknown: false,
            spare: wire.len(),
        };
        let result = run(&mut walk);
        self.unknown = walk.unknown;
        result
    }

    /// Appends the same message in canonical form to `out`, and so tells whether it is one. After an error `out` is as it was.
    ///
    /// Fields stand in the order of their numbers, each once, lists packed as the schema says; unknown fields follow.
    pub fn normalize(&mut self, message: &MessageType, wire: &[u8], out: &mut Vec<u8>) -> Result<(), CodecError> {
        let start = out.len();
        self.canonical(message, wire, Entries::AsTheyCame, out)
            .map_err(|fault| {
                out.truncate(start);
                fault.on_wire()
            })
    }

    fn canonical(
        &mut self,
        message: &MessageType,
        wire: &[u8],
        entries: Entries,
        out: &mut Vec<u8>,
    ) -> Result<(), Box<Fault>> {
        check_length(wire)?;
        let tables = &message.schema().0;
        let how = (self.depth(), entries);
        normal::normalize(tables, index(message), wire, how, &mut self.scratch, out)
    }

    /// Appends the wire form of a message to `wire`. After an error `wire` is as it was.
    pub fn json_to_wire(&mut self, message: &MessageType, json: &[u8], wire: &mut Vec<u8>) -> Result<(), CodecError> {
        let start = wire.len();
        let result = check_length(json).and_then(|()| {
            let tables = &message.schema().0;
            FromJson::new(tables, json, wire, &mut self.scratch, &self.options).run(index(message))
        });
        result.map_err(|fault| {
            wire.truncate(start);
            fault.in_text(json)
        })
    }

    /// Appends a message in the text format to `text`, one field a line, the entries of maps by their keys. After an error `text` is as it was.
    ///
    /// Source: <https://protobuf.dev/reference/protobuf/textformat-spec/>.
    pub fn wire_to_textproto(
        &mut self,
        message: &MessageType,
        wire: &[u8],
        text: &mut Vec<u8>,
    ) -> Result<(), CodecError> {
        let mut canonical = std::mem::take(&mut self.wire);
        canonical.clear();
        self.scratch.missing.clear();
        let result = self
            .canonical(message, wire, Entries::ByKey, &mut canonical)
            .and_then(|()| {
                let tables = &message.schema().0;
                let mut print = Print::new(tables, &mut self.page, &mut self.scratch, &self.options);
                let result = print.message(index(message), &canonical);
                self.unknown = print.unknown;
                result
            });
        self.wire = canonical;
        result.map_err(Fault::on_wire)?;
        text.extend_from_slice(self.page.text());
        Ok(())
    }

    /// Appends the wire form of a message in the text format to `wire`, in canonical order. After an error `wire` is as it
    /// was.
    pub fn textproto_to_wire(
        &mut self,
        message: &MessageType,
        text: &[u8],
        wire: &mut Vec<u8>,
    ) -> Result<(), CodecError> {
        let start = wire.len();
        self.wire.clear();
        let (tables, index) = (&message.schema().0, index(message));
        let result = check_length(text).and_then(|()| {
            FromText::new(tables, text, &mut self.wire, &mut self.scratch, &self.options).run(index)?;
            let how = (self.depth(), Entries::AsTheyCame);
            normal::normalize(tables, index, &self.wire, how, &mut self.scratch, wire)
        });
        result.map_err(|fault| {
            wire.truncate(start);
            fault.in_text(text)
        })
    }
}

fn check_length(input: &[u8]) -> Result<(), Box<Fault>> {
    if input.len() <= LONGEST {
        Ok(())
    } else {
        Err(Fault::new(format!("the message is longer than {LONGEST} bytes"), 0))
    }
}

/// The index of a message among all messages of its schema.
fn index(message: &MessageType) -> u32 {
    u32::try_from(message.index()).unwrap_or(u32::MAX)
}

impl fmt::Debug for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Codec")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
