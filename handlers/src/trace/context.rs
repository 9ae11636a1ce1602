//! W3C Trace Context: where in a trace a call stands. <https://www.w3.org/TR/trace-context/>

use std::{error::Error, fmt, str::FromStr, sync::Arc};

use http::HeaderMap;

use super::state;
use crate::{Metadata, MetadataError};

/// A span, as those are told of it that it calls: the trace that it belongs to, its own id, whether it is sampled.
///
/// It travels as the metadata `traceparent` and `tracestate`, in each protocol alike. Source: W3C Trace Context, level 2,
/// sections 3.2 and 3.3.
///
/// ```
/// use descant_handlers::TraceContext;
///
/// let context: TraceContext = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".parse()?;
/// assert_eq!(context.trace_id()[..2], [0x4b, 0xf9]);
/// assert!(context.is_sampled());
/// # Ok::<(), descant_handlers::TraceContextError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TraceContext {
    trace_id: [u8; 16],
    span_id: [u8; 8],
    flags: u8,
    /// What systems of tracing have added for themselves; each reads its own.
    state: Option<Arc<str>>,
}

/// Bits that version 00 knows: sampled, and that the trace id is random (level 2).
const KNOWN_FLAGS: u8 = 0b11;
const SAMPLED: u8 = 0b01;
/// The length of version 00, and the least of any later one.
const LENGTH: usize = 55;

impl TraceContext {
    /// The name of the metadata that holds ids and flags.
    pub const PARENT_KEY: &str = "traceparent";
    /// The name of the metadata that holds what systems of tracing have added.
    pub const STATE_KEY: &str = "tracestate";

    /// A span of a trace; `None` if an id is all zeros, which is none. Bit 0 of the flags is sampled, bit 1 that the trace id is random; others
    /// are left out.
    pub fn new(trace_id: [u8; 16], span_id: [u8; 8], flags: u8) -> Option<Self> {
        let valid = trace_id != [0; 16] && span_id != [0; 8];
        valid.then_some(Self {
            trace_id,
            span_id,
            flags: flags & KNOWN_FLAGS,
            state: None,
        })
    }

    /// What a caller says of itself. `None` if it says nothing, if it says so more than once, or in a way that the specification
    /// does not have; then the call begins a trace of its own.
    ///
    /// Several `tracestate` are one list, in their order. One that is malformed is left out, and the rest stays.
    pub fn from_metadata(metadata: &Metadata) -> Option<Self> {
        Self::from_headers(metadata.headers())
    }

    /// The same, of headers that a transport received.
    pub fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let mut parents = headers.get_all(Self::PARENT_KEY).into_iter();
        let parent = parents.next().filter(|_| parents.next().is_none())?;
        let context: Self = parent.to_str().ok()?.parse().ok()?;
        let states = headers.get_all(Self::STATE_KEY).into_iter();
        let state = state::joined(states.map(|value| value.to_str().ok()));
        Some(Self { state, ..context })
    }

    /// The id of the whole trace.
    pub fn trace_id(&self) -> &[u8; 16] {
        &self.trace_id
    }

    /// The id of the span.
    pub fn span_id(&self) -> &[u8; 8] {
        &self.span_id
    }

    /// The flags, as they stand in `traceparent`: bit 0 is sampled.
    pub fn flags(&self) -> u8 {
        self.flags
    }

    /// Whether somebody records this trace.
    pub fn is_sampled(&self) -> bool {
        self.flags & SAMPLED != 0
    }

    /// What stands in `tracestate`, if anything does.
    pub fn state(&self) -> Option<&str> {
        self.state.as_deref()
    }

    /// The same, with this `tracestate`; a malformed one is left out.
    #[must_use]
    pub fn with_state(mut self, state: &str) -> Self {
        self.state = state::joined([Some(state)].into_iter());
        self
    }

    /// Says it to whoever gets this metadata, in the place of what stood there.
    pub fn write(&self, metadata: &mut Metadata) -> Result<(), MetadataError> {
        metadata.insert(Self::PARENT_KEY, &self.to_string())?;
        metadata.remove(Self::STATE_KEY);
        self.state()
            .map_or(Ok(()), |state| metadata.insert(Self::STATE_KEY, state))
    }
}

/// As `traceparent` has it, in version 00.
impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let trace = u128::from_be_bytes(self.trace_id);
        let span = u64::from_be_bytes(self.span_id);
        write!(f, "00-{trace:032x}-{span:016x}-{:02x}", self.flags)
    }
}

impl fmt::Debug for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TraceContext({self}")?;
        self.state().map_or(Ok(()), |state| write!(f, "; {state}"))?;
        f.write_str(")")
    }
}

