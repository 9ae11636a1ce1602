//! The body of a call that takes one message.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use descant_handlers::{Message, Status};

use super::{answer::Answer, asked::Asked};
use crate::{
    protocol::{
        Encoding,
        whole::{self, Unread},
    },
    transport::Inbound,
};

/// Brings the one message of a call.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) answer: Arc<Answer>,
    pub(super) inbound: Inbound,
    pub(super) encoding: Option<Encoding>,
    /// How long it may take from its first byte to its last.
    pub(super) time: Duration,
}

impl Body {
    /// Reads the body to its end, and makes a message of it and the rest of the request.
    pub(super) async fn message(mut self) -> Result<Message, Status> {
        let asked = &self.answer.asked;
        let body = whole(&mut self.inbound, asked, self.time).await?;
        let body = asked.inflate(body, self.encoding)?;
        asked.bind(&body)
    }
}

/// All of a body.
pub(super) async fn whole(inbound: &mut Inbound, asked: &Asked, time: Duration) -> Result<Bytes, Status> {
    let body = whole::whole(inbound, asked.limit, time).await;
    body.map_err(|error| match error {
        Unread::Broken(status) => status,
        Unread::TooLarge => asked.too_large(),
        Unread::Late(time) => late(time),
    })
}

pub(super) fn late(time: Duration) -> Status {
    let seconds = time.as_secs_f64();
    Status::deadline_exceeded(format!("the body was not finished within {seconds} s"))
}
