//! From rules to bindings: everything that can be wrong with them becomes a finding.
//!
//! It is an error, unless the service names a host (`google.api.default_host`): then it is somebody's published API, which
//! whoever loads it can't mend, and a warning. Of Google's own some hundred bindings are beyond http.proto, Firestore's
//! `**` inside a template for one, and others are there twice.

use super::{
    binding::{Binding, BodyRule, Variable},
    routes::Routes,
    rule::{ANY, Pattern, Rule},
    service::{self, Source},
    template::Template,
};
use crate::{
    finding::Severity,
    findings::{Findings, Position, Report, Shown},
    raw::{Fields, Value},
    schema::{
        FieldPath,
        field_path::{self, Step, has_text_form},
        tables::{MethodRecord, Tables},
    },
};

/// How many segments all templates of a schema may have: all of googleapis has some 50,000.
const MOST_SEGMENTS: usize = 4_000_000;

/// What becomes of rules that do not fit the descriptors.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum HttpFaults {
    /// Nothing loads.
    #[default]
    Refuse,
    /// They are left out, with a warning.
    LeaveOut,
}

/// Reads and checks the rules of all methods. The routes may be used if there is no finding of severity error.
pub(crate) fn compile(tables: &Tables, rules: &[Source], faults: HttpFaults, findings: &mut Findings) -> Routes {
    let overrides = service::read(rules, tables, faults, findings);
    let mut compiler = Compiler {
        tables,
        faults,
        findings,
        bindings: Vec::new(),
        segments: 0,
        steps: Vec::new(),
    };
    for (index, record) in (0u32..).zip(&tables.methods) {
        let of = Of {
            index,
            record,
            place: None,
        };
        if let Some(rule) = overrides.get(&index) {
            compiler.rule(of, rule);
            continue;
        }
        match Rule::of_options(&record.options) {
            Ok(None) => {}
            Ok(Some(rule)) => compiler.rule(of, &rule),
            Err(error) => {
                let what = || format!("its option `google.api.http` can't be read: {error}");
                compiler.error(of, what, "compile the file again: these bytes are damaged");
            }
        }
    }
    let Compiler { bindings, findings, .. } = compiler;
    let routes = Routes::build(bindings, |first, second| {
        report_twice(tables, faults, findings, first, second);
    });
    report_overlaps(tables, findings, &routes);
    routes
}

struct Compiler<'t> {
    tables: &'t Tables,
    faults: HttpFaults,
    findings: &'t mut Findings,
    bindings: Vec<Binding>,
    /// Of all templates so far.
    segments: usize,
    steps: Vec<Step>,
}

/// The method whose rule is being read.
#[derive(Clone, Copy)]
struct Of<'t> {
    index: u32,
    record: &'t MethodRecord,
    /// Where the rule stands, if not in the method's options.
    place: Option<&'t str>,
}

impl<'t> Of<'t> {
    /// The same, for this rule.
    fn at(self, rule: &'t Rule) -> Self {
        let place = rule.place.as_deref().or(self.place);
        Self { place, ..self }
    }

    fn binding(tables: &'t Tables, binding: &'t Binding) -> Option<Self> {
        Some(Self {
            index: binding.method,
            record: tables.methods.get(binding.method as usize)?,
            place: binding.place(),
        })
    }
}

/// What was wrong is among the findings.
struct Refused;

