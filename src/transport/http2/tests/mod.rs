//! Scripted peers: they write these bytes, and read those.

mod floods;
mod peer;
mod phases;
mod replies;
