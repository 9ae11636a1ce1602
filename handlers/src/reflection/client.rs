//! Asking a server what it serves.

use std::{
    collections::{BTreeSet, HashSet, VecDeque},
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use descant_descriptors::{Builtin, Schema};
use prost::Message as _;
use tokio::{sync::mpsc, time::timeout};

use super::{
    extendable::Extendable,
    fetched::{Described, Fetched},
    wire::{Answer, Extension, Query, Request, Response},
};
use crate::{Call, Code, Encodings, Handler, Message, MessageStream, Messages, Metadata, Status};

/// The methods to try, newest first.
const METHODS: [&str; 2] = [
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
];
/// How long an answer may take, unless that is chosen.
const PATIENCE: Duration = Duration::from_secs(30);
/// What a server may send in all. All of googleapis with its comments is 81 MB.
const MOST_BYTES: usize = 128 << 20;
/// What is said of more.
const TOO_MUCH: &str = "more than 128 MiB of descriptors";

/// Asks a server what it serves, by reflection (v1, else v1alpha), through the handler that reaches it, such as a proxy.
///
/// ```text
/// *( Question Answer )
/// ```
///
/// One call for all questions, which ends when the client is dropped; another one where the server ends it: at a name that it does not
/// know, or with each answer. What the server sends is bounded to 128 MiB in all, and so is how long each answer may take.
///
/// Source: gRPC core, `doc/server-reflection.md`.
pub struct ReflectionClient {
    server: Arc<dyn Handler>,
    metadata: Metadata,
    received: usize,
    /// For one answer.
    patience: Duration,
    /// The one of [`METHODS`] that has answered.
    version: Option<&'static str>,
    open: Option<Open>,
}

/// A call that takes questions.
struct Open {
    questions: mpsc::Sender<Bytes>,
    answers: Messages,
}

/// Why a question has no answer.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// The server has neither version of reflection.
    #[error("it does not offer reflection: turn it on there, or name what describes it")]
    NoReflection,
    /// The call ended so.
    #[error("reflection ended with {0}")]
    Ended(Status),
    /// The question was answered with an error.
    #[error("reflection sent {}: {}", named(*code), message.escape_debug())]
    Refused {
        /// A code of gRPC, as the server sent it.
        code: i32,
        /// Its words.
        message: String,
    },
    /// It has not answered a question for so long.
    #[error("reflection does not answer within {} s", .0.as_secs_f64())]
    Silent(Duration),
    /// What it sent makes no sense.
    #[error("reflection sent {0}")]
    Broken(&'static str),
}

impl ReflectionClient {
    /// A client of the server that this handler reaches. Nothing is asked yet.
    pub fn new(server: impl Handler) -> Self {
        Self {
            server: Arc::new(server),
            metadata: Metadata::new(),
            received: 0,
            patience: PATIENCE,
            version: None,
            open: None,
        }
    }

    /// Sends this metadata along.
    #[must_use]
    pub fn metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = metadata;
        self
    }

    /// Waits this long for each answer; 30 s by default.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The names of the services.
    pub async fn services(&mut self) -> Result<Vec<String>, AskError> {
        match self.ask(Query::ListServices("*".into())).await? {
            Answer::Services(list) => Ok(list.service.into_iter().map(|service| service.name).collect()),
            other => Err(odd(other)),
        }
    }

    /// The file that declares a symbol, and perhaps what it imports; `None`: there is no such symbol.
    pub async fn files_of(&mut self, symbol: &str) -> Result<Option<Vec<Bytes>>, AskError> {
        self.files(Query::FileContainingSymbol(symbol.into())).await
    }

    /// The file of a name, as imports have it, and perhaps what it imports; `None`: there is no such file.
    pub async fn file(&mut self, name: &str) -> Result<Option<Vec<Bytes>>, AskError> {
        self.files(Query::FileByFilename(name.into())).await
    }

    /// These files, and all that they import: it is asked for what is missing. What the server does not have stays missing, and what
    /// is no descriptor is left out.
    pub async fn with_imports(&mut self, files: Vec<Bytes>) -> Result<Fetched, AskError> {
        let mut fetched = Fetched::default();
        let (mut known, mut wanted) = (BTreeSet::new(), BTreeSet::new());
        let mut fresh = VecDeque::from(files);
        loop {
            while let Some(file) = fresh.pop_front() {
                match Described::read(file) {
                    None => fetched.undescribe("", "a file that the server sent is no descriptor"),
                    Some(file) if known.insert(file.name.clone()) => {
                        wanted.extend(file.imports.iter().cloned());
                        fetched.files.push(file);
                    }
                    Some(_) => {}
                }
            }
            let Some(name) = wanted.pop_first() else {
                fetched.files.sort_by(|one, other| one.name.cmp(&other.name));
                return Ok(fetched);
            };
            if known.contains(&name) {
                continue;
            }
            match self.file(&name).await {
                Ok(files) => fresh.extend(files.unwrap_or_default()),
                // The loader has copies of the well-known ones, and names what is missing.
                Err(error) if error.is_of_the_name() => {}
                Err(error) => return Err(error),
            }
            // Asked for once, whatever came.
            if !fresh.iter().any(|file| Described::is_named(file, &name)) {
                known.insert(name);
            }
        }
    }

    /// The same, and the files that extend their messages (proto2), as far as the server tells of them: nothing imports those.
    pub async fn with_extensions(&mut self, files: Vec<Bytes>) -> Result<Fetched, AskError> {
        let mut fetched = self.with_imports(files).await?;
        let mut asked = BTreeSet::new();
        loop {
            let mut known = fetched.extendable();
            let fresh = mem::take(&mut known.messages);
            let fresh = fresh.into_iter().filter(|name| asked.insert(name.clone()));
            let (mut files, mut answers) = (Vec::new(), true);
            for name in fresh {
                answers = self.extensions_of(&name, &mut known, &mut files).await?;
                if !answers {
                    break;
                }
            }
            if files.is_empty() {
                return Ok(fetched);
            }
            files.splice(..0, fetched.files());
            let mut more = match self.with_imports(files).await {
                // Those that extend something are not worth all else.
                Err(error) if error.is_too_much() => return Ok(fetched),
                more => more?,
            };
            more.undescribe_too(fetched);
            fetched = more;
            if !answers {
                return Ok(fetched);
            }
        }
    }

    /// The files of a message's extensions that are not known. `false`: the server does not answer that.
    async fn extensions_of(
        &mut self,
        message: &str,
        known: &mut Extendable,
        files: &mut Vec<Bytes>,
    ) -> Result<bool, AskError> {
        let numbers = match self.ask(Query::AllExtensionNumbersOfType(message.into())).await {
            Ok(Answer::ExtensionNumbers(numbers)) => BTreeSet::from_iter(numbers.extension_number),
            Ok(Answer::Error(error)) if error.error_code == Code::NotFound.number() => BTreeSet::new(),
            Ok(_) => return Ok(false),
            Err(error) if error.is_of_the_question() || error.is_too_much() || matches!(error, AskError::Silent(_)) => {
                return Ok(false);
            }
            Err(error) => return Err(error),
        };
        for number in numbers {
            // The file of one mostly has others too.
            if known.extends(message, number) {
                continue;
            }
            let query = Query::FileContainingExtension(Extension {
                containing_type: message.to_owned(),
                extension_number: number,
            });
            match self.files(query).await {
                Ok(found) => {
                    let found = found.unwrap_or_default();
                    for file in &found {
                        known.read(file);
                    }
                    files.extend(found);
                }
                Err(AskError::Refused { .. }) => {}
                Err(error)
                    if error.is_of_the_question() || error.is_too_much() || matches!(error, AskError::Silent(_)) =>
                {
                    return Ok(false);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// What describes all services but those that `skip` names. One that the server does not describe is told in the findings.
    pub async fn everything(&mut self, skip: impl Fn(&str) -> bool) -> Result<Fetched, AskError> {
        let services = self.services().await?;
        self.all_of(services.into_iter().filter(|name| !skip(name))).await
    }

    /// What describes these services, which the server has listed.
    pub async fn all_of(&mut self, services: impl IntoIterator<Item = String>) -> Result<Fetched, AskError> {
        let (mut files, mut undescribed) = (Vec::new(), Vec::new());
        let mut declared = HashSet::new();
        for service in services {
            // Each answer may have all that the file imports, once more.
            if declared.contains(&service) {
                continue;
            }
            match self.files_of(&service).await {
                Ok(Some(found)) => {
                    declared.extend(found.iter().flat_map(Described::services));
                    files.extend(found);
                    // Unless a file does that comes later.
                    undescribed.push((service, "what the server sends for it does not declare it".to_owned()));
                }
                Ok(None) => undescribed.push((service, "the server lists it, and does not know it".to_owned())),
                Err(error) if error.is_of_the_name() => undescribed.push((service, error.to_string())),
                Err(error) => return Err(error),
            }
        }
        undescribed.retain(|(service, _)| !declared.contains(service));
        let mut fetched = self.with_extensions(files).await?;
        for (service, what) in undescribed {
            fetched.undescribe(&service, &what);
        }
        Ok(fetched)
    }

    async fn files(&mut self, query: Query) -> Result<Option<Vec<Bytes>>, AskError> {
        match self.ask(query).await {
            // Some servers answer so where there is nothing: akka's and pekko's.
            Ok(Answer::Files(files)) => Ok(Some(files.file_descriptor_proto).filter(|files| !files.is_empty())),
            Ok(Answer::Error(error)) if error.error_code == Code::NotFound.number() => Ok(None),
            Err(error) if error.is_unknown() => Ok(None),
            Ok(other) => Err(odd(other)),
            Err(error) => Err(error),
        }
    }

    async fn ask(&mut self, query: Query) -> Result<Answer, AskError> {
        let question = Request {
            host: String::new(),
            query: Some(query),
        };
        let question = Bytes::from(question.encode_to_vec());
        let answer = timeout(self.patience, self.answer(question)).await;
        let answer = answer.map_err(|_| AskError::Silent(self.patience))??;
        self.received = self.received.saturating_add(answer.len());
        if self.received > MOST_BYTES {
            self.open = None;
            return Err(AskError::Broken(TOO_MUCH));
        }
        let answer = Response::decode(answer).map_err(|_| AskError::Broken("a message that does not decode"))?;
        answer.answer.ok_or(AskError::Broken("an answer of an unknown kind"))
    }

    /// Asks on the open call, and once more on another one where that ended without an answer.
    async fn answer(&mut self, question: Bytes) -> Result<Bytes, AskError> {
        let Some(mut open) = self.open.take() else {
            return self.begin(question).await;
        };
        match open.ask(question.clone()).await {
            Ok(answer) => {
                self.open = Some(open);
                Ok(answer)
            }
            Err(error) if error.is_unknown() => Err(error),
            // Why it ended need not have to do with this question: a load balancer bounds calls, a server takes one question each.
            Err(_) => {
                drop(open);
                self.begin(question).await
            }
        }
    }

    /// The first question also finds out which version of the service is there.
    async fn begin(&mut self, question: Bytes) -> Result<Bytes, AskError> {
        let schema = Schema::builder().builtin(Builtin::Reflection).build();
        let schema = schema.map_err(|error| AskError::Ended(error.into()))?;
        for path in METHODS {
            if self.version.is_some_and(|version| version != path) {
                continue;
            }
            let is_known = self.version.is_some();
            let Some(method) = schema.method(path) else { continue };
            let (questions, incoming) = mpsc::channel(1);
            // There is room for one.
            let _ = questions.try_send(question.clone());
            let mut call = Call::new(method, Messages::stream(Questions(incoming)));
            call.metadata = self.metadata.clone();
            // Some servers compress whatever they send.
            call.accepted = Encodings::every();
            let mut answers = match self.server.call(call).await {
                Ok(reply) => reply.messages,
                Err(status) if status.code() == Code::Unimplemented && !is_known => continue,
                Err(status) => return Err(AskError::Ended(status)),
            };
            match answers.next().await {
                Some(Ok(answer)) => {
                    self.open = Some(Open { questions, answers });
                    self.version = Some(path);
                    return answer.into_wire().map_err(AskError::Ended);
                }
                Some(Err(status)) if status.code() == Code::Unimplemented && !is_known => {}
                Some(Err(status)) => return Err(AskError::Ended(status)),
                None => return Err(AskError::Broken("no answer")),
            }
        }
        Err(AskError::NoReflection)
    }
}

impl AskError {
    /// Whether the server is there, and has no answer to a question, after it had some to others.
    fn is_of_the_question(&self) -> bool {
        match self {
            Self::Ended(status) => !matches!(
                status.code(),
                Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled
            ),
            Self::Broken(_) => !self.is_too_much(),
            Self::NoReflection | Self::Refused { .. } => true,
            Self::Silent(_) => false,
        }
    }

    /// Whether it is the name that was asked for that the server has no answer to: all else may pass, and what was known before is better than less.
    fn is_of_the_name(&self) -> bool {
        match self {
            Self::Ended(status) => matches!(
                status.code(),
                Code::NotFound | Code::InvalidArgument | Code::Unimplemented | Code::OutOfRange
            ),
            Self::Broken(_) => !self.is_too_much(),
            Self::Refused { .. } => true,
            Self::NoReflection | Self::Silent(_) => false,
        }
    }

    fn is_too_much(&self) -> bool {
        matches!(self, Self::Broken(what) if *what == TOO_MUCH)
    }

    /// Servers of tonic end the call at a name that they do not know. The next question begins another one.
    fn is_unknown(&self) -> bool {
        matches!(self, Self::Ended(status) if status.code() == Code::NotFound)
    }
}

impl Open {
    async fn ask(&mut self, question: Bytes) -> Result<Bytes, AskError> {
        // Why nobody takes it the answers say.
        let _ = self.questions.send(question).await;
        match self.answers.next().await {
            Some(Ok(answer)) => answer.into_wire().map_err(AskError::Ended),
            Some(Err(status)) => Err(AskError::Ended(status)),
            None => Err(AskError::Broken("no answer")),
        }
    }
}

impl std::fmt::Debug for ReflectionClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReflectionClient")
            .field("received", &self.received)
            .finish_non_exhaustive()
    }
}

/// A code as people know it.
fn named(code: i32) -> String {
    match Code::from(code) {
        known if known.number() == code => known.to_string(),
        _ => format!("the error {code}"),
    }
}

fn odd(answer: Answer) -> AskError {
    match answer {
        Answer::Error(error) => AskError::Refused {
            code: error.error_code,
            message: error.error_message,
        },
        _ => AskError::Broken("an answer to another question"),
    }
}

/// Questions as they are asked.
struct Questions(mpsc::Receiver<Bytes>);

impl MessageStream for Questions {
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Message, Status>>> {
        self.0
            .poll_recv(cx)
            .map(|question| question.map(|wire| Ok(Message::from_wire(wire))))
    }
}
