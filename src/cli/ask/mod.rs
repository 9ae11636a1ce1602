//! Asking a live server what it serves, by reflection over HTTP/2, in plain text or TLS.
//!
//! An address is `host:port`, or `unix:` and the path of a socket.

mod exchange;
mod message;
mod tap;
mod tls;

use std::{
    collections::{BTreeSet, VecDeque},
    time::Duration,
};

use bytes::{BufMut, Bytes, BytesMut};
use descant_descriptors::Schema;
use prost::Message;

use self::{
    message::{FileDescriptors, Question, Reply},
    tls::Trust,
};
use super::{
    args::LiveArgs,
    failure::{Failure, Kind},
    screen, sources,
};

/// What stands before the path of a Unix socket.
const UNIX: &str = "unix:";
/// How long the whole conversation may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How much a server may send. All of googleapis with its comments is 81 MB.
const MOST_BYTES: usize = 128 << 20;

/// A server that is asked.
#[derive(Debug)]
pub(crate) struct Live {
    address: String,
    /// Whom to trust, over TLS.
    trust: Option<Trust>,
}

impl Live {
    /// The server at `host:port`, `http://host:port`, `https://host:port` or `unix:path`; the last over TLS where it is said
    /// whom to trust.
    pub(crate) fn at(args: &LiveArgs) -> Result<Option<Self>, Failure> {
        let Some(address) = &args.from else {
            return Ok(None);
        };
        let unix = address.starts_with(UNIX);
        let (address, tls) = match address.split_once("://") {
            _ if unix => (address.as_str(), args.insecure || args.ca.is_some()),
            None => (address.as_str(), false),
            Some(("http", rest)) => (rest.trim_end_matches('/'), false),
            Some(("https", rest)) => (rest.trim_end_matches('/'), true),
            Some((scheme, _)) => return Err(not_spoken(scheme)),
        };
        let trust = match (&args.ca, args.insecure) {
            (_, true) => Trust::Anybody,
            (Some(file), false) => Trust::File(file.clone()),
            (None, false) => Trust::System,
        };
        if !tls && trust != Trust::System {
            return Err(Failure::new(
                Kind::Usage,
                "--ca and --insecure are about TLS, and --from asks in plain text",
                "say --from https://HOST:PORT",
            ));
        }
        let port = address.rsplit_once(':').map(|(_, port)| port);
        if !unix && port.is_none_or(|port| port.parse::<u16>().is_err()) {
            return Err(Failure::new(
                Kind::Usage,
                format!("--from {}: a host and a port are needed", screen::escape(address)),
                match port {
                    Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => "ports are numbers up to 65535",
                    _ => "for instance --from localhost:50051",
                },
            ));
        }
        Ok(Some(Self {
            address: address.to_owned(),
            trust: tls.then_some(trust),
        }))
    }

    /// The names of its services.
    pub(crate) fn services(&self) -> Result<Vec<String>, Failure> {
        self.converse(async |exchange| {
            let reply = exchange.ask(Question::ListServices("*".into())).await?;
            match reply {
                Reply::Services(list) => Ok(list.service.into_iter().map(|named| named.name).collect()),
                other => Err(self.odd(&other)),
            }
        })
    }

    /// What describes `symbol`: its file, and all that it imports.
    pub(crate) fn schema_of(&self, symbol: &str) -> Result<Schema, Failure> {
        self.first_of([("symbol", symbol, Question::FileContainingSymbol(symbol.into()))])
    }

    /// The same of a word that may be a file's name, as imports have it, or else a symbol's.
    pub(crate) fn schema_of_file(&self, file: &str, symbol: &str) -> Result<Schema, Failure> {
        self.first_of([
            ("symbol", symbol, Question::FileContainingSymbol(symbol.into())),
            ("file", file, Question::FileByFilename(file.into())),
        ])
    }

    /// What answers the first of the questions that has an answer.
    fn first_of<const N: usize>(&self, questions: [(&str, &str, Question); N]) -> Result<Schema, Failure> {
        let set = self.converse(async |exchange| {
            let mut unknown = ("symbol", "");
            for (what, name, question) in questions {
                match exchange.ask(question).await? {
                    Reply::Files(files) => return self.collect(exchange, files).await,
                    Reply::Error(error) if error.is_not_found() => unknown = (what, name),
                    other => return Err(self.odd(&other)),
                }
            }
            Err(self.unknown(exchange, unknown.0, unknown.1).await)
        })?;
        self.load(set)
    }

