//! Options of elements.

use super::{
    definitions::MessageRef,
    literal::{Entry, Literal},
    printer::Printer,
};

/// The options of one element.
#[derive(Debug, Default)]
pub(super) struct Options {
    pub(super) settings: Vec<Setting>,
    /// Number and value of those that no loaded definition names.
    pub(super) unknown: Vec<(String, String)>,
}

/// `name = value`.
#[derive(Debug)]
pub(super) struct Setting {
    pub(super) name: String,
    pub(super) value: Literal,
}

impl Setting {
    pub(super) fn new(name: &str, value: impl Into<String>) -> Self {
        Self {
            name: name.to_owned(),
            value: Literal::Scalar(value.into()),
        }
    }

    pub(super) fn inline(&self) -> String {
        format!("{} = {}", self.name, self.value.inline())
    }
}

impl Options {
    pub(super) fn is_empty(&self) -> bool {
        self.settings.is_empty() && self.unknown.is_empty()
    }

    /// Entries of `features` become settings of their own, `features.field_presence = EXPLICIT`, as they are written.
    fn add(&mut self, prefix: &str, entries: Vec<Entry>, name_of: &dyn Fn(&Entry) -> String) {
        for entry in entries {
            let name = format!("{prefix}{}", name_of(&entry));
            match entry.value {
                Literal::Message(inner) if entry.is_known && is_features(prefix, &entry.name, &inner) => {
                    self.add(&format!("{name}."), inner, name_of);
                }
                value if entry.is_known => self.settings.push(Setting { name, value }),
                value => self.unknown.push((format!("{prefix}{}", entry.name), value.inline())),
            }
        }
    }
}

/// Whether a value is a set of features, or one language's features inside it.
fn is_features(prefix: &str, name: &str, inner: &[Entry]) -> bool {
    !inner.is_empty() && (prefix.is_empty() && name == "features" || prefix == "features.")
}

impl Printer<'_, '_> {
    /// Decodes the options message `kind`. Names of extensions are written so that they mean the same in `scope`.
    pub(super) fn options(&self, kind: &str, bytes: &[u8], scope: &str) -> Options {
        let mut options = Options::default();
        if bytes.is_empty() {
            return options;
        }
        let message: Option<MessageRef<'_>> = self.definitions.message(kind);
        let entries = self.definitions.entries(message.as_ref(), bytes, 0);
        let name_of = |entry: &Entry| match entry {
            Entry {
                name,
                is_extension: false,
                ..
            } => name.clone(),
            Entry { name, .. } if self.definitions.is_shadowed(name, scope) => format!("(.{name})"),
            Entry { name, .. } => format!("({name})"),
        };
        options.add("", entries, &name_of);
        options
    }
}
