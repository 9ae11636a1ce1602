//! `descant convert`: one message from one form into another.

use std::{
    io::{self, IsTerminal as _, Read as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use descant_descriptors::{Codec, CodecError, JsonOptions, MessageType, Schema};

use super::{
    args::{Convert, MessageFormat},
    failure::{Failure, Kind},
    json,
    screen::{self, Tone},
    sources,
};

/// Reads a message, and writes it in the other form.
pub(crate) fn run(args: &Convert) -> Result<ExitCode, Failure> {
    let from = format(args.from, file(args.input.as_ref()), "--from")?;
    let to = format(args.to, file(args.output.as_ref()), "--to")?;
    if to == MessageFormat::Binpb && file(args.output.as_ref()).is_none() && io::stdout().is_terminal() {
        return Err(Failure::new(
            Kind::Usage,
            "binpb is binary, and standard output is a terminal",
            "redirect it, give --output FILE, or ask for --to json or --to txtpb",
        ));
    }
    let schema = sources::load(&args.paths, &[]).map_err(|error| sources::refused(&error))?;
    let message = message(&schema, &args.message)?;
    let input = read(file(args.input.as_ref()), from)?;
    let mut codec = Codec::new(options(args));
    let wire = to_wire(&mut codec, &message, input, from).map_err(|error| refused(args, from, &error))?;
    let out = from_wire(&mut codec, &message, &wire, to).map_err(|error| match from {
        MessageFormat::Binpb => refused(args, from, &error),
        _ => inexpressible(args, to, &error),
    })?;
    write(file(args.output.as_ref()), &out)?;
    tell_lost(codec.unknown_fields(), to);
    Ok(ExitCode::SUCCESS)
}

/// A file; `-` is standard input or output, as if nothing had been named.
fn file(path: Option<&PathBuf>) -> Option<&Path> {
    path.map(PathBuf::as_path).filter(|path| *path != Path::new("-"))
}

/// The format that was asked for, or else the one that a file's ending says.
fn format(asked: Option<MessageFormat>, path: Option<&Path>, flag: &str) -> Result<MessageFormat, Failure> {
    let ending = path.and_then(Path::extension).and_then(|ending| ending.to_str());
    let told = match ending.unwrap_or_default().to_ascii_lowercase().as_str() {
        "json" => Some(MessageFormat::Json),
        "binpb" | "pb" | "bin" => Some(MessageFormat::Binpb),
        "txtpb" | "textproto" | "prototxt" | "pbtxt" | "textpb" => Some(MessageFormat::Txtpb),
        _ => None,
    };
    asked.or(told).ok_or_else(|| {
        let what = match path {
            Some(path) => format!("the ending of `{}` does not say what it is", sources::shown(path)),
            None => "a pipe does not say what is in it".to_owned(),
        };
        Failure::new(
            Kind::Usage,
            what,
            format!("give {flag} json, {flag} binpb or {flag} txtpb"),
        )
    })
}

fn options(args: &Convert) -> JsonOptions {
    let mut options = json::options(&args.json, args.depth);
    options.print_unknown = args.print_unknown;
    options.redact = args.redact;
    // Who converts has the data, and room for it.
    options.limit = usize::MAX;
    options
}

fn message(schema: &Schema, name: &str) -> Result<MessageType, Failure> {
    let name = name.trim_start_matches('.');
    schema.message(name).ok_or_else(|| {
        if let Some(symbol) = schema.symbol(name) {
            return sources::another("a message", &symbol);
        }
        let mut nearest = schema.nearest_symbols(name);
        nearest.retain(|name| schema.message(name).is_some());
        sources::unknown("message", name, &nearest)
    })
}

fn read(path: Option<&Path>, from: MessageFormat) -> Result<Vec<u8>, Failure> {
    let mut input = Vec::new();
    let result = match path {
        Some(path) => std::fs::File::open(path).and_then(|file| read_all(file, from, &mut input)),
        None => read_all(io::stdin().lock(), from, &mut input),
    };
    match result {
        Ok(_) => Ok(input),
        Err(error) => Err(Failure::new(
            Kind::Other,
            format!("{} cannot be read: {error}", source(path)),
            "",
        )),
    }
}

fn read_all(mut reader: impl io::Read, from: MessageFormat, input: &mut Vec<u8>) -> io::Result<usize> {
    match from {
        MessageFormat::Json => json::unmarked(reader)?.read_to_end(input),
        MessageFormat::Binpb | MessageFormat::Txtpb => reader.read_to_end(input),
    }
}

/// What the message comes from, for reports.
fn source(path: Option<&Path>) -> String {
    path.map_or_else(|| "standard input".to_owned(), sources::shown)
}

/// Whatever it is, by way of the wire.
fn to_wire(
    codec: &mut Codec,
    message: &MessageType,
    input: Vec<u8>,
    from: MessageFormat,
) -> Result<Vec<u8>, CodecError> {
    let mut wire = Vec::new();
    match from {
        MessageFormat::Json => codec.json_to_wire(message, &input, &mut wire)?,
        MessageFormat::Binpb => return Ok(input),
        MessageFormat::Txtpb => codec.textproto_to_wire(message, &input, &mut wire)?,
    }
    Ok(wire)
}

/// Binary form is canonical.
fn from_wire(codec: &mut Codec, message: &MessageType, wire: &[u8], to: MessageFormat) -> Result<Vec<u8>, CodecError> {
    let mut out = Vec::new();
    match to {
        MessageFormat::Json => {
            codec.wire_to_json(message, wire, &mut out)?;
            out.push(b'\n');
        }
        MessageFormat::Binpb => codec.normalize(message, wire, &mut out)?,
        MessageFormat::Txtpb => codec.wire_to_textproto(message, wire, &mut out)?,
    }
    Ok(out)
}

fn refused(args: &Convert, from: MessageFormat, error: &CodecError) -> Failure {
    let (name, form) = (args.message.trim_start_matches('.'), form(from));
    let source = source(file(args.input.as_ref()));
    let mend = json::deeper(error.what(), args.depth).unwrap_or_default();
    Failure::new(
        Kind::Data,
        format!("{source} is no {name} in {form} form\n{error}"),
        mend,
    )
}

/// It is such a message, but the other form can't say all of it. Where that stands on the wire tells nobody anything.
fn inexpressible(args: &Convert, to: MessageFormat, error: &CodecError) -> Failure {
    let (source, form) = (source(file(args.input.as_ref())), form(to));
    let (told, place) = (error.to_string(), format!(" ({})", error.place()));
    let what = told.strip_suffix(&place).unwrap_or(&told);
    Failure::new(
        Kind::Data,
        format!("the message in {source} has no {form} form\n{what}"),
        json::deeper(what, args.depth).unwrap_or_default(),
    )
}

/// A format, for people.
fn form(format: MessageFormat) -> &'static str {
    match format {
        MessageFormat::Json => "JSON",
        MessageFormat::Binpb => "binary",
        MessageFormat::Txtpb => "text",
    }
}

fn write(path: Option<&Path>, out: &[u8]) -> Result<(), Failure> {
    let Some(path) = path else {
        return screen::write(out);
    };
    std::fs::write(path, out).map_err(|error| {
        let what = format!("{} cannot be written: {error}", sources::shown(path));
        Failure::new(Kind::Other, what, "")
    })
}

/// What the new form has no place for.
fn tell_lost(unknown: u64, to: MessageFormat) {
    if unknown == 0 {
        return;
    }
    let (fields, mend) = (
        super::check::plural(unknown.try_into().unwrap_or(usize::MAX), "unknown field"),
        match to {
            MessageFormat::Txtpb => "--print-unknown writes them by number",
            _ => "--to binpb keeps them, --to txtpb --print-unknown shows them",
        },
    );
    screen::tell(Tone::Warning, format!("{fields} left out"));
    screen::tell(Tone::Hint, mend);
}
