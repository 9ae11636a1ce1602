//! Why a request finds the binding that it finds: for people, not for requests.

use std::fmt;

use super::{
    Binding, Captures, Found, Routes,
    literal::canonical,
    methods::Methods,
    template::{Segment, Template},
};

/// How many templates are told of.
const TOLD: usize = 50;

/// A template that was looked at, and what became of it.
#[derive(Debug, Clone, Copy)]
pub struct Considered<'r> {
    /// The binding that the template belongs to.
    pub binding: &'r Binding,
    /// What became of it.
    pub verdict: Verdict<'r>,
}

/// What became of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict<'r> {
    /// It takes the request.
    Wins,
    /// It matches too, but another one is more specific: at this segment, counted from one.
    LessSpecific {
        /// Which segment decides.
        segment: usize,
    },
    /// Path and verb match; the HTTP method does not.
    OtherMethod,
    /// All segments match; the verb does not.
    OtherVerb {
        /// The verb of the template; `None`: it has none.
        wanted: Option<&'r str>,
    },
    /// A segment, counted from one, is another one than the template's literal.
    OtherLiteral {
        /// Which segment.
        segment: usize,
        /// The literal.
        wanted: &'r str,
    },
    /// The template has so many segments; the path has another number of them.
    OtherLength {
        /// Of the template.
        segments: usize,
    },
}

impl Routes {
    /// Which templates come close to a request, the closest first, and what became of each: at most 50. For people: it
    /// looks at every template there is.
    pub fn trace(&self, http_method: &str, raw_path: &str) -> Vec<Considered<'_>> {
        let mut captures = Captures::default();
        let winner = match self.find(http_method, raw_path, &mut captures) {
            Found::Binding(binding) => Some(binding),
            Found::OtherMethods(_) | Found::Nothing => None,
        };
        let request = Request::new(self, http_method, raw_path);
        let mut all: Vec<_> = self
            .bindings()
            .iter()
            .map(|binding| (request.verdict(binding, winner), binding))
            .collect();
        // Stable: of those that come as close as others the first loaded is told first.
        all.sort_by_key(|((closeness, _), _)| std::cmp::Reverse(*closeness));
        let close = all.iter().take_while(|((closeness, _), _)| *closeness > 0).take(TOLD);
        close
            .map(|((_, verdict), binding)| Considered {
                binding,
                verdict: *verdict,
            })
            .collect()
    }
}

/// A request, taken apart.
struct Request<'p> {
    segments: Vec<String>,
    verb: Option<String>,
    accepted: [Option<&'p str>; 3],
}

/// More than any number of segments.
const MATCHES: usize = usize::MAX - 4;

impl<'p> Request<'p> {
    fn new(routes: &'p Routes, http_method: &str, raw_path: &'p str) -> Self {
        let path = raw_path.strip_prefix('/').unwrap_or(raw_path);
        let start = path.rfind('/').map_or(0, |at| at + 1);
        let colon = path.get(start..).and_then(|last| last.rfind(':'));
        let (path, verb) = match colon.and_then(|colon| path.split_at_checked(start + colon)) {
            Some((path, verb)) => (path, verb.get(1..)),
            None => (path, None),
        };
        let wanted = routes.methods.id(http_method);
        Self {
            segments: match path {
                "" => Vec::new(),
                path => path.split('/').map(plain).collect(),
            },
            verb: verb.map(plain),
            accepted: Methods::alternatives(wanted).map(|id| routes.methods.name(id)),
        }
    }

    /// How close a template comes, and what became of it.
    fn verdict<'r>(&self, binding: &'r Binding, winner: Option<&'r Binding>) -> (usize, Verdict<'r>) {
        let template = &binding.parsed;
        for (index, segment) in template.segments.iter().enumerate() {
            let found = self.segments.get(index);
            let other = match (segment, found) {
                (Segment::Rest, _) => break,
                (Segment::Literal(wanted), Some(found)) if **wanted != *found => Verdict::OtherLiteral {
                    segment: index + 1,
                    wanted,
                },
                (_, None) => length(template),
                (_, Some(_)) => continue,
            };
            return (index, other);
        }
        let open = template.segments.last() == Some(&Segment::Rest);
        if self.segments.len() > template.segments.len() && !open {
            return (template.segments.len(), length(template));
        }
        if template.verb.as_deref() != self.verb.as_deref() {
            let wanted = template.verb.as_deref();
            return (MATCHES, Verdict::OtherVerb { wanted });
        }
        if !self.accepted.contains(&Some(binding.http_method())) {
            return (MATCHES + 1, Verdict::OtherMethod);
        }
        match winner {
            Some(winner) if std::ptr::eq(winner, binding) => (MATCHES + 3, Verdict::Wins),
            Some(winner) => {
                let segment = first_difference(&winner.parsed, template);
                (MATCHES + 2, Verdict::LessSpecific { segment })
            }
            // Empty segments: nothing matches, whatever it looks like.
            None => (0, length(template)),
        }
    }
}

fn length(template: &Template) -> Verdict<'static> {
    Verdict::OtherLength {
        segments: template.segments.len(),
    }
}

/// The first segment, counted from one, at which two templates differ.
fn first_difference(one: &Template, other: &Template) -> usize {
    let pairs = one.segments.iter().zip(&other.segments);
    pairs.take_while(|(one, other)| one == other).count() + 1
}

/// A segment or a verb as templates are compared with it.
fn plain(raw: &str) -> String {
    let mut found = Vec::with_capacity(raw.len());
    canonical(raw.as_bytes(), &mut found);
    String::from_utf8_lossy(&found).into_owned()
}

impl fmt::Display for Verdict<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wins => f.write_str("takes the request"),
            Self::LessSpecific { segment } => write!(f, "matches too, but is less specific at segment {segment}"),
            Self::OtherMethod => f.write_str("is for another HTTP method"),
            Self::OtherVerb { wanted: Some(wanted) } => write!(f, "has the verb `:{wanted}`"),
            Self::OtherVerb { wanted: None } => f.write_str("has no verb (`%3A` is a `:` that is data)"),
            Self::OtherLiteral { segment, wanted } => write!(f, "has `{wanted}` as segment {segment}"),
            Self::OtherLength { segments: 1 } => f.write_str("has one segment"),
            Self::OtherLength { segments } => write!(f, "has {segments} segments"),
        }
    }
}
