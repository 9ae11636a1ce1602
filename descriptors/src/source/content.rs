//! What bytes are, told by themselves: endings lie, and pipes have none.

use std::fmt;

use crate::raw::{Fields, Value, WireError};

/// How a descriptor set may be compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        })
    }
}

/// The compression that the first bytes announce. No descriptor set starts like that.
pub(super) fn compression(bytes: &[u8]) -> Option<Compression> {
    match bytes {
        [0x1f, 0x8b, ..] => Some(Compression::Gzip),
        // A frame, or a skippable one before it.
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Compression::Zstd),
        _ => None,
    }
}

/// What bytes look like that are no descriptor set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Other {
    #[error("it is empty")]
    Empty,
    #[error("it looks like a list of JSON, and a descriptor set is one object")]
    JsonList,
    /// Perhaps a set.
    #[error("it looks like JSON")]
    Json,
    /// Perhaps a set in the text format.
    #[error("it looks like a descriptor set in the text format")]
    TextSet,
    #[error("it looks like protobuf source, not like a descriptor set")]
    Proto,
    #[error("it is a Git LFS pointer, not the file that it stands for")]
    LfsPointer,
    #[error("it looks like a web page, not like a descriptor set")]
    Html,
    #[error("it looks like text, but not like a descriptor set")]
    Text,
    #[error("it is a single file (FileDescriptorProto), not a set of files (FileDescriptorSet)")]
    SingleFile,
    #[error("it looks like {0}, not like a descriptor set")]
    Kind(&'static str),
    #[error("it is compressed twice")]
    Compressed,
    #[error("it starts as a descriptor set, but is damaged after {good} good bytes: {error}")]
    Damaged { good: usize, error: WireError },
    #[error("it is no descriptor set: {0}")]
    Unknown(WireError),
    #[error("it is no descriptor set: it has no file in it")]
    NoFile,
}

pub(super) const MAKE: &str = "make a descriptor set: `buf build -o api.binpb`, or `protoc --include_imports --include_source_info -o api.binpb FILE`";

impl Other {
    /// How to get a descriptor set instead.
    pub(super) fn mend(self) -> &'static str {
        match self {
            Self::Proto => "give the file the ending .proto",
            Self::LfsPointer => "fetch the file: `git lfs pull`",
            Self::Compressed => "compress it once, with gzip or zstd",
            Self::Damaged { .. } => "copy or make it anew: it is cut off or damaged",
            _ => MAKE,
        }
    }
}

/// Guesses what `bytes` are, given where and why reading them as a set failed.
pub(super) fn guess(bytes: &[u8], failure: Option<(usize, WireError)>) -> Other {
    if bytes.is_empty() {
        return Other::Empty;
    }
    if compression(bytes).is_some() {
        return Other::Compressed;
    }
    if let Some(kind) = magic(bytes) {
        return Other::Kind(kind);
    }
    if let Some(text) = text(bytes) {
        return text;
    }
    match failure {
        None if is_single_file(bytes) => Other::SingleFile,
        None => Other::NoFile,
        Some((good, error)) if good > 0 => Other::Damaged { good, error },
        Some((_, error)) => Other::Unknown(error),
    }
}

/// Formats that open with a mark of their own.
fn magic(bytes: &[u8]) -> Option<&'static str> {
    let marks: [(&[u8], &str); 9] = [
        (b"\x7fELF", "an executable"),
        (b"MZ", "an executable"),
        (b"\xcf\xfa\xed\xfe", "an executable"),
        (b"\0asm", "a WebAssembly module"),
        (b"PK\x03\x04", "a zip archive"),
        (b"\xfd7zXZ\0", "an xz file"),
        (b"BZh", "a bzip2 file"),
        (b"\x89PNG", "a picture"),
        (b"%PDF", "a PDF document"),
    ];
    marks
        .iter()
        .find(|(mark, _)| bytes.starts_with(mark))
        .map(|(_, kind)| *kind)
}

/// How much of a text is looked at.
const LOOKED_AT: usize = 4096;

fn text(bytes: &[u8]) -> Option<Other> {
    let start = bytes.get(..LOOKED_AT).unwrap_or(bytes);
    let printable = |byte: &u8| *byte >= 0x20 && *byte != 0x7f || matches!(byte, b'\t' | b'\n' | b'\r');
    // A descriptor set is full of control characters: tags and lengths.
    if !start.iter().all(printable) {
        return None;
    }
    let start = match std::str::from_utf8(start) {
        Ok(text) => text,
        // The look may end in the middle of a letter.
        Err(error) if error.error_len().is_none() => std::str::from_utf8(start.get(..error.valid_up_to())?).ok()?,
        Err(_) => return None,
    };
    let start = start.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']);
    let lower = start.to_ascii_lowercase();
    Some(match () {
        () if start.starts_with('{') => Other::Json,
        () if is_json_list(start) => Other::JsonList,
        () if is_text_set(start) => Other::TextSet,
        () if start.starts_with("version https://git-lfs") => Other::LfsPointer,
        () if lower.starts_with("<!doctype") || lower.starts_with("<html") => Other::Html,
        () if start.contains("syntax =") || start.contains("edition =") || start.contains("syntax=") => Other::Proto,
        () => Other::Text,
    })
}

/// A list of objects: a bracket alone starts many another format.
fn is_json_list(text: &str) -> bool {
    let list = text.strip_prefix('[').map(str::trim_start);
    list.is_some_and(|list| list.starts_with('{'))
}

/// The text format of a set: after comments, the field `file`.
fn is_text_set(text: &str) -> bool {
    let mut rest = text.trim_start();
    while rest.starts_with('#') {
        rest = rest.split_once('\n').map_or("", |(_, rest)| rest).trim_start();
    }
    let value = rest.strip_prefix("file").map(str::trim_start);
    let value = value.map(|value| value.strip_prefix(':').unwrap_or(value).trim_start());
    value.is_some_and(|value| value.starts_with(['{', '<', '[']))
}

/// Whether it reads as a `FileDescriptorProto`: a name, and only fields that one has.
fn is_single_file(bytes: &[u8]) -> bool {
    let named = |field| matches!(field, Ok((1, Value::Bytes(name))) if std::str::from_utf8(name).is_ok());
    let known = |field| matches!(field, Ok((1..=15, Value::Bytes(_) | Value::Varint(_))));
    Fields::new(bytes).any(named) && Fields::new(bytes).all(known) && Fields::new(bytes).count() > 1
}