impl Compiler<'_> {
    fn rule(&mut self, of: Of<'_>, rule: &Rule) {
        let of = of.at(rule);
        match &rule.pattern {
            Some(pattern) => self.binding(of, rule, pattern, false),
            None if rule.additional.is_empty() => {
                let what =
                    || "its HTTP rule names neither a method nor a template, so that it binds nothing".to_owned();
                self.warn(
                    of,
                    what,
                    "set one of `get`, `put`, `post`, `delete`, `patch` and `custom`",
                );
            }
            None => {}
        }
        for more in &rule.additional {
            let of = of.at(more);
            if !more.additional.is_empty() {
                let what = || "one of its `additional_bindings` has `additional_bindings` itself".to_owned();
                self.error(of, what, "list them side by side");
            }
            if let Some(pattern) = &more.pattern {
                self.binding(of, more, pattern, true);
            } else {
                let what = || "one of its `additional_bindings` names neither a method nor a template".to_owned();
                self.error(
                    of,
                    what,
                    "set one of `get`, `put`, `post`, `delete`, `patch` and `custom`",
                );
            }
        }
    }

    fn binding(&mut self, of: Of<'_>, rule: &Rule, pattern: &Pattern, additional: bool) {
        let Ok(template) = self.template(of, pattern) else {
            return;
        };
        let variables = self.variables(of, pattern, &template);
        let body = self.body(of, rule, variables.as_deref().unwrap_or_default());
        let response_body = self.response_body(of, &rule.response_body);
        if pattern.method == "GET" && !rule.body.is_empty() {
            let what = || {
                format!(
                    "its binding {} has a body, which few clients and servers let pass",
                    named(pattern)
                )
            };
            self.warn(of, what, "use POST, or leave out `body` and bind the fields by query");
        }
        if let (Ok(variables), Ok(body), Ok(response_body)) = (variables, body, response_body) {
            self.bindings.push(Binding {
                method: of.index,
                index: self.bindings.len(),
                http_method: pattern.method.as_str().into(),
                template: pattern.template.as_str().into(),
                parsed: template,
                body,
                response_body,
                variables: variables.into(),
                additional,
                place: rule.place.clone(),
            });
        }
    }

    fn template(&mut self, of: Of<'_>, pattern: &Pattern) -> Result<Template, Refused> {
        if pattern.method != ANY && !is_token(&pattern.method) {
            let what = || format!("\"{}\" is no HTTP method", Shown(&pattern.method));
            return self.refuse(of, what, "name a method in capital letters, or `*` for any");
        }
        let template = match Template::parse(&pattern.template) {
            Ok(template) => template,
            Err(error) => {
                let what = || {
                    let template = Shown(&pattern.template);
                    format!("its HTTP template \"{template}\" is outside the grammar of http.proto: {error}")
                };
                return self.refuse(of, what, "write it like `/v1/{name=shelves/*}:verb`");
            }
        };
        self.segments += template.segments.len();
        if self.segments > MOST_SEGMENTS {
            let what = || format!("with it, all HTTP templates have more than {MOST_SEGMENTS} segments");
            return self.refuse(of, what, "load less");
        }
        Ok(template)
    }

    fn variables(&mut self, of: Of<'_>, pattern: &Pattern, template: &Template) -> Result<Vec<Variable>, Refused> {
        let mut found: Vec<Variable> = Vec::new();
        let mut refused = false;
        for variable in &template.variables {
            let Ok(path) = self.variable(of, pattern, &variable.field) else {
                refused = true;
                continue;
            };
            if let Some(other) = found.iter().find(|other| overlap(&other.field, &path)) {
                let what = || format!("its HTTP template binds \"{path}\" besides \"{}\"", other.field);
                refused |= self.refuse::<()>(of, what, "bind each field once").is_err();
            }
            found.push(Variable {
                field: path,
                multiple: template.is_multiple(variable),
            });
        }
        if refused { Err(Refused) } else { Ok(found) }
    }

    /// A field that takes its value from the path: one value that has a text form.
    fn variable(&mut self, of: Of<'_>, pattern: &Pattern, name: &str) -> Result<FieldPath, Refused> {
        let path = self.resolve(of, of.record.input, name, || {
            format!("its HTTP template {}", named(pattern))
        })?;
        let kind = match self.steps.last().map(|step| step.field) {
            _ if path.is_map() => "a map",
            _ if path.is_repeated() => "a list",
            Some(field) if !has_text_form(self.tables, &field) => "a message",
            _ => return Ok(path),
        };
        let what = || format!("its HTTP template binds \"{path}\", which is {kind}");
        self.refuse(of, what, "bind a field inside it, or one that has a single value")
    }

    fn body(&mut self, of: Of<'_>, rule: &Rule, variables: &[Variable]) -> Result<BodyRule, Refused> {
        match rule.body.as_str() {
            "" => Ok(BodyRule::None),
            "*" => Ok(BodyRule::All),
            name => {
                let path = self.top_level(of, of.record.input, name, "body")?;
                if variables.iter().any(|variable| variable.field == path) {
                    let what = || format!("its HTTP rule binds \"{path}\" by path and by body");
                    return self.refuse(of, what, "bind each field once");
                }
                Ok(BodyRule::Field(path))
            }
        }
    }

    fn response_body(&mut self, of: Of<'_>, name: &str) -> Result<Option<FieldPath>, Refused> {
        match name {
            "" => Ok(None),
            name => self.top_level(of, of.record.output, name, "response_body").map(Some),
        }
    }

    /// "The referred field must be present at the top-level of the message type", says http.proto.
    fn top_level(&mut self, of: Of<'_>, message: u32, name: &str, role: &str) -> Result<FieldPath, Refused> {
        let path = self.resolve(of, message, name, || format!("`{role}` of its HTTP rule"))?;
        if path.numbers().len() == 1 {
            return Ok(path);
        }
        let what = || format!("`{role}` of its HTTP rule names \"{path}\", which stands inside another field");
        self.refuse(of, what, "name a field of the message itself")
    }

    fn resolve(
        &mut self,
        of: Of<'_>,
        message: u32,
        name: &str,
        place: impl FnOnce() -> String,
    ) -> Result<FieldPath, Refused> {
        match field_path::resolve(self.tables, message, name, &mut self.steps) {
            Ok(()) => Ok(FieldPath::new(self.tables, message, &self.steps)),
            Err(error) => {
                let what = || format!("{} names a field that is not there: {error}", place());
                self.refuse(of, what, "correct the name")
            }
        }
    }

    fn refuse<T>(&mut self, of: Of<'_>, what: impl FnOnce() -> String, mend: &str) -> Result<T, Refused> {
        self.error(of, what, mend);
        Err(Refused)
    }

    fn error(&mut self, of: Of<'_>, what: impl FnOnce() -> String, mend: &str) {
        if self.faults == HttpFaults::Refuse && host(self.tables, of.record).is_empty() {
            report(self.tables, self.findings, Severity::Error, of, what, mend);
        } else {
            self.warn(of, || what() + "; the binding is left out", mend);
        }
    }

    fn warn(&mut self, of: Of<'_>, what: impl FnOnce() -> String, mend: &str) {
        report(self.tables, self.findings, Severity::Warning, of, what, mend);
    }
}

