//! The two log records of a call: see [`LogCalls`](super::LogCalls), and [`LogField`] for what they say.

use std::{
    fmt::{self, Write as _},
    sync::Arc,
    time::Duration,
};

use descant_descriptors::Binding;
use descant_handlers::{Call, Metadata, Peer, Status, TraceContext, upstreams::AttemptLog};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts};
use tokio_rustls::rustls::crypto::aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256;
use tracing::field::{DisplayValue, Value, display};

use super::{
    LogField,
    payloads::start,
    site::{MOST, Site},
    watch::Watched,
};
use crate::error::{Error, ErrorKind};

const TARGET: &str = "descant.grpc";
/// Bytes of a value that a peer chooses.
const LONGEST: usize = 512;
pub(crate) const REDACTED: &str = "[REDACTED]";

/// Which records there are, and what they say.
#[derive(Debug)]
pub(super) struct Records {
    fields: Box<[LogField]>,
    request: &'static Site,
    response: &'static Site,
}

/// What of one call its records say that is known nowhere else.
#[derive(Debug)]
pub(crate) struct Log {
    records: Arc<Records>,
    peer: Peer,
    http_status: Option<StatusCode>,
    /// Nobody knows which path it is, and some are not for logs.
    doubtful: bool,
    /// Told by handlers that call servers, if there are fields for it.
    attempts: Option<AttemptLog>,
    /// Text, field by field.
    texts: Box<[Option<String>]>,
}

impl Records {
    /// Each field counts once.
    pub(super) fn of(fields: Vec<LogField>) -> Result<Arc<Self>, Error> {
        let mut once: Vec<LogField> = Vec::with_capacity(fields.len());
        for field in fields {
            if !once.contains(&field) {
                once.push(field);
            }
        }
        if once.len() >= MOST {
            return Err(ErrorKind::LogFields(MOST - 1).into());
        }
        let names = |fields: &mut dyn Iterator<Item = &LogField>| fields.map(ToString::to_string).collect::<Vec<_>>();
        let known = names(&mut once.iter().filter(|field| field.is_of_request()));
        Ok(Arc::new(Self {
            request: Site::of("grpc.request", TARGET, &known),
            response: Site::of("grpc.response", TARGET, &names(&mut once.iter())),
            fields: once.into(),
        }))
    }

    /// Begins the log of a call, if anybody wants to read it.
    pub(super) fn begin(self: &Arc<Self>, parts: &Parts, peer: &Peer) -> Option<Box<Log>> {
        if !self.request.is_enabled() && !self.response.is_enabled() {
            return None;
        }
        let text = |field: &LogField| match field {
            LogField::UserAgent => values(&parts.headers, &header::USER_AGENT),
            LogField::HttpMethod => Some(clean(parts.method.as_str())),
            LogField::HttpPath => Some(clean(parts.uri.path())),
            LogField::Metadata(name) => values(&parts.headers, name),
            LogField::TlsFingerprint => fingerprint(peer),
            _ => None,
        };
        Some(Box::new(Log {
            texts: self.fields.iter().map(text).collect(),
            records: self.clone(),
            peer: peer.clone(),
            http_status: None,
            doubtful: false,
            attempts: None,
        }))
    }
}

impl Log {
    /// Which rule, or else which path, leads to the method. `doubtful`: nothing leads anywhere, and some rules hide their paths.
    pub(crate) fn routed(&mut self, binding: Option<&Binding>, path: &str, doubtful: bool) {
        let route = binding.map_or(path, Binding::template);
        self.doubtful = doubtful;
        self.set(&LogField::HttpRoute, || (!route.is_empty()).then(|| clean(route)));
        if binding.is_some_and(Binding::hides_path) {
            self.set(&LogField::HttpPath, || Some(clean(route)));
        } else if doubtful {
            self.set(&LogField::HttpPath, || Some(REDACTED.to_owned()));
        }
    }

    /// Which span stands for the call.
    pub(super) fn traced(&mut self, context: &TraceContext) {
        let trace = u128::from_be_bytes(*context.trace_id());
        self.set(&LogField::TraceId, || Some(format!("{trace:032x}")));
    }

