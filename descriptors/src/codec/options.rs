//! How JSON and the text format are written and read.

/// Settings of ProtoJSON, whose defaults they have. For the text format those count that it has a use for: defaults,
/// enums by number, what is unknown, masking, the limit.
#[allow(clippy::struct_excessive_bools)] // Each is a setting of its own, named by the specification.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct JsonOptions {
    /// Write fields that are not set, where they have no presence: numbers as 0, lists as `[]`. Extensions are not among
    /// them, nor are fields with presence, whatever their default: as `always_print_fields_with_no_presence` of C++ has it.
    pub emit_defaults: bool,
    /// Write `field_name` instead of `fieldName`. Both are read.
    pub proto_names: bool,
    /// Write enums by number. Both are read.
    pub enums_as_numbers: bool,
    /// Write 64-bit integers without quotes. Both are read.
    pub integers_as_numbers: bool,
    /// Skip unknown members and unknown names of enum values instead of refusing them.
    pub ignore_unknown: bool,
    /// Write `"[REDACTED]"` for fields with the option `debug_redact`, and for the content of an `Any` that can't be
    /// looked into: for logs and captures.
    pub redact: bool,
    /// Write unknown fields by number. JSON has no form for them; the text format has one, for people: no reader takes it
    /// back.
    pub print_unknown: bool,
    /// Write one member a line, indented by two blanks a level.
    pub pretty: bool,
    /// How many bytes are written at most. Default: 64 MiB. A few bytes of wire can stand for many of JSON.
    pub limit: usize,
    /// How deep messages may nest, what is read and what is written. Default: 100, as in protobuf's own implementations (their
    /// `RecursionLimit`); more than [`MOST_DEPTH`](Self::MOST_DEPTH) counts as that.
    ///
    /// A message is one level, and so is each message, group or `Any` in it; an array or object in a `google.protobuf.Value` is two, and
    /// an entry of a map is one in the text format alone. Of JSON that is passed over (what is unknown, and what stands before the
    /// `@type` of an `Any`) each array and object is one.
    pub depth: u32,
}

impl Default for JsonOptions {
    fn default() -> Self {
        Self {
            emit_defaults: false,
            proto_names: false,
            enums_as_numbers: false,
            integers_as_numbers: false,
            ignore_unknown: false,
            redact: false,
            print_unknown: false,
            pretty: false,
            limit: 64 << 20,
            depth: 100,
        }
    }
}

impl JsonOptions {
    /// The largest [`depth`](Self::depth).
    ///
    /// A conversion takes room on the stack for each level: up to 2.7 KiB in a build without optimization. So this many take less than
    /// half of the 2 MiB that a thread has.
    pub const MOST_DEPTH: u32 = 256;

    /// Whether JSON is written as by default, so that no field has to ask.
    pub(super) fn are_plain(&self) -> bool {
        let Self {
            emit_defaults,
            proto_names,
            enums_as_numbers,
            integers_as_numbers,
            redact,
            // These change how text is read, what becomes of the whole, or the text format.
            ignore_unknown: _,
            print_unknown: _,
            pretty: _,
            limit: _,
            depth: _,
        } = self;
        ![
            emit_defaults,
            proto_names,
            enums_as_numbers,
            integers_as_numbers,
            redact,
        ]
        .contains(&&true)
    }
}
