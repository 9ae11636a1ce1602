//! What the log records of calls say: fields of the user's choice.

use std::{error::Error, fmt, str::FromStr};

use http::HeaderName;

/// A field of the log records of calls; see [`LogCalls`](super::LogCalls) for the records themselves.
///
/// Its name in a record is what it is read from and displayed as:
///
/// | name | | is |
/// |---|---|---|
/// | `method` | both | `package.Service/Method`, `unknown` where no schema names it |
/// | `service` | both | `package.Service` |
/// | `protocol` | both | `grpc`, `grpc-web`, `connect` or `rest` |
/// | `request_id` | both | what the reply carries as `x-request-id` |
/// | `trace_id` | both | of the trace that the call belongs to, if somebody traces here |
/// | `peer` | both | the address of the other end, or its process |
/// | `tls_fingerprint` | both | SHA-256 of the certificate that the client showed, in hexadecimal digits |
/// | `user_agent` | both | as the request has it |
/// | `http_method`, `http_path` | both | of the request; never its query. See below |
/// | `http_route` | both | the template of the HTTP rule that leads to the method; of other protocols the method's path |
/// | `timeout_ms` | both | how long the call may take, where it has a deadline |
/// | `metadata.NAME` | both | metadata of the request |
/// | `code` | response | how the call has ended: `OK`, `NOT_FOUND`, ... |
/// | `status_message` | response | the message of its status |
/// | `http_status` | response | as the response has it |
/// | `duration_ms` | response | from the request's head to the reply's end, to the microsecond |
/// | `time_left_ms` | response | what is left until the deadline; less than 0 after it |
/// | `request_messages`, `request_bytes` | response | messages that came, and their bytes as protobuf, or of those that came compressed as they came |
/// | `response_messages`, `response_bytes` | response | messages that went out |
/// | `upstream_address` | response | the address of the server behind that answered, or, if none did, of the last that the call was sent to |
/// | `upstream_attempts` | response | how often the call was sent to one |
/// | `response_metadata.NAME` | response | metadata of the reply, from before its messages |
/// | `trailer.NAME` | response | metadata of the reply or of its error, from after its messages |
///
/// A field that has no value is left out. Metadata is in a record only if it is named, `authorization` and `cookie` as well;
/// what ends in `-bin` is shown in base64. Values that peers choose are cut after some hundred bytes, with `...` at their end, and control
/// characters in them are escaped.
///
/// # What is not for logs
///
/// Where a path binds a field with the option `debug_redact`, `http_path` is the template in its place; where it may be such a
/// path and nobody knows, because no rule takes it, it is `[REDACTED]`. So is a `status_message` that tells what is wrong with a request
/// whose type has such a field: it may repeat a value. What a handler says of its own accord is the handler's.
///
/// ```
/// use descant::LogField;
///
/// let field: LogField = "metadata.x-tenant".parse()?;
/// assert_eq!(field.to_string(), "metadata.x-tenant");
/// let error = "metod".parse::<LogField>().unwrap_err().to_string();
/// assert!(error.starts_with("there is no field `metod` in log records; did you mean `method`? There are method, service, "));
/// # Ok::<(), descant::LogFieldError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LogField {
    /// `method`
    Method,
    /// `service`
    Service,
    /// `protocol`
    Protocol,
    /// `request_id`
    RequestId,
    /// `trace_id`
    TraceId,
    /// `peer`
    Peer,
    /// `tls_fingerprint`
    TlsFingerprint,
    /// `user_agent`
    UserAgent,
    /// `http_method`
    HttpMethod,
    /// `http_path`
    HttpPath,
    /// `http_route`
    HttpRoute,
    /// `timeout_ms`
    Timeout,
    /// `metadata.NAME`
    Metadata(HeaderName),
    /// `code`
    Code,
    /// `status_message`
    StatusMessage,
    /// `http_status`
    HttpStatus,
    /// `duration_ms`
    Duration,
    /// `time_left_ms`
    TimeLeft,
    /// `request_messages`
    RequestMessages,
    /// `request_bytes`
    RequestBytes,
    /// `response_messages`
    ResponseMessages,
    /// `response_bytes`
    ResponseBytes,
    /// `upstream_address`
    UpstreamAddress,
    /// `upstream_attempts`
    UpstreamAttempts,
    /// `response_metadata.NAME`
    ResponseMetadata(HeaderName),
    /// `trailer.NAME`
    Trailer(HeaderName),
}

