//! Gives protox the files that it asks for.

use std::{
    collections::{BTreeSet, HashMap},
    fs,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use protox::{
    Error,
    file::{File, FileResolver},
};

use super::{
    super::{ReadError, read_up_to},
    outline::Outline,
    roots::{self, Layout},
};
use crate::shipped;

/// Deeper nesting protox is not given: it recurses over it. protoc stops messages at 32 levels; options come on top.
const MAX_DEPTH: usize = 200;

/// Longer chains of imports protox is not given: it recurses over them too. Those of googleapis have a dozen files.
const MAX_CHAIN: usize = 1000;

/// What turned up while files were opened.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Names of the files that were given as descriptors.
    pub(super) given: BTreeSet<String>,
    /// The first file of an edition: its name and edition.
    pub(super) edition: Option<(String, String)>,
    /// Whether the sources come to more than may be read.
    pub(super) too_large: bool,
    /// How many files import one another down to each: known before it is opened, since protox goes down at once.
    chain: HashMap<String, usize>,
    /// Whether one was too long. The files on the way to it would all be opened again for each of them.
    too_long: bool,
    /// How much more may be read, in bytes.
    left: usize,
}

/// Looks in the unit, then from each root, then among the loaded files, then among the shipped ones.
#[derive(Debug)]
pub(super) struct Resolver {
    files: HashMap<String, PathBuf>,
    roots: Vec<PathBuf>,
    loaded: HashMap<String, Bytes>,
    seen: Arc<Mutex<Seen>>,
}

/// Why a file is not given to protox. Reported by the caller, who knows more.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("the file is of edition {0}")]
    Edition(String),
    #[error("the sources are too large")]
    TooLarge,
    #[error("braces and brackets are nested more than {MAX_DEPTH} levels deep")]
    Depth,
    #[error("files import one another in a chain of more than {MAX_CHAIN}")]
    Chain,
    #[error("the file is not valid UTF-8")]
    Utf8,
}

impl Resolver {
    pub(super) fn new(layout: &Layout, loaded: HashMap<String, Bytes>, limit: usize) -> (Self, Arc<Mutex<Seen>>) {
        let seen = Arc::new(Mutex::new(Seen {
            left: limit,
            ..Seen::default()
        }));
        let resolver = Self {
            files: layout.files.iter().cloned().collect(),
            roots: layout.roots.clone(),
            loaded,
            seen: Arc::clone(&seen),
        };
        (resolver, seen)
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        let given = self.files.get(name).cloned();
        given.or_else(|| self.roots.iter().find_map(|root| roots::inside(root, name)))
    }

    fn read(&self, path: &PathBuf) -> Result<String, Error> {
        let mut seen = self.seen();
        let bytes = match read_up_to(fs::File::open(path)?, seen.left) {
            Ok(bytes) => bytes,
            Err(ReadError::Io(error)) => return Err(error.into()),
            Err(ReadError::TooLarge) => {
                seen.too_large = true;
                return Err(Error::new(Refusal::TooLarge));
            }
        };
        seen.left -= bytes.len();
        String::from_utf8(bytes).map_err(|_| Error::new(Refusal::Utf8))
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many files led to this one.
    fn chain(&self, name: &str) -> Result<usize, Error> {
        let mut seen = self.seen();
        let chain = seen.chain.get(name).copied().unwrap_or_default();
        seen.too_long |= chain > MAX_CHAIN;
        if seen.too_long {
            return Err(Error::new(Refusal::Chain));
        }
        Ok(chain)
    }

    /// A file that is there as a descriptor.
    fn given(&self, name: &str) -> Result<File, Error> {
        let Some(file) = self.loaded.get(name).cloned().or_else(|| shipped::file(name)) else {
            return Err(Error::file_not_found(name));
        };
        self.seen().given.insert(name.to_owned());
        File::decode_file_descriptor_proto(file).map_err(Error::new)
    }

    fn source(&self, name: &str, path: &PathBuf) -> Result<File, Error> {
        let source = self.read(path)?;
        let outline = Outline::of(&source);
        if outline.depth > MAX_DEPTH {
            return Err(Error::new(Refusal::Depth));
        }
        if let Some(edition) = outline.edition {
            let mut seen = self.seen();
            seen.edition.get_or_insert_with(|| (name.to_owned(), edition.clone()));
            return Err(Error::new(Refusal::Edition(edition)));
        }
        File::from_source(name, &source)
    }
}

impl FileResolver for Resolver {
    fn open_file(&self, name: &str) -> Result<File, Error> {
        let chain = self.chain(name)?;
        let file = match self.path(name) {
            Some(path) => self.source(name, &path),
            None => self.given(name),
        }?;
        // Of several files that import one, the last to be opened is the one that protox comes from.
        let imports = file.file_descriptor_proto().dependency.iter();
        let longer = imports.map(|import| (import.clone(), chain + 1));
        self.seen().chain.extend(longer);
        Ok(file)
    }
}
