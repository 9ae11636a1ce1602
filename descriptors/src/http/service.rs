//! HTTP rules that stand apart from the descriptors: the section `http` of a `google.api.Service`, in YAML.
//!
//! ```yaml
//! type: google.api.Service
//! http:
//!   rules:
//!   - selector: library.v1.Library.GetBook
//!     get: /v1/{name=books/*}
//!     additional_bindings:
//!     - get: /v1/{name=shelves/*/books/*}
//! ```
//!
//! Everything else in such a file is for others. Source: `google/api/http.proto`, `google/api/service.proto`.

use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use super::{
    compile::HttpFaults,
    rule::{Pattern, Rule},
};
use crate::{
    Severity,
    findings::{Findings, Position, Report, Shown},
    schema::{nearest, tables::Tables},
    yaml::{self, Node, Place, Value, YamlError},
};

/// Service configurations are small: those of Google's largest APIs have some 100 KB.
const LARGEST: u64 = 16 << 20;

/// Where rules come from.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    Path(PathBuf),
    Text { origin: String, text: String },
}

/// The rules of methods, by their indices: they stand in the place of what their options say.
pub(crate) type Overrides = HashMap<u32, Rule, RandomState>;

const KEYS: [&str; 10] = [
    "selector",
    "get",
    "put",
    "post",
    "delete",
    "patch",
    "custom",
    "body",
    "response_body",
    "additional_bindings",
];

/// Reads rules. Of several for one method the last counts.
pub(crate) fn read(sources: &[Source], tables: &Tables, faults: HttpFaults, findings: &mut Findings) -> Overrides {
    let mut overrides = Overrides::default();
    for source in sources {
        let (origin, text) = match source {
            Source::Text { origin, text } => (origin.clone(), Ok(text.clone())),
            Source::Path(path) => (path.display().to_string(), file(path)),
        };
        let mut reader = Reader {
            origin: &origin,
            text: text.as_deref().unwrap_or_default(),
            tables,
            faults,
            findings,
            overrides: &mut overrides,
        };
        match &text {
            Ok(_) => reader.document(),
            Err(what) => refuse_file(&origin, what, reader.findings),
        }
    }
    overrides
}

/// Whether rules can be read whose descriptors do not load: what they say cannot be looked at.
pub(crate) fn look_for(sources: &[Source], findings: &mut Findings) {
    for source in sources {
        if let Source::Path(path) = source
            && let Err(what) = file(path)
        {
            refuse_file(&path.display().to_string(), &what, findings);
        }
    }
}

fn refuse_file(origin: &str, (what, mend): &(String, &str), findings: &mut Findings) {
    findings.add(Severity::Error, Position::default(), || Report {
        file: origin.to_owned(),
        what: what.clone(),
        mend: (*mend).to_owned(),
        ..Report::default()
    });
}

/// Its text; else why there is none, and how to mend it.
fn file(path: &Path) -> Result<String, (String, &'static str)> {
    let read = File::open(path).and_then(|file| {
        let mut text = String::new();
        file.take(LARGEST + 1).read_to_string(&mut text).map(|_| text)
    });
    match read {
        Ok(text) if text.len() as u64 > LARGEST => Err((
            format!("it is larger than {} MiB", LARGEST >> 20),
            "is it the right one?",
        )),
        Ok(text) => Ok(text),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Err((
            "it is no text, and HTTP rules are YAML".to_owned(),
            "is it a descriptor set?",
        )),
        Err(error) => Err((
            format!("it cannot be read: {error}"),
            "check the path and its permissions",
        )),
    }
}

struct Reader<'r> {
    origin: &'r str,
    text: &'r str,
    tables: &'r Tables,
    faults: HttpFaults,
    findings: &'r mut Findings,
    overrides: &'r mut Overrides,
}

