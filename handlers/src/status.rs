//! Why a call failed.

use std::{error::Error, fmt, mem};

use bytes::Bytes;
use http::HeaderValue;
use prost::Message as _;
use prost_types::Any;

use crate::{Code, Metadata, MetadataError, metadata::bin};

/// Why a call failed: a code, a message for people, details for programs, and metadata that goes
/// out with the trailers, or before them.
///
/// One word wide, so a `Result` that carries it costs nothing on the way to success.
///
/// ```
/// use descant_handlers::{Code, Status};
///
/// let status = Status::not_found("no book with the number 978-3-16");
/// assert_eq!(status.code(), Code::NotFound);
/// assert_eq!(status.to_string(), "NOT_FOUND: no book with the number 978-3-16");
/// ```
#[derive(Clone, PartialEq)]
pub struct Status(Box<Inner>);

#[derive(Clone, PartialEq)]
struct Inner {
    code: Code,
    message: String,
    details: Vec<Any>,
    head: Metadata,
    metadata: Metadata,
    came: Option<Box<Came>>,
}

/// What a server has said in fields that gRPC alone has, as it stood there: callers by gRPC get the same; how much room there is for what it
/// has said elsewhere; and how it came.
#[derive(Clone, Default, PartialEq)]
struct Came {
    number: Option<i32>,
    /// The head of a reply came before it.
    begun: bool,
    /// No server has said it: it is what comes of a reply that is none.
    presumed: bool,
    room: Option<usize>,
    details: Option<HeaderValue>,
    pushback: Option<HeaderValue>,
}

/// `google.rpc.Status`, as it travels in `grpc-status-details-bin`.
///
/// Source: `google/rpc/status.proto`.
#[derive(Clone, PartialEq, prost::Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