    /// What describes these services.
    pub(crate) fn schema(&self, services: &[String]) -> Result<Schema, Failure> {
        let set = self.converse(async |exchange| {
            let mut all = FileDescriptors::default();
            for service in services {
                match exchange.ask(Question::FileContainingSymbol(service.clone())).await? {
                    Reply::Files(files) => all.files.extend(files.files),
                    other => return Err(self.odd(&other)),
                }
            }
            self.collect(exchange, all).await
        })?;
        self.load(set)
    }

    fn load(&self, set: Bytes) -> Result<Schema, Failure> {
        let origin = format!("reflection at {}", self.address);
        let schema = Schema::builder().bytes(origin, set).build();
        schema.map_err(|error| sources::refused(&error))
    }

    /// The files as one descriptor set, after asking for imports that did not come along.
    async fn collect(&self, exchange: &mut exchange::Exchange, first: FileDescriptors) -> Result<Bytes, Failure> {
        let mut set = BytesMut::new();
        let (mut known, mut wanted) = (BTreeSet::new(), BTreeSet::new());
        let mut fresh = VecDeque::from(first.files);
        loop {
            while let Some(file) = fresh.pop_front() {
                let Ok(head) = message::FileHead::decode(file.clone()) else {
                    return Err(self.broken("a file that is no descriptor"));
                };
                if known.insert(head.name) {
                    wanted.extend(head.dependency);
                    append_file(&mut set, &file);
                }
                if set.len() > MOST_BYTES {
                    return Err(self.broken("more than 128 MiB of descriptors"));
                }
            }
            let Some(name) = wanted.pop_first() else {
                return Ok(set.freeze());
            };
            if known.contains(&name) {
                continue;
            }
            match exchange.ask(Question::FileByFilename(name.clone())).await? {
                Reply::Files(files) => fresh.extend(files.files),
                // The loader has copies of the well-known ones, and names what is missing.
                Reply::Error(error) if error.is_not_found() => {}
                other => return Err(self.odd(&other)),
            }
            // Asked for once, whatever came.
            if !fresh.iter().any(|file| is_named(file, &name)) {
                known.insert(name);
            }
        }
    }

    async fn unknown(&self, exchange: &mut exchange::Exchange, what: &str, name: &str) -> Failure {
        let served = match exchange.ask(Question::ListServices("*".into())).await {
            Ok(Reply::Services(list)) => list.service.into_iter().map(|named| named.name).collect(),
            _ => Vec::new(),
        };
        Failure::new(
            Kind::Descriptors,
            format!("{} knows no {what} `{}`", self.address, screen::escape(name)),
            match served.as_slice() {
                [] => String::new(),
                names => format!("it serves {}", screen::escape(&names.join(", "))),
            },
        )
    }

    fn converse<T>(&self, talk: impl AsyncFnOnce(&mut exchange::Exchange) -> Result<T, Failure>) -> Result<T, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure::new(Kind::Other, error, ""))?;
        let talk = async {
            let mut exchange = exchange::Exchange::open(&self.address, self.trust.as_ref()).await?;
            talk(&mut exchange).await
        };
        let talked = runtime.block_on(async { tokio::time::timeout(PATIENCE, talk).await });
        talked.unwrap_or_else(|_| {
            Err(Failure::new(
                Kind::Other,
                format!("{} did not answer within {} s", self.address, PATIENCE.as_secs()),
                "is it a gRPC server? does something on the way hold the connection back?",
            ))
        })
    }

    fn odd(&self, reply: &Reply) -> Failure {
        match reply {
            Reply::Error(error) => self.broken(&format!(
                "the error {} {}",
                error.error_code,
                screen::escape(&error.error_message)
            )),
            _ => self.broken("an answer to another question"),
        }
    }

    fn broken(&self, what: &str) -> Failure {
        Failure::new(Kind::Other, format!("reflection at {} sent {what}", self.address), "")
    }
}

fn not_spoken(scheme: &str) -> Failure {
    Failure::new(
        Kind::Usage,
        format!("--from speaks http and https, not {}", screen::escape(scheme)),
        "for instance --from localhost:50051, or --from https://localhost:50051",
    )
}

/// Appends an entry of `FileDescriptorSet.file`, field 1.
fn append_file(set: &mut BytesMut, file: &Bytes) {
    set.put_u8(1 << 3 | 2);
    prost::encoding::encode_varint(file.len() as u64, set);
    set.put_slice(file);
}

fn is_named(file: &Bytes, name: &str) -> bool {
    message::FileHead::decode(file.clone()).is_ok_and(|head| head.name == name)
}
