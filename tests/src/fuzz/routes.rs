//! The router of HTTP rules, beside one that looks at every template.
//!
//! ```text
//! input = *( method " " template LF ) LF *( method " " path LF )
//! ```

use descant_descriptors::{Captures, Found, Schema};
use prost::{
    bytes::BufMut as _,
    encoding::{WireType, encode_key, encode_varint},
};

/// More would only be slower.
const MOST: usize = 40;

/// Loads the templates of an input, and looks up its paths.
///
/// # Panics
/// If a look-up finds another template than it should, or captures what is no part of the path.
pub fn routes(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let (templates, requests) = text.split_once("\n\n").unwrap_or((text, ""));
    let rules: Vec<_> = templates
        .lines()
        .filter_map(|line| line.split_once(' '))
        .take(MOST)
        .collect();
    let Ok(schema) = Schema::from_bytes(set(&rules)) else {
        return;
    };
    let (routes, mut captures) = (schema.routes(), Captures::default());
    let rules: Vec<_> = rules
        .iter()
        .map(|(method, template)| Rule::read(method, template))
        .collect();
    // Others are refused before anything looks at them.
    let paths = requests
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter(|(_, path)| path.is_ascii());
    for (method, path) in paths.take(MOST) {
        let wanted = best(&rules, method, path);
        let found = match routes.find(method, path, &mut captures) {
            Found::Binding(binding) => {
                for variable in 0..binding.variables().len() {
                    assert!(captures.raw(variable, path).is_some(), "{binding:?} {path:?}");
                }
                Some(binding.index())
            }
            Found::OtherMethods(allow) => {
                assert!(allow.as_str().contains("OPTIONS"));
                None
            }
            Found::Nothing => None,
        };
        assert_eq!(found, wanted, "{method} {path:?} in {templates:?}");
        let told = routes.trace(method, path);
        assert!(told.len() <= 50);
    }
}

/// A template as it is compared.
struct Rule {
    method: String,
    segments: Vec<String>,
    verb: Option<String>,
}

impl Rule {
    /// Reads a template that is within the grammar.
    fn read(method: &str, template: &str) -> Self {
        let start = template.rfind(['/', '}']).map_or(0, |at| at + 1);
        let colon = template[start..].rfind(':').map(|at| start + at);
        let (path, verb) = colon.map_or((template, None), |at| (&template[..at], Some(&template[at + 1..])));
        let mut plain = String::new();
        let mut rest = path;
        while let Some((before, variable)) = rest.split_once('{') {
            let (variable, after) = variable.split_once('}').unwrap_or((variable, ""));
            plain += before;
            plain += variable.split_once('=').map_or("*", |(_, inner)| inner);
            rest = after;
        }
        plain += rest;
        Self {
            method: method.to_owned(),
            segments: plain.split('/').skip(1).map(same).collect(),
            verb: verb.map(same),
        }
    }

    /// How specific it is at each segment of a path; `None`: it does not match.
    fn ranks(&self, segments: &[String]) -> Option<Vec<u8>> {
        let mut ranks = Vec::new();
        for (place, own) in self.segments.iter().enumerate() {
            match (own.as_str(), segments.get(place)) {
                ("**", _) => {
                    ranks.push(0);
                    return Some(ranks);
                }
                ("*", Some(_)) => ranks.push(1),
                (own, Some(found)) if own == found => ranks.push(2),
                _ => return None,
            }
        }
        // Its end, where the others have `**`.
        ranks.push(1);
        (segments.len() == self.segments.len()).then_some(ranks)
    }
}

fn best(rules: &[Rule], method: &str, path: &str) -> Option<usize> {
    let path = path.strip_prefix('/')?;
    let mut segments: Vec<_> = path.split('/').map(str::to_owned).collect();
    if path.is_empty() {
        segments.clear();
    }
    let mut verb = None;
    if let Some(last) = segments.last_mut()
        && let Some((before, after)) = last.rsplit_once(':')
    {
        verb = Some(same(after));
        *last = before.to_owned();
    }
    if segments.iter().any(String::is_empty) || verb.as_deref() == Some("") {
        return None;
    }
    let segments: Vec<_> = segments.iter().map(|segment| same(segment)).collect();
    let accepted = |rule: &Rule| match rule.method.as_str() {
        "*" => Some(0),
        own if own == method => Some(2),
        "GET" if method == "HEAD" => Some(1),
        _ => None,
    };
    let candidates = rules.iter().enumerate().filter(|(_, rule)| rule.verb == verb);
    let ranked = candidates.filter_map(|(place, rule)| Some((rule.ranks(&segments)?, accepted(rule)?, place)));
    // `*` is no method of a request.
    let ranked = ranked.filter(|(_, accepted, _)| method != "*" || *accepted == 0);
    ranked.max().map(|(.., place)| place)
}

/// A literal with its escapes in one form.
fn same(raw: &str) -> String {
    let mut out = String::new();
    let bytes = raw.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let digits = raw.get(at + 1..at + 3).filter(|_| *byte == b'%');
        let escaped = digits
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        at += if escaped.is_some() { 3 } else { 1 };
        let value = escaped.unwrap_or(*byte);
        let unreserved = value.is_ascii_alphanumeric() || b"-._~".contains(&value);
        // Beyond ASCII nothing is plain: a template may have it so, a path would be refused before.
        let plain = if escaped.is_some() {
            unreserved
        } else {
            value.is_ascii()
        };
        if plain {
            out.push(char::from(value));
        } else {
            out.extend(["%".to_owned(), format!("{value:02X}")]);
        }
    }
    out
}

/// A set with a method for each rule, of one message with the fields `a` to `d`.
fn set(rules: &[(&str, &str)]) -> Vec<u8> {
    let mut message = bytes(1, b"M");
    for (number, name) in (1..).zip(["a", "b", "c", "d"]) {
        let mut field = bytes(1, name.as_bytes());
        for (tag, value) in [(3, number), (4, 1), (5, 9)] {
            encode_key(tag, WireType::Varint, &mut field);
            encode_varint(value, &mut field);
        }
        message.extend(bytes(2, &field));
    }
    let mut service = bytes(1, b"S");
    for (number, (method, template)) in rules.iter().enumerate() {
        let custom = [bytes(1, method.as_bytes()), bytes(2, template.as_bytes())].concat();
        let name = format!("M{number:04}");
        let method = [
            bytes(1, name.as_bytes()),
            bytes(2, b".M"),
            bytes(3, b".M"),
            bytes(4, &bytes(72_295_728, &bytes(8, &custom))),
        ];
        service.extend(bytes(2, &method.concat()));
    }
    let file = [
        bytes(1, b"a.proto"),
        bytes(4, &message),
        bytes(6, &service),
        bytes(12, b"proto3"),
    ];
    bytes(1, &file.concat())
}

fn bytes(number: u32, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    encode_key(number, WireType::LengthDelimited, &mut out);
    encode_varint(value.len() as u64, &mut out);
    out.put_slice(value);
    out
}