impl Reader<'_> {
    fn document(&mut self) {
        let node = match yaml::read(self.text) {
            Ok(Some(node)) => node,
            Ok(None) => return self.refuse(None, "", "it is empty".to_owned(), "give it a section `http`"),
            Err(YamlError { place, what }) => {
                return self.refuse(Some(place), "", format!("it is no YAML: {what}"), "correct it");
            }
        };
        let http = self.map(&node).and_then(|entries| {
            let http = entries.iter().find(|(key, _)| text(key) == Some("http"));
            http.map(|(_, http)| http)
        });
        let Some(http) = http else {
            let what = "it has no section `http`, where HTTP rules stand".to_owned();
            return self.refuse(Some(node.place), "", what, "name a google.api.Service file");
        };
        for (key, value) in self.map(http).into_iter().flatten() {
            match text(key) {
                Some("rules") => self.rules(value),
                Some("fully_decode_reserved_expansion" | "fullyDecodeReservedExpansion") => self.decoding(key, value),
                _ => self.unknown_key(key, &["rules", "fully_decode_reserved_expansion"], ""),
            }
        }
    }

    fn decoding(&mut self, key: &Node, value: &Node) {
        match text(value) {
            // That is what is done: all is decoded but `%2F` in several segments.
            Some("true") => {}
            Some("false") => {
                let what =
                    "`fully_decode_reserved_expansion` is not followed: in several segments all is decoded but `%2F`";
                self.add(
                    Severity::Warning,
                    Some(key.place),
                    "",
                    what.to_owned(),
                    "set it to true",
                );
            }
            _ if value.value == Value::Null => {}
            _ => self.wrong_type(value, "true or false", ""),
        }
    }

    fn rules(&mut self, node: &Node) {
        let Value::List(rules) = &node.value else {
            return self.wrong_type(node, "a list of rules", "");
        };
        for rule in rules {
            let Some(entries) = self.map(rule) else { continue };
            let Some((_, selector)) = entries.iter().find(|(key, _)| text(key) == Some("selector")) else {
                self.refuse(
                    Some(rule.place),
                    "",
                    "a rule has no `selector`".to_owned(),
                    "name its method",
                );
                continue;
            };
            let Some(name) = text(selector) else {
                self.wrong_type(selector, "the full name of a method", "");
                continue;
            };
            let read = self.rule(rule, entries, name, true);
            match self.method(name) {
                Some(method) => drop(self.overrides.insert(method, read)),
                None => self.unknown_method(selector, name),
            }
        }
    }

    fn rule(&mut self, node: &Node, entries: &[(Node, Node)], selector: &str, outer: bool) -> Rule {
        let mut rule = Rule {
            place: Some(self.at(node.place).into()),
            ..Rule::default()
        };
        let mut seen = Vec::new();
        for (key, value) in entries {
            let name = text(key).map(known);
            if let Some(name) = name
                && seen.contains(&name)
            {
                self.refuse(
                    Some(key.place),
                    selector,
                    format!("`{name}` is there twice"),
                    "leave one out",
                );
            }
            seen.extend(name);
            match name {
                Some("selector") => {}
                Some(method @ ("get" | "put" | "post" | "delete" | "patch")) => {
                    let template = self.text(value, "a template", selector);
                    let method = method.to_ascii_uppercase();
                    self.pattern(&mut rule, key, selector, Pattern { method, template });
                }
                Some("custom") => {
                    let pattern = self.custom(value, selector);
                    self.pattern(&mut rule, key, selector, pattern);
                }
                Some("body") => rule.body = self.text(value, "a field, or `*`", selector),
                Some("response_body") => rule.response_body = self.text(value, "a field", selector),
                Some("additional_bindings") => self.additional(&mut rule, value, selector, outer),
                _ => self.unknown_key(key, &KEYS, selector),
            }
        }
        rule
    }

    fn additional(&mut self, rule: &mut Rule, node: &Node, selector: &str, outer: bool) {
        let Value::List(bindings) = &node.value else {
            return self.wrong_type(node, "a list of bindings", selector);
        };
        for binding in bindings {
            // Deeper ones are refused whatever they are.
            let entries = if outer { self.map(binding) } else { None };
            let read = match entries {
                Some(entries) => self.rule(binding, entries, selector, false),
                None => Rule::default(),
            };
            rule.additional.push(read);
        }
    }

    fn pattern(&mut self, rule: &mut Rule, key: &Node, selector: &str, pattern: Pattern) {
        if rule.pattern.is_some() {
            let what = "a rule names more than one HTTP method".to_owned();
            self.refuse(
                Some(key.place),
                selector,
                what,
                "put the others under `additional_bindings`",
            );
        }
        rule.pattern = Some(pattern);
    }

    fn custom(&mut self, node: &Node, selector: &str) -> Pattern {
        let mut pattern = Pattern::default();
        for (key, value) in self.map(node).into_iter().flatten() {
            match text(key) {
                Some("kind") => pattern.method = self.text(value, "an HTTP method, or `*`", selector),
                Some("path") => pattern.template = self.text(value, "a template", selector),
                _ => self.unknown_key(key, &["kind", "path"], selector),
            }
        }
        pattern
    }

    /// The method of a full name, `pkg.Service.Method`.
    fn method(&self, selector: &str) -> Option<u32> {
        let (service, method) = selector.rsplit_once('.')?;
        let found = self.tables.method(&format!("/{service}/{method}"))?;
        u32::try_from(found).ok()
    }

    fn text(&mut self, node: &Node, due: &str, selector: &str) -> String {
        match &node.value {
            Value::Text(text) => text.clone(),
            Value::Null => String::new(),
            Value::List(_) | Value::Map(_) => {
                self.wrong_type(node, due, selector);
                String::new()
            }
        }
    }

    fn map<'n>(&mut self, node: &'n Node) -> Option<&'n [(Node, Node)]> {
        if let Value::Map(entries) = &node.value {
            return Some(entries);
        }
        self.wrong_type(node, "a map", "");
        None
    }

    fn unknown_method(&mut self, selector: &Node, name: &str) {
        let what = format!("there is no method \"{}\"", Shown(name));
        let path = name
            .rsplit_once('.')
            .map(|(service, method)| format!("{service}/{method}"));
        let nearest = nearest::methods(self.tables, path.as_deref().unwrap_or(name));
        let mend = match nearest.first() {
            Some(nearest) => format!("did you mean `{}`?", nearest.replace('/', ".")),
            None => "name a method in full: package.Service.Method".to_owned(),
        };
        match self.faults {
            HttpFaults::Refuse => self.refuse(Some(selector.place), "", what, &mend),
            HttpFaults::LeaveOut => {
                let what = format!("a rule is left out: {what}");
                self.add(Severity::Warning, Some(selector.place), "", what, &mend);
            }
        }
    }

    fn unknown_key(&mut self, key: &Node, known: &[&str], selector: &str) {
        let Some(name) = text(key) else {
            return self.wrong_type(key, "a key", selector);
        };
        let near = known
            .iter()
            .map(|known| (strsim::osa_distance(name, known), *known))
            .min();
        let mend = match near.filter(|(distance, _)| *distance <= 3) {
            Some((_, near)) => format!("did you mean `{near}`?"),
            None => format!("the keys are {}", known.join(", ")),
        };
        self.refuse(
            Some(key.place),
            selector,
            format!("there is no key `{}` here", Shown(name)),
            &mend,
        );
    }

    fn wrong_type(&mut self, node: &Node, due: &str, selector: &str) {
        let what = format!("{} stands where {due} is due", node.value.kind());
        self.refuse(Some(node.place), selector, what, "correct it");
    }

    fn refuse(&mut self, place: Option<Place>, selector: &str, what: String, mend: &str) {
        self.add(Severity::Error, place, selector, what, mend);
    }

    fn add(&mut self, severity: Severity, place: Option<Place>, selector: &str, what: String, mend: &str) {
        let file = place.map_or_else(|| self.origin.to_owned(), |place| self.at(place));
        let line = place.and_then(|place| self.text.lines().nth(place.line.checked_sub(1)?));
        let line = line.map(str::trim).filter(|line| !line.is_empty());
        let what = match line {
            Some(line) => format!("{what}, in \"{}\"", Shown(line)),
            None => what,
        };
        self.findings.add(severity, Position::default(), || Report {
            file,
            symbol: selector.to_owned(),
            what,
            mend: mend.to_owned(),
        });
    }

    /// `rules.yaml:3:5`
    fn at(&self, Place { line, column }: Place) -> String {
        format!("{}:{line}:{column}", self.origin)
    }
}

fn text(node: &Node) -> Option<&str> {
    match &node.value {
        Value::Text(text) => Some(text),
        Value::Null | Value::List(_) | Value::Map(_) => None,
    }
}

/// A key by its proto name.
fn known(key: &str) -> &str {
    match key {
        "responseBody" => "response_body",
        "additionalBindings" => "additional_bindings",
        other => other,
    }
}
