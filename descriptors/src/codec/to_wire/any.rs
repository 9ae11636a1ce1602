//! `google.protobuf.Any`: an object with the member `@type`.

use super::{FromJson, Known, MessageTable, Scratch, Walk};
use crate::codec::{base64, error::shown, to_json::type_name};

/// What an object that stands in an `Any` has had besides the fields of its message.
#[derive(Default)]
pub(super) struct AnyMember {
    typed: bool,
    /// The bytes of the message as base64, which stand for all its fields.
    value: bool,
    /// How long the output was before the message.
    start: usize,
    /// What a member `value` may be.
    may_be: Value,
}

/// What the member `value` of an ordinary message may be, other than a field of that name.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Value {
    #[default]
    Nothing,
    /// The message's bytes.
    Bytes,
    /// These or an empty object, where the message has no fields: Go writes `google.protobuf.Empty` so.
    BytesOrObject,
}

impl AnyMember {
    pub(super) fn is_opaque(&self) -> bool {
        self.value
    }
}

const TYPE_URL: u64 = 1 << 3 | 2;
const VALUE: u64 = 2 << 3 | 2;

impl<'a> FromJson<'a, '_> {
    /// The fields of an `Any`.
    pub(super) fn any(&mut self) -> Walk {
        if self.reader.peek() != Some(b'{') {
            return Err(self.reader.unexpected("an object"));
        }
        let start = self.reader.rest;
        if !self.find_type()? {
            self.reader.advance(1);
            return self
                .reader
                .expect(b'}', "the member \"@type\" among those of a google.protobuf.Any");
        }
        let url = self.reader.string("a type URL", &mut self.scratch.text)?;
        let url = url.bytes(&self.scratch.text);
        self.writer.varint(TYPE_URL);
        self.writer.bytes(url);
        let Some(name) = type_name(url).filter(|name| !name.is_empty()) else {
            let what = format!(
                "{} is no type URL, such as \"type.googleapis.com/pkg.Message\"",
                shown(url)
            );
            return Err(self.reader.fault(what));
        };
        let known = self.tables.message(name);
        let unknown = known.is_none().then(|| {
            self.scratch.missing.add(name.as_bytes());
            shown(name.as_bytes())
        });
        self.reader.rest = start;
        let mark = self.mark();
        self.writer.varint(VALUE);
        let part = self.begin();
        match known {
            None => self.opaque(&unknown.unwrap_or_default())?,
            Some((index, _)) => {
                let table = self.tables.table(index);
                self.enter()?;
                if table.known == Known::No {
                    self.typed(index, table)?;
                } else {
                    self.special(table)?;
                }
                self.leave();
            }
        }
        if self.writer.is_empty(&part) {
            self.back(&mark);
        } else {
            self.finish(&part);
        }
        Ok(())
    }

    /// Goes to the value of the member `@type`. `false`: there is none.
    fn find_type(&mut self) -> Walk<bool> {
        let start = self.reader.offset32();
        if start < self.scratch.passed.until {
            let found = self.scratch.passed.type_of(start);
            found.inspect(|value| self.reader.go_to(*value));
            self.reader.peek();
            return Ok(found.is_some());
        }
        let before = self.scratch.passed.types.len();
        let found = self.look_for_type()?;
        let passed = &mut self.scratch.passed;
        // Objects within others were noted before them. What was noted earlier stands before all of these.
        passed.types.get_mut(before..).unwrap_or_default().sort_unstable();
        passed.until = self.reader.offset32();
        if !found {
            self.reader.go_to(start);
        }
        Ok(found)
    }

    fn look_for_type(&mut self) -> Walk<bool> {
        self.reader.advance(1);
        let mut more = !self.reader.take(b'}');
        while more {
            let name = self.reader.string("the name of a member", &mut self.scratch.text)?;
            let found = name.bytes(&self.scratch.text) == b"@type";
            self.reader.expect(b':', "`:`")?;
            if found {
                self.reader.peek();
                return Ok(true);
            }
            let Scratch { text, open, passed, .. } = &mut *self.scratch;
            self.reader.skip(self.depth, text, open, Some(passed))?;
            more = self.reader.more(b'}', "`,` or `}`")?;
        }
        Ok(false)
    }

    /// Skips a value that nobody asks for.
    pub(super) fn skip(&mut self) -> Walk {
        let Scratch { text, open, .. } = &mut *self.scratch;
        self.reader.skip(self.depth, text, open, None)
    }

    fn typed(&mut self, index: u32, table: &'a MessageTable) -> Walk {
        let mut any = AnyMember {
            start: self.writer.out.len(),
            may_be: match table.named(b"value") {
                Some(_) => Value::Nothing,
                None if table.fields.is_empty() => Value::BytesOrObject,
                None => Value::Bytes,
            },
            ..AnyMember::default()
        };
        self.object(index, table, Some(&mut any))
    }

    /// A member of an ordinary message in an `Any` that is none of its fields. `false`: it is unknown.
    pub(super) fn any_member(&mut self, name: &[u8], any: &mut AnyMember) -> Walk<bool> {
        let value = if name == b"value" && self.writer.out.len() == any.start {
            any.may_be
        } else {
            Value::Nothing
        };
        if name == b"@type" {
            if std::mem::replace(&mut any.typed, true) {
                return Err(self.reader.fault("the member \"@type\" is there twice"));
            }
            self.reader.expect(b':', "`:`")?;
            self.reader.string("a type URL", &mut self.scratch.text)?;
            return Ok(true);
        }
        if value == Value::Nothing {
            return Ok(false);
        }
        self.reader.expect(b':', "`:`")?;
        if value == Value::BytesOrObject && self.reader.take(b'{') {
            self.reader.expect(b'}', "`}`, since the message has no fields")?;
        } else {
            self.base64()?;
        }
        // From here on only `@type` may come: the bytes are the whole message.
        any.may_be = Value::Nothing;
        any.value = true;
        Ok(true)
    }

    /// The member `value` of a well-known type.
    fn special(&mut self, table: &'a MessageTable) -> Walk {
        let stray = || "expected the members \"@type\" and \"value\", once each".to_owned();
        let valued = self.pair(|walk| walk.known(table), stray)?;
        if valued {
            return Ok(());
        }
        Err(self
            .reader
            .fault("the member \"value\" of a well-known type in a google.protobuf.Any is missing"))
    }

    /// The member `value` of a message whose type is not loaded: its bytes.
    fn opaque(&mut self, name: &str) -> Walk {
        let stray = || {
            format!(
                "there is no message {name}, so beside \"@type\" this google.protobuf.Any can only have the member \"value\", \
                 the message's bytes in base64"
            )
        };
        self.pair(Self::base64, stray).map(drop)
    }

    fn base64(&mut self) -> Walk {
        self.reader.peek();
        let before = self.reader.rest;
        let text = self.reader.string("a string of base64", &mut self.scratch.text)?;
        if base64::decode(text.bytes(&self.scratch.text), self.writer.out) {
            return Ok(());
        }
        self.reader.rest = before;
        Err(self.reader.fault("this is no base64"))
    }

    /// An object of `@type` and `value`: whether there was a `value`. `stray` says what is wrong with any other member.
    fn pair(&mut self, value: impl Fn(&mut Self) -> Walk, stray: impl Fn() -> String) -> Walk<bool> {
        self.reader.expect(b'{', "an object")?;
        let (mut typed, mut valued) = (false, false);
        loop {
            self.reader.peek();
            let before = self.reader.rest;
            let name = self.reader.string("the name of a member", &mut self.scratch.text)?;
            let name = name.bytes(&self.scratch.text);
            let (is_type, is_value) = (name == b"@type", name == b"value");
            self.reader.expect(b':', "`:`")?;
            if is_type && !std::mem::replace(&mut typed, true) {
                self.reader.string("a type URL", &mut self.scratch.text)?;
            } else if is_value && !std::mem::replace(&mut valued, true) {
                value(self)?;
            } else if self.options.ignore_unknown && !is_type && !is_value {
                self.skip()?;
            } else {
                self.reader.rest = before;
                return Err(self.reader.fault(stray()));
            }
            if !self.reader.more(b'}', "`,` or `}`")? {
                return Ok(valued);
            }
        }
    }
}