    /// A call that is about to be made.
    #[cold]
    pub(super) fn follow(&mut self, call: &mut Call) {
        if self.records.fields.iter().any(LogField::is_of_upstream) {
            self.attempts = Some(AttemptLog::of(call));
        }
    }

    /// How HTTP calls the answer.
    pub(super) fn answered(&mut self, status: StatusCode) {
        self.http_status = Some(status);
    }

    /// The metadata of the reply that comes before its messages.
    pub(super) fn replied(&mut self, metadata: &Metadata) {
        self.headers(metadata.headers(), |field| match field {
            LogField::ResponseMetadata(name) => Some(name),
            _ => None,
        });
    }

    /// The metadata that comes last.
    pub(super) fn trailed(&mut self, metadata: &Metadata) {
        self.headers(metadata.headers(), |field| match field {
            LogField::Trailer(name) => Some(name),
            _ => None,
        });
    }

    /// The call has failed. `hidden`: what is said may repeat what is not for logs.
    pub(super) fn failed(&mut self, status: &Status, hidden: impl FnOnce() -> bool) {
        let hides = self.doubtful;
        self.set(&LogField::StatusMessage, || {
            let said = Some(status.message()).filter(|message| !message.is_empty())?;
            let hides = hides || hidden();
            Some(if hides { REDACTED.to_owned() } else { clean(said) })
        });
        if !status.head().is_empty() {
            self.replied(status.head());
        }
        self.trailed(status.metadata());
    }

    fn set(&mut self, field: &LogField, text: impl FnOnce() -> Option<String>) {
        let place = self.records.fields.iter().position(|one| one == field);
        if let Some(slot) = place.and_then(|place| self.texts.get_mut(place)) {
            *slot = text();
        }
    }

    fn headers(&mut self, headers: &HeaderMap, named: impl Fn(&LogField) -> Option<&HeaderName>) {
        for (field, text) in self.records.fields.iter().zip(&mut self.texts) {
            if let Some(name) = named(field) {
                *text = values(headers, name);
            }
        }
    }

    /// A call has come.
    pub(super) fn request(&self, call: &Watched) {
        if self.records.request.is_enabled() {
            let known = self.said(call, None);
            self.records.request.record(known.iter().flatten().map(Said::value));
        }
    }

    /// It is over.
    pub(super) fn response(&self, call: &Watched, took: Duration) {
        if self.records.response.is_enabled() {
            let all = self.said(call, Some(took));
            self.records.response.record(all.iter().flatten().map(Said::value));
        }
    }

    /// What the fields of a record say; `None` for those that it does not have.
    fn said<'a>(&'a self, call: &'a Watched, took: Option<Duration>) -> Vec<Option<Said<'a>>> {
        let fields = self.records.fields.iter().zip(&self.texts);
        let said = fields.map(|(field, text)| match took {
            None if !field.is_of_request() => None,
            _ => Some(self.value(field, text.as_deref(), call, took.unwrap_or_default())),
        });
        said.collect()
    }

    fn value<'a>(&'a self, field: &LogField, text: Option<&'a str>, call: &'a Watched, took: Duration) -> Said<'a> {
        let known = self.peer.address.is_some() || self.peer.unix.is_some();
        let now = call.began() + took;
        let name = call.subject.name();
        match field {
            LogField::Method => Said::Text(name),
            LogField::Service => Said::Text(name.split_once('/').map_or(name, |(service, _)| service)),
            LogField::Protocol => Said::Text(call.protocol.label()),
            LogField::RequestId => Said::Shown(display(&call.request_id)),
            LogField::Peer if known => Said::Shown(display(&self.peer)),
            LogField::Timeout => {
                let allowed = call
                    .deadline
                    .map(|deadline| deadline.saturating_duration_since(call.began()));
                allowed.map_or(Said::Nothing, |allowed| Said::Number(milliseconds(allowed)))
            }
            LogField::TimeLeft => call.deadline.map_or(Said::Nothing, |deadline| {
                let (left, over) = (
                    deadline.saturating_duration_since(now),
                    now.saturating_duration_since(deadline),
                );
                Said::Number(milliseconds(left) - milliseconds(over))
            }),
            LogField::Code => call.code.map_or(Said::Nothing, |code| Said::Text(code.name())),
            LogField::HttpStatus => self
                .http_status
                .map_or(Said::Nothing, |status| Said::Count(status.as_u16().into())),
            LogField::Duration => Said::Number(milliseconds(took)),
            LogField::RequestMessages => Said::Count(call.received.messages),
            LogField::RequestBytes => Said::Count(call.received.bytes),
            LogField::ResponseMessages => Said::Count(call.sent.messages),
            LogField::ResponseBytes => Said::Count(call.sent.bytes),
            LogField::UpstreamAddress => {
                let address = self.attempts.as_ref().and_then(AttemptLog::address);
                address.map_or(Said::Nothing, Said::Owned)
            }
            LogField::UpstreamAttempts => match &self.attempts {
                // Where nothing is sent to servers there is nothing to tell.
                Some(attempts) if attempts.count() > 0 => Said::Count(attempts.count().into()),
                _ => Said::Nothing,
            },
            _ => text.map_or(Said::Nothing, Said::Text),
        }
    }
}

