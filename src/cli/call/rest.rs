//! `--protocol rest`: what can be said before anything is sent, and what of HTTP is told.

use std::fmt;

use descant_descriptors::{Composer, Method};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    Layer,
    layer::{Context, SubscriberExt as _},
};

use super::show;
use crate::cli::{
    check,
    failure::{Failure, Kind},
    screen,
};

/// Whose events tell of requests and answers.
const TARGET: &str = "descant.proxy.rest";

/// A method without a rule cannot be called.
pub(super) fn check(method: &Method) -> Result<(), Failure> {
    if method.schema().routes().of_method(method).is_empty() {
        let name = screen::escape(method.path().trim_start_matches('/'));
        let failure = Failure::new(
            Kind::Usage,
            format!("`{name}` has no HTTP rule (google.api.http), by which REST would call it"),
            "--protocol grpc, grpc-web or connect call it without one; --http-rules, or a PATH whose descriptors have the rule, helps too",
        );
        return Err(failure.and(left_out(method)));
    }
    Ok(())
}

/// A rule of the method that was left out because it does not fit.
fn left_out(method: &Method) -> Option<Failure> {
    let name = method.full_name();
    let schema = method.schema();
    let finding = schema.findings().iter().find(|finding| finding.symbol == name)?;
    Some(Failure::new(
        Kind::Usage,
        check::plain(finding),
        screen::escape(&finding.mend),
    ))
}

/// Whether the message fits a rule of the method.
pub(super) fn fits(composer: &mut Composer, method: &Method, wire: &[u8]) -> Result<(), String> {
    composer
        .compose(method, wire)
        .map(drop)
        .map_err(|error| error.to_string())
}

/// Tells on standard error of requests and answers, as the proxy tells of them.
pub(super) fn tell() {
    let told = tracing_subscriber::registry().with(Told);
    // Nobody else has set one: a call writes no log.
    let _ = tracing::subscriber::set_global_default(told);
}

struct Told;

impl<S: Subscriber> Layer<S> for Told {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == TARGET {
            event.record(&mut Lines);
        }
    }
}

struct Lines;

impl Visit for Lines {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "request" => show::line(format_args!("> {value:?}")),
            "answer" => show::line(format_args!("< HTTP {value:?}")),
            "unknown" => show::line(format_args!("< passed over: {value:?}")),
            _ => {}
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }
}