/// Two bindings for the same requests.
fn report_twice(tables: &Tables, faults: HttpFaults, findings: &mut Findings, first: &Binding, second: &Binding) {
    let (Some(one), Some(other)) = (Of::binding(tables, first), Of::binding(tables, second)) else {
        return;
    };
    let taken = || {
        let (one, template) = (Shown(tables.text(one.record.name)), Shown(&first.template));
        format!(
            "its binding \"{} {}\" is the same as \"{template}\" of \"{one}\"",
            Shown(&second.http_method),
            Shown(&second.template)
        )
    };
    let published = !host(tables, one.record).is_empty() || !host(tables, other.record).is_empty();
    let mend = "change one of the two";
    if !published && faults == HttpFaults::Refuse {
        report(tables, findings, Severity::Error, other, taken, mend);
    } else {
        let what = || taken() + ", which gets the requests";
        let mend = if published {
            "the services are made for hosts of their own (`google.api.default_host`): serve them apart"
        } else {
            mend
        };
        report(tables, findings, Severity::Warning, other, what, mend);
    }
}

/// Templates that match the same paths: worth a warning if neither is the narrower one.
fn report_overlaps(tables: &Tables, findings: &mut Findings, routes: &Routes) {
    let method = |binding: &Binding| tables.methods.get(binding.method as usize);
    let overlaps = routes.overlaps(|one, other| match (method(one), method(other)) {
        (Some(left), Some(right)) => one.method != other.method && host(tables, left) == host(tables, right),
        _ => false,
    });
    let told = |binding: &Binding| {
        let name = method(binding).map_or("", |method| tables.text(method.name));
        format!(
            "\"{} {}\" of \"{}\"",
            Shown(&binding.http_method),
            Shown(&binding.template),
            Shown(name)
        )
    };
    let mut tell = |severity, own: u32, what: &dyn Fn(&Binding) -> Option<String>, mend: &str| {
        let own = routes.binding(own);
        if let Some((of, what)) = own.and_then(|own| Some((Of::binding(tables, own)?, what(own)?))) {
            report(tables, findings, severity, of, || what, mend);
        }
    };
    for (first, second) in &overlaps.crossing {
        let what = |own: &Binding| {
            let first = routes.binding(*first)?;
            Some(format!(
                "its binding \"{} {}\" and {} match the same paths, and neither is the narrower one",
                Shown(&own.http_method),
                Shown(&own.template),
                told(first)
            ))
        };
        tell(
            Severity::Warning,
            *second,
            &what,
            "the one with a literal where they first differ gets the requests",
        );
    }
    for (wider, (narrower, others)) in &overlaps.wider {
        let what = |own: &Binding| {
            let narrower = told(routes.binding(*narrower)?);
            let others = match others {
                0 => String::new(),
                1 => " and one other".to_owned(),
                others => format!(" and {others} others"),
            };
            Some(format!(
                "some paths of its binding \"{} {}\" go to {narrower}{others}",
                Shown(&own.http_method),
                Shown(&own.template)
            ))
        };
        tell(Severity::Note, *wider, &what, "");
    }
    if overlaps.cut_short {
        findings.add(Severity::Note, Position::default(), || Report {
            what: "there are too many HTTP templates to look at each pair of them for overlaps".to_owned(),
            ..Report::default()
        });
    }
}

