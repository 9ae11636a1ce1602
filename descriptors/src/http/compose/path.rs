//! Paths: templates with the values of a message in them.

use super::{Composer, Lack};
use crate::{
    MessageType,
    codec::Leaf,
    findings::Shown,
    http::{
        Binding, Variable,
        bind::{Form, decode},
        literal::{is_unreserved, push_escaped},
        template::{Segment, Variable as Place},
    },
    schema::field_path::Step,
};

/// Whether a zero without presence, which is not on the wire, fills a place in a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Zeros {
    AreUnset,
    AreValues,
}

impl Composer {
    /// The path, without query.
    pub(super) fn path(&mut self, input: &MessageType, binding: &Binding, zeros: Zeros) -> Result<String, Lack> {
        let template = &binding.parsed;
        if template.segments.is_empty() {
            return Ok(binding.template.to_string());
        }
        let mut path = Vec::new();
        let mut variables = template.variables.iter().zip(binding.variables()).peekable();
        let mut at = 0;
        while let Some(segment) = template.segments.get(at) {
            if let Some((place, variable)) = variables.next_if(|(place, _)| place.segments.start == at) {
                let value = self.value(input, binding, (place, variable), zeros)?;
                let pattern = template.segments.get(place.segments.clone()).unwrap_or_default();
                let filled = fill(&value, pattern, variable.multiple, &mut path);
                filled.map_err(|is| {
                    let shown = if variable.field.is_redacted() {
                        "its value".to_owned()
                    } else {
                        format!("\"{}\"", Shown(&value))
                    };
                    lack(binding, (place, variable), format!("is {shown}, {is}"))
                })?;
                at = place.segments.end;
                continue;
            }
            match segment {
                Segment::Literal(text) => {
                    path.push(b'/');
                    path.extend_from_slice(text.as_bytes());
                }
                Segment::One => return Err(Lack::Nobody),
                // Which may be nothing.
                Segment::Rest => {}
            }
            at += 1;
        }
        if path.is_empty() {
            path.push(b'/');
        }
        if let Some(verb) = &template.verb {
            path.push(b':');
            path.extend_from_slice(verb.as_bytes());
        }
        Ok(String::from_utf8(path).unwrap_or_default())
    }

    /// The value that fills a variable, which is not empty.
    fn value(
        &mut self,
        input: &MessageType,
        binding: &Binding,
        variable: (&Place, &Variable),
        zeros: Zeros,
    ) -> Result<String, Lack> {
        let steps = variable.1.field.steps();
        let found = self.leaves.iter().find_map(|(path, leaf)| match leaf {
            Leaf::Text(text) if same(path, steps) => Some(text.to_owned()),
            _ => None,
        });
        let zero = match (&found, steps) {
            // Of a field in another one nobody could tell whether that is set.
            (None, [step]) if step.field.implicit && zeros == Zeros::AreValues => {
                self.codec.zero_text(input, &step.field)
            }
            _ => None,
        };
        match found.or(zero) {
            Some(value) if !value.is_empty() => Ok(value),
            Some(_) => Err(lack(binding, variable, "is empty".to_owned())),
            None => Err(lack(binding, variable, "is not set".to_owned())),
        }
    }
}

fn lack(binding: &Binding, (place, variable): (&Place, &Variable), is: String) -> Lack {
    let segments = binding.parsed.segments.get(place.segments.clone());
    let pattern = segments.unwrap_or_default().iter().map(|segment| match segment {
        Segment::Literal(text) => text,
        Segment::One => "*",
        Segment::Rest => "**",
    });
    Lack::Value {
        field: variable.field.to_string(),
        is,
        pattern: pattern.collect::<Vec<_>>().join("/"),
    }
}

pub(super) fn same(path: &[Step], other: &[Step]) -> bool {
    let number = |step: &Step| step.field.number;
    path.iter().map(number).eq(other.iter().map(number))
}

/// Appends `/` and the segments of a value, if they are those of a pattern; else says what is wrong with it.
fn fill(value: &str, pattern: &[Segment], multiple: bool, path: &mut Vec<u8>) -> Result<(), &'static str> {
    const NO_FIT: &str = "which does not fit";
    if value.split('/').any(|part| matches!(part, "." | "..")) {
        return Err("which has a dot segment, and so leads elsewhere");
    }
    if value.contains('\0') {
        return Err("which has a NUL character");
    }
    if !multiple && !matches!(pattern, [Segment::Literal(_)]) {
        path.push(b'/');
        escape_all(value, path);
        return Ok(());
    }
    let mut parts = value.split('/');
    let add = |part: &str, path: &mut Vec<u8>| {
        if part.is_empty() {
            return Err(NO_FIT);
        }
        path.push(b'/');
        escape_all(part, path);
        Ok(())
    };
    for segment in pattern {
        match segment {
            // As the template has it: there are several ways to write some.
            Segment::Literal(literal) => {
                parts.next().filter(|part| is_literal(part, literal)).ok_or(NO_FIT)?;
                path.push(b'/');
                path.extend_from_slice(literal.as_bytes());
            }
            Segment::One => add(parts.next().ok_or(NO_FIT)?, path)?,
            Segment::Rest => parts.by_ref().try_for_each(|part| add(part, path))?,
        }
    }
    parts.next().map_or(Ok(()), |_| Err(NO_FIT))
}

/// Whether a part of a value is what a template has there.
fn is_literal(part: &str, literal: &str) -> bool {
    decode(literal, Form::Segments, &mut Vec::new()).is_ok_and(|literal| literal == part)
}

/// Appends a text of which all is escaped but what is unreserved: RFC 6570, section 3.2.1.
pub(super) fn escape_all(text: &str, into: &mut Vec<u8>) {
    for byte in text.bytes() {
        if is_unreserved(byte) {
            into.push(byte);
        } else {
            push_escaped(byte, into);
        }
    }
}