/// Reads a `traceparent`. Of a version after 00 that which it has in common with 00 is read: section 3.2.4.
impl FromStr for TraceContext {
    type Err = TraceContextError;

    fn from_str(text: &str) -> Result<Self, TraceContextError> {
        let (head, more) = text.split_at_checked(LENGTH).ok_or(TraceContextError(()))?;
        let mut fields = head.split('-');
        let mut field = |digits| fields.next().and_then(|field| hex(field, digits));
        let read = (field(2), field(32), field(16), field(2));
        let (Some(version), Some(trace), Some(span), Some(flags)) = read else {
            return Err(TraceContextError(()));
        };
        let sound = match version {
            0 => more.is_empty(),
            0xff => false,
            _ => more.is_empty() || more.starts_with('-'),
        };
        if !sound || fields.next().is_some() || trace == 0 || span == 0 {
            return Err(TraceContextError(()));
        }
        // As many digits as were asked for fit.
        let span = u64::try_from(span).unwrap_or_default();
        let [.., flags] = flags.to_be_bytes();
        Ok(Self {
            trace_id: trace.to_be_bytes(),
            span_id: span.to_be_bytes(),
            flags: flags & KNOWN_FLAGS,
            state: None,
        })
    }
}

/// A number of so many digits, in lower case: upper case is another value's, says the specification.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let lower = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let sound = text.len() == digits && text.bytes().all(lower);
    sound.then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

/// Text that is no `traceparent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContextError(());

impl fmt::Display for TraceContextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a traceparent is 00-TRACE-SPAN-FLAGS: 32, 16 and 2 hexadecimal digits in lower case, the ids not all zeros",
        )
    }
}

impl Error for TraceContextError {}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    /// What is made of these headers.
    fn read(fields: &[(&'static str, &str)]) -> Option<TraceContext> {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, value.parse().unwrap());
        }
        TraceContext::from_metadata(&Metadata::from_headers(headers))
    }

    #[test]
    fn reads_what_it_writes() {
        let context: TraceContext = PARENT.parse().unwrap();
        assert_eq!(context.to_string(), PARENT);
        assert_eq!(context.span_id(), &[0, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7]);
        assert!(context.is_sampled());
        assert_eq!(
            TraceContext::new(*context.trace_id(), *context.span_id(), 1),
            Some(context)
        );
        assert!(TraceContext::new([0; 16], [1; 8], 1).is_none());
        assert!(TraceContext::new([1; 16], [0; 8], 1).is_none());
    }

    /// The cases of the specification and of its own test suite.
    #[test]
    fn what_is_no_traceparent_is_refused() {
        for text in [
            "",
            "00",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-001",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what",
            "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "0x-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.what",
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-é",
        ] {
            assert!(text.parse::<TraceContext>().is_err(), "{text}");
        }
    }

    #[test]
    fn later_versions_are_read_as_the_first() {
        for more in ["", "-what", "-"] {
            let text = format!("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff{more}");
            let context: TraceContext = text.parse().unwrap();
            let said = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03";
            assert_eq!(context.to_string(), said);
        }
    }

    #[test]
    fn of_several_traceparents_none_counts() {
        assert!(read(&[]).is_none());
        assert!(read(&[("traceparent", PARENT)]).is_some());
        assert!(read(&[("traceparent", PARENT), ("traceparent", PARENT)]).is_none());
        assert!(read(&[("tracestate", "a=1")]).is_none());
    }

    #[test]
    fn several_tracestates_are_one_list() {
        let state = |states: &[&str]| {
            let states = states.iter().map(|state| ("tracestate", *state));
            let fields: Vec<_> = [("traceparent", PARENT)].into_iter().chain(states).collect();
            read(&fields).unwrap().state().map(str::to_owned)
        };
        assert_eq!(state(&[]), None);
        assert_eq!(state(&["a=1", "b=2,c=3"]).as_deref(), Some("a=1,b=2,c=3"));
        assert_eq!(state(&["", " a=1 ,, b=2\t", ""]).as_deref(), Some("a=1,b=2"));
        assert_eq!(state(&["a=1", "a=2"]), None);
    }

    #[test]
    fn it_takes_the_place_of_what_stood_there() {
        let mut metadata = Metadata::new();
        metadata.append("traceparent", "one").unwrap();
        metadata.append("traceparent", "two").unwrap();
        metadata.append("tracestate", "a=1").unwrap();
        let context: TraceContext = PARENT.parse().unwrap();
        context.write(&mut metadata).unwrap();
        assert_eq!(
            metadata.iter().collect::<Vec<_>>(),
            [("traceparent", PARENT.as_bytes())]
        );
        context.with_state("b=2").write(&mut metadata).unwrap();
        assert_eq!(metadata.get("tracestate"), Some("b=2"));
    }
}
