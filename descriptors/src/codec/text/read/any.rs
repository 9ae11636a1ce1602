//! Names in brackets: extensions, and the type of what stands in a `google.protobuf.Any`.

use super::{
    super::super::{
        error::shown,
        normal::{self, Entries},
        to_wire::Writer,
    },
    FromText, Message, Scanner, Walk,
};

const TYPE_URL: u64 = 1 << 3 | 2;
const VALUE: u64 = 2 << 3 | 2;

impl<'a> FromText<'a, '_> {
    /// The name behind an opening bracket, up to and with the closing one.
    pub(super) fn bracketed(&mut self) -> Walk<String> {
        let mut name = String::new();
        let before = self.scan;
        loop {
            match self.scan.peek() {
                Some(b']') if !name.is_empty() => break,
                Some(byte) if in_url(byte) => name.push(char::from(byte)),
                _ => return Err(self.scan.unexpected("the name of an extension or a type URL, and `]`")),
            }
            self.scan.advance(1);
        }
        self.scan.advance(1);
        if !is_url(&name) && !is_full_name(&name) {
            let what = format!("{} is no full name and no type URL", shown(name.as_bytes()));
            return Err(before.fault(what));
        }
        Ok(name)
    }

    /// The message in an `Any`, behind its type URL.
    pub(super) fn any(&mut self, message: &Message<'a>, url: &str, start: &Scanner<'a>) -> Walk {
        // The fields `type_url` and `value`.
        if !self.once(message, 0) || !self.once(message, 1) {
            return Err(start.fault("this google.protobuf.Any has a type already"));
        }
        let full_name = url.rsplit_once('/').map_or(url, |(_, full_name)| full_name);
        let Some((index, _)) = self.tables.message(full_name) else {
            self.scratch.missing.add(full_name.as_bytes());
            let what = format!(
                "there is no message {}, so what is in this google.protobuf.Any can't be read",
                shown(full_name.as_bytes())
            );
            return Err(start.fault(what));
        };
        self.scan.take(b':');
        let payload = self.payload(index)?;
        self.writer.varint(TYPE_URL);
        self.writer.bytes(url.as_bytes());
        if !payload.is_empty() {
            self.writer.varint(VALUE);
            self.writer.bytes(&payload);
        }
        Ok(())
    }

    /// A message in canonical form: nobody sorts the fields of what is bytes to the message around it.
    fn payload(&mut self, index: u32) -> Walk<Vec<u8>> {
        let (mut wire, mut payload) = (Vec::new(), Vec::new());
        let gaps = std::mem::take(&mut self.scratch.gaps);
        let mut inner = FromText {
            tables: self.tables,
            scan: self.scan,
            writer: Writer::new(&mut wire),
            scratch: &mut *self.scratch,
            options: self.options,
            depth: self.depth,
        };
        inner.message(index)?;
        let scan = inner.close();
        let how = (self.depth, Entries::AsTheyCame);
        normal::normalize(self.tables, index, &wire, how, self.scratch, &mut payload)
            .map_err(|fault| self.scan.fault(fault.what()))?;
        self.scan = scan;
        self.scratch.gaps = gaps;
        Ok(payload)
    }
}

/// Whether a type URL may stand in brackets. Source: the specification, "Field names", `TypeName` and `Domain`; RFC 3986.
pub(in crate::codec::text) fn is_url(url: &str) -> bool {
    let Some((prefix, full_name)) = url.rsplit_once('/') else {
        return false;
    };
    let legal = prefix.bytes().all(in_url) && !prefix.is_empty() && !prefix.starts_with('/');
    legal && escapes_are_whole(prefix) && is_full_name(full_name)
}

fn in_url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.~!$&()*+,;=%/".contains(&byte)
}

fn is_full_name(name: &str) -> bool {
    name.split('.').all(|word| {
        let letters = word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        letters && word.bytes().next().is_some_and(super::starts_word)
    })
}

fn escapes_are_whole(prefix: &str) -> bool {
    let mut escapes = prefix.split('%').skip(1);
    escapes.all(|rest| {
        let digits = rest.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
}
