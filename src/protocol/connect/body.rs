//! A body that is one message.

use std::{future::poll_fn, time::Duration};

use bytes::{Bytes, BytesMut};
use descant_handlers::{Message, Status};
use tokio::time::timeout;

use super::{
    super::{Encoding, form::Form},
    inflate,
};
use crate::{Limits, transport::Inbound};

/// Brings the one message of a call.
#[derive(Debug)]
pub(crate) struct Body {
    source: Source,
    encoding: Option<Encoding>,
    form: Form,
    /// Bytes, as sent and after inflation.
    most: usize,
    time: Duration,
}

#[derive(Debug)]
enum Source {
    Inbound(Inbound),
    /// It came with the head of the request.
    There(Bytes),
}

impl Body {
    pub(super) fn new(body: Inbound, encoding: Option<Encoding>, form: Form, limits: &Limits) -> Self {
        Self::from(Source::Inbound(body), encoding, form, limits)
    }

    /// A message that is there already.
    pub(super) fn of(message: Bytes, encoding: Option<Encoding>, form: Form, limits: &Limits) -> Self {
        Self::from(Source::There(message), encoding, form, limits)
    }

    fn from(source: Source, encoding: Option<Encoding>, form: Form, limits: &Limits) -> Self {
        Self {
            source,
            encoding,
            form,
            most: limits.message_bytes,
            time: limits.message,
        }
    }

    /// Reads the body to its end.
    pub(crate) async fn message(&mut self) -> Result<Message, Status> {
        let (most, time) = (self.most, self.time);
        let came = match &mut self.source {
            Source::Inbound(body) => timeout(time, all(body, most))
                .await
                .unwrap_or_else(|_| Err(late(time)))?,
            Source::There(message) => std::mem::take(message),
        };
        match self.encoding {
            Some(coding) => self.form.read(inflate(coding, &came, most)?),
            None => self.form.read(came),
        }
    }
}

fn late(time: Duration) -> Status {
    let seconds = time.as_secs_f64();
    Status::deadline_exceeded(format!("the message was not finished within {seconds} s"))
}

/// All of a body. Mostly that is one piece, which is not copied.
async fn all(body: &mut Inbound, most: usize) -> Result<Bytes, Status> {
    let mut whole = Bytes::new();
    let mut gathered = BytesMut::new();
    while let Some(data) = poll_fn(|cx| body.poll_data(cx)).await {
        let data = data.map_err(|error| error.status())?;
        if gathered.len() + whole.len() + data.len() > most {
            return Err(Status::resource_exhausted(format!(
                "the message is larger than the limit of {most} bytes"
            )));
        }
        if gathered.is_empty() && whole.is_empty() {
            whole = data;
            continue;
        }
        gathered.extend_from_slice(&std::mem::take(&mut whole));
        gathered.extend_from_slice(&data);
    }
    Ok(if gathered.is_empty() { whole } else { gathered.freeze() })
}
