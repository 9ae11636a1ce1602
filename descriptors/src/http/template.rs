//! Path templates: the grammar in the comment of `google/api/http.proto`.
//!
//! ```text
//! Template = "/" Segments [ Verb ] ;
//! Segments = Segment { "/" Segment } ;
//! Segment  = "*" | "**" | LITERAL | Variable ;
//! Variable = "{" FieldPath [ "=" Segments ] "}" ;
//! FieldPath = IDENT { "." IDENT } ;
//! Verb     = ":" LITERAL ;
//! ```
//!
//! A variable has no variables in it, and `**` is the last segment. A literal is what may stand in a segment of a path
//! (RFC 3986, `pchar`), without `*`; what a path would have to escape is escaped here too, so that it may be written plainly.

use std::ops::Range;

use super::literal::{canonical, escape, is_plain, push_escaped};
use crate::findings::Shown;

/// How many segments a template may have: real ones have a dozen.
const MOST_SEGMENTS: usize = 128;

/// A template that is within the grammar.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Template {
    pub(crate) segments: Vec<Segment>,
    /// In its canonical form.
    pub(crate) verb: Option<Box<str>>,
    /// In the order in which they stand.
    pub(crate) variables: Vec<Variable>,
}

/// What one segment of a path has to be; of `Rest` any number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Segment {
    /// This, in its canonical form.
    Literal(Box<str>),
    /// `*`: any one.
    One,
    /// `**`: those that are left, which may be none.
    Rest,
}

/// A part of a path that becomes the value of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Variable {
    /// As it is written: `book.name`.
    pub(crate) field: Box<str>,
    /// The segments that it takes.
    pub(crate) segments: Range<usize>,
}

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TemplateError {
    #[error("it does not begin with `/`")]
    Relative,
    #[error("{0} is empty")]
    Empty(&'static str),
    #[error("the `{{` at {0} is not closed")]
    Open(usize),
    #[error("the `}}` at {0} closes nothing")]
    Close(usize),
    #[error("the variable at {0} stands in another one")]
    Nested(usize),
    #[error("`**` has to be the last segment, but another one follows at {0}")]
    RestNotLast(usize),
    #[error("the segment at {0} is more than one of: a literal, `*`, `**`, a variable")]
    Mixed(usize),
    #[error("\"{}\" is no field path", Shown(.0))]
    FieldPath(String),
    #[error("`{}` at {at} can't stand in a literal", .letter.escape_default())]
    Letter { letter: char, at: usize },
    #[error(
        "the `?` at {0} begins a query, which no template has: fields that it does not bind are the query's anyway"
    )]
    Query(usize),
    #[error("the escape at {0} is not `%` and two hexadecimal digits")]
    Escape(usize),
    #[error("the escaped slash at {0} never matches a literal")]
    Slash(usize),
    #[error("the segment at {0} is a dot segment, which no path that is served has")]
    Dots(usize),
    #[error("the `:` at {0} is the verb's, which stands behind the variable")]
    VerbInside(usize),
    #[error("it has more than {MOST_SEGMENTS} segments")]
    TooLong,
}

impl Template {
    /// Reads a template.
    pub(crate) fn parse(text: &str) -> Result<Self, TemplateError> {
        if let Some(at) = text.find('?') {
            return Err(TemplateError::Query(at));
        }
        let (path, verb) = split_verb(text);
        let mut parser = Parser {
            text: path,
            at: 0,
            open: None,
            found: Self::default(),
        };
        parser.template()?;
        let mut found = parser.found;
        if let Some(verb) = verb {
            let at = path.len() + 1;
            if verb.is_empty() {
                return Err(TemplateError::Empty("the verb"));
            }
            found.verb = Some(literal(verb, at)?);
        }
        Ok(found)
    }

    /// Whether a variable takes more than one segment: then an escaped slash in it stays escaped.
    pub(crate) fn is_multiple(&self, variable: &Variable) -> bool {
        let segments = self.segments.get(variable.segments.clone()).unwrap_or_default();
        segments.len() > 1 || segments.contains(&Segment::Rest)
    }
}

