//! A call on its way to its handler.

use std::cell::Cell;

use descant_handlers::Call;

use super::Only;
use crate::transport::Share;

/// A call whose message may still have to be read, and what brings that message where the call takes one.
type Parts = (Call, Option<Only>);

thread_local! {
    /// A place that is free. One does: mostly all of a request is there, and its call is gone before the next one comes.
    static FREE: Cell<Option<Box<Option<Parts>>>> = const { Cell::new(None) };
}

/// A call until its handler has it. Not a part of what is kept until the call is answered, for it is large.
pub(crate) struct Arriving(Box<Option<Parts>>);

impl Arriving {
    pub(super) fn new(call: Call, only: Option<Only>) -> Self {
        let mut place = FREE.take().unwrap_or_default();
        *place = Some((call, only));
        Self(place)
    }

    pub(crate) fn parts(&mut self) -> Option<&mut Parts> {
        self.0.as_mut().as_mut()
    }

    /// What its message counts for, once that is read: as long as the call runs.
    pub(crate) fn take_share(&mut self) -> Option<Share> {
        let (_, only) = self.parts()?;
        only.take()?.into_share()
    }

    /// Gives the call away. There always is one.
    pub(crate) fn into_parts(mut self) -> Option<Parts> {
        let parts = self.0.take();
        FREE.set(Some(self.0));
        parts
    }
}
