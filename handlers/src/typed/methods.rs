//! Whole services.

use std::{collections::BTreeMap, fmt};

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
}

impl Handler for Methods {
    fn call<'this, 'answer>(&'this self, call: Call) -> Answer<'answer>
    where
        'this: 'answer,
    {
        match self.0.get(call.method.name()) {
            Some(handler) => handler.call(call),
            None => Box::pin(async move { Err(unhandled(&call)) }),
        }
    }
}

fn unhandled(call: &Call) -> Status {
    Status::unimplemented(format!(
        "{} has no handler in its service's Methods",
        call.method.full_name()
    ))
}

impl fmt::Debug for Methods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Methods").field(&self.0.keys()).finish()
    }
}