/// Those that have a name of their own.
static NAMED: [(&str, LogField); 23] = [
    ("method", LogField::Method),
    ("service", LogField::Service),
    ("protocol", LogField::Protocol),
    ("request_id", LogField::RequestId),
    ("trace_id", LogField::TraceId),
    ("peer", LogField::Peer),
    ("tls_fingerprint", LogField::TlsFingerprint),
    ("user_agent", LogField::UserAgent),
    ("http_method", LogField::HttpMethod),
    ("http_path", LogField::HttpPath),
    ("http_route", LogField::HttpRoute),
    ("timeout_ms", LogField::Timeout),
    ("code", LogField::Code),
    ("status_message", LogField::StatusMessage),
    ("http_status", LogField::HttpStatus),
    ("duration_ms", LogField::Duration),
    ("time_left_ms", LogField::TimeLeft),
    ("request_messages", LogField::RequestMessages),
    ("request_bytes", LogField::RequestBytes),
    ("response_messages", LogField::ResponseMessages),
    ("response_bytes", LogField::ResponseBytes),
    ("upstream_address", LogField::UpstreamAddress),
    ("upstream_attempts", LogField::UpstreamAttempts),
];

/// A field of metadata of that name.
type OfMetadata = fn(HeaderName) -> LogField;

/// What stands before the name of metadata.
static OF_METADATA: [(&str, OfMetadata); 3] = [
    ("metadata", LogField::Metadata),
    ("response_metadata", LogField::ResponseMetadata),
    ("trailer", LogField::Trailer),
];

/// A name that is resembled less is not meant.
const FARTHEST: usize = 3;

impl LogField {
    /// The fields that records have unless others are chosen: `method`, `protocol`, `request_id`, `peer`, `code`,
    /// `duration_ms`, `request_messages`, `request_bytes`, `response_messages` and `response_bytes`.
    pub fn defaults() -> Vec<Self> {
        vec![
            Self::Method,
            Self::Protocol,
            Self::RequestId,
            Self::Peer,
            Self::Code,
            Self::Duration,
            Self::RequestMessages,
            Self::RequestBytes,
            Self::ResponseMessages,
            Self::ResponseBytes,
        ]
    }

    /// Whether it is of servers behind.
    pub(super) fn is_of_upstream(&self) -> bool {
        matches!(self, Self::UpstreamAddress | Self::UpstreamAttempts)
    }

    /// Whether it is known when a request has come.
    pub(super) fn is_of_request(&self) -> bool {
        use LogField::{
            HttpMethod, HttpPath, HttpRoute, Metadata, Method, Peer, Protocol, RequestId, Service, Timeout,
            TlsFingerprint, TraceId, UserAgent,
        };
        match self {
            Method | Service | Protocol | RequestId | TraceId | Peer | TlsFingerprint | UserAgent | HttpMethod
            | HttpPath | HttpRoute | Timeout | Metadata(_) => true,
            Self::Code
            | Self::StatusMessage
            | Self::HttpStatus
            | Self::Duration
            | Self::TimeLeft
            | Self::RequestMessages
            | Self::RequestBytes
            | Self::ResponseMessages
            | Self::ResponseBytes
            | Self::UpstreamAddress
            | Self::UpstreamAttempts
            | Self::ResponseMetadata(_)
            | Self::Trailer(_) => false,
        }
    }
}