impl Status {
    /// A failure of this kind. A status is never a success: [`Code::Ok`] becomes [`Code::Unknown`],
    /// since an error that says `OK` would end a call well that is not.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        let code = if code == Code::Ok { Code::Unknown } else { code };
        Self(Box::new(Inner {
            code,
            message: message.into(),
            details: Vec::new(),
            head: Metadata::new(),
            metadata: Metadata::new(),
            came: None,
        }))
    }

    /// The kind of failure.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// What people read.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What programs read: messages such as those of `google/rpc/error_details.proto`.
    pub fn details(&self) -> &[Any] {
        &self.0.details
    }

    /// What goes out with the trailers.
    pub fn metadata(&self) -> &Metadata {
        &self.0.metadata
    }

    /// What goes out with the trailers, to be changed.
    pub fn metadata_mut(&mut self) -> &mut Metadata {
        &mut self.0.metadata
    }

    /// What goes out before the trailers, in the head of the answer, if that has not gone out yet: what a reply of one message had there which
    /// failed behind it. By protocols that have one place for both it goes out with the rest.
    pub fn head(&self) -> &Metadata {
        &self.0.head
    }

    /// What goes out before the trailers, to be changed.
    pub fn head_mut(&mut self) -> &mut Metadata {
        &mut self.0.head
    }

    /// Puts this metadata before the trailers: see [`head`](Self::head). Though it be empty the answer has a head of its own then: to clients of
    /// gRPC that is a call which has begun, and which they do not make again (gRFC A6, "When Retries are Valid").
    #[must_use]
    pub fn with_head(mut self, head: Metadata) -> Self {
        self.0.head = head;
        self.0.came.get_or_insert_default().begun = true;
        self
    }

    /// Whether the head of a reply came before it.
    pub fn has_begun(&self) -> bool {
        self.0.came.as_ref().is_some_and(|came| came.begun)
    }

    /// The same, of which no server has said that a call ended so: it is what a reply comes to that is none.
    #[cfg(feature = "proxy")]
    #[must_use]
    pub(crate) fn presumed(mut self) -> Self {
        self.0.came.get_or_insert_default().presumed = true;
        self
    }

    #[cfg(feature = "proxy")]
    pub(crate) fn is_presumed(&self) -> bool {
        self.0.came.as_ref().is_some_and(|came| came.presumed)
    }

    /// Takes all metadata, of the head and of the trailers, for where there is one place for both. Of more than a map of headers can hold, 32,768
    /// values, the rest is left out.
    pub fn take_metadata(&mut self) -> Metadata {
        let mut all = mem::take(&mut self.0.head);
        all.extend(mem::take(&mut self.0.metadata)).unwrap_or_default();
        all
    }

    /// Adds a detail. Its type URL is `type.googleapis.com/` and the message's full name.
    #[must_use]
    pub fn with_detail<M: prost::Name>(self, detail: &M) -> Self {
        let type_url = format!("type.googleapis.com/{}", M::full_name());
        self.with_any(Any {
            type_url,
            value: detail.encode_to_vec(),
        })
    }

    /// Adds a detail that is packed already.
    #[must_use]
    pub fn with_any(mut self, detail: Any) -> Self {
        self.0.details.push(detail);
        if let Some(came) = &mut self.0.came {
            came.details = None;
        }
        self
    }

    /// Puts this metadata in the place of the status's own.
    #[must_use]
    pub fn with_metadata(mut self, metadata: Metadata) -> Self {
        self.0.metadata = metadata;
        self
    }

    /// Takes the number in `grpc-status` as a server sent it. The code is that of the number, or [`Code::Unknown`] if gRPC defines no such; callers by
    /// gRPC get the number all the same, since client and server may have agreed on it.
    pub fn from_grpc_number(number: i32, message: impl Into<String>) -> Self {
        let mut status = Self::new(Code::from(number), message);
        if number > Code::Unauthenticated.number() {
            status.0.came.get_or_insert_default().number = Some(number);
        }
        status
    }

    /// What `grpc-status` says: what [`from_grpc_number`](Self::from_grpc_number) was given, or else the code's number.
    pub fn grpc_number(&self) -> i32 {
        let came = self.0.came.as_ref().and_then(|came| came.number);
        came.unwrap_or_else(|| self.code().number())
    }

    /// Takes `grpc-status-details-bin` as a server sent it with this code. Its details are those of the status; and to callers by gRPC it goes on as it
    /// is, whatever it holds, as long as no detail is added.
    #[must_use]
    pub fn with_grpc_details(mut self, details: HeaderValue) -> Self {
        let wire = bin::decode(details.as_bytes()).ok();
        let read = wire.and_then(|wire| RpcStatus::decode(wire).ok());
        self.0.details = read.map_or_else(Vec::new, |read| read.details);
        self.0.came.get_or_insert_default().details = Some(details);
        self
    }

    /// What `grpc-status-details-bin` says: what [`with_grpc_details`](Self::with_grpc_details) was given, or else
    /// [`to_details_bin`](Self::to_details_bin).
    pub fn grpc_details(&self) -> Option<HeaderValue> {
        let came = self.0.came.as_ref().and_then(|came| came.details.clone());
        came.or_else(|| bin::encode(&self.to_details_bin()?).ok())
    }

    /// Has callers by gRPC get no more than so many bytes of message and details: of a failure that stood in a body, where there is room for much.
    /// They get it as trailers, which many clients take up to some KiB, and else lose all of.
    #[must_use]
    pub fn with_grpc_room(mut self, bytes: usize) -> Self {
        self.0.came.get_or_insert_default().room = Some(bytes);
        self
    }

    /// What there is room for: see [`with_grpc_room`](Self::with_grpc_room). Of more the message is cut, and the details are left out if they take
    /// more than half by themselves.
    #[must_use]
    pub fn within_grpc_room(mut self) -> Self {
        let Some(room) = self.0.came.as_ref().and_then(|came| came.room) else {
            return self;
        };
        // Base64 for the details, which have the message once more.
        let details = self
            .details()
            .iter()
            .map(|detail| detail.type_url.len() + detail.value.len());
        let details = details.sum::<usize>() / 3 * 4;
        let again = if details > 0 { self.message().len() / 3 * 4 } else { 0 };
        if escaped(self.message()) + again + details <= room {
            return self;
        }
        let mut left = room / 5;
        let mut letters = self.message().char_indices();
        let end = letters.find(|(_, letter)| {
            left = left.saturating_sub(escaped(letter.encode_utf8(&mut [0; 4])));
            left == 0
        });
        if let Some((end, _)) = end {
            self.0.message.truncate(end);
            self.0.message.push_str("...");
        }
        if details > room / 2 {
            self.0.details.clear();
        }
        self
    }

    /// Takes `grpc-retry-pushback-ms` as a server sent it: when, if ever, it wants the call to be tried again. gRFC A6, "Pushback".
    #[must_use]
    pub fn with_grpc_pushback(mut self, pushback: HeaderValue) -> Self {
        self.0.came.get_or_insert_default().pushback = Some(pushback);
        self
    }

    /// What `grpc-retry-pushback-ms` says, to callers by gRPC.
    pub fn grpc_pushback(&self) -> Option<&HeaderValue> {
        self.0.came.as_ref()?.pushback.as_ref()
    }

    /// The status as a `google.rpc.Status`, for `grpc-status-details-bin`; `None` when there are
    /// no details, since code and message travel in headers of their own.
    pub fn to_details_bin(&self) -> Option<Bytes> {
        let Inner { message, details, .. } = &*self.0;
        if details.is_empty() {
            return None;
        }
        let wire = RpcStatus {
            code: self.grpc_number(),
            message: message.clone(),
            details: details.clone(),
        };
        Some(wire.encode_to_vec().into())
    }

    /// Reads a `google.rpc.Status`. What cannot be read is a failure of its own, with the code that
    /// gRPC gives to a status that it cannot parse.
    ///
    /// Source: gRPC core, `doc/statuscodes.md`: "Error parsing returned status", UNKNOWN.
    pub fn from_details_bin(wire: &[u8]) -> Result<Self, Status> {
        let RpcStatus { code, message, details } = RpcStatus::decode(wire)
            .map_err(|error| Status::unknown(format!("cannot read grpc-status-details-bin: {error}")))?;
        let mut status = Status::new(Code::from(code), message);
        status.0.details = details;
        Ok(status)
    }
}

