//! Log lines, on standard error.

use std::io::IsTerminal;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::{Registry, filter::Targets, fmt, layer::SubscriberExt, reload, util::SubscriberInitExt};

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// One JSON object a line, for collectors.
    Json,
}

/// What changes which lines are written.
#[derive(Clone, Debug)]
pub(crate) struct Volume(reload::Handle<Targets, Registry>);

impl Volume {
    /// Writes lines of these levels from now on.
    pub(crate) fn set(&self, level: LevelFilter, payloads: bool) {
        // It fails only if nothing is logged any more.
        let _ = self.0.reload(targets(level, payloads));
    }
}

/// Starts to log, for the whole process; a second start changes nothing.
pub(crate) fn start(format: Format, level: LevelFilter, payloads: bool) -> Volume {
    let (targets, volume) = reload::Layer::new(targets(level, payloads));
    let registry = tracing_subscriber::registry().with(targets);
    // Collectors tell lines apart by it; to people it says where a line comes from in the source, which helps who looks closer.
    let lines = fmt::layer()
        .with_writer(std::io::stderr)
        .with_target(format == Format::Json || level >= LevelFilter::DEBUG);
    let started = match format {
        Format::Text => registry.with(lines.with_ansi(colours())).try_init(),
        Format::Json => registry.with(lines.json().flatten_event(true)).try_init(),
    };
    // The one way to fail is a subscriber that is there already, which then does the work.
    let _ = started;
    Volume(volume)
}

/// Which lines are written.
///
/// Below `TRACE` the libraries that Descant stands on are heard only from `WARN` on: h2 writes
/// several lines a frame. `payloads`: the messages of calls are heard whatever the level, but for `OFF`.
fn targets(level: LevelFilter, payloads: bool) -> Targets {
    let of_libraries = if level == LevelFilter::TRACE {
        level
    } else {
        level.min(LevelFilter::WARN)
    };
    let targets = Targets::new().with_default(of_libraries).with_target("descant", level);
    if payloads && level != LevelFilter::OFF {
        targets.with_target("descant.payload", level.max(LevelFilter::DEBUG))
    } else {
        targets
    }
}

/// Whether escape sequences are welcome. <https://no-color.org>
fn colours() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    std::io::stderr().is_terminal() && !refused
}
