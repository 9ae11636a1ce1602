//! A place where events of `tracing` come from whose fields are chosen at run time.
//!
//! What the macros of `tracing` make has its fields in the program's text. This is the same by hand: a record has exactly
//! the fields that were asked for, each under its own name and of its own type, so whatever subscriber the application has
//! can filter, format and store them like any others.

use std::sync::{
    Mutex, OnceLock, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use tracing::{
    Event, Level, Metadata,
    callsite::{self, Callsite},
    dispatcher,
    field::{Field, FieldSet, Value},
    level_filters::{LevelFilter, STATIC_MAX_LEVEL},
    metadata::Kind,
    subscriber::Interest,
};

/// As many fields a record may have, its message among them.
pub(super) const MOST: usize = 64;
const LEVEL: Level = Level::INFO;
/// The field that subscribers take for the text of an event.
const MESSAGE: &str = "message";

/// Where records of one kind come from.
#[derive(Debug)]
pub(super) struct Site {
    /// The text of each record.
    name: &'static str,
    metadata: OnceLock<Metadata<'static>>,
    fields: OnceLock<Box<[Field]>>,
    /// No subscriber will ever want its records.
    idle: AtomicBool,
}

/// Those that there are. `tracing` keeps each as long as the process, so two that are alike are one.
static SITES: Mutex<Vec<&'static Site>> = Mutex::new(Vec::new());

impl Site {
    /// The place of records of this name, with these fields behind their text; more than [`MOST`] are left out.
    pub(super) fn of(name: &'static str, target: &'static str, fields: &[String]) -> &'static Self {
        let mut sites = SITES.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |site: &&&Self| site.name == name && site.names().skip(1).eq(fields.iter().map(String::as_str));
        if let Some(site) = sites.iter().find(same) {
            return site;
        }
        let site: &'static Self = Box::leak(Box::new(Self {
            name,
            metadata: OnceLock::new(),
            fields: OnceLock::new(),
            idle: AtomicBool::new(false),
        }));
        let fields = fields.iter().take(MOST - 1);
        let fields = fields.map(|field| &*Box::leak(field.clone().into_boxed_str()));
        let names: Vec<&'static str> = std::iter::once(MESSAGE).chain(fields).collect();
        let fields = FieldSet::new(names.leak(), callsite::Identifier(site));
        let (file, line, module) = (Some(file!()), Some(line!()), Some(module_path!()));
        let _ = site.fields.set(fields.iter().collect());
        let metadata = Metadata::new(name, target, LEVEL, file, line, module, fields, Kind::EVENT);
        let _ = site.metadata.set(metadata);
        callsite::register(site);
        sites.push(site);
        site
    }

    fn names(&self) -> impl Iterator<Item = &'static str> {
        let fields = self.fields.get().into_iter().flatten();
        fields.map(Field::name)
    }

    /// Whether anybody wants its records now. As cheap as what `tracing` has for events that nobody wants.
    pub(super) fn is_enabled(&self) -> bool {
        if LEVEL > STATIC_MAX_LEVEL || LEVEL > LevelFilter::current() || self.idle.load(Ordering::Relaxed) {
            return false;
        }
        let Some(metadata) = self.metadata.get() else {
            return false;
        };
        dispatcher::get_default(|dispatch| dispatch.enabled(metadata))
    }

    /// Writes a record; `values` are those of its fields, in the same order.
    pub(super) fn record<'v>(&'static self, mut values: impl Iterator<Item = Option<&'v dyn Value>>) {
        let Some((metadata, fields)) = self.metadata.get().zip(self.fields.get()) else {
            return;
        };
        let Some(message) = fields.first() else {
            return;
        };
        let text = format_args!("{}", self.name);
        let mut rest = fields.iter().skip(1);
        // Its length is fixed; what is behind the last field has no value.
        let values: [(&Field, Option<&dyn Value>); MOST] = std::array::from_fn(|place| match place {
            0 => (message, Some(&text as &dyn Value)),
            _ => rest
                .next()
                .map_or((message, None), |field| (field, values.next().flatten())),
        });
        Event::dispatch(metadata, &metadata.fields().value_set(&values));
    }
}

impl Callsite for Site {
    fn set_interest(&self, interest: Interest) {
        self.idle.store(interest.is_never(), Ordering::Relaxed);
    }

    fn metadata(&self) -> &Metadata<'_> {
        // Set before anybody hears of the site.
        self.metadata.get().unwrap_or(&NOTHING)
    }
}

/// What a site says of itself before it is made, which nobody sees.
static NOTHING: Metadata<'static> = Metadata::new(
    "",
    "",
    LEVEL,
    None,
    None,
    None,
    FieldSet::new(&[], callsite::Identifier(&Nowhere)),
    Kind::EVENT,
);

struct Nowhere;

impl Callsite for Nowhere {
    fn set_interest(&self, _: Interest) {}

    fn metadata(&self) -> &Metadata<'_> {
        &NOTHING
    }
}