/// Bytes of a text in `grpc-message`.
fn escaped(text: &str) -> usize {
    let is_plain = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'%';
    text.bytes().map(|byte| if is_plain(byte) { 1 } else { 3 }).sum()
}

/// One constructor for each code: its name, and when to use it.
macro_rules! constructors {
    ($($name:ident, $code:ident, $when:literal;)*) => {
        impl Status {
            $(
                #[doc = $when]
                pub fn $name(message: impl Into<String>) -> Self {
                    Self::new(Code::$code, message)
                }
            )*
        }
    };
}

constructors! {
    cancelled, Cancelled, "The caller gave up.";
    unknown, Unknown, "An error of a kind nobody named.";
    invalid_argument, InvalidArgument, "The request is wrong whatever the state of the system.";
    deadline_exceeded, DeadlineExceeded, "The time ran out before the call was done.";
    not_found, NotFound, "What was asked for does not exist.";
    already_exists, AlreadyExists, "What was to be made exists already.";
    permission_denied, PermissionDenied, "The caller is known and may not do this.";
    resource_exhausted, ResourceExhausted, "A quota or a limit is used up.";
    failed_precondition, FailedPrecondition, "The system is not in the state that the request needs.";
    aborted, Aborted, "A conflict, such as a lost race; trying the whole again may help.";
    out_of_range, OutOfRange, "Past the valid range, such as the end of a file.";
    unimplemented, Unimplemented, "Nobody here does this.";
    internal, Internal, "Something that should hold does not.";
    unavailable, Unavailable, "Out of reach for now; trying the same again may help.";
    data_loss, DataLoss, "Data is lost or damaged for good.";
    unauthenticated, Unauthenticated, "Nobody knows who the caller is.";
}

/// A value that a caller sent wrong is `INVALID_ARGUMENT`; a name or a value that a handler may not
/// set is its own mistake, `INTERNAL`.
impl From<MetadataError> for Status {
    fn from(error: MetadataError) -> Self {
        let code = if error.is_received() {
            Code::InvalidArgument
        } else {
            Code::Internal
        };
        Self::new(code, error.to_string())
    }
}

/// `INTERNAL`: a schema that loads and yet has no dynamic messages is nothing the caller can mend.
impl From<descant_descriptors::Error> for Status {
    fn from(error: descant_descriptors::Error) -> Self {
        Self::internal(error.to_string())
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code())?;
        if self.grpc_number() != self.code().number() {
            write!(f, " ({})", self.grpc_number())?;
        }
        match self.message() {
            "" => Ok(()),
            message => write!(f, ": {message}"),
        }
    }
}

/// Leaves out what is empty, which details and metadata mostly are.
impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Status");
        out.field("code", &self.code()).field("message", &self.message());
        if !self.details().is_empty() {
            out.field("details", &self.details());
        }
        if !self.head().is_empty() {
            out.field("head", self.head());
        }
        if !self.metadata().is_empty() {
            out.field("metadata", self.metadata());
        }
        out.finish()
    }
}

