//! Scalars.

use super::{Field, FromJson, Kind, Walk, Written, number, reader::Text};
use crate::codec::{base64, error::shown};

/// A number in quotes or not.
struct Token<'a> {
    text: Text<'a>,
    quoted: bool,
}

impl<'a> FromJson<'a, '_> {
    /// A scalar, without its tag.
    #[inline]
    pub(super) fn scalar(&mut self, field: &Field) -> Walk<Written> {
        match field.kind {
            Kind::String => self.string(),
            Kind::Bytes => self.bytes(),
            Kind::Bool => self.bool(),
            Kind::OpenEnum | Kind::ClosedEnum | Kind::Null => self.enum_value(field),
            Kind::Double | Kind::Float => self.floating(field.kind),
            Kind::Group | Kind::Message | Kind::Item => Ok(Written::Nothing),
            _ => {
                let before = self.reader.rest;
                if let Some(number) = self.reader.plain_whole()
                    && let Some(written) = self.writer_whole(field.kind, Some(i128::from(number)))
                {
                    return Ok(written);
                }
                self.reader.rest = before;
                self.whole(field.kind)
            }
        }
    }

    /// A whole number in any form.
    #[inline(never)]
    fn whole(&mut self, kind: Kind) -> Walk<Written> {
        let before = self.reader.rest;
        let token = self.token("an integer")?;
        let text = token.text.bytes(&self.scratch.text);
        self.writer_whole(kind, number::whole(text)).ok_or_else(|| {
            self.reader.rest = before;
            self.bad_number(kind, &token)
        })
    }

    fn string(&mut self) -> Walk<Written> {
        let text = self.reader.string("a string", &mut self.scratch.text)?;
        let text = text.bytes(&self.scratch.text);
        self.writer.bytes(text);
        Ok(if text.is_empty() {
            Written::Zero
        } else {
            Written::Something
        })
    }

    fn bytes(&mut self) -> Walk<Written> {
        let before = self.reader.rest;
        let text = self.reader.string("a string of base64", &mut self.scratch.text)?;
        let part = self.begin();
        if !base64::decode(text.bytes(&self.scratch.text), self.writer.out) {
            self.reader.rest = before;
            return Err(self.reader.fault("this is no base64"));
        }
        let empty = self.writer.is_empty(&part);
        self.finish(&part);
        Ok(if empty { Written::Zero } else { Written::Something })
    }

    fn bool(&mut self) -> Walk<Written> {
        let truth = if self.reader.literal(b"true") {
            true
        } else if self.reader.literal(b"false") {
            false
        } else {
            return Err(self.reader.unexpected("true or false"));
        };
        self.writer.varint(u64::from(truth));
        Ok(if truth { Written::Something } else { Written::Zero })
    }

    fn enum_value(&mut self, field: &Field) -> Walk<Written> {
        let table = self.tables.enum_table(field.child);
        let before = self.reader.rest;
        match self.reader.peek() {
            Some(b'n') if field.kind == Kind::Null && self.reader.literal(b"null") => Ok(self.enum_number(0)),
            Some(b'"') => {
                let text = self.reader.string("the name of a value", &mut self.scratch.text)?;
                let name = text.bytes(&self.scratch.text);
                if let Some(number) = table.number(name) {
                    return Ok(self.enum_number(number));
                }
                if self.options.ignore_unknown {
                    self.scratch.ignored.add(name);
                    return Ok(Written::Nothing);
                }
                let what = table.no_value(name);
                self.reader.rest = before;
                Err(self.reader.fault(what))
            }
            _ => {
                let text = self.reader.number("the name or the number of an enum's value")?;
                let number = number::whole(text).and_then(|number| i32::try_from(number).ok());
                match number.filter(|number| field.kind != Kind::ClosedEnum || table.has(*number)) {
                    Some(number) => Ok(self.enum_number(number)),
                    None if self.options.ignore_unknown && number.is_some() => {
                        self.scratch.ignored.add(text);
                        Ok(Written::Nothing)
                    }
                    None => {
                        self.reader.rest = before;
                        Err(self.reader.fault(table.no_value(text)))
                    }
                }
            }
        }
    }

    pub(super) fn enum_number(&mut self, number: i32) -> Written {
        self.writer.varint(i64::from(number).cast_unsigned());
        if number == 0 { Written::Zero } else { Written::Something }
    }

    fn token(&mut self, due: &str) -> Walk<Token<'a>> {
        let quoted = self.reader.peek() == Some(b'"');
        let text = if quoted {
            self.reader.string(due, &mut self.scratch.text)?
        } else {
            Text::Plain(self.reader.number(due)?)
        };
        Ok(Token { text, quoted })
    }

    /// Writes a whole number, if it is in the range of that kind.
    #[inline]
    pub(super) fn writer_whole(&mut self, kind: Kind, number: Option<i128>) -> Option<Written> {
        let number = number?;
        self.writer.whole(kind, number)?;
        Some(if number == 0 { Written::Zero } else { Written::Something })
    }

    fn floating(&mut self, kind: Kind) -> Walk<Written> {
        let before = self.reader.rest;
        let token = self.token("a number")?;
        let text = token.text.bytes(&self.scratch.text);
        let zero = if kind == Kind::Float {
            number::float(text, token.quoted).map(|number| {
                self.writer.out.extend_from_slice(&number.to_le_bytes());
                number.to_bits() == 0
            })
        } else {
            number::double(text, token.quoted).map(|number| {
                self.writer.out.extend_from_slice(&number.to_le_bytes());
                number.to_bits() == 0
            })
        };
        match zero {
            Some(true) => Ok(Written::Zero),
            Some(false) => Ok(Written::Something),
            None => {
                self.reader.rest = before;
                Err(self.bad_number(kind, &token))
            }
        }
    }

    #[cold]
    fn bad_number(&self, kind: Kind, token: &Token<'a>) -> Box<super::Fault> {
        let text = shown(token.text.bytes(&self.scratch.text));
        self.reader.fault(format!("{text} is not {}", due(kind)))
    }

    /// The key of a map's entry, from text that stands in quotes. `None`: it is no such key.
    pub(super) fn map_key(&mut self, field: &Field, text: &[u8]) -> Option<()> {
        match field.kind {
            Kind::String => self.writer.bytes(text),
            Kind::Bool if text == b"true" => self.writer.varint(1),
            Kind::Bool if text == b"false" => self.writer.varint(0),
            Kind::Bool => return None,
            _ => drop(self.writer_whole(field.kind, number::whole(text))?),
        }
        Some(())
    }
}

/// What a scalar of that kind is called.
pub(in crate::codec) fn due(kind: Kind) -> &'static str {
    match kind {
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => "a signed 32-bit integer",
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => "a signed 64-bit integer",
        Kind::Uint32 | Kind::Fixed32 => "an unsigned 32-bit integer",
        Kind::Uint64 | Kind::Fixed64 => "an unsigned 64-bit integer",
        Kind::Float => "a 32-bit float",
        Kind::Bool => "true or false",
        Kind::Bytes => "base64",
        _ => "a number",
    }
}
