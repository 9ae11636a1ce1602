//! What stands between h2 and the socket.
//!
//! ```text
//! socket -> Inbox (large reads, DATA frames joined) -> h2              toward upstreams
//! socket <- Outbox (one write for many frames)      <- h2 <- Payload   on both sides of a gateway
//! ```
//! The requests that a server gets are mostly of one frame, which an Inbox would only copy once more.
//!
//! h2 asks for a flush after each payload of 256 bytes and more, which makes a write call of every message. A connection takes it for done, and
//! drains the [`Outbox`] once it has polled h2.

mod inbox;
mod outbox;
mod payload;

pub use self::{
    inbox::{Inbox, LARGEST_FRAME, PeerState},
    outbox::Outbox,
    payload::{LARGE, Payload},
};
