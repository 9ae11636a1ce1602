//! What the generations of a gateway have in common, and how one is made.

use std::{iter, ptr, sync::Arc};

use descant_descriptors::{Builtin, Method, Schema};
use descant_handlers::{
    Extensions, Handler, Health, Layer, Reflection, ServingStatus, Status, upstreams::UpstreamCounts,
};

use super::{
    Gateway,
    pattern::{Fit, Pattern, best},
    snapshot::{Entry, Served, Snapshot},
};
use crate::{
    cors::Cors,
    error::{Error, ErrorKind},
    observe::Observer,
    protocol::{RestOptions, Settings},
};

/// Which services are the gateway's own, whichever schema describes them.
const REFLECTION: [&str; 2] = [
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
];
const HEALTH: &str = "grpc.health.v1.Health";

/// Why there may be nothing where nothing was found; `true`: a call by name asks. `None`: it is not there, and that is all.
pub(crate) type Absence = dyn Fn(bool) -> Option<Status> + Send + Sync;

/// What every generation of a gateway has in common.
pub(super) struct Plan {
    pub(super) routes: Vec<(Pattern, Answering)>,
    /// Each around the methods that its pattern fits.
    pub(super) layers: Vec<(Pattern, Arc<dyn Layer>)>,
    /// How REST is spoken where that differs from the settings.
    pub(super) rest: Vec<(Pattern, Arc<RestOptions>)>,
    pub(super) reflection: Exposure,
    pub(super) health: Option<Health>,
    pub(super) state: Arc<Extensions>,
    pub(super) cors: Option<Arc<Cors>>,
    pub(super) settings: Settings,
    /// What is said where there is nothing.
    pub(super) absence: Option<Arc<Absence>>,
    pub(super) send_request_ids: bool,
    /// `None`: nothing is told of calls.
    pub(super) observer: Option<Observer>,
}

/// A handler, and what people call it.
pub(super) struct Answering {
    pub(super) handler: Arc<dyn Handler>,
    /// The name of its type.
    pub(super) kind: &'static str,
}

/// Which services reflection tells of.
pub(super) enum Exposure {
    Off,
    All,
    Only(Vec<String>),
}

impl Plan {
    /// A snapshot that serves `schema`, and tells of what others answer on the same port.
    pub(super) fn snapshot(self: Arc<Self>, schema: Schema, beside: &[Gateway]) -> Result<Snapshot, Error> {
        let own = Schema::builder()
            .builtin(Builtin::Reflection)
            .builtin(Builtin::Health)
            .build();
        let own = own.map_err(ErrorKind::from)?;
        self.check_patterns(&schema, &own)?;
        let builtins = self.builtins(&schema, &own, beside)?;
        let rest = self.rest(&schema);
        let loaded = Served {
            entries: schema
                .methods()
                .map(|method| self.entry(&method, self.handler(&method, &builtins)))
                .collect(),
            schema,
        };
        let own = Served {
            // No route is about these: `*` means what was loaded.
            entries: own
                .methods()
                .map(|method| {
                    let builtin = builtins.of(&method);
                    self.entry(&method, builtin.map(|builtin| self.wrap(&method, builtin)))
                })
                .collect(),
            schema: own,
        };
        Ok(Snapshot::new(self, loaded, own, rest))
    }

    /// How REST is spoken to each method of a schema; empty: as the settings say.
    fn rest(&self, schema: &Schema) -> Vec<Option<Arc<RestOptions>>> {
        if self.rest.is_empty() {
            return Vec::new();
        }
        let of = |method| best(&self.rest, &method).map(|(.., options)| options.clone());
        schema.methods().map(of).collect()
    }

    fn entry(&self, method: &Method, handler: Option<Arc<dyn Handler>>) -> Entry {
        let observer = self.observer.as_ref();
        let subject = observer.map(|observer| observer.subject(method, is_own(method)));
        Entry { handler, subject }
    }

    /// The handler of a loaded method, layers around it.
    fn handler(&self, method: &Method, builtins: &Builtins) -> Option<Arc<dyn Handler>> {
        let builtin = builtins.of(method);
        let routed = best(&self.routes, method).filter(|best| builtin.is_none() || is_meant(best));
        let handler = routed.map(|(_, _, answering)| answering.handler.clone()).or(builtin)?;
        Some(self.wrap(method, handler))
    }

