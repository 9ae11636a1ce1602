//! A handler that panics answers its own call with an error, and harms no other.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    task::Poll,
};

use descant_handlers::Status;

/// Runs one poll of a user's code. A panic becomes the status of the call; whatever panicked must not be polled again.
pub(crate) fn caught<T>(poll: impl FnOnce() -> Poll<T>) -> Poll<Result<T, Status>> {
    match catch_unwind(AssertUnwindSafe(poll)) {
        Ok(poll) => poll.map(Ok),
        // The panic hook has told the operator what and where; the peer learns no details.
        Err(_) => Poll::Ready(Err(Status::internal(
            "the handler panicked; the server's log says where",
        ))),
    }
}