/// The verb begins at the last `:` of the last segment, behind the variable if that is one.
fn split_verb(text: &str) -> (&str, Option<&str>) {
    let start = text.rfind(['/', '}']).map_or(0, |at| at + 1);
    let colon = text.get(start..).and_then(|last| last.rfind(':'));
    let split = colon.and_then(|colon| Some((text.get(..start + colon)?, text.get(start + colon + 1..)?)));
    split.map_or((text, None), |(path, verb)| (path, Some(verb)))
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    /// Where the variable begins that is being read, and its field path.
    open: Option<(usize, &'t str, usize)>,
    found: Template,
}

impl<'t> Parser<'t> {
    fn template(&mut self) -> Result<(), TemplateError> {
        if !self.take("/") {
            return Err(TemplateError::Relative);
        }
        loop {
            self.segment()?;
            while self.take("}") {
                self.close()?;
            }
            if self.rest().is_empty() {
                break;
            }
            if !self.take("/") {
                return Err(TemplateError::Mixed(self.at));
            }
        }
        match self.open {
            Some((at, ..)) => Err(TemplateError::Open(at)),
            None => Ok(()),
        }
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn take(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn segment(&mut self) -> Result<(), TemplateError> {
        let at = self.at;
        if self.take("{") {
            return self.variable(at);
        }
        if let Some(Segment::Rest) = self.found.segments.last() {
            return Err(TemplateError::RestNotLast(at));
        }
        let segment = if self.take("**") {
            Segment::Rest
        } else if self.take("*") {
            Segment::One
        } else {
            Segment::Literal(self.literal()?)
        };
        if self.rest().starts_with('*') {
            return Err(TemplateError::Mixed(at));
        }
        if self.found.segments.len() == MOST_SEGMENTS {
            return Err(TemplateError::TooLong);
        }
        self.found.segments.push(segment);
        Ok(())
    }

    fn literal(&mut self) -> Result<Box<str>, TemplateError> {
        let (at, rest) = (self.at, self.rest());
        let end = rest.find(['/', '{', '}', '*']).unwrap_or(rest.len());
        let text = rest.get(..end).unwrap_or_default();
        self.at += end;
        if text.is_empty() {
            return Err(if rest.starts_with('}') && self.open.is_none() {
                TemplateError::Close(at)
            } else {
                TemplateError::Empty(if self.open.is_some() {
                    "a segment of a variable"
                } else {
                    "a segment"
                })
            });
        }
        if matches!(text, "." | "..") {
            return Err(TemplateError::Dots(at));
        }
        literal(text, at)
    }

    /// A variable whose `{` was taken; one without segments of its own is `*`.
    fn variable(&mut self, at: usize) -> Result<(), TemplateError> {
        if self.open.is_some() {
            return Err(TemplateError::Nested(at));
        }
        let rest = self.rest();
        let end = rest.find(['=', '}', '{']).ok_or(TemplateError::Open(at))?;
        let field = rest.get(..end).unwrap_or_default();
        if !is_field_path(field) {
            return Err(TemplateError::FieldPath(field.to_owned()));
        }
        self.at += end;
        self.open = Some((at, field, self.found.segments.len()));
        if self.take("=") {
            return if self.rest().starts_with('}') {
                Err(TemplateError::Empty("the template of a variable"))
            } else {
                self.segment()
            };
        }
        if let Some(Segment::Rest) = self.found.segments.last() {
            return Err(TemplateError::RestNotLast(at));
        }
        if self.found.segments.len() == MOST_SEGMENTS {
            return Err(TemplateError::TooLong);
        }
        self.found.segments.push(Segment::One);
        if self.rest().starts_with('}') {
            Ok(())
        } else {
            Err(TemplateError::Open(at))
        }
    }

    /// A variable whose `}` was taken.
    fn close(&mut self) -> Result<(), TemplateError> {
        let at = self.at - 1;
        let (start, field, first) = self.open.take().ok_or(TemplateError::Close(at))?;
        let segments = first..self.found.segments.len();
        if let Some(Segment::Literal(last)) = self.found.segments.last()
            && last.contains(':')
            && self.rest().is_empty()
        {
            return Err(TemplateError::VerbInside(start));
        }
        self.found.variables.push(Variable {
            field: field.into(),
            segments,
        });
        Ok(())
    }
}

/// A literal in its canonical form.
fn literal(text: &str, start: usize) -> Result<Box<str>, TemplateError> {
    let mut escaped = Vec::with_capacity(text.len());
    for (at, letter) in text.char_indices() {
        let at = start + at;
        if letter == '%' {
            let after = text.as_bytes().get(at - start + 1..).unwrap_or_default();
            match escape(b'%', after) {
                None => return Err(TemplateError::Escape(at)),
                Some((b'/', _)) => return Err(TemplateError::Slash(at)),
                Some(_) => escaped.push(b'%'),
            }
        } else if letter.is_ascii() && (letter == '*' || !u8::try_from(letter).is_ok_and(is_plain)) {
            return Err(TemplateError::Letter { letter, at });
        } else if letter.is_ascii() {
            escaped.extend(u8::try_from(letter));
        } else {
            let mut buffer = [0; 4];
            for byte in letter.encode_utf8(&mut buffer).bytes() {
                push_escaped(byte, &mut escaped);
            }
        }
    }
    let mut found = Vec::with_capacity(escaped.len());
    canonical(&escaped, &mut found);
    Ok(String::from_utf8_lossy(&found).into())
}

fn is_field_path(text: &str) -> bool {
    let is_identifier = |part: &str| {
        let mut bytes = part.bytes();
        bytes
            .next()
            .is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
            && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    text.split('.').all(is_identifier)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    /// As its parts are told apart: `books|*|**`, and each variable with its segments.
    fn shown(text: &str) -> String {
        let template = Template::parse(text).unwrap();
        let segments: Vec<_> = template
            .segments
            .iter()
            .map(|segment| match segment {
                Segment::Literal(literal) => literal.to_string(),
                Segment::One => "*".to_owned(),
                Segment::Rest => "**".to_owned(),
            })
            .collect();
        let mut shown = segments.join("|");
        for variable in &template.variables {
            write!(shown, " {}={:?}", variable.field, variable.segments).unwrap();
        }
        if let Some(verb) = &template.verb {
            write!(shown, " :{verb}").unwrap();
        }
        shown
    }

    #[test]
    fn every_form_of_the_grammar_is_read() {
        for (text, wanted) in [
            ("/v1", "v1"),
            ("/v1/books/*", "v1|books|*"),
            ("/v1/**", "v1|**"),
            ("/v1/{name}", "v1|* name=1..2"),
            ("/v1/{name=*}", "v1|* name=1..2"),
            ("/v1/{name=shelves/*/books/*}", "v1|shelves|*|books|* name=1..5"),
            ("/v1/{book.name=shelves/**}:move", "v1|shelves|** book.name=1..3 :move"),
            ("/{a}/{b}:verb", "*|* a=0..1 b=1..2 :verb"),
            ("/v1/books:batch", "v1|books :batch"),
            ("/v1/a:b/c", "v1|a:b|c"),
            ("/v1/a:b:c", "v1|a:b :c"),
            ("/v1/{a=x:y}/z", "v1|x:y|z a=1..2"),
            ("/v1/caf\u{e9}", "v1|caf%C3%A9"),
            ("/v1/a%62c%2c", "v1|abc%2C"),
            ("/v1/a=b@c!", "v1|a=b@c!"),
            ("/{name=**}", "** name=0..1"),
        ] {
            assert_eq!(shown(text), wanted, "{text}");
        }
    }

    #[test]
    fn what_is_outside_the_grammar_is_refused() {
        for (text, wanted) in [
            ("", "does not begin"),
            ("v1/books", "does not begin"),
            ("/", "a segment is empty"),
            ("/v1//b", "a segment is empty"),
            ("/v1/", "a segment is empty"),
            ("/v1/{name", "the `{` at 4 is not closed"),
            ("/v1/{name=a/b", "the `{` at 4 is not closed"),
            ("/v1/name}", "the `}` at 8 closes nothing"),
            ("/v1/}", "the `}` at 4 closes nothing"),
            ("/v1/{a}}", "the `}` at 7 closes nothing"),
            ("/v1/{a={b}}", "stands in another"),
            ("/v1/{a=x/{b}}", "stands in another"),
            ("/v1/{}", "is no field path"),
            ("/v1/{a..b}", "is no field path"),
            ("/v1/{a b}", "is no field path"),
            ("/v1/{1a}", "is no field path"),
            ("/v1/{a=}", "the template of a variable is empty"),
            ("/v1/{a=x/}", "a segment of a variable is empty"),
            ("/v1/{a=/x}", "a segment of a variable is empty"),
            ("/v1/**/b", "has to be the last segment"),
            ("/v1/{a=**}/b", "has to be the last segment"),
            ("/v1/{a=**}/{b}", "has to be the last segment"),
            ("/v1/***", "more than one of"),
            ("/v1/a*", "more than one of"),
            ("/v1/*a", "more than one of"),
            ("/v1/a{b}", "more than one of"),
            ("/v1/{b}a", "more than one of"),
            ("/v1/{a}{b}", "more than one of"),
            ("/v1/a?b=c", "the `?` at 5 begins a query"),
            ("/v1/{a}?b={b}", "the `?` at 7 begins a query"),
            ("/v1/a b", "can't stand in a literal"),
            ("/v1/a\\b", "can't stand in a literal"),
            ("/v1/a%2", "the escape at 5"),
            ("/v1/a%2fb", "the escaped slash at 5"),
            ("/v1/../b", "a dot segment"),
            ("/v1/a:", "the verb is empty"),
            ("/v1/a:b*", "can't stand in a literal"),
            ("/v1/{a=x:y}", "is the verb's"),
        ] {
            let error = Template::parse(text).unwrap_err().to_string();
            assert!(error.contains(wanted), "{text}: {error}");
        }
    }

    #[test]
    fn length_is_bounded() {
        assert_eq!(Template::parse(&"/a".repeat(128)).unwrap().segments.len(), 128);
        assert_eq!(Template::parse(&"/a".repeat(129)), Err(TemplateError::TooLong));
        assert_eq!(Template::parse(&"/{a}".repeat(129)), Err(TemplateError::TooLong));
    }
}
