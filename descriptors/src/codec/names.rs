//! Names that a conversion met and that nothing it knows has.

/// Names that are unknown, each once: as many as a report needs.
#[derive(Debug, Default)]
pub(crate) struct Names {
    names: Vec<String>,
    more: bool,
}

/// How many names are kept.
const MOST: usize = 100;

impl Names {
    pub(super) fn clear(&mut self) {
        self.names.clear();
        self.more = false;
    }

    #[cold]
    pub(super) fn add(&mut self, name: &[u8]) {
        let name = String::from_utf8_lossy(name.get(..name.len().min(400)).unwrap_or_default());
        if self.names.iter().any(|known| *known == name) {
            return;
        }
        if self.names.len() < MOST {
            self.names.push(name.into_owned());
        } else {
            self.more = true;
        }
    }

    /// In the order in which they came.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// Whether there were more than these.
    pub(crate) fn has_more(&self) -> bool {
        self.more
    }
}
