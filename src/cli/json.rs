//! How JSON is written and read by commands that serve nothing.

use std::io::{self, Cursor, Read};

use descant::JsonOptions;

use super::args::Json;

/// What some editors, of Windows above all, set before a text: U+FEFF.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// The same without a mark before it. Of what has none no more than a byte is waited for.
pub(super) fn unmarked(mut reader: impl Read) -> io::Result<impl Read> {
    let mut start = Vec::new();
    while start.len() < MARK.len() && MARK.starts_with(&start) {
        if reader.by_ref().take(1).read_to_end(&mut start)? == 0 {
            break;
        }
    }
    if start == MARK {
        start.clear();
    }
    Ok(Cursor::new(start).chain(reader))
}

/// What the command line says of JSON.
pub(super) fn options(args: &Json, depth: u32) -> JsonOptions {
    let mut options = JsonOptions::default();
    options.pretty = args.pretty;
    options.emit_defaults = args.emit_defaults;
    options.proto_names = args.proto_names;
    options.enums_as_numbers = args.enums_as_numbers;
    options.integers_as_numbers = args.integers_as_numbers;
    options.ignore_unknown = args.ignore_unknown;
    options.depth = depth;
    options
}

/// What to do where a message nests deeper than this limit of the command line, if that is what this is about.
pub(super) fn deeper(what: &str, depth: u32) -> Option<String> {
    let is_too_deep = what.contains(&format!("nest deeper than the limit `depth` of {depth}"));
    let can_be_deeper = is_too_deep && depth < JsonOptions::MOST_DEPTH;
    can_be_deeper.then(|| format!("--depth N takes deeper ones, up to {}", JsonOptions::MOST_DEPTH))
}
