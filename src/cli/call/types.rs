//! Types that stand in a `google.protobuf.Any`, and that nothing which was asked for imports.

use std::{collections::HashSet, path::PathBuf, sync::Arc};

use descant::handlers::Metadata;
use descant_descriptors::{Codec, MessageType, Schema};
use tokio::sync::Mutex;

use super::show;
use crate::cli::{args::Call, ask::Asker, failure::Failure, server::Server};

/// What is known of a server's types. Clones are the same.
#[derive(Clone)]
pub(super) struct Types(Arc<Mutex<Known>>);

struct Known {
    schema: Schema,
    /// Who is asked for more, unless files say what there is.
    source: Option<Source>,
    /// Nobody is asked for these again.
    asked: HashSet<String>,
}

struct Source {
    server: Server,
    metadata: Metadata,
    http_rules: Vec<PathBuf>,
    /// Tells why there is no answer.
    verbose: bool,
}

impl Types {
    /// Those of a schema that files have.
    pub(super) fn of_files(schema: Schema) -> Self {
        Self::new(schema, None)
    }

    /// Those of a schema that reflection had; it is asked for others.
    pub(super) fn of_server(schema: Schema, server: &Server, metadata: &Metadata, args: &Call) -> Self {
        let source = Source {
            server: server.clone(),
            metadata: metadata.clone(),
            http_rules: args.http_rules.clone(),
            verbose: args.verbose > 0,
        };
        Self::new(schema, Some(source))
    }

    fn new(schema: Schema, source: Option<Source>) -> Self {
        Self(Arc::new(Mutex::new(Known {
            schema,
            source,
            asked: HashSet::new(),
        })))
    }

    /// All that is known by now.
    pub(super) async fn schema(&self) -> Schema {
        self.0.lock().await.schema.clone()
    }

    /// Converts a message of this type, again as long as that misses types which can be had, unless it is `done` without them.
    pub(super) async fn convert<T, E>(
        &self,
        of: &MessageType,
        codec: &mut Codec,
        done: impl Fn(&Result<T, E>) -> bool,
        mut convert: impl FnMut(&MessageType, &mut Codec) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut of = latest(of, &self.schema().await);
        loop {
            let converted = convert(&of, codec);
            if done(&converted) || codec.missing_types().is_empty() {
                return converted;
            }
            match self.learn(codec.missing_types()).await {
                Some(schema) => of = latest(&of, &schema),
                None => return converted,
            }
        }
    }

    /// Asks for these types. `None`: none of them is to be had.
    pub(super) async fn learn(&self, names: &[String]) -> Option<Schema> {
        let known = &mut *self.0.lock().await;
        let fresh: Vec<_> = names
            .iter()
            .filter(|name| known.asked.insert((*name).clone()))
            .collect();
        if let (Some(source), false) = (&known.source, fresh.is_empty()) {
            let (schema, failure) = source.ask(&known.schema, &fresh).await;
            known.schema = schema;
            if let Some(failure) = failure.filter(|_| source.verbose) {
                show::line(format_args!("= {}", failure.what()));
            }
        }
        let learnt = names.iter().any(|name| known.schema.message(name).is_some());
        learnt.then(|| known.schema.clone())
    }
}

impl Source {
    async fn ask(&self, schema: &Schema, names: &[&String]) -> (Schema, Option<Failure>) {
        let asker = Asker::new(&self.server, self.metadata.clone());
        asker.http_rules(&self.http_rules).more(schema, names).await
    }
}

/// The type as this schema has it.
fn latest(of: &MessageType, schema: &Schema) -> MessageType {
    schema.message(of.full_name()).unwrap_or_else(|| of.clone())
}
