//! How JSON is written and read by commands that serve nothing.

use descant::JsonOptions;

use super::args::Json;

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
