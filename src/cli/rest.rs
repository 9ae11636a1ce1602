//! How HTTP and JSON are spoken, by the command line.

use descant::{JsonOptions, RestOptions};
use descant_descriptors::UnknownParameters;

use super::args::{Json, Rest};

/// What the command line says of REST.
pub(super) fn options(args: &Rest) -> RestOptions {
    let mut options = RestOptions::default();
    options.json = json(&args.json);
    options.bind.fill_update_mask = !args.no_update_mask;
    options.bind.unknown_parameters = match args.ignore_parameter.as_slice() {
        [] => UnknownParameters::Refuse,
        names if names.iter().any(|name| name == "*") => UnknownParameters::Ignore,
        names => UnknownParameters::IgnoreNamed(names.to_vec()),
    };
    options.unbound_methods = args.unbound_methods;
    options
}

/// What the command line says of JSON.
pub(super) fn json(args: &Json) -> JsonOptions {
    let mut options = JsonOptions::default();
    options.pretty = args.pretty;
    options.emit_defaults = args.emit_defaults;
    options.proto_names = args.proto_names;
    options.enums_as_numbers = args.enums_as_numbers;
    options.integers_as_numbers = args.integers_as_numbers;
    options.ignore_unknown = args.ignore_unknown;
    options
}
