//! Descriptor sets as text: JSON (`buf build -o api.json`) and the text format (`api.txtpb`).
//!
//! The codec reads them. Custom options stand under the names of extensions, and what those are only the files say, of
//! this set or of others: so a set that has any is read again once all files are there.

use std::{fmt, mem, ops::Range, path::Path, rc::Rc, sync::LazyLock};

use bytes::Bytes;

use super::{
    Loaded, Reader,
    content::{self, Other},
    merge, set,
};
use crate::{
    Codec, CodecError, JsonOptions, LoadLimits, MessageType, Schema, Severity,
    findings::{Findings, Position, Report, Shown},
    shipped,
};

/// How a set is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Json,
    Text,
}

impl Form {
    /// The form of what is no binary set: its content tells, or else its ending.
    pub(super) fn of(other: Other, origin: &str) -> Option<Self> {
        let ending = Path::new(origin).extension().and_then(|ending| ending.to_str());
        match (other, ending) {
            (Other::Json, _) => Some(Self::Json),
            (Other::TextSet, _) | (Other::Text | Other::Proto, Some("txtpb" | "textproto" | "prototxt")) => {
                Some(Self::Text)
            }
            _ => None,
        }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Json => "JSON",
            Self::Text => "text",
        })
    }
}

/// A set with custom options, still to be read with them.
#[derive(Debug)]
pub(super) struct TextSet {
    origin: Rc<str>,
    text: Bytes,
    form: Form,
    /// Where its files are among those that were read.
    files: Range<usize>,
}

const DESCRIPTOR: &str = "google/protobuf/descriptor.proto";
/// What buf adds to each file of an image: how it came to be one, which says nothing of the API.
const OF_BUF: [&str; 2] = ["bufExtension", "buf_extension"];

impl Reader<'_> {
    /// A set as text, for now without the custom options.
    pub(super) fn text_set(&mut self, origin: &str, text: &Bytes, form: Form) {
        static SHIPPED: LazyLock<Option<MessageType>> = LazyLock::new(|| descriptors(&[], LoadLimits::default()).ok());
        let Some(message) = &*SHIPPED else { return };
        let mut codec = codec();
        let Some(files) = self.read_text(&mut codec, message, origin, text, form) else {
            return;
        };
        let origin: Rc<str> = origin.into();
        let start = self.files.len();
        self.files.extend(files.into_iter().map(|bytes| Loaded {
            origin: Rc::clone(&origin),
            bytes,
        }));
        if codec
            .ignored()
            .names()
            .iter()
            .any(|name| !OF_BUF.contains(&name.as_str()))
        {
            self.texts.push(TextSet {
                origin,
                text: text.clone(),
                form,
                files: start..self.files.len(),
            });
        }
    }

    /// Reads sets again that have custom options, with what all files together define.
    pub(super) fn complete(&mut self, limits: LoadLimits) {
        let texts = mem::take(&mut self.texts);
        if texts.is_empty() {
            return;
        }
        // Files that contradict each other are reported when all is merged.
        let files = merge::merge(self.files.clone(), &mut Findings::default());
        match descriptors(&files, limits) {
            Ok(message) => texts.into_iter().for_each(|set| self.read_again(&message, set)),
            Err(()) => {
                for set in &texts {
                    self.warn(&set.origin, || Report {
                        what: "its custom options were left out: the files that define them do not load".to_owned(),
                        mend: "mend what is wrong with them".to_owned(),
                        ..Report::default()
                    });
                }
            }
        }
    }

    fn read_again(&mut self, message: &MessageType, set: TextSet) {
        let mut codec = codec();
        let Some(files) = self.read_text(&mut codec, message, &set.origin, &set.text, set.form) else {
            return;
        };
        let places = self.files.get_mut(set.files).unwrap_or_default();
        for (place, bytes) in places.iter_mut().zip(files) {
            place.bytes = bytes;
        }
        let ignored = codec.ignored();
        for name in ignored.names().iter().filter(|name| !OF_BUF.contains(&name.as_str())) {
            self.warn(&set.origin, || left_out(&format!("`{}`", Shown(name))));
        }
        if ignored.has_more() {
            self.warn(&set.origin, || left_out("more of that kind"));
        }
    }

    /// The files of a set; `None`: it was refused.
    fn read_text(
        &mut self,
        codec: &mut Codec,
        message: &MessageType,
        origin: &str,
        text: &[u8],
        form: Form,
    ) -> Option<Vec<Bytes>> {
        match wire(codec, message, text, form) {
            Ok(wire) => match set::split(&wire.into()) {
                Ok(files) => return Some(files),
                Err(_) => self.refuse(origin, format!("it is {form}, but has no file in it"), content::MAKE),
            },
            Err(error) => self.refuse(
                origin,
                format!("it is {form}, but no descriptor set: {error}"),
                content::MAKE,
            ),
        }
        None
    }

    fn warn(&mut self, origin: &str, report: impl FnOnce() -> Report) {
        self.findings.add(Severity::Warning, Position::default(), || Report {
            file: origin.to_owned(),
            ..report()
        });
    }
}

fn left_out(what: &str) -> Report {
    Report {
        what: format!("{what} was left out: nothing that is loaded defines it"),
        mend: "load what defines it too, or make a binary set: `buf build -o api.binpb`".to_owned(),
        ..Report::default()
    }
}

/// What it does not know it passes over, and tells.
fn codec() -> Codec {
    Codec::new(JsonOptions {
        ignore_unknown: true,
        ..JsonOptions::default()
    })
}

/// The set in canonical order, so that the same file is the same bytes whatever it was written in.
fn wire(codec: &mut Codec, message: &MessageType, text: &[u8], form: Form) -> Result<Vec<u8>, CodecError> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let (mut wire, mut canonical) = (Vec::new(), Vec::new());
    match form {
        Form::Json => {
            codec.json_to_wire(message, text, &mut wire)?;
            codec.normalize(message, &wire, &mut canonical)?;
        }
        Form::Text => codec.textproto_to_wire(message, text, &mut canonical)?,
    }
    Ok(canonical)
}

/// `FileDescriptorSet` with all extensions that these files define.
fn descriptors(files: &[Bytes], limits: LoadLimits) -> Result<MessageType, ()> {
    let has_own = files
        .iter()
        .any(|file| merge::name(file) == Some(DESCRIPTOR.as_bytes()));
    let shipped = shipped::file(DESCRIPTOR).filter(|_| !has_own);
    let schema = Schema::builder()
        .bytes("", set::join(files.iter().chain(&shipped)))
        .limits(limits);
    let schema = schema.build().map_err(drop)?;
    schema.message("google.protobuf.FileDescriptorSet").ok_or(())
}
