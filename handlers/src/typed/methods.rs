//! Whole services.

use std::{collections::BTreeMap, fmt};

use descant_descriptors::Method;

use crate::{Answer, Call, Handler, Status};

/// Several methods behind one handler: a whole service.
///
/// The names are those of the methods alone, as the service declares them. A method that has no
/// handler here is UNIMPLEMENTED.
///
/// ```
/// use descant_handlers::{Status, typed::{self, Context, Methods}};
///
/// async fn shout(text: String, _: Context) -> Result<String, Status> {
///     Ok(text.to_uppercase())
/// }
///
/// let service = Methods::new()
///     .on("Shout", typed::unary(shout))
///     .on("Whisper", typed::unary(|text: String, _| async move { Ok(text.to_lowercase()) }));
/// assert_eq!(service.names().collect::<Vec<_>>(), ["Shout", "Whisper"]);
/// ```
#[derive(Default)]
pub struct Methods(BTreeMap<String, Box<dyn Handler>>);

impl Methods {
    /// No methods yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a method, in the place of one that has this name already.
    #[must_use]
    pub fn on(mut self, name: impl Into<String>, handler: impl Handler) -> Self {
        self.0.insert(name.into(), Box::new(handler));
        self
    }

    /// The names of the methods, sorted.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Says that a method has no handler, and which handlers have no method: one of them is likely
    /// to be this one, misspelt.
    fn unhandled(&self, call: &Call) -> Status {
        let service = call.method.service();
        let idle: Vec<_> = self.names().filter(|name| service.method(name).is_none()).collect();
        let unanswered = format!("{} has no handler", call.method.full_name());
        if idle.is_empty() {
            return Status::unimplemented(unanswered);
        }
        let (names, service) = (idle.join(", "), service.full_name());
        Status::unimplemented(format!(
            "{unanswered}; there are handlers for {names}, which {service} does not declare"
        ))
    }
}

impl Handler for Methods {
    fn call<'this, 'answer>(&'this self, call: Call) -> Answer<'answer>
    where
        'this: 'answer,
    {
        match self.0.get(call.method.name()) {
            Some(handler) => handler.call(call),
            None => Box::pin(async move { Err(self.unhandled(&call)) }),
        }
    }

    /// A name that none of the services has is misspelt.
    fn check(&self, methods: &[Method]) -> Result<(), String> {
        let has = |method: &Method, name: &str| method.service().method(name).is_some();
        let unknown = |name: &&str| !methods.iter().any(|method| has(method, name));
        match (self.names().find(unknown), methods.first()) {
            (Some(name), Some(method)) => Err(misspelt(name, method)),
            _ => Ok(()),
        }
    }
}

/// What is said of a name that the service of this method does not have.
fn misspelt(name: &str, method: &Method) -> String {
    let service = method.service();
    let service = service.full_name();
    let nearest = method.schema().nearest_methods(&format!("/{service}/{name}"));
    let nearest: Vec<_> = nearest.iter().filter_map(|path| path.rsplit('/').next()).collect();
    let meant = match nearest.as_slice() {
        [] => String::new(),
        names => format!("; did you mean {}?", names.join(" or ")),
    };
    format!("is of a method `{name}`, which {service} does not declare{meant}")
}

impl fmt::Debug for Methods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Methods").field(&self.0.keys()).finish()
    }
}
