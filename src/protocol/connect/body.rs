//! A body that is one message.

use std::time::Duration;

use bytes::Bytes;
use descant_handlers::{Code, Compressed, Message, Status};

use super::super::{
    Encoding,
    form::Form,
    whole::{Unread, whole},
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
    pub(super) async fn message(self) -> Result<Message, Status> {
        let (most, time) = (self.most, self.time);
        let came = match self.source {
            Source::Inbound(mut body) => whole(&mut body, most, time)
                .await
                .map_err(|error| status(error, most))?,
            Source::There(message) => message,
        };
        match self.encoding {
            // "Servers must not attempt to decompress zero-length" ones.
            Some(encoding) if !came.is_empty() => self.form.read_compressed(Compressed {
                bytes: came,
                encoding,
                limit: most,
                broken: Code::InvalidArgument,
            }),
            _ => self.form.read(came.into()),
        }
    }
}

fn status(error: Unread, most: usize) -> Status {
    match error {
        Unread::Broken(status) => status,
        Unread::TooLarge => Status::resource_exhausted(format!("the message is larger than the limit of {most} bytes")),
        Unread::Late(time) => {
            let seconds = time.as_secs_f64();
            Status::deadline_exceeded(format!("the message was not finished within {seconds} s"))
        }
    }
}
