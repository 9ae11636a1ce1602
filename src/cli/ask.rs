//! Asking a live server what it serves, by reflection.

use std::{path::PathBuf, time::Duration};

use bytes::Bytes;
use descant::handlers::{AskError, Fetched, Metadata, ReflectionClient};
use descant_descriptors::{Schema, SchemaBuilder};

use super::{
    args::LiveArgs,
    failure::{Failure, Kind},
    metadata, screen,
    server::Server,
    sources,
};

/// How long each answer may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest answer: all of googleapis with its comments is 81 MB.
const MOST_BYTES: usize = 128 << 20;

/// A server that is asked.
#[derive(Debug)]
pub(crate) struct Live {
    server: Server,
    metadata: Metadata,
}

impl Live {
    /// The server that `--from` names.
    pub(crate) fn at(args: &LiveArgs) -> Result<Option<Self>, Failure> {
        let Some(address) = &args.from else {
            if args.tls.is_said() {
                return Err(Failure::new(
                    Kind::Usage,
                    "--ca, --cert, --server-name and --insecure are about a live server, and none is asked",
                    "say --from https://HOST:PORT too",
                ));
            }
            return Ok(None);
        };
        let metadata = metadata::of(&args.headers)?;
        let server = Server::at(address, "--from ", args.authority.as_ref(), &args.tls)?;
        Ok(Some(Self { server, metadata }))
    }

    /// The names of its services.
    pub(crate) fn services(&self) -> Result<Vec<String>, Failure> {
        self.converse(async |asker| asker.services().await)
    }

    /// What describes `symbol`: its file, and all that it imports.
    pub(crate) fn schema_of(&self, symbol: &str) -> Result<Schema, Failure> {
        self.converse(async |asker| asker.schema_of(symbol).await)
    }

    /// The same of a word that may be a file's name, as imports have it, or else a symbol's.
    pub(crate) fn schema_of_file(&self, file: &str, symbol: &str) -> Result<Schema, Failure> {
        self.converse(async |asker| asker.schema_of_file(file, symbol).await)
    }

    /// What describes these services, and what is missing of that.
    pub(crate) fn schema(&self, services: &[String]) -> Result<(Schema, Option<Failure>), Failure> {
        self.converse(async |asker| asker.schema(services).await)
    }

    fn converse<T>(&self, talk: impl AsyncFnOnce(&mut Asker) -> Result<T, Failure>) -> Result<T, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure::new(Kind::Other, error, ""))?;
        runtime.block_on(async {
            self.server.connect().await?;
            talk(&mut Asker::new(&self.server, self.metadata.clone())).await
        })
    }
}

/// A conversation with a server.
#[derive(Debug)]
pub(crate) struct Asker {
    /// The server's name.
    name: String,
    server: Server,
    client: ReflectionClient,
    /// What stands apart from what the server has.
    http_rules: Vec<PathBuf>,
}

impl Asker {
    /// With this metadata.
    pub(crate) fn new(server: &Server, metadata: Metadata) -> Self {
        let proxy = server.describing().clone().message_bytes(MOST_BYTES);
        Self {
            name: server.name(),
            server: server.clone(),
            client: ReflectionClient::new(proxy).metadata(metadata).patience(PATIENCE),
            http_rules: Vec::new(),
        }
    }

    /// Adds HTTP rules from these files to what the server says of itself, as far as they fit it.
    pub(crate) fn http_rules(self, files: &[PathBuf]) -> Self {
        let http_rules = files.to_vec();
        Self { http_rules, ..self }
    }

    /// The names of the services.
    pub(crate) async fn services(&mut self) -> Result<Vec<String>, Failure> {
        let services = self.client.services().await;
        services.map_err(|error| self.failed(&error))
    }

    /// What describes `symbol`: its file, and all that it imports.
    pub(crate) async fn schema_of(&mut self, symbol: &str) -> Result<Schema, Failure> {
        self.schema_of_either(symbol, None).await
    }

    /// The same, of another symbol if there is none of that name.
    pub(crate) async fn schema_of_either(&mut self, symbol: &str, other: Option<&str>) -> Result<Schema, Failure> {
        for symbol in [Some(symbol), other].into_iter().flatten() {
            if let Some(files) = self.files_of(symbol).await? {
                return self.complete(files).await;
            }
        }
        Err(self.unknown("symbol", symbol).await)
    }

    /// The schema, and besides what describes these symbols, as far as it is to be had; and why one of them is not.
    pub(crate) async fn more(&mut self, schema: &Schema, symbols: &[&String]) -> (Schema, Option<Failure>) {
        let (mut schema, mut failure) = (schema.clone(), None);
        for symbol in symbols {
            match self.with(&schema, symbol).await {
                Ok(Some(more)) => schema = more,
                Ok(None) => {}
                Err(wrong) => failure = Some(wrong),
            }
        }
        (schema, failure)
    }

    async fn with(&mut self, schema: &Schema, symbol: &str) -> Result<Option<Schema>, Failure> {
        if schema.symbol(symbol).is_some() {
            return Ok(None);
        }
        let Some(found) = self.files_of(symbol).await? else {
            return Ok(None);
        };
        let known = schema.files().map(|file| file.bytes());
        self.complete(known.chain(found).collect()).await.map(Some)
    }

