//! How JSON is written and read by commands that serve nothing.

use descant::JsonOptions;

use super::args::Json;

/// What the command line says of JSON.
pub(super) fn options(args: &Json) -> JsonOptions {
    let mut options = JsonOptions::default();
    options.pretty = args.pretty;
    options.emit_defaults = args.emit_defaults;
    options.proto_names = args.proto_names;
    options.enums_as_numbers = args.enums_as_numbers;
    options.integers_as_numbers = args.integers_as_numbers;
    options.ignore_unknown = args.ignore_unknown;
    options
}