    /// Whether a route answers a method, and not the gateway itself.
    pub(super) fn is_routed(&self, method: &Method) -> bool {
        best(&self.routes, method).is_some_and(|best| !is_own(method) || is_meant(&best))
    }

    /// A method that is answered, were this the schema, and that the other gateway answers too; or an HTTP rule that leads to
    /// answers of both.
    pub(super) fn both_answer(&self, schema: &Schema, other: &Gateway) -> Option<String> {
        let (plan, theirs) = (other.plan(), other.schema());
        let answered = schema.methods().filter(|method| self.is_routed(method));
        let mut both = answered.filter(|method| {
            let same = theirs.method(method.path());
            same.is_some_and(|same| plan.is_routed(&same))
        });
        let method = both.next().map(|method| method.full_name().to_owned());
        let rule = || {
            let shared = schema.routes().shared_with(theirs.routes());
            let mut both = shared.into_iter().filter(|(ours, others)| {
                self.is_routed(&ours.method(schema)) && plan.is_routed(&others.method(&theirs))
            });
            let (rule, _) = both.next()?;
            Some(format!("{} {}", rule.http_method(), rule.template()))
        };
        method.or_else(rule)
    }

    /// What people call that which answers a method, and why it does.
    pub(super) fn describe_handler(&self, method: &Method) -> String {
        match best(&self.routes, method) {
            Some((_, pattern, answering)) => format!("{}, by route `{pattern}`", short(answering.kind)),
            None => "the gateway itself".to_owned(),
        }
    }

    fn wrap(&self, method: &Method, handler: Arc<dyn Handler>) -> Arc<dyn Handler> {
        let layers = self.layers.iter().rev();
        let fitting = layers.filter(|(pattern, _)| pattern.fits(method).is_some());
        fitting.fold(handler, |inner, (_, layer)| layer.wrap(inner))
    }

    fn builtins(&self, loaded: &Schema, own: &Schema, beside: &[Gateway]) -> Result<Builtins, Error> {
        let others: Vec<_> = beside.iter().map(|other| (other.plan(), other.schema())).collect();
        let others = others.iter().map(|(plan, schema)| (&**plan, schema.clone()));
        let all: Vec<_> = iter::once((self, loaded.clone())).chain(others).collect();
        let healths: Vec<_> = all.iter().filter_map(|(plan, _)| plan.health.clone()).collect();
        let reflection = reflection(&all, own)?;
        let absences: Vec<_> = all.iter().filter_map(|(plan, _)| plan.absence.clone()).collect();
        let reflection = if absences.is_empty() {
            reflection
        } else {
            reflection.map(|reflection| {
                reflection.absence(move |by_name| absences.iter().find_map(|absence| absence(by_name)))
            })
        };
        Ok(Builtins {
            reflection: reflection.map(|reflection| Arc::new(reflection) as _),
            health: (!healths.is_empty()).then(|| Arc::new(Health::together(healths)) as _),
        })
    }

    /// Services that came with a new schema serve; those that went are forgotten. What the application said stays.
    pub(super) fn tell_health(&self, before: Option<&Schema>, now: &Schema) {
        let Some(health) = &self.health else {
            return;
        };
        let gone = before.into_iter().flat_map(Schema::services);
        for service in gone.filter(|service| now.service(service.full_name()).is_none()) {
            health.clear(service.full_name());
        }
        for service in now
            .services()
            .filter(|service| health.get(service.full_name()).is_none())
        {
            health.set(service.full_name(), ServingStatus::Serving);
        }
    }

    /// Whether each handler can answer what it is there for. A reload may take methods away; then their handlers rest.
    pub(super) fn check_handlers(&self, schema: &Schema) -> Result<(), Error> {
        for ((pattern, answering), methods) in self.routes.iter().zip(answered(&self.routes, schema)) {
            if let Err(what) = answering.handler.check(&methods) {
                let pattern = pattern.to_string();
                return Err(ErrorKind::Unfit { pattern, what }.into());
            }
        }
        Ok(())
    }

    /// What is counted of the servers that its handlers call.
    pub(super) fn upstreams(&self) -> Vec<Arc<dyn UpstreamCounts>> {
        let handlers = self.routes.iter().map(|(_, answering)| &answering.handler);
        handlers.flat_map(Handler::upstreams).collect()
    }

