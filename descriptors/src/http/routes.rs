//! All bindings of a schema, and the trie that finds one of them.
//!
//! A node stands for the segments that lead to it. Its children are found by their literal in one hash table for the
//! whole trie, so that a step costs the same however many templates there are; `*` and `**` have a place in the node.
//! A verb is a child as well, in a space of its own.

use std::hash::{BuildHasher as _, Hasher as _};

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::{
    binding::Binding,
    methods::{Allow, MethodId, Methods},
    template::{Segment, Template},
};
use crate::schema::{Method, tables::Piece};

/// The root is nobody's child.
pub(super) const NONE: u32 = 0;

/// All bindings of a schema.
#[derive(Debug, Default)]
pub struct Routes {
    pub(super) bindings: Vec<Binding>,
    pub(super) methods: Methods,
    pub(super) trie: Trie,
    hide_paths: bool,
}

#[derive(Debug)]
pub(super) struct Trie {
    pub(super) nodes: Vec<Node>,
    edges: HashTable<Edge>,
    hasher: RandomState,
    text: String,
    /// What ends at each node, node by node and there by method.
    pub(super) ends: Vec<End>,
    /// The most segments that a template has.
    pub(super) depth: usize,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Node {
    /// The child for any one segment.
    pub(super) one: u32,
    /// The child for all that are left.
    pub(super) rest: u32,
    /// Where its part of `ends` begins, and how long it is.
    ends: (u32, u32),
}

#[derive(Debug, Clone, Copy)]
struct Edge {
    from: u32,
    kind: Kind,
    text: Piece,
    to: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Literal,
    Verb,
}

/// A binding that ends at a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct End {
    node: u32,
    pub(super) method: MethodId,
    pub(super) binding: u32,
}

impl Default for Trie {
    fn default() -> Self {
        Self {
            nodes: vec![Node::default()],
            edges: HashTable::new(),
            hasher: RandomState::default(),
            text: String::new(),
            ends: Vec::new(),
            depth: 0,
        }
    }
}

impl Routes {
    /// All bindings: method by method, each in the order of its rule.
    pub fn bindings(&self) -> &[Binding] {
        &self.bindings
    }

    /// The bindings of a method.
    pub fn of_method(&self, method: &Method) -> &[Binding] {
        // They stand method by method.
        let start = self
            .bindings
            .partition_point(|binding| (binding.method as usize) < method.index());
        let end = self
            .bindings
            .partition_point(|binding| (binding.method as usize) <= method.index());
        self.bindings.get(start..end).unwrap_or_default()
    }

    /// Whether any of them [hides its path](Binding::hides_path).
    pub fn hide_paths(&self) -> bool {
        self.hide_paths
    }

    /// Bindings here that another schema has too, each with the one there: for the same method of HTTP, with the same template but
    /// for the names of variables.
    pub fn shared_with<'a>(&'a self, other: &'a Self) -> Vec<(&'a Binding, &'a Binding)> {
        let (mut trie, mut methods) = (Trie::default(), Methods::default());
        for (index, binding) in (0u32..).zip(self.bindings.iter().chain(&other.bindings)) {
            trie.end(&mut methods, binding, index);
        }
        let mut shared = Vec::new();
        trie.seal(|first, second| {
            let second = (second as usize).checked_sub(self.bindings.len());
            let both = self.bindings.get(first as usize).zip(second);
            shared.extend(both.and_then(|(first, second)| Some((first, other.bindings.get(second)?))));
        });
        shared
    }

    /// The methods of HTTP that some path knows: what `OPTIONS *` is answered with (RFC 9110, section 9.3.7).
    pub fn all_methods(&self) -> Allow {
        self.methods.allow_all()
    }

    /// Builds the trie, and calls `twice` with each binding whose method and template another one before it has.
    pub(super) fn build(bindings: Vec<Binding>, mut twice: impl FnMut(&Binding, &Binding)) -> Self {
        let mut routes = Self {
            hide_paths: bindings.iter().any(Binding::hides_path),
            bindings,
            ..Self::default()
        };
        for (index, binding) in (0u32..).zip(&routes.bindings) {
            routes.trie.end(&mut routes.methods, binding, index);
        }
        let bindings = &routes.bindings;
        routes.trie.seal(|first, second| {
            if let (Some(first), Some(second)) = (bindings.get(first as usize), bindings.get(second as usize)) {
                twice(first, second);
            }
        });
        routes
    }

    pub(super) fn binding(&self, index: u32) -> Option<&Binding> {
        self.bindings.get(index as usize)
    }
}

