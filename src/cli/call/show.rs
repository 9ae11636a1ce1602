//! What is printed of a call that goes well.

use std::{
    fmt,
    io::{self, IsTerminal as _, Write as _},
    time::{Duration, Instant},
};

use descant::{
    JsonOptions,
    handlers::{Message, Metadata, Phases, Status},
};
use descant_descriptors::{Codec, CodecError, MessageType, Method};

use super::{Ended, types::Types};
use crate::cli::{
    args::{Call, Protocol, ReplyFormat},
    failure::{Failure, Kind},
    json, screen,
};

/// Where replies and what is told of them go.
pub(super) struct Screen {
    format: ReplyFormat,
    codec: Codec,
    verbose: u8,
    quiet: bool,
    terminal: bool,
    address: String,
    /// The protocol, for people.
    spoken: &'static str,
    pub(super) timing: Timing,
}

/// How long the parts of a call took.
pub(super) struct Timing {
    started: Instant,
    http2: bool,
    pub(super) phases: Option<Phases>,
    pub(super) reflection: Option<Duration>,
    /// When the call began.
    pub(super) sent: Option<Instant>,
    first_reply: Option<Duration>,
}

impl Screen {
    pub(super) fn new(args: &Call, started: Instant) -> Self {
        let terminal = io::stdout().is_terminal();
        let usual = if terminal || args.json.pretty {
            ReplyFormat::Pretty
        } else {
            ReplyFormat::Json
        };
        let format = args.format.unwrap_or(usual);
        let mut options: JsonOptions = json::options(&args.json, args.depth);
        options.pretty = format == ReplyFormat::Pretty;
        // --max-message bounds what is taken in, of which there is more as JSON.
        options.limit = options.limit.max(args.max_message.saturating_mul(8));
        Self {
            format,
            codec: Codec::new(options),
            verbose: args.verbose,
            quiet: args.quiet,
            terminal,
            address: screen::escape(&args.address).into_owned(),
            spoken: match (args.protocol, args.http1) {
                (Protocol::Grpc, _) => "gRPC",
                (Protocol::GrpcWeb, false) => "gRPC-Web",
                (Protocol::GrpcWeb, true) => "gRPC-Web, HTTP/1.1",
                (Protocol::Connect, false) => "Connect",
                (Protocol::Connect, true) => "Connect, HTTP/1.1",
                (Protocol::Rest, false) => "REST",
                (Protocol::Rest, true) => "REST, HTTP/1.1",
            },
            timing: Timing {
                started,
                http2: !args.http1,
                phases: None,
                reflection: None,
                sent: None,
                first_reply: None,
            },
        }
    }

    /// A codec with the options of the command line.
    pub(super) fn codec(&self) -> Codec {
        Codec::new(self.codec.options().clone())
    }

    /// Whether the sizes of messages are told.
    pub(super) fn sizes(&self) -> bool {
        self.verbose > 1
    }

    pub(super) fn request(&self, method: &Method, metadata: &Metadata) {
        if self.verbose > 0 {
            let name = method.path().trim_start_matches('/');
            line(format_args!("> {name} at {} ({})", self.address, self.spoken));
            fields("> ", metadata);
        }
    }

    pub(super) fn head(&mut self, metadata: &Metadata) {
        if self.verbose > 0 {
            fields("< ", metadata);
        }
    }

    pub(super) fn trailers(&self, metadata: &Metadata) {
        if self.verbose > 0 {
            line(format_args!("< OK"));
            fields("< trailer ", metadata);
        }
    }

    /// A call that ends with a status.
    pub(super) fn failed(&self, status: Status) -> Ended {
        if self.verbose > 0 {
            fields("< ", status.head());
            line(format_args!("< {}", status.code()));
            fields("< trailer ", status.metadata());
        }
        Ended::Status(status)
    }

