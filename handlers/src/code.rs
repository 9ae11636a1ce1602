//! The status codes of gRPC.

use std::fmt;

/// How a call ended, as gRPC counts it.
///
/// Source: gRPC core, `doc/statuscodes.md`, and `google/rpc/code.proto`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Code {
    /// The call succeeded.
    Ok = 0,
    /// The caller gave up.
    Cancelled = 1,
    /// An error of a kind nobody named.
    Unknown = 2,
    /// The request is wrong whatever the state of the system.
    InvalidArgument = 3,
    /// The time ran out before the call was done.
    DeadlineExceeded = 4,
    /// What was asked for does not exist.
    NotFound = 5,
    /// What was to be made exists already.
    AlreadyExists = 6,
    /// The caller is known and may not do this.
    PermissionDenied = 7,
    /// A quota or a limit is used up.
    ResourceExhausted = 8,
    /// The system is not in the state that the request needs.
    FailedPrecondition = 9,
    /// A conflict, such as a lost race; trying the whole again may help.
    Aborted = 10,
    /// Past the valid range, such as the end of a file.
    OutOfRange = 11,
    /// Nobody here does this.
    Unimplemented = 12,
    /// Something that should hold does not.
    Internal = 13,
    /// Out of reach for now; trying the same again may help.
    Unavailable = 14,
    /// Data is lost or damaged for good.
    DataLoss = 15,
    /// Nobody knows who the caller is.
    Unauthenticated = 16,
}

/// Every code with its name, in the order of their numbers.
const ALL: [(Code, &str); 17] = [
    (Code::Ok, "OK"),
    (Code::Cancelled, "CANCELLED"),
    (Code::Unknown, "UNKNOWN"),
    (Code::InvalidArgument, "INVALID_ARGUMENT"),
    (Code::DeadlineExceeded, "DEADLINE_EXCEEDED"),
    (Code::NotFound, "NOT_FOUND"),
    (Code::AlreadyExists, "ALREADY_EXISTS"),
    (Code::PermissionDenied, "PERMISSION_DENIED"),
    (Code::ResourceExhausted, "RESOURCE_EXHAUSTED"),
    (Code::FailedPrecondition, "FAILED_PRECONDITION"),
    (Code::Aborted, "ABORTED"),
    (Code::OutOfRange, "OUT_OF_RANGE"),
    (Code::Unimplemented, "UNIMPLEMENTED"),
    (Code::Internal, "INTERNAL"),
    (Code::Unavailable, "UNAVAILABLE"),
    (Code::DataLoss, "DATA_LOSS"),
    (Code::Unauthenticated, "UNAUTHENTICATED"),
];

impl Code {
    /// The number on the wire, in `grpc-status`.
    pub const fn number(self) -> i32 {
        self as i32
    }

    /// The name as the specifications write it: `NOT_FOUND`.
    pub fn name(self) -> &'static str {
        ALL.get(self as usize).map_or("UNKNOWN", |(_, name)| name)
    }

    /// The code of this name, if there is one.
    pub fn from_name(name: &str) -> Option<Self> {
        ALL.iter().find(|(_, known)| *known == name).map(|(code, _)| *code)
    }
}

/// A number that gRPC does not define is [`Code::Unknown`].
impl From<i32> for Code {
    fn from(number: i32) -> Self {
        usize::try_from(number)
            .ok()
            .and_then(|index| ALL.get(index))
            .map_or(Code::Unknown, |(code, _)| *code)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_lead_back_to_their_code() {
        for (index, (code, name)) in ALL.into_iter().enumerate() {
            assert_eq!(usize::try_from(code.number()).unwrap(), index);
            assert_eq!(Code::from(code.number()), code);
            assert_eq!(code.name(), name);
            assert_eq!(Code::from_name(name), Some(code));
        }
    }

    #[test]
    fn other_numbers_are_unknown() {
        for number in [-1, 17, i32::MIN, i32::MAX] {
            assert_eq!(Code::from(number), Code::Unknown);
        }
        assert_eq!(Code::from_name("NOT_A_CODE"), None);
    }
}
