//! From settings to all that a start or a reload needs of them; or everything that speaks against it, told at once.

use descant::{
    Config, ConfigError,
    config::{Handlers, Listener},
    demo,
};
use descant_descriptors::{Builtin, Error, Finding, Schema};

use super::{
    config,
    failure::{Failure, Kind},
    sources,
};

/// Settings, and what they make.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) config: Config,
    /// The demo is served: nobody named anything else.
    pub(crate) is_demo: bool,
    /// What is served; with nothing in it yet if the server behind describes it.
    pub(crate) schema: Schema,
    pub(crate) handlers: Handlers,
    /// What of the configuration can be used, and is hardly meant.
    pub(crate) warnings: Vec<Finding>,
    /// None for a reload, which leaves listeners as they are.
    pub(crate) listeners: Vec<Listener>,
}

/// Why settings cannot be used: at least one of the two.
#[derive(Debug)]
pub(crate) struct Unsound {
    pub(crate) config: Option<ConfigError>,
    pub(crate) descriptors: Option<Error>,
}

/// What settings are used for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Use<'h> {
    Start,
    /// Proxies whose settings have not changed are kept.
    Reload(&'h Handlers),
}

/// Makes all of it.
pub(crate) fn prepare(built: Result<Config, ConfigError>, used: Use<'_>) -> Result<Prepared, Unsound> {
    let (config, mut faults) = match built {
        Ok(config) => (config, Vec::new()),
        // More may be wrong with what can be read of it.
        Err(error) => match error.rest().cloned() {
            Some(rest) => (rest, vec![error]),
            None => return Err(error.into()),
        },
    };
    let is_demo = is_demo(&config);
    faults.extend(config.check_descriptors().err());
    faults.extend(config.check_schema_interval().err());
    let none = Handlers::default();
    let handlers = match used {
        Use::Start => config.handlers(&none),
        Use::Reload(before) => config.handlers(before),
    };
    let handlers = handlers.map_err(|error| faults.push(error)).ok();
    let listeners = match used {
        Use::Start => config.listeners(),
        // They stay as they are, but a file that could not be started with is not taken.
        Use::Reload(_) => config.listeners().map(|_| Vec::new()),
    };
    let listeners = listeners.map_err(|error| faults.push(error)).ok();
    let mut schema = load(&config, is_demo);
    if let Err(error) = &schema {
        let (missing, others) = config.placed(error);
        faults.extend(missing);
        schema = others.map_or(Ok(None), Err);
    }
    if let Ok(Some(schema)) = &schema {
        let handlers = handlers.as_ref().unwrap_or(&none);
        faults.extend(config.check_routes(schema, handlers).err());
    } else if let Some(schema) = methods(&config) {
        // What else handlers take may be a matter of HTTP rules.
        faults.extend(config.check_routes(&schema, &none).err());
    }
    let wrong = faults.into_iter().reduce(ConfigError::and);
    match (wrong, schema, handlers, listeners) {
        (None, Ok(Some(schema)), Some(handlers), Some(listeners)) => Ok(Prepared {
            warnings: config.warnings(&schema),
            config,
            is_demo,
            schema,
            handlers,
            listeners,
        }),
        (config, schema, ..) => Err(Unsound {
            config,
            descriptors: schema.err(),
        }),
    }
}

/// Whether it is the demo that is served: nobody named anything else.
fn is_demo(config: &Config) -> bool {
    config.file().is_none() && config.settings().descriptors.0.is_empty() && !config.is_described_by_upstream()
}

/// What has to be read whole for descriptors to load.
const DESCRIPTORS: [&str; 3] = ["descriptors", "descriptor_bytes", "descriptor_elements"];

fn is_whole(config: &Config, keys: &[&str]) -> bool {
    keys.iter().all(|key| config.is_whole(key))
}

/// What is served. `None`: not all that belongs to it can be read, which has been told.
fn load(config: &Config, is_demo: bool) -> Result<Option<Schema>, Error> {
    if !is_whole(config, &DESCRIPTORS) || !config.is_whole("http_rules") {
        return Ok(None);
    }
    let schema = if config.is_described_by_upstream() {
        // Its HTTP rules are of methods that are still to come.
        let nothing_yet = Schema::builder().builtin(Builtin::ErrorDetails);
        config.sources(nothing_yet).leave_out_unfit_http_rules().build()
    } else if is_demo {
        config.sources(demo::sources()).build()
    } else if config.settings().descriptors.0.is_empty() {
        return Ok(None);
    } else {
        config.schema()
    };
    schema.map(Some)
}

/// Which methods there are, where HTTP rules are all that stands in the way.
fn methods(config: &Config) -> Option<Schema> {
    let settings = config.settings();
    let has_rules = !settings.http_rules.0.is_empty() || !config.is_whole("http_rules");
    if settings.descriptors.0.is_empty() || !has_rules || !is_whole(config, &DESCRIPTORS) {
        return None;
    }
    config.descriptors(Schema::builder()).build().ok()
}

impl From<ConfigError> for Unsound {
    fn from(error: ConfigError) -> Self {
        Self {
            config: Some(error),
            descriptors: None,
        }
    }
}

impl From<Unsound> for Failure {
    fn from(unsound: Unsound) -> Self {
        let config = unsound.config.as_ref().map(config::refused);
        let descriptors = unsound.descriptors.as_ref().map(sources::refused);
        match (config, descriptors) {
            // Not of certificates alone any more.
            (Some(config), Some(descriptors)) => config.of(Kind::Configuration).and(Some(descriptors)),
            (Some(config), None) => config,
            (None, Some(descriptors)) => descriptors,
            (None, None) => Self::new(Kind::Configuration, "the configuration cannot be used", ""),
        }
    }
}