/// `google.api.default_host` of a method's service, which `google/api/client.proto` declares.
fn host<'t>(tables: &'t Tables, method: &MethodRecord) -> &'t [u8] {
    const DEFAULT_HOST: u32 = 1049;
    let service = tables.services.get(method.service as usize);
    let options = service.map_or(&[][..], |service| &service.options);
    let hosts = Fields::new(options).flatten().filter_map(|field| match field {
        (DEFAULT_HOST, Value::Bytes(host)) => Some(host),
        _ => None,
    });
    hosts.last().unwrap_or_default()
}

fn report(
    tables: &Tables,
    findings: &mut Findings,
    severity: Severity,
    of: Of<'_>,
    what: impl FnOnce() -> String,
    mend: &str,
) {
    let name = tables.text(of.record.name);
    let symbol = tables.symbol(name).and_then(|id| tables.symbols.get(id));
    let position = symbol.map_or_else(Position::default, |symbol| symbol.position());
    findings.add(severity, position, || Report {
        file: of.place.unwrap_or_else(|| tables.file_name(position.file)).to_owned(),
        symbol: name.to_owned(),
        what: what(),
        mend: mend.to_owned(),
    });
}

fn named(pattern: &Pattern) -> String {
    format!("\"{} {}\"", Shown(&pattern.method), Shown(&pattern.template))
}

/// Whether two fields are the same, or one stands in the other.
fn overlap(one: &FieldPath, other: &FieldPath) -> bool {
    one.is_within(other) || other.is_within(one)
}

/// RFC 9110, section 5.6.2.
fn is_token(text: &str) -> bool {
    let is_tchar = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_tchar)
}