    async fn schema_of_file(&mut self, file: &str, symbol: &str) -> Result<Schema, Failure> {
        if let Some(files) = self.files_of(symbol).await? {
            return self.complete(files).await;
        }
        let found = self.client.file(file).await;
        match found.map_err(|error| self.failed(&error))? {
            Some(files) => self.complete(files).await,
            None => Err(self.unknown("file", file).await),
        }
    }

    /// A service that the server does not describe hides none of the others.
    async fn schema(&mut self, services: &[String]) -> Result<(Schema, Option<Failure>), Failure> {
        let fetched = self.client.all_of(services.iter().cloned()).await;
        let fetched = fetched.map_err(|error| self.failed(&error))?;
        if fetched.is_empty() {
            let missing = fetched.undescribed().filter(|(name, _)| !name.is_empty());
            let missing = missing.map(|(name, why)| (name, why.to_owned())).collect();
            if let Some(missing) = self.undescribed(missing) {
                return Err(missing);
            }
        }
        let loaded = fetched.load(&self.origin(), Schema::builder);
        let (schema, findings) = loaded.map_err(|error| sources::refused(&error))?;
        let lacking = services.iter().filter(|service| schema.service(service).is_none());
        let missing = lacking.map(|service| {
            let why = fetched
                .why_not(service, &findings)
                .unwrap_or("it is in none of its files");
            (service.as_str(), why.to_owned())
        });
        let missing = self.undescribed(missing.collect());
        Ok((schema, missing))
    }

    fn undescribed(&self, missing: Vec<(&str, String)>) -> Option<Failure> {
        let told = |(service, why): (&str, String)| {
            let (service, why) = (screen::escape(service), screen::escape(&why).into_owned());
            let what = format!("{} does not describe `{service}`: {why}", self.name);
            Failure::new(Kind::Descriptors, what, "name a PATH that does")
        };
        let missing = missing.into_iter().rev().map(told);
        missing.fold(None, |more: Option<Failure>, failure| Some(failure.and(more)))
    }

    async fn files_of(&mut self, symbol: &str) -> Result<Option<Vec<Bytes>>, Failure> {
        let files = self.client.files_of(symbol).await;
        files.map_err(|error| self.failed(&error))
    }

    /// These files, what they import, and what extends them, unless there is something wrong with that: it may not be needed.
    async fn complete(&mut self, files: Vec<Bytes>) -> Result<Schema, Failure> {
        let extended = self.client.with_extensions(files.clone()).await;
        if let Some(schema) = extended.ok().and_then(|extended| self.build(&extended).ok()) {
            return Ok(schema);
        }
        let fetched = self.client.with_imports(files).await;
        self.build(&fetched.map_err(|error| self.failed(&error))?)
    }

    /// What findings call it.
    fn origin(&self) -> String {
        format!("reflection at {}", self.name)
    }

    fn build(&self, fetched: &Fetched) -> Result<Schema, Failure> {
        let set = fetched.set();
        let builder = Schema::builder().bytes(self.origin(), set);
        let rules = self.http_rules.iter();
        // There may be rules of other services, which were not asked for.
        let builder = rules.fold(
            builder.leave_out_unfit_http_rules().allow_missing_imports(),
            SchemaBuilder::http_rules_path,
        );
        let schema = builder.build();
        schema.map_err(|error| sources::refused(&error))
    }

    async fn unknown(&mut self, what: &str, name: &str) -> Failure {
        let served = self.client.services().await.unwrap_or_default();
        Failure::new(
            Kind::Descriptors,
            format!("{} knows no {what} `{}`", self.name, screen::escape(name)),
            match served.as_slice() {
                [] => String::new(),
                names if names.iter().any(|served| served == name) => {
                    "it lists it, and does not describe it: name a PATH that does".to_owned()
                }
                names => format!("it serves {}", screen::escape(&names.join(", "))),
            },
        )
    }

    fn failed(&self, error: &AskError) -> Failure {
        let name = &self.name;
        match error {
            AskError::NoReflection => Failure::new(
                Kind::Other,
                format!("{name} does not offer reflection"),
                "turn it on there, or name its descriptor set",
            ),
            AskError::Silent(time) => Failure::new(
                Kind::Other,
                format!("{name} did not answer within {} s", time.as_secs_f64()),
                "is it a gRPC server? does something on the way hold the connection back?",
            ),
            AskError::Ended(status) => {
                if let Some(failure) = self.server.found_out(status) {
                    return failure;
                }
                let mend = self
                    .server
                    .hint(status)
                    .unwrap_or_else(|| self.server.hint_at_reflection(status).to_owned());
                let told = status.to_string();
                let what = format!("reflection at {name} ended with {}", screen::escape(&told));
                Failure::new(Kind::Other, what, mend).by_server(status.code())
            }
            other => Failure::new(
                Kind::Other,
                format!("{name}: {}", screen::escape(&other.to_string())),
                "",
            ),
        }
    }
}