/// The trie has fewer nodes than its templates have segments, and those are counted.
fn index(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

impl Trie {
    fn insert(&mut self, template: &Template) -> u32 {
        let mut node = 0;
        for segment in &template.segments {
            node = match segment {
                Segment::Literal(literal) => self.named_child(node, Kind::Literal, literal),
                Segment::One => self.child(node, |node| &mut node.one),
                Segment::Rest => self.child(node, |node| &mut node.rest),
            };
        }
        self.depth = self.depth.max(template.segments.len());
        match &template.verb {
            Some(verb) => self.named_child(node, Kind::Verb, verb),
            None => node,
        }
    }

    fn child(&mut self, from: u32, place: impl Fn(&mut Node) -> &mut u32) -> u32 {
        let fresh = index(self.nodes.len());
        let Some(slot) = self.nodes.get_mut(from as usize).map(place) else {
            return NONE;
        };
        if *slot != NONE {
            return *slot;
        }
        *slot = fresh;
        self.nodes.push(Node::default());
        fresh
    }

    fn named_child(&mut self, from: u32, kind: Kind, name: &str) -> u32 {
        if let Some(found) = self.find(from, kind, name.as_bytes()) {
            return found;
        }
        let edge = Edge {
            from,
            kind,
            text: Piece {
                start: index(self.text.len()),
                length: index(name.len()),
            },
            to: index(self.nodes.len()),
        };
        self.text.push_str(name);
        self.nodes.push(Node::default());
        let (hasher, text) = (&self.hasher, &self.text);
        let hash = |edge: &Edge| hash(hasher, edge.from, edge.kind, edge.name(text));
        self.edges.insert_unique(hash(&edge), edge, hash);
        edge.to
    }

    /// The child that a literal or a verb leads to.
    #[inline]
    pub(super) fn find(&self, from: u32, kind: Kind, name: &[u8]) -> Option<u32> {
        let same = |edge: &Edge| edge.from == from && edge.kind == kind && edge.name(&self.text) == name;
        let found = self.edges.find(hash(&self.hasher, from, kind, name), same)?;
        Some(found.to)
    }

    /// All edges by literals: from which node to which, sorted.
    pub(super) fn literals(&self) -> Vec<(u32, u32)> {
        let literals = self.edges.iter().filter(|edge| edge.kind == Kind::Literal);
        let mut found: Vec<_> = literals.map(|edge| (edge.from, edge.to)).collect();
        found.sort_unstable();
        found
    }

    /// Lets a binding end where its template does.
    fn end(&mut self, methods: &mut Methods, binding: &Binding, index: u32) {
        let node = self.insert(&binding.parsed);
        self.ends.push(End {
            node,
            method: methods.intern(&binding.http_method),
            binding: index,
        });
    }

    /// Sorts what ends where. Of two that end alike the first counts, and `twice` is told of both.
    fn seal(&mut self, mut twice: impl FnMut(u32, u32)) {
        self.ends.sort_unstable();
        self.ends.dedup_by(|second, first| {
            let same = (first.node, first.method) == (second.node, second.method);
            if same {
                twice(first.binding, second.binding);
            }
            same
        });
        for (place, end) in (0u32..).zip(&self.ends) {
            if let Some(node) = self.nodes.get_mut(end.node as usize) {
                if node.ends.1 == 0 {
                    node.ends.0 = place;
                }
                node.ends.1 += 1;
            }
        }
    }

    /// What ends at a node, by method.
    #[inline]
    pub(super) fn ends(&self, node: u32) -> &[End] {
        let (start, length) = self.nodes.get(node as usize).map(|node| node.ends).unwrap_or_default();
        self.ends
            .get(start as usize..start as usize + length as usize)
            .unwrap_or_default()
    }
}

impl Edge {
    fn name<'t>(&self, text: &'t str) -> &'t [u8] {
        text.as_bytes().get(self.text.range()).unwrap_or_default()
    }
}

#[inline]
fn hash(hasher: &RandomState, from: u32, kind: Kind, name: &[u8]) -> u64 {
    let mut state = hasher.build_hasher();
    state.write_u64(u64::from(from) << 1 | kind as u64);
    state.write(name);
    state.finish()
}