impl Error for Status {}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::STANDARD};

    use super::*;

    /// `google.rpc.ErrorInfo`, with its first field.
    #[derive(Clone, PartialEq, prost::Message)]
    struct ErrorInfo {
        #[prost(string, tag = "1")]
        reason: String,
    }

    impl prost::Name for ErrorInfo {
        const NAME: &'static str = "ErrorInfo";
        const PACKAGE: &'static str = "google.rpc";
    }

    #[test]
    fn is_one_word_wide() {
        assert_eq!(size_of::<Result<(), Status>>(), size_of::<usize>());
    }

    #[test]
    fn details_have_the_bytes_of_google_rpc_status() {
        let status = Status::not_found("gone").with_detail(&ErrorInfo { reason: "SOLD".into() });
        let url = b"type.googleapis.com/google.rpc.ErrorInfo";
        let mut golden = vec![0x08, 5, 0x12, 4];
        golden.extend(b"gone");
        golden.extend([0x1a, 50, 0x0a, 40]);
        golden.extend(url);
        golden.extend([0x12, 6, 0x0a, 4]);
        golden.extend(b"SOLD");
        let wire = status.to_details_bin().unwrap();
        assert_eq!(wire, golden);
        assert_eq!(Status::from_details_bin(&wire).unwrap(), status);
    }

    #[test]
    fn without_details_nothing_is_encoded() {
        assert_eq!(Status::aborted("lost").to_details_bin(), None);
        assert_eq!(Status::aborted("lost").grpc_details(), None);
    }

    #[test]
    fn details_go_on_as_they_came() {
        let rich = Status::not_found("gone.").with_detail(&ErrorInfo { reason: "SOLD".into() });
        let padded = HeaderValue::try_from(STANDARD.encode(rich.to_details_bin().unwrap())).unwrap();
        assert!(padded.to_str().unwrap().ends_with('='));
        let told = Status::not_found("other").with_grpc_details(padded.clone());
        assert_eq!((told.details(), told.message()), (rich.details(), "other"));
        assert_eq!(told.grpc_details(), Some(padded));
        let more = told.with_detail(&ErrorInfo { reason: "LENT".into() });
        let wire = bin::decode(more.grpc_details().unwrap().as_bytes()).unwrap();
        assert_eq!(Status::from_details_bin(&wire).unwrap().details().len(), 2);
        for odd in ["", "CAUSBGdvbmU", "/////w==", "no base64!"] {
            let told = Status::aborted("lost").with_grpc_details(HeaderValue::from_static(odd));
            assert_eq!((told.details(), told.message()), (&[][..], "lost"), "{odd}");
            assert_eq!(told.grpc_details().unwrap(), odd);
        }
    }

    #[test]
    fn what_stood_in_a_body_fits_into_trailers() {
        let any = |size| Any {
            type_url: "type.googleapis.com/a.B".into(),
            value: vec![7; size],
        };
        let long = Status::internal("x".repeat(20_000));
        for (status, text, details) in [
            (Status::internal("y".repeat(16_384)), 16_384, 0),
            (long.clone(), 3275 + 3, 0),
            (long.clone().with_any(any(5000)), 3275 + 3, 1),
            (long.with_any(any(9000)), 3275 + 3, 0),
            (Status::internal("short").with_any(any(9000)), 5, 1),
            (Status::internal("short").with_any(any(13_000)), 5, 0),
            (Status::internal("\u{20ac}".repeat(4000)), 363 * 3 + 3, 0),
        ] {
            let whole = status.clone().within_grpc_room();
            assert_eq!(whole, status);
            let cut = status.with_grpc_room(16_384).within_grpc_room();
            assert_eq!((cut.message().len(), cut.details().len()), (text, details));
            assert_eq!(cut.code(), Code::Internal);
        }
    }

    #[test]
    fn numbers_that_grpc_does_not_define_are_kept() {
        let told = Status::from_grpc_number(77, "ours");
        assert_eq!((told.code(), told.grpc_number()), (Code::Unknown, 77));
        assert_eq!(told.to_string(), "UNKNOWN (77): ours");
        for (number, code) in [
            (5, Code::NotFound),
            (16, Code::Unauthenticated),
            (0, Code::Unknown),
            (-1, Code::Unknown),
        ] {
            let told = Status::from_grpc_number(number, "");
            assert_eq!((told.code(), told.grpc_number()), (code, code.number()));
        }
    }

    #[test]
    fn details_that_cannot_be_read_are_unknown() {
        let status = Status::from_details_bin(&[0x12, 200]).unwrap_err();
        assert_eq!(status.code(), Code::Unknown);
        assert!(
            status.message().starts_with("cannot read grpc-status-details-bin"),
            "{status}"
        );
    }

    #[test]
    fn any_bytes_are_details_or_an_error() {
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..5000 {
            let mut wire = vec![0; random.usize(..40)];
            random.fill(&mut wire);
            let (Ok(status) | Err(status)) = Status::from_details_bin(&wire);
            assert_ne!(status.code(), Code::Ok);
        }
    }

    #[test]
    fn a_status_never_succeeds() {
        assert_eq!(Status::new(Code::Ok, "").code(), Code::Unknown);
        assert_eq!(Status::from_details_bin(&[]).unwrap().code(), Code::Unknown);
    }

    #[test]
    fn metadata_errors_have_the_code_of_whose_mistake_it_is() {
        let set = Metadata::new().insert("Name", "").unwrap_err();
        assert_eq!(Status::from(set).code(), Code::Internal);
        let headers = [("key-bin", "?")].map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        let received = Metadata::from_headers(headers.into_iter().collect())
            .get_bin("key-bin")
            .unwrap()
            .unwrap_err();
        assert_eq!(Status::from(received).code(), Code::InvalidArgument);
    }

    #[test]
    fn prints_code_and_message() {
        assert_eq!(Status::data_loss("").to_string(), "DATA_LOSS");
        assert_eq!(
            format!("{:?}", Status::aborted("lost")),
            r#"Status { code: Aborted, message: "lost" }"#
        );
    }
}
