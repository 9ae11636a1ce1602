//! `google.api.HttpRule`, as it stands in the options of a method.

use crate::raw::{Fields, Value, WireError};

/// The extension of `google.protobuf.MethodOptions` that `google/api/annotations.proto` declares.
const ANNOTATION: u32 = 72_295_728;

/// Any HTTP method, as a custom pattern's `kind`.
pub(super) const ANY: &str = "*";

/// How HTTP requests map to a method: one binding, and more of the same.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) pattern: Option<Pattern>,
    pub(crate) body: String,
    pub(crate) response_body: String,
    pub(crate) additional: Vec<Rule>,
    /// Where it stands, if not in the options of its method: `rules.yaml:3:5`.
    pub(crate) place: Option<Box<str>>,
}

/// An HTTP method and the template of its path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Pattern {
    pub(crate) method: String,
    pub(crate) template: String,
}

/// Why a rule can't be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RuleError {
    #[error(transparent)]
    Wire(#[from] WireError),
    #[error("field {0} has another wire type than http.proto gives it")]
    Type(u32),
    #[error("field {0} is not UTF-8")]
    Utf8(u32),
}

impl Rule {
    /// The rule in a method's options, if there is one. Pieces are merged, as parsers do.
    pub(crate) fn of_options(options: &[u8]) -> Result<Option<Self>, RuleError> {
        let mut found = None;
        for field in Fields::new(options) {
            match field? {
                (ANNOTATION, Value::Bytes(bytes)) => found.get_or_insert_with(Self::default).read(bytes, true)?,
                (ANNOTATION, _) => return Err(RuleError::Type(ANNOTATION)),
                _ => {}
            }
        }
        Ok(found)
    }

    /// Reads a rule; of those that stand in it only whether there are any once it is not the `outer` one.
    fn read(&mut self, bytes: &[u8], outer: bool) -> Result<(), RuleError> {
        for field in Fields::new(bytes) {
            let (number, value) = field?;
            match (number, value) {
                (2..=6, Value::Bytes(template)) => self.pattern = Some(pattern(number, text(number, template)?)),
                (7, Value::Bytes(body)) => text(number, body)?.clone_into(&mut self.body),
                (8, Value::Bytes(custom)) => self.pattern = Some(custom_pattern(custom)?),
                (11, Value::Bytes(rule)) => {
                    let mut additional = Self::default();
                    if outer {
                        additional.read(rule, false)?;
                    }
                    self.additional.push(additional);
                }
                (12, Value::Bytes(body)) => text(number, body)?.clone_into(&mut self.response_body),
                (2..=8 | 11 | 12, _) => return Err(RuleError::Type(number)),
                _ => {}
            }
        }
        Ok(())
    }
}

fn text(number: u32, bytes: &[u8]) -> Result<&str, RuleError> {
    std::str::from_utf8(bytes).map_err(|_| RuleError::Utf8(number))
}

fn pattern(number: u32, template: &str) -> Pattern {
    let method = match number {
        2 => "GET",
        3 => "PUT",
        4 => "POST",
        5 => "DELETE",
        _ => "PATCH",
    };
    Pattern {
        method: method.to_owned(),
        template: template.to_owned(),
    }
}

/// A `CustomHttpPattern`.
fn custom_pattern(bytes: &[u8]) -> Result<Pattern, RuleError> {
    let mut pattern = Pattern::default();
    for field in Fields::new(bytes) {
        match field? {
            (1, Value::Bytes(kind)) => text(1, kind)?.clone_into(&mut pattern.method),
            (2, Value::Bytes(path)) => text(2, path)?.clone_into(&mut pattern.template),
            (number @ (1 | 2), _) => return Err(RuleError::Type(number)),
            _ => {}
        }
    }
    Ok(pattern)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::write::Wire;

    fn options(rule: &Wire) -> Vec<u8> {
        Wire::default().put(ANNOTATION, rule).0
    }

    #[test]
    fn a_rule_is_read_whole() {
        let more = Wire::default().put(8, &Wire::default().text(1, "HEAD").text(2, "/b"));
        let rule = Wire::default()
            .text(4, "/a")
            .text(7, "*")
            .text(12, "out")
            .put(11, &more);
        let found = Rule::of_options(&options(&rule)).unwrap().unwrap();
        assert_eq!(found.pattern, Some(pattern(4, "/a")));
        assert_eq!((found.body.as_str(), found.response_body.as_str()), ("*", "out"));
        let [more] = &found.additional[..] else {
            panic!("{found:?}")
        };
        assert_eq!(more.pattern.as_ref().unwrap().method, "HEAD");
    }

    #[test]
    fn pieces_are_merged_and_the_last_pattern_counts() {
        let mut wire = options(&Wire::default().text(2, "/a").text(7, "*"));
        wire.extend(options(&Wire::default().text(3, "/b")));
        let found = Rule::of_options(&wire).unwrap().unwrap();
        assert_eq!(found.pattern, Some(pattern(3, "/b")));
        assert_eq!(found.body, "*");
    }

    #[test]
    fn what_is_no_rule_is_told() {
        assert_eq!(Rule::of_options(&[]), Ok(None));
        let wrong = Rule::of_options(&options(&Wire::default().int(2, 1)));
        assert_eq!(wrong, Err(RuleError::Type(2)));
        let wrong = Rule::of_options(&options(&Wire::default().bytes(7, b"\xff")));
        assert_eq!(wrong, Err(RuleError::Utf8(7)));
        let wrong = Rule::of_options(&options(&Wire::default().bytes(11, b"\x0a")));
        assert_eq!(wrong, Err(RuleError::Wire(WireError::Truncated)));
    }

    #[test]
    fn depth_is_bounded() {
        let deep = (0..10_000).fold(Wire::default(), |rule, _| Wire::default().put(11, &rule));
        let found = Rule::of_options(&options(&deep)).unwrap().unwrap();
        assert_eq!(found.additional[0].additional.len(), 1);
    }
}
