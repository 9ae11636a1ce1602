//! HTTP methods: numbered, so that a look-up compares numbers.

use std::fmt;

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use super::{Binding, rule::ANY};

/// The number of an HTTP method.
pub(super) type MethodId = u32;

/// `*`
pub(super) const ANY_METHOD: MethodId = 0;
pub(super) const GET: MethodId = 1;
const HEAD: MethodId = 2;
/// What no template asks for: only `*` takes it.
pub(super) const OTHER: MethodId = MethodId::MAX;

/// The methods that templates ask for.
#[derive(Debug)]
pub(super) struct Methods {
    names: Vec<Box<str>>,
    ids: HashMap<Box<str>, MethodId, RandomState>,
}

impl Default for Methods {
    fn default() -> Self {
        let mut methods = Self {
            names: Vec::new(),
            ids: HashMap::default(),
        };
        for name in [ANY, "GET", "HEAD"] {
            methods.intern(name);
        }
        methods
    }
}

impl Methods {
    pub(super) fn intern(&mut self, name: &str) -> MethodId {
        if let Some(id) = self.ids.get(name) {
            return *id;
        }
        // One is interned for a template, of which there are fewer than bytes in their files.
        let id = MethodId::try_from(self.names.len()).unwrap_or(OTHER);
        self.names.push(name.into());
        self.ids.insert(name.into(), id);
        id
    }

    /// The number of a request's method. Names of HTTP methods are case-sensitive: RFC 9110, section 9.1.
    pub(super) fn id(&self, name: &str) -> MethodId {
        match name {
            "GET" => GET,
            "HEAD" => HEAD,
            // That is what a template says, not a request.
            ANY => OTHER,
            name => self.ids.get(name).copied().unwrap_or(OTHER),
        }
    }

    /// What answers a request with this method, best first: HEAD is GET without its content, and `*` is any.
    pub(super) fn alternatives(wanted: MethodId) -> [MethodId; 3] {
        let second = if wanted == HEAD { GET } else { wanted };
        [wanted, second, ANY_METHOD]
    }

    /// The number of the method that a binding asks for.
    pub(super) fn id_of(&self, binding: &Binding) -> MethodId {
        self.ids.get(binding.http_method()).copied().unwrap_or(OTHER)
    }

    pub(super) fn name(&self, id: MethodId) -> Option<&str> {
        self.names.get(id as usize).map(Box::as_ref)
    }

    pub(super) fn allow(&self, ids: impl IntoIterator<Item = MethodId>) -> Allow {
        let names = ids.into_iter().filter_map(|id| self.names.get(id as usize));
        Self::list(names.map(Box::as_ref).collect())
    }

    /// The methods that any path knows: POST is that of calls by name.
    pub(super) fn allow_all(&self) -> Allow {
        let names = self.names.iter().map(Box::as_ref).filter(|name| *name != ANY);
        Self::list(names.chain(["GET", "POST"]).collect())
    }

    fn list(mut names: Vec<&str>) -> Allow {
        if names.contains(&"GET") {
            names.push("HEAD");
        }
        names.push("OPTIONS");
        names.sort_unstable();
        names.dedup();
        Allow(names.join(", "))
    }
}

/// The methods that a resource knows, as the header `Allow` lists them (RFC 9110, section 10.2.1): HEAD wherever there
/// is GET, and OPTIONS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allow(String);

impl Allow {
    /// The value of the header.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Allow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
