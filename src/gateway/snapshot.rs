//! One generation of a gateway: schemas, and for each of their methods the handler that answers it.

use std::sync::Arc;

use descant_descriptors::{Captures, Found, Method, Schema};
use descant_handlers::{Handler, Status};

use super::{Claim, plan::Plan, suggestions::Suggestions};
use crate::{observe::Subject, protocol::RestOptions};

/// Names longer than this are not repeated to whoever sent them.
const LONGEST_ECHO: usize = 256;

/// What is served at one time. Immutable: a reload makes another.
pub(crate) struct Snapshot {
    /// What it was made by.
    plan: Arc<Plan>,
    /// What was loaded.
    loaded: Served,
    /// The gateway's own services, reflection and health, where the loaded schema does not describe them.
    own: Served,
    /// How REST is spoken to what was loaded, by the methods' indices, where that differs from the settings.
    rest: Vec<Option<Arc<RestOptions>>>,
    suggestions: Suggestions,
}

/// A schema, and what is known of its methods by their index.
pub(super) struct Served {
    pub(super) schema: Schema,
    pub(super) entries: Vec<Entry>,
}

/// A method as it is served.
pub(crate) struct Entry {
    /// `None`: nothing answers it.
    pub(super) handler: Option<Arc<dyn Handler>>,
    /// What is told of its calls; `None`: they are not observed.
    pub(crate) subject: Option<Arc<Subject>>,
}

/// A method that a path names, and how it is served.
pub(crate) struct Known<'s> {
    method: Method,
    entry: &'s Entry,
    /// It is of the gateway's own services.
    own: bool,
}

impl<'s> Known<'s> {
    fn of(path: &str, served: &'s Served, own: bool) -> Option<Self> {
        let method = served.schema.method(path)?;
        let entry = served.entry(&method)?;
        Some(Self { method, entry, own })
    }
}

impl Entry {
    /// What answers the method that this is the entry of.
    pub(crate) fn handler(&self, method: &Method) -> Result<&Arc<dyn Handler>, Status> {
        self.handler.as_ref().ok_or_else(|| unanswered(method))
    }
}

impl Served {
    fn entry(&self, method: &Method) -> Option<&Entry> {
        self.entries.get(method.index())
    }
}

impl Snapshot {
    pub(super) fn new(plan: Arc<Plan>, loaded: Served, own: Served, rest: Vec<Option<Arc<RestOptions>>>) -> Self {
        Self {
            plan,
            loaded,
            own,
            rest,
            suggestions: Suggestions::new(),
        }
    }

    /// Why nothing may have been found; `by_name`: a call asks.
    pub(crate) fn absent(&self, by_name: bool) -> Option<Status> {
        self.plan.absence.as_ref().and_then(|absence| absence(by_name))
    }

    pub(super) fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// How REST is spoken to a method; `None`: as the settings say.
    pub(crate) fn rest(&self, method: &Method) -> Option<&Arc<RestOptions>> {
        if self.rest.is_empty() {
            return None;
        }
        // Its index may be that of another schema.
        let method = self.loaded.schema.method(method.path())?;
        self.rest.get(method.index())?.as_ref()
    }

    /// What was loaded.
    pub(crate) fn schema(&self) -> &Schema {
        &self.loaded.schema
    }

    /// The method that a path names, whether it is answered or not.
    pub(crate) fn method(&self, path: &str) -> Option<Method> {
        self.known(path).map(|known| known.method)
    }

    /// The same, and how it is served.
    pub(crate) fn known(&self, path: &str) -> Option<Known<'_>> {
        let known = Known::of(path, &self.loaded, false);
        known.or_else(|| Known::of(path, &self.own, true))
    }

    /// How a method of the loaded schema is served.
    pub(crate) fn entry(&self, method: &Method) -> Result<&Entry, Status> {
        self.loaded.entry(method).ok_or_else(|| unanswered(method))
    }

    /// How much there is to do here for a request.
    pub(super) fn claim(&self, verb: &str, path: &str) -> Claim {
        let schema = self.schema();
        let method = schema.method(path).map_or_else(
            || match schema.routes().find(verb, path, &mut Captures::default()) {
                Found::Binding(binding) => Ok(binding.method(schema)),
                Found::OtherMethods(_) => Err(Claim::Knows),
                Found::Nothing => Err(Claim::Nothing),
            },
            Ok,
        );
        let answers = |method: &Method| self.loaded.entry(method).is_some_and(|entry| entry.handler.is_some());
        match method {
            Ok(method) if answers(&method) => Claim::Answers,
            Ok(_) => Claim::Knows,
            Err(claim) => claim,
        }
    }

    /// The method at a path, and how it is served; UNIMPLEMENTED, mostly with the nearest names, if there is none. `known`: what
    /// the path names.
    pub(crate) fn served<'s>(&'s self, path: &str, known: Option<Known<'s>>) -> Result<(Method, &'s Entry), Status> {
        // A service of its own that is turned off is as good as none.
        match known.filter(|known| !known.own || known.entry.handler.is_some()) {
            Some(known) => Ok((known.method, known.entry)),
            None => Err(self.unknown(path)),
        }
    }

    /// What is said of a path that names no method.
    pub(crate) fn unknown(&self, path: &str) -> Status {
        if let Some(absent) = self.absent(true) {
            return absent;
        }
        if path.len() > LONGEST_ECHO {
            return Status::unimplemented(format!("no method has a name of {} bytes", path.len()));
        }
        let name = path.strip_prefix('/').unwrap_or(path);
        let Some((service, method)) = name.rsplit_once('/') else {
            return Status::unimplemented(format!("malformed method name {path:?}: it is /package.Service/Method"));
        };
        let schema = &self.loaded.schema;
        let what = match schema.service(service) {
            Some(_) => format!("unknown method {method} for service {service}"),
            None => format!("unknown service {service}"),
        };
        Status::unimplemented(what + &self.nearest(path))
    }

    /// The methods that resemble a path which a peer asked for, as the end of a message; nothing in a flood.
    pub(crate) fn nearest(&self, path: &str) -> String {
        self.suggestions.of(&self.loaded.schema, path)
    }
}

fn unanswered(method: &Method) -> Status {
    let name = method.path().strip_prefix('/').unwrap_or_default();
    Status::unimplemented(format!(
        "nothing answers {name} yet: give it a handler with Gateway::builder(schema).route(\"{name}\", handler), or start \
         `descant serve` with --to URL, --echo, or a configuration whose `routes` match it"
    ))
}
