//! The request's messages: JSON values one after another, each sent as soon as it is there.

mod reader;

use std::{
    fs::File,
    io::{self, BufReader, Cursor, Read},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use descant::{
    JsonOptions,
    handlers::{Message, Messages, Sender, Status},
};
use descant_descriptors::{Codec, Composer, MessageType, Method, Shape};
use tokio::sync::mpsc;

use self::reader::{NoValue, Value};
use super::{rest, types::Types};
use crate::cli::{
    failure::{Failure, Kind},
    json, screen, sources,
};

/// What is to be sent.
pub(super) struct Data {
    values: mpsc::Receiver<Result<Value, NoValue>>,
    /// What it is called in reports.
    origin: String,
    given: bool,
    method: Method,
    types: Types,
    /// What has to fit an HTTP rule of the method.
    composer: Option<Composer>,
    codec: Codec,
    fault: Fault,
    count: usize,
}

/// Why the data ended the call, if it did.
#[derive(Clone, Debug, Default)]
pub(super) struct Fault(Arc<Mutex<Option<Failure>>>);

impl Fault {
    pub(super) fn take(&self) -> Option<Failure> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn set(&self, failure: Failure) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
    }
}

impl Data {
    /// What `-d` says: JSON, `@FILE` or `@-`.
    pub(super) fn open(data: Option<&str>, method: &Method, types: Types, codec: Codec) -> Result<Self, Failure> {
        let (reader, origin): (Box<dyn Read + Send>, String) = match data.map(|data| (data, data.strip_prefix('@'))) {
            None => (Box::new(io::empty()), "the empty message".to_owned()),
            Some((_, Some("-"))) => (Box::new(io::stdin()), "standard input".to_owned()),
            Some((_, Some(""))) => {
                return Err(Failure::new(
                    Kind::Usage,
                    "-d @: there is no name of a file behind the @",
                    "`-d @-` takes standard input",
                ));
            }
            Some((_, Some(file))) => {
                let opened = File::open(file).map_err(|error| {
                    let what = format!("-d @{}: {error}", screen::escape(file));
                    Failure::new(Kind::Usage, what, "")
                })?;
                (Box::new(BufReader::new(opened)), sources::shown(file.as_ref()))
            }
            Some((json, None)) => (Box::new(Cursor::new(json.to_owned())), "-d".to_owned()),
        };
        let (sender, values) = mpsc::channel(1);
        // A thread that the process does not wait for: reading standard input cannot be given up.
        thread::spawn(move || reader::read(reader, &sender));
        Ok(Self {
            values,
            origin,
            given: data.is_some(),
            method: method.clone(),
            types,
            composer: None,
            codec,
            fault: Fault::default(),
            count: 0,
        })
    }

    /// The same, of which each message has to fit an HTTP rule of the method.
    pub(super) fn by_rule(self) -> Self {
        let mut options = JsonOptions::default();
        options.depth = self.codec.options().depth;
        let composer = Some(Composer::new(options));
        Self { composer, ..self }
    }

    pub(super) fn fault(&self) -> Fault {
        self.fault.clone()
    }

    /// The messages; those of a call that takes one are read to the end now. `sizes`: tells how large each one is.
    pub(super) async fn messages(mut self, sizes: bool) -> Result<Messages, Failure> {
        if matches!(self.method.shape(), Shape::ClientStreaming | Shape::Bidi) {
            return Ok(Messages::generate(move |sender| self.send(sender, sizes)));
        }
        let message = match self.values.recv().await {
            None => self.fitting(Ok(Vec::new()))?,
            Some(value) => self.message(value).await?,
        };
        if self.given {
            match self.values.recv().await {
                None => {}
                Some(Ok(_)) => {
                    let what = format!("the method takes one message, and {} has more", self.origin);
                    return Err(Failure::new(Kind::Data, what, ""));
                }
                // It is no JSON that stands behind the message.
                Some(broken) => drop(self.message(broken).await?),
            }
        }
        if sizes {
            tell_size(&message);
        }
        Ok(Messages::one(message))
    }

    /// Sends the messages as they are read.
    async fn send(mut self, sender: Sender<Message>, sizes: bool) -> Result<(), Status> {
        while let Some(value) = self.values.recv().await {
            let message = self.message(value).await.map_err(|failure| {
                self.fault.set(failure);
                Status::cancelled("the data is wrong")
            })?;
            if sizes {
                tell_size(&message);
            }
            sender.send(message).await?;
        }
        Ok(())
    }

    async fn message(&mut self, value: Result<Value, NoValue>) -> Result<Message, Failure> {
        self.count += 1;
        let input = self.method.input();
        let wire = match value {
            Ok(value) => {
                let read = |input: &MessageType, codec: &mut Codec| value.to_wire(input, codec);
                self.types.convert(&input, &mut self.codec, Result::is_ok, read).await
            }
            Err(NoValue::NoJson(what)) => Err(what),
            Err(NoValue::Unread(what)) => {
                let what = format!("{} cannot be read: {what}", self.origin);
                return Err(Failure::new(Kind::Other, what, ""));
            }
        };
        self.fitting(wire)
    }

    /// A message that may be sent; else why not.
    fn fitting(&mut self, wire: Result<Vec<u8>, String>) -> Result<Message, Failure> {
        let input = self.method.input();
        let wire = wire.and_then(|wire| match Codec::missing_fields(&input, &wire) {
            missing if missing.is_empty() => Ok(wire),
            missing => Err(format!("some required fields are missing: {}", missing.join(", "))),
        });
        let message = wire.map(|wire| Message::from_wire(wire.into())).map_err(|what| {
            let (origin, which, name) = (&self.origin, self.which(), input.full_name());
            let mend = json::deeper(&what, self.codec.options().depth)
                .unwrap_or_else(|| format!("`descant describe` shows what {name} has"));
            Failure::new(
                Kind::Data,
                format!("{origin} is no {name}{which}: {}", screen::escape(&what)),
                mend,
            )
        })?;
        self.by_its_rule(&message)?;
        Ok(message)
    }

    /// Which message of several the last one was.
    fn which(&self) -> String {
        match self.method.shape() {
            Shape::Unary | Shape::ServerStreaming => String::new(),
            Shape::ClientStreaming | Shape::Bidi => format!(" (message {})", self.count),
        }
    }

    fn by_its_rule(&mut self, message: &Message) -> Result<(), Failure> {
        let Some(composer) = &mut self.composer else {
            return Ok(());
        };
        let wire = message.clone().into_wire();
        let fits = wire.map_err(|status| status.message().to_owned());
        let fits = fits.and_then(|wire| rest::fits(composer, &self.method, &wire));
        fits.map_err(|what| {
            let (origin, which) = (&self.origin, self.which());
            let what = format!("{origin} cannot be sent by REST{which}: {}", screen::escape(&what));
            let mend = "`descant describe` shows the rule; --protocol grpc, grpc-web and connect take any message";
            Failure::new(Kind::Data, what, mend)
        })
    }
}

fn tell_size(message: &Message) {
    super::show::line(format_args!("> message of {} bytes", message.wire_len()));
}
