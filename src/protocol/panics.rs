//! A handler that panics answers its own call with an error, and harms no other.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    task::Poll,
};

use descant_handlers::Status;

/// Runs one poll of a user's code. A panic becomes the status of the call; whatever panicked must not be polled again.
pub(crate) fn caught<T>(poll: impl FnOnce() -> Poll<T>) -> Poll<Result<T, Status>> {
    match guarded(poll) {
        Ok(poll) => poll.map(Ok),
        Err(status) => Poll::Ready(Err(status)),
    }
}

/// Runs a user's code. A panic becomes the status of the call.
pub(crate) fn guarded<T>(run: impl FnOnce() -> T) -> Result<T, Status> {
    // The panic hook has told the operator what and where; the peer learns no details.
    catch_unwind(AssertUnwindSafe(run))
        .map_err(|_| Status::internal("the handler panicked; the server's log says where"))
}