impl FromStr for LogField {
    type Err = LogFieldError;

    fn from_str(text: &str) -> Result<Self, LogFieldError> {
        if let Some((_, field)) = NAMED.iter().find(|(name, _)| *name == text) {
            return Ok(field.clone());
        }
        let unknown = || LogFieldError(text.to_owned());
        let (kind, name) = text.split_once('.').ok_or_else(unknown)?;
        let (_, of) = OF_METADATA.iter().find(|(own, _)| *own == kind).ok_or_else(unknown)?;
        HeaderName::from_bytes(name.as_bytes()).map(of).map_err(|_| unknown())
    }
}

impl fmt::Display for LogField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, name) = match self {
            Self::Metadata(name) => ("metadata", name),
            Self::ResponseMetadata(name) => ("response_metadata", name),
            Self::Trailer(name) => ("trailer", name),
            named => {
                let found = NAMED.iter().find(|(_, field)| field == named);
                return f.write_str(found.map(|(name, _)| *name).unwrap_or_default());
            }
        };
        write!(f, "{kind}.{name}")
    }
}

/// A name that is no field of a log record. Displayed with the nearest name, and all that there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFieldError(String);

impl fmt::Display for LogFieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no field `{}` in log records", self.0.escape_debug())?;
        let kinds = OF_METADATA.iter().map(|(kind, _)| *kind);
        let (kind, name) = self
            .0
            .split_once('.')
            .map_or((&*self.0, ""), |(kind, name)| (kind, name));
        if name.is_empty() || !kinds.clone().any(|own| own == kind) {
            let names = NAMED.iter().map(|(name, _)| (*name, ""));
            let all = names.chain(kinds.clone().map(|kind| (kind, ".NAME")));
            let near = all.map(|(known, more)| (strsim::osa_distance(kind, known), known, more));
            if let Some((_, name, more)) = near.min().filter(|(distance, ..)| *distance <= FARTHEST) {
                write!(f, "; did you mean `{name}{more}`?")?;
            } else {
                write!(f, ".")?;
            }
        } else {
            write!(f, "; `{}` is no name of metadata.", name.escape_debug())?;
        }
        write!(f, " There are ")?;
        for (name, _) in &NAMED {
            write!(f, "{name}, ")?;
        }
        let [first, second, third] = OF_METADATA.map(|(kind, _)| kind);
        write!(f, "{first}.NAME, {second}.NAME and {third}.NAME")
    }
}

impl Error for LogFieldError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_as_they_are_written() {
        for (name, field) in &NAMED {
            assert_eq!(&name.parse::<LogField>().unwrap(), field);
            assert_eq!(field.to_string(), *name);
        }
        for name in ["metadata.x-tenant", "response_metadata.server", "trailer.t-bin"] {
            assert_eq!(name.parse::<LogField>().unwrap().to_string(), name);
        }
        assert_eq!(
            "metadata.X-Tenant".parse::<LogField>().unwrap().to_string(),
            "metadata.x-tenant"
        );
    }

    #[test]
    fn other_names_are_told_what_there_is() {
        for (name, hint) in [
            ("metod", "; did you mean `method`? There are method, "),
            ("trailers.x", "; did you mean `trailer.NAME`? There are "),
            ("metadata", "; did you mean `metadata.NAME`? There are "),
            ("metadata.", "; did you mean `metadata.NAME`? There are "),
            ("metadata.a b", "; `a b` is no name of metadata. There are "),
            ("everything-else", " in log records There are "),
        ] {
            let error = name.parse::<LogField>().unwrap_err().to_string();
            let hint = hint.strip_prefix(" in log records").map_or(hint, |rest| rest);
            assert!(error.contains(hint), "{error}");
            assert!(
                error.ends_with("metadata.NAME, response_metadata.NAME and trailer.NAME"),
                "{error}"
            );
        }
    }
}
