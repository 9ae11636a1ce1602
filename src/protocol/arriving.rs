//! A call on its way to its handler.

use std::cell::Cell;

use descant_handlers::Call;

use super::{Only, Reading, RequestMessages};
use crate::transport::Share;

/// Each is taken out where it is: they are large, and moved once.
#[derive(Default)]
struct Parts {
    call: Option<Call>,
    /// What brings the message, where the call takes one.
    only: Option<Only>,
}

thread_local! {
    /// A place that is free. One does: mostly all of a request is there, and its call is gone before the next one comes.
    static FREE: Cell<Option<Box<Parts>>> = const { Cell::new(None) };
}

/// A call until its handler has it; its message may still have to be read. Not a part of what is kept until the call is answered, for
/// it is large.
pub(crate) struct Arriving(Box<Parts>);

impl Arriving {
    /// Of a call whose one message is a body, if it takes one.
    #[inline]
    pub(super) fn new(call: Call, body: Option<Reading>) -> Self {
        let mut arriving = Self::at_free_place(call);
        if let Some(body) = body {
            arriving.0.only.get_or_insert_with(|| Only::Body(body));
        }
        arriving
    }

    /// Of a call whose one message is in an envelope.
    #[inline]
    pub(super) fn enveloped(call: Call, messages: RequestMessages) -> Self {
        let mut arriving = Self::at_free_place(call);
        // Not a mere assignment, for which it would be moved twice: something could be there.
        arriving.0.only.get_or_insert_with(|| Only::Envelope(messages));
        arriving
    }

    #[inline]
    fn at_free_place(call: Call) -> Self {
        let mut place = FREE.take().unwrap_or_default();
        debug_assert!(place.call.is_none() && place.only.is_none(), "a place that is free");
        place.call.get_or_insert(call);
        Self(place)
    }

    /// The call, and what brings its message. There always is a call.
    pub(crate) fn parts(&mut self) -> Option<(&mut Call, Option<&mut Only>)> {
        let Parts { call, only } = &mut *self.0;
        Some((call.as_mut()?, only.as_mut()))
    }

    /// What its message counts for, once that is read: as long as the call runs.
    pub(crate) fn take_share(&mut self) -> Option<Share> {
        self.0.only.as_mut()?.take_share()
    }

    /// Gives the call away. There always is one.
    pub(crate) fn into_call(mut self) -> Option<Call> {
        let call = self.0.call.take();
        self.0.only = None;
        FREE.set(Some(self.0));
        call
    }
}
