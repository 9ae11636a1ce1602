//! Scalars.
//!
//! Source: <https://protobuf.dev/reference/protobuf/textformat-spec/>, "Field Values".

use super::{
    super::super::{error::Fault, to_wire::due},
    Field, FromText, Walk,
    scanner::Number,
};
use crate::table::Kind;

impl FromText<'_, '_> {
    /// A scalar, behind its tag.
    pub(super) fn scalar(&mut self, field: &Field) -> Walk {
        match field.kind {
            Kind::String | Kind::Bytes => self.text(field),
            Kind::Bool => self.bool(),
            Kind::OpenEnum | Kind::ClosedEnum | Kind::Null => self.enum_value(field),
            Kind::Float | Kind::Double => self.floating(field.kind),
            kind => {
                let before = self.scan;
                let number = self.integer(due(kind))?;
                let written = number.and_then(|number| self.writer.whole(kind, number));
                written.ok_or_else(|| out_of_range(&before, kind))
            }
        }
    }

    fn text(&mut self, field: &Field) -> Walk {
        let before = self.scan;
        let mut text = std::mem::take(&mut self.scratch.text);
        text.clear();
        self.scan.strings("a string", &mut text)?;
        if field.kind == Kind::String && field.verify_utf8 && std::str::from_utf8(&text).is_err() {
            let mut before = before;
            before.peek();
            return Err(before.fault("this string is not UTF-8"));
        }
        self.writer.bytes(&text);
        self.scratch.text = text;
        Ok(())
    }

    fn bool(&mut self) -> Walk {
        const DUE: &str = "true or false";
        let mut before = self.scan;
        let truth = match self.scan.peek() {
            Some(b'0'..=b'9') => match self.integer(DUE)? {
                Some(0) => Some(false),
                Some(1) => Some(true),
                _ => None,
            },
            _ => match self.scan.word(DUE)? {
                "true" | "True" | "t" => Some(true),
                "false" | "False" | "f" => Some(false),
                _ => None,
            },
        };
        before.peek();
        let truth = truth.ok_or_else(|| before.unexpected(DUE))?;
        self.writer.varint(u64::from(truth));
        Ok(())
    }

    /// A name or a number. A name that is unknown, or a number that a closed enum lacks, may be ignored.
    fn enum_value(&mut self, field: &Field) -> Walk {
        let table = self.tables.enum_table(field.child);
        let mut before = self.scan;
        let start = self.writer.out.len();
        let number = if matches!(self.scan.peek(), Some(b'0'..=b'9' | b'-')) {
            let number = self.integer("the name or the number of an enum's value")?;
            let number = number.and_then(|number| i32::try_from(number).ok());
            number.filter(|number| field.kind != Kind::ClosedEnum || table.has(*number))
        } else {
            let word = self.scan.word("the name or the number of an enum's value")?;
            table.number(word.as_bytes())
        };
        before.peek();
        match number {
            Some(number) => self.writer.varint(i64::from(number).cast_unsigned()),
            None if self.options.ignore_unknown => {
                self.scratch.ignored.add(before.until(&self.scan).as_bytes());
                // The tag stands before it.
                let tag = super::super::super::wire::varint_length(u64::from(field.tag()));
                self.writer.out.truncate(start - tag);
            }
            None => {
                let text = before.until(&self.scan);
                let what = table.no_value(text.as_bytes());
                return Err(before.fault(what));
            }
        }
        Ok(())
    }

    /// An integer; `None` if it is out of every range.
    fn integer(&mut self, due: &str) -> Walk<Option<i128>> {
        let mut before = self.scan;
        let negative = self.scan.take(b'-');
        let number = match self.scan.number(due)? {
            Number::Decimal(digits) => digits.parse().ok(),
            Number::Based(digits, base) => i128::from_str_radix(digits, base).ok(),
            Number::Float(_) => {
                before.peek();
                return Err(before.unexpected(&format!("{due} without a fraction, an exponent or the suffix f")));
            }
        };
        Ok(number.map(|number: i128| if negative { -number } else { number }))
    }

    fn floating(&mut self, kind: Kind) -> Walk {
        let negative = self.scan.take(b'-');
        let mut before = self.scan;
        before.peek();
        let digits = if matches!(self.scan.peek(), Some(b'0'..=b'9' | b'.')) {
            match self.scan.number("a number")? {
                Number::Decimal(digits) | Number::Float(digits) => digits,
                Number::Based(..) => return Err(before.fault("a number with a fraction is written in decimal")),
            }
        } else {
            const DUE: &str = "a number, inf or nan";
            let word = self.scan.word(DUE)?;
            special(word).ok_or_else(|| before.unexpected(DUE))?
        };
        // The digits were looked at; what is too large becomes infinite.
        if kind == Kind::Float {
            let number: f32 = digits.parse().unwrap_or_default();
            let number = if negative { -number } else { number };
            self.writer.out.extend_from_slice(&number.to_le_bytes());
        } else {
            let number: f64 = digits.parse().unwrap_or_default();
            let number = if negative { -number } else { number };
            self.writer.out.extend_from_slice(&number.to_le_bytes());
        }
        Ok(())
    }
}

fn special(word: &str) -> Option<&'static str> {
    if word.eq_ignore_ascii_case("inf") || word.eq_ignore_ascii_case("infinity") {
        Some("inf")
    } else {
        word.eq_ignore_ascii_case("nan").then_some("nan")
    }
}

#[cold]
fn out_of_range(before: &super::Scanner<'_>, kind: Kind) -> Box<Fault> {
    let mut before = *before;
    before.peek();
    before.fault(format!("this number is out of the range of {}", due(kind)))
}
