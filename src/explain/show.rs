//! Explanations as text.

use std::fmt;

use descant_descriptors::Origin;

use super::{ExplainedRefusal, Explanation};

/// Templates that are told; there may be fifty.
const MOST_TEMPLATES: usize = 8;

pub(super) fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::Path => "path",
        Origin::Query => "query",
        Origin::Body => "body",
        _ => "members of the body",
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.request)?;
        match (&self.method, &self.refusal) {
            (Some(method), None) => writeln!(f, "calls {method}, by {}", self.protocol)?,
            (Some(method), Some(_)) => writeln!(f, "is for {method}, by {}, but does not call it", self.protocol)?,
            (None, _) => writeln!(f, "calls nothing, by {}", self.protocol)?,
        }
        self.show_templates(f)?;
        self.show_fields(f)?;
        self.show_messages(f)?;
        if let Some(refusal) = &self.refusal {
            show_refusal(refusal, f)?;
        } else if let Some(handler) = &self.handler {
            writeln!(f, "\nhandler\n  {handler}")?;
        }
        Ok(())
    }
}

impl Explanation {
    fn show_templates(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.templates.is_empty() {
            return Ok(());
        }
        let told = || self.templates.iter().take(MOST_TEMPLATES);
        let width = |text: &str| text.chars().count();
        let verb = told()
            .map(|template| width(&template.http_method))
            .max()
            .unwrap_or_default();
        let path = told()
            .map(|template| width(&template.template))
            .max()
            .unwrap_or_default();
        let method = told().map(|template| width(&template.method)).max().unwrap_or_default();
        writeln!(f, "\ntemplates")?;
        for template in told() {
            let mark = if template.wins { '*' } else { ' ' };
            writeln!(
                f,
                "{mark} {:verb$}  {:path$}  {:method$}  {}",
                template.http_method, template.template, template.method, template.verdict
            )?;
        }
        match self.templates.len().saturating_sub(MOST_TEMPLATES) {
            0 => Ok(()),
            more => writeln!(f, "  and {more} more that come less close"),
        }
    }

    fn show_fields(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.bound.is_empty() {
            return Ok(());
        }
        let name = self.bound.iter().map(|bound| bound.field.chars().count()).max();
        let origin = self.bound.iter().map(|bound| bound.origin.len()).max();
        let (name, origin) = (name.unwrap_or_default(), origin.unwrap_or_default());
        writeln!(f, "\nfields")?;
        for bound in &self.bound {
            writeln!(f, "  {:name$}  {:origin$}  {}", bound.field, bound.origin, bound.value)?;
        }
        Ok(())
    }

    fn show_messages(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(message_type) = &self.message_type else {
            return Ok(());
        };
        for message in &self.messages {
            writeln!(f, "\nmessage {message_type}\n{message}")?;
        }
        Ok(())
    }
}

fn show_refusal(refusal: &ExplainedRefusal, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    writeln!(f, "\nanswer {}", refusal.http_status)?;
    for (name, value) in &refusal.headers {
        writeln!(f, "  {name}: {value}")?;
    }
    match refusal.body.trim_end() {
        "" => Ok(()),
        body => writeln!(f, "\n{body}"),
    }
}