    /// A pattern that fits nothing is misspelt. Layers may stand before the gateway's own services as well.
    fn check_patterns(&self, schema: &Schema, own: &Schema) -> Result<(), Error> {
        let fits = |pattern: &Pattern, schema: &Schema| schema.methods().any(|method| pattern.fits(&method).is_some());
        // An empty schema has nothing to match, and is not what a user of `*` is to be told of.
        let idle = |pattern: &Pattern| *pattern != Pattern::All && !fits(pattern, schema);
        let route = self.routes.iter().map(|(pattern, _)| pattern).find(|route| idle(route));
        let layers = self.layers.iter().map(|(pattern, _)| pattern);
        let layer = || layers.clone().find(|layer| idle(layer) && !fits(layer, own));
        let rest = || self.rest.iter().map(|(pattern, _)| pattern).find(|rest| idle(rest));
        let (what, pattern) = match (route, layer(), rest()) {
            (Some(route), ..) => ("route", route),
            (None, Some(layer), _) => ("layer on", layer),
            (None, None, Some(rest)) => ("REST options of", rest),
            (None, None, None) => return Ok(()),
        };
        Err(ErrorKind::NothingMatched {
            what,
            pattern: pattern.to_string(),
            nearest: pattern.nearest(schema),
        }
        .into())
    }
}

/// What reflection tells, if any of those that are served on one port has it told.
fn reflection(all: &[(&Plan, Schema)], own: &Schema) -> Result<Option<Reflection>, Error> {
    let exposures = || all.iter().map(|(plan, schema)| (&plan.reflection, schema));
    if exposures().all(|(exposure, _)| matches!(exposure, Exposure::Off)) {
        return Ok(None);
    }
    let schemas = all.iter().map(|(_, schema)| schema.clone()).chain([own.clone()]);
    if exposures().all(|(exposure, _)| matches!(exposure, Exposure::All)) {
        return Ok(Some(Reflection::of(schemas)));
    }
    let every = |schema: &Schema| {
        schema
            .services()
            .map(|service| service.full_name().to_owned())
            .collect::<Vec<_>>()
    };
    let names = exposures().flat_map(|(exposure, schema)| match exposure {
        Exposure::Off => Vec::new(),
        Exposure::All => [every(schema), every(own)].concat(),
        Exposure::Only(names) => names.clone(),
    });
    let only = Reflection::only(schemas, names);
    Ok(Some(only.map_err(ErrorKind::from)?))
}

/// The methods of a schema that each of these routes answers: those that no other fits better, and the gateway does not answer itself.
pub(crate) fn answered<T>(routes: &[(Pattern, T)], schema: &Schema) -> Vec<Vec<Method>> {
    let mut answered = vec![Vec::new(); routes.len()];
    for method in schema.methods() {
        let found = best(routes, &method).filter(|best| !is_own(&method) || is_meant(best));
        let place = found.and_then(|(_, best, _)| routes.iter().position(|(pattern, _)| ptr::eq(pattern, best)));
        if let Some(methods) = place.and_then(|place| answered.get_mut(place)) {
            methods.push(method);
        }
    }
    answered
}

/// Whether a route that fits one of the gateway's own services so is meant for it.
fn is_meant<T>((fit, ..): &(Fit, &Pattern, &T)) -> bool {
    Pattern::names_service(*fit)
}

/// Whether a method is of reflection or health, whichever schema describes it.
pub(crate) fn is_own(method: &Method) -> bool {
    is_own_path(method.path())
}

/// The same of a method's path.
pub(crate) fn is_own_path(path: &str) -> bool {
    let name = path.strip_prefix('/').and_then(|name| name.rsplit_once('/'));
    name.is_some_and(|(service, _)| service == HEALTH || REFLECTION.contains(&service))
}

/// The name of a type without the modules around it, and without what it is made of.
fn short(kind: &str) -> &str {
    let kind = kind.split('<').next().unwrap_or(kind);
    kind.rsplit("::").next().unwrap_or(kind)
}

/// What answers the gateway's own services.
struct Builtins {
    reflection: Option<Arc<dyn Handler>>,
    health: Option<Arc<dyn Handler>>,
}

impl Builtins {
    fn of(&self, method: &Method) -> Option<Arc<dyn Handler>> {
        match method.service().full_name() {
            HEALTH => self.health.clone(),
            name if REFLECTION.contains(&name) => self.reflection.clone(),
            _ => None,
        }
    }
}