/// What a field says.
enum Said<'a> {
    Nothing,
    Text(&'a str),
    Owned(String),
    Shown(DisplayValue<&'a dyn fmt::Display>),
    Count(u64),
    Number(f64),
}

impl Said<'_> {
    fn value(&self) -> Option<&dyn Value> {
        match self {
            Self::Nothing => None,
            Self::Text(text) => Some(text),
            Self::Owned(text) => Some(text),
            Self::Shown(shown) => Some(shown),
            Self::Count(count) => Some(count),
            Self::Number(number) => Some(number),
        }
    }
}

/// Three digits behind the point: microseconds.
fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

/// All values of a header, with commas between. Those of `-bin` are base64 as they stand.
fn values(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let mut values = headers.get_all(name).iter().map(HeaderValue::as_bytes);
    let first = String::from_utf8_lossy(values.next()?);
    let all = values.fold(first, |all, next| all + ", " + String::from_utf8_lossy(next));
    Some(clean(&all))
}

/// A text that a peer has chosen: no control characters, which a terminal obeys, and no more than so much of it.
pub(super) fn clean(text: &str) -> String {
    let kept = start(text, LONGEST);
    let mut cleaned = on_one_line(kept);
    if kept.len() < text.len() {
        cleaned.push_str("...");
    }
    cleaned
}

/// A text without what ends a line of the log, or steers whoever reads it.
pub(crate) fn on_one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for letter in text.chars() {
        if is_obeyed(letter) {
            line.extend(letter.escape_default());
        } else {
            line.push(letter);
        }
    }
    line
}

/// Letters that a terminal obeys, that end lines, or that turn the direction of those around them: Unicode, "Bidirectional Character
/// Types".
pub(super) fn is_obeyed(letter: char) -> bool {
    let turns = matches!(letter, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{61c}');
    turns || letter.is_control()
}

fn fingerprint(peer: &Peer) -> Option<String> {
    let certificate = peer.tls.as_ref()?.certificates.first()?;
    let suite = TLS13_AES_128_GCM_SHA256.tls13()?;
    let hash = suite.common.hash_provider.hash(certificate);
    Some(hash.as_ref().iter().fold(String::new(), |mut digits, byte| {
        // Writing to a string does not fail.
        let _ = write!(digits, "{byte:02x}");
        digits
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_peer_says_is_one_short_line() {
        assert_eq!(clean("Emma, \"é\""), "Emma, \"é\"");
        assert_eq!(clean("a\nb\u{1b}[31m\0\u{202e}"), "a\\nb\\u{1b}[31m\\u{0}\\u{202e}");
        let cut = clean(&"é".repeat(LONGEST));
        assert_eq!(cut.strip_suffix("...").unwrap(), "é".repeat(LONGEST / 2));
    }

    #[test]
    fn records_have_each_field_once_and_no_more_than_events_may_have() {
        let twice = vec![LogField::Code, LogField::Code];
        assert_eq!(*Records::of(twice).unwrap().fields, [LogField::Code]);
        let many = (0..MOST).map(|number| format!("metadata.x{number}").parse().unwrap());
        let error = Records::of(many.collect()).unwrap_err().to_string();
        assert_eq!(error, "log records have 63 fields at most: name fewer");
    }
}
