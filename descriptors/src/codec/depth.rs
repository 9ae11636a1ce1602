//! How deep messages may nest.
//!
//! A message is one level, and so is each message, group or `Any` in it. An entry of a map is none of its own but in the text format,
//! which writes it as a message. What is in a `Value` is two: a `ListValue` or a `Struct`, and each `Value` in that.

use super::{
    JsonOptions,
    error::{Fault, Limit, unreadable},
};
use crate::raw::WireError;

/// How deep messages may nest, and how much of that is left.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Depth {
    left: u32,
    limit: u32,
}

impl Depth {
    /// All of what the options say.
    pub(super) fn new(options: &JsonOptions) -> Self {
        // The walks recurse, so it's seen to here that they end, whoever sets the option.
        let limit = options.depth.min(JsonOptions::MOST_DEPTH);
        Self { left: limit, limit }
    }

    /// How much deeper it may go.
    #[inline]
    pub(crate) fn left(self) -> u32 {
        self.left
    }

    /// One level deeper. `false`: that would be too deep.
    #[inline]
    pub(super) fn enter(&mut self) -> bool {
        match self.left.checked_sub(1) {
            Some(left) => {
                self.left = left;
                true
            }
            None => false,
        }
    }

    #[inline]
    pub(super) fn leave(&mut self) {
        self.left += 1;
    }

    /// What is said of those that nest deeper. `what`: "messages".
    #[cold]
    pub(crate) fn exceeded(self, what: &str) -> String {
        format!("{what} nest deeper than the limit `depth` of {}", self.limit)
    }

    #[cold]
    pub(super) fn fault(self, offset: usize) -> Box<Fault> {
        Fault::of_limit(Limit::Depth, self.exceeded("messages"), offset)
    }

    /// What the reader of wire bytes says.
    #[cold]
    pub(super) fn unreadable(self, error: WireError, offset: usize) -> Box<Fault> {
        match error {
            WireError::TooDeep => self.fault(offset),
            error => Fault::new(unreadable(error), offset),
        }
    }
}
