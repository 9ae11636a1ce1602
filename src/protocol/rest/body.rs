//! The body of a call that takes one message.

use std::{future::poll_fn, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use descant_handlers::{Message, Status};
use tokio::time::timeout;

use super::asked::Asked;
use crate::{protocol::Encoding, transport::Inbound};

/// Brings the one message of a call.
#[derive(Debug)]
pub(crate) struct Body {
    pub(super) asked: Arc<Asked>,
    pub(super) inbound: Inbound,
    pub(super) encoding: Option<Encoding>,
    /// How long it may take from its first byte to its last.
    pub(super) time: Duration,
}

impl Body {
    /// Reads the body to its end, and makes a message of it and the rest of the request.
    pub(crate) async fn message(&mut self) -> Result<Message, Status> {
        let body = whole(&mut self.inbound, &self.asked, self.time).await?;
        let body = self.asked.inflate(body, self.encoding)?;
        self.asked.bind(&body)
    }
}

/// All of a body. Mostly that is one piece, which is not copied.
pub(super) async fn whole(inbound: &mut Inbound, asked: &Asked, time: Duration) -> Result<Bytes, Status> {
    let gather = async {
        let (mut first, mut gathered) = (Bytes::new(), BytesMut::new());
        while let Some(data) = poll_fn(|cx| inbound.poll_data(cx)).await {
            let data = data.map_err(|error| error.status())?;
            if first.len() + gathered.len() + data.len() > asked.limit {
                return Err(asked.too_large());
            }
            if first.is_empty() && gathered.is_empty() {
                first = data;
                continue;
            }
            gathered.extend_from_slice(&std::mem::take(&mut first));
            gathered.extend_from_slice(&data);
        }
        Ok(if gathered.is_empty() { first } else { gathered.freeze() })
    };
    timeout(time, gather).await.unwrap_or_else(|_| Err(late(time)))
}

pub(super) fn late(time: Duration) -> Status {
    let seconds = time.as_secs_f64();
    Status::deadline_exceeded(format!("the body was not finished within {seconds} s"))
}
