//! What the server tells about itself: log lines, for now.

mod log;

pub(crate) use self::log::{Format, start};