    /// Prints a reply; `false`: nobody reads any more.
    pub(super) async fn reply(
        &mut self,
        message: &Message,
        output: &MessageType,
        types: &Types,
    ) -> Result<bool, Ended> {
        let sent = self.timing.sent;
        self.timing.first_reply = self.timing.first_reply.or_else(|| sent.map(|sent| sent.elapsed()));
        if self.sizes() {
            line(format_args!("< message of {} bytes", message.wire_len()));
        }
        // It may be too large, or no compressed bytes.
        let wire = message.clone().into_wire().map_err(|status| self.failed(status))?;
        if self.quiet {
            return Ok(true);
        }
        let (format, depth) = (self.format, self.codec.options().depth);
        let write = |output: &MessageType, codec: &mut Codec| {
            let mut out = Vec::new();
            match format {
                ReplyFormat::Json | ReplyFormat::Pretty => codec.wire_to_json(output, &wire, &mut out)?,
                ReplyFormat::Text => codec.wire_to_textproto(output, &wire, &mut out)?,
            }
            Ok(out)
        };
        let written = types.convert(output, &mut self.codec, |_| false, write).await;
        let mut out = written.map_err(|error: CodecError| {
            let what = format!(
                "the reply is no {}: {}",
                output.full_name(),
                screen::escape(&error.to_string())
            );
            Failure::new(Kind::Data, what, unreadable(&error, format, depth))
        })?;
        out.push(b'\n');
        Ok(self.write(&out)?)
    }

    fn write(&self, data: &[u8]) -> Result<bool, Failure> {
        let shown = if self.terminal {
            let text = String::from_utf8_lossy(data);
            let escaped = match self.format {
                ReplyFormat::Json | ReplyFormat::Pretty => screen::escape_json(&text),
                ReplyFormat::Text => screen::escape_lines(&text),
            };
            escaped.into_owned().into_bytes()
        } else {
            data.to_vec()
        };
        let mut out = io::stdout().lock();
        match out.write_all(&shown).and_then(|()| out.flush()) {
            Ok(()) => Ok(true),
            // `| head` is content.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
            Err(error) => Err(Failure::new(
                Kind::Other,
                format!("standard output cannot be written: {error}"),
                "",
            )),
        }
    }

    /// How long it took.
    pub(super) fn finish(&self) {
        if self.verbose > 0 {
            line(format_args!("= {}", self.timing));
        }
    }
}

/// What to do about a reply that is not shown.
fn unreadable(error: &CodecError, format: ReplyFormat, depth: u32) -> String {
    json::deeper(error.what(), depth).unwrap_or_else(|| {
        let others = "are these the descriptors of the server?";
        match format {
            ReplyFormat::Text => others.to_owned(),
            // It has a form for values that ProtoJSON refuses.
            ReplyFormat::Json | ReplyFormat::Pretty => format!("--format text may show it all the same; {others}"),
        }
    })
}

impl fmt::Display for Timing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phases = self.phases.unwrap_or_default();
        let connected = self.phases.is_some();
        let parts = [
            ("lookup", connected.then_some(phases.lookup)),
            ("connect", connected.then_some(phases.connect)),
            ("TLS", phases.tls),
            ("HTTP/2", connected.then_some(phases.greeting).filter(|_| self.http2)),
            ("reflection", self.reflection),
            ("first reply", self.first_reply),
        ];
        for (name, time) in parts {
            if let Some(time) = time {
                write!(f, "{name} {}, ", Self::told(time))?;
            }
        }
        let total = Self::told(self.started.elapsed());
        write!(f, "total {total}")
    }
}

/// A line on standard error.
pub(super) fn line(text: fmt::Arguments<'_>) {
    let text = text.to_string();
    // A closed standard error leaves nobody to tell.
    let _ = writeln!(anstream::stderr().lock(), "{}", screen::escape(&text));
}

fn fields(before: &str, metadata: &Metadata) {
    for (name, value) in metadata.iter() {
        // Base64 for names that end in -bin, as on the wire.
        let value = String::from_utf8_lossy(value);
        line(format_args!("{before}{name}: {value}"));
    }
}
