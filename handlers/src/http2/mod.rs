//! What both sides of a gateway have around h2: between it and the socket.
//!
//! ```text
//! socket -> Inbox (large reads, DATA frames joined) -> h2
//! socket <- Outbox (one write for many frames)      <- h2 <- Payload
//! ```
//! h2 asks for a flush after each payload of 256 bytes and more, which makes a write call of every message. A connection takes it for done, and
//! drains the [`Outbox`] once it has polled h2.

mod inbox;
mod outbox;
mod payload;

pub use self::{
    inbox::Inbox,
    outbox::Outbox,
    payload::{LARGE, Payload},
};
