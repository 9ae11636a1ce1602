//! From an HTTP method and a raw path to a binding.
//!
//! Segment by segment a literal goes before `*`, and that before `**`; what leads nowhere is taken back. A node is
//! entered by one way only, so a walk costs at most what the trie holds, and nearly always the path's own length.

use std::ops::Range;

use memchr::{memchr, memchr_iter, memmem, memrchr};

use super::{
    Allow, Binding, Captures, Routes,
    captures::Scratch,
    literal::canonical,
    methods::{MethodId, Methods},
    routes::{End, Kind, NONE},
};

/// What a path leads to.
#[derive(Debug)]
pub enum Found<'r> {
    /// A method.
    Binding(&'r Binding),
    /// Methods, but by other HTTP methods: these.
    OtherMethods(Allow),
    /// No template matches.
    Nothing,
}

/// All segments that are left: the depth of a node that `**` leads to.
const ALL: u32 = u32::MAX;

impl Routes {
    /// Finds the most specific template that matches, and where its variables have their values.
    ///
    /// `raw_path` is a request's path as it came, without its query, and nothing in it is decoded. It must be one that
    /// is not to be refused: dot segments, for instance, have no meaning here. The verb begins at the last `:` of the last
    /// segment. Empty segments match nothing. HEAD is answered by what answers GET.
    pub fn find(&self, http_method: &str, raw_path: &str, captures: &mut Captures) -> Found<'_> {
        captures.values.clear();
        let Some(path) = Path::split(raw_path, self.trie.depth, &mut captures.scratch) else {
            return Found::Nothing;
        };
        match self.walk(self.methods.id(http_method), &path, &mut captures.scratch) {
            Some(binding) => {
                path.capture(binding, captures);
                Found::Binding(binding)
            }
            None if captures.scratch.others.is_empty() => Found::Nothing,
            None => Found::OtherMethods(self.allow(&captures.scratch.others)),
        }
    }

    fn walk(&self, method: MethodId, path: &Path<'_>, scratch: &mut Scratch) -> Option<&Binding> {
        scratch.others.clear();
        scratch.open.clear();
        scratch.open.push((0, 0));
        while let Some((at, depth)) = scratch.open.pop() {
            let node = self.trie.nodes.get(at as usize)?;
            if (depth == ALL || depth == path.count)
                && let Some(binding) = self.end(at, method, path, scratch)
            {
                return Some(binding);
            }
            if depth == ALL {
                continue;
            }
            if node.rest != NONE {
                scratch.open.push((node.rest, ALL));
            }
            let Some(segment) = path.segment(depth, scratch) else {
                continue;
            };
            if node.one != NONE {
                scratch.open.push((node.one, depth + 1));
            }
            if let Some(child) = self.named(at, Kind::Literal, segment, scratch) {
                scratch.open.push((child, depth + 1));
            }
        }
        None
    }

    /// The binding that ends here, if it has the verb and the method.
    fn end(&self, at: u32, method: MethodId, path: &Path<'_>, scratch: &mut Scratch) -> Option<&Binding> {
        let node = match path.verb {
            Some(verb) => self.named(at, Kind::Verb, verb, scratch)?,
            None => at,
        };
        let ends = self.trie.ends(node);
        if ends.is_empty() {
            return None;
        }
        let with = |method| ends.binary_search_by_key(&method, |end: &End| end.method).ok();
        let found = Methods::alternatives(method).into_iter().find_map(with);
        if let Some(end) = found.and_then(|found| ends.get(found)) {
            return self.binding(end.binding);
        }
        scratch.others.push(node);
        None
    }

    fn named(&self, from: u32, kind: Kind, raw: &str, scratch: &mut Scratch) -> Option<u32> {
        if memchr(b'%', raw.as_bytes()).is_none() {
            return self.trie.find(from, kind, raw.as_bytes());
        }
        scratch.canonical.clear();
        canonical(raw.as_bytes(), &mut scratch.canonical);
        self.trie.find(from, kind, &scratch.canonical)
    }

    fn allow(&self, nodes: &[u32]) -> Allow {
        let ends = nodes.iter().flat_map(|node| self.trie.ends(*node));
        self.methods.allow(ends.map(|end| end.method))
    }
}

/// A raw path, split.
struct Path<'p> {
    raw: &'p str,
    verb: Option<&'p str>,
    /// Where the path ends, without its verb.
    end: usize,
    /// How many segments it has; those that a template could look at are in the scratch.
    count: u32,
}

impl<'p> Path<'p> {
    /// `None`: no template can match.
    fn split(raw: &'p str, depth: usize, scratch: &mut Scratch) -> Option<Self> {
        scratch.segments.clear();
        let path = raw.strip_prefix('/')?.as_bytes();
        if path.is_empty() {
            return Some(Self {
                raw,
                verb: None,
                end: raw.len(),
                count: 0,
            });
        }
        if path.starts_with(b"/") || path.ends_with(b"/") || memmem::find(path, b"//").is_some() {
            return None;
        }
        let last = memrchr(b'/', path).map_or(1, |at| at + 2);
        let colon = raw.get(last..)?.rfind(':').map(|at| last + at);
        let end = colon.unwrap_or(raw.len());
        let verb = colon.and_then(|colon| raw.get(colon + 1..));
        if end == last || verb.is_some_and(str::is_empty) {
            return None;
        }
        let mut start = 1;
        let mut count = 0;
        for slash in memchr_iter(b'/', path).map(|at| at + 1).chain([end]) {
            if scratch.segments.len() < depth {
                scratch.segments.push(offset(start)..offset(slash));
            }
            start = slash + 1;
            count += 1;
        }
        Some(Self { raw, verb, end, count })
    }

    fn segment(&self, depth: u32, scratch: &Scratch) -> Option<&'p str> {
        let range = scratch.segments.get(depth as usize)?;
        self.raw.get(range.start as usize..range.end as usize)
    }

    /// Notes where the variables of a template that matches have their values.
    fn capture(&self, binding: &Binding, captures: &mut Captures) {
        let template = &binding.parsed;
        for variable in &template.variables {
            let range = self.range(variable.segments.clone(), template.segments.len(), &captures.scratch);
            captures.values.push(range);
        }
    }

    /// The stretch of some of a template's `count` segments. What `**` takes reaches to the end, and may be nothing.
    fn range(&self, segments: Range<usize>, count: usize, scratch: &Scratch) -> Range<u32> {
        let Some(first) = scratch.segments.get(segments.start) else {
            return offset(self.end)..offset(self.end);
        };
        let end = if segments.end == count {
            offset(self.end)
        } else {
            let last = scratch.segments.get(segments.end - 1);
            last.map_or(first.end, |last| last.end)
        };
        first.start..end
    }
}

/// Paths are bounded far below four gigabytes.
fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
