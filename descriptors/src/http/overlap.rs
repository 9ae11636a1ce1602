//! Templates that match the same paths, for reports: which of two gets a request may surprise whoever wrote them.

use std::collections::BTreeMap;

use super::{
    Binding, Routes,
    methods::{ANY_METHOD, MethodId},
    routes::{Kind, NONE},
    template::Segment,
};

/// How many nodes are looked at for all templates together. All of googleapis takes a tenth of it.
const STEPS: usize = 1_000_000;

/// Pairs of bindings whose templates match the same paths.
#[derive(Debug, Default)]
pub(super) struct Overlaps {
    /// Each is more specific than the other at one segment: the first, and the second, in the order of loading.
    pub(super) crossing: Vec<(u32, u32)>,
    /// For a binding those that take some of its paths: the first of them, and how many others.
    pub(super) wider: BTreeMap<u32, (u32, usize)>,
    /// Whether there were more templates than the search has time for.
    pub(super) cut_short: bool,
}

/// Which of two templates is more specific at some segment: neither, the one, the other, each at one.
const ONE: u8 = 1;
const OTHER: u8 = 2;

/// A place in the trie that the paths of a template reach.
#[derive(Debug, Clone, Copy)]
struct Reached {
    node: u32,
    /// How many segments of the template lead there; `None`: its `**` takes whatever follows.
    depth: Option<usize>,
    specific: u8,
}

impl Routes {
    /// Looks for overlaps between bindings that `matter` to each other.
    pub(super) fn overlaps(&self, matter: impl Fn(&Binding, &Binding) -> bool) -> Overlaps {
        let mut search = Search {
            routes: self,
            literals: self.trie.literals(),
            found: Overlaps::default(),
            left: STEPS,
            matter,
        };
        for (index, binding) in (0u32..).zip(&self.bindings) {
            search.run(index, binding);
        }
        search.found
    }
}

struct Search<'r, M> {
    routes: &'r Routes,
    /// The children by literals: of which node, and the child. Sorted.
    literals: Vec<(u32, u32)>,
    found: Overlaps,
    left: usize,
    matter: M,
}

impl<M: Fn(&Binding, &Binding) -> bool> Search<'_, M> {
    fn run(&mut self, own: u32, binding: &Binding) {
        let method = self.routes.methods.id_of(binding);
        let mut open = vec![Reached {
            node: 0,
            depth: Some(0),
            specific: 0,
        }];
        while let Some(at) = open.pop() {
            let Some(left) = self.left.checked_sub(1) else {
                self.found.cut_short = true;
                return;
            };
            self.left = left;
            self.step(own, binding, method, at, &mut open);
        }
    }

    fn step(&mut self, own: u32, binding: &Binding, method: MethodId, at: Reached, open: &mut Vec<Reached>) {
        let trie = &self.routes.trie;
        let Some(node) = trie.nodes.get(at.node as usize).copied() else {
            return;
        };
        let mut go = |node, depth, more| {
            if node != NONE {
                let specific = at.specific | more;
                open.push(Reached { node, depth, specific });
            }
        };
        let next = at.depth.map(|depth| depth + 1);
        match at.depth.map(|depth| binding.parsed.segments.get(depth)) {
            Some(Some(Segment::Literal(literal))) => {
                go(
                    trie.find(at.node, Kind::Literal, literal.as_bytes()).unwrap_or(NONE),
                    next,
                    0,
                );
                go(node.one, next, ONE);
            }
            Some(Some(Segment::One)) => {
                go(node.one, next, 0);
                for child in children(&self.literals, at.node) {
                    go(child, next, OTHER);
                }
            }
            Some(Some(Segment::Rest)) | None => {
                go(node.one, None, OTHER);
                for child in children(&self.literals, at.node) {
                    go(child, None, OTHER);
                }
            }
            Some(None) => {}
        }
        // What ends here, and what takes all that is left.
        let (ends, rest) = match at.depth.map(|depth| binding.parsed.segments.get(depth)) {
            Some(None) => (Some(0), ONE),
            Some(Some(Segment::Rest)) => (Some(OTHER), 0),
            None => (Some(OTHER), OTHER),
            Some(Some(_)) => (None, ONE),
        };
        if let Some(more) = ends {
            self.end(own, binding, method, at.node, at.specific | more);
        }
        if node.rest != NONE {
            self.end(own, binding, method, node.rest, at.specific | rest);
        }
    }

    /// Notes the bindings that end at a node.
    fn end(&mut self, own: u32, binding: &Binding, method: MethodId, node: u32, specific: u8) {
        let trie = &self.routes.trie;
        let node = match &binding.parsed.verb {
            Some(verb) => trie.find(node, Kind::Verb, verb.as_bytes()),
            None => Some(node),
        };
        for end in node.map(|node| trie.ends(node)).unwrap_or_default() {
            let same = end.method == method || method == ANY_METHOD || end.method == ANY_METHOD;
            let Some(other) = self.routes.binding(end.binding).filter(|_| same) else {
                continue;
            };
            if end.binding == own || !(self.matter)(binding, other) {
                continue;
            }
            if specific == ONE | OTHER && own < end.binding {
                self.found.crossing.push((own, end.binding));
            } else if specific == ONE {
                let first = self.found.wider.entry(end.binding);
                first.and_modify(|(_, others)| *others += 1).or_insert((own, 0));
            }
        }
    }
}

/// The children of a node by literals.
fn children(literals: &[(u32, u32)], node: u32) -> impl Iterator<Item = u32> + use<'_> {
    let start = literals.partition_point(|(from, _)| *from < node);
    let rest = literals.get(start..).unwrap_or_default().iter();
    rest.take_while(move |(from, _)| *from == node).map(|(_, to)| *to)
}
