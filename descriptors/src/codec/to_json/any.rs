//! `google.protobuf.Any`: the message inside, with its type.
//!
//! A type that is not loaded, and bytes that don't parse, are kept as base64: an unknown detail must not destroy
//! the answer that it is a part of.

use super::{
    super::{error::Stop, page::Prefix, print, scratch::Occurrence},
    Body, Known, ToJson, Walk,
};

impl<'a, const PLAIN: bool> ToJson<'a, '_, PLAIN> {
    /// An `Any` whose fields were read.
    pub(super) fn any(&mut self, url: &'a [u8], value: &'a [u8], place: &'a [u8], sorted: bool) -> Walk {
        self.out.push(b'{');
        if url.is_empty() && value.is_empty() {
            self.out.push(b'}');
            return Ok(());
        }
        self.out.extend_from_slice(b"\"@type\":");
        if !print::string(self.out, &Prefix::NONE, url) {
            return Err(self.fault(place, "the type URL of a google.protobuf.Any is not UTF-8"));
        }
        let start = self.start();
        match self.payload(url, value, sorted) {
            Ok(true) => {}
            // The limits hold for the message as a whole, whatever stands in it.
            Err(Stop::Fault(fault)) if fault.is_limit() => return Err(Stop::Fault(fault)),
            // What this walk can't read the other may: something that is replaced later.
            Err(_) if !sorted => return Err(Stop::Detour),
            Err(Stop::Fault(fault)) if !self.takes_bytes(url) => return Err(Stop::Fault(fault)),
            Ok(false) | Err(Stop::Fault(_)) => {
                self.give_up(&start);
                self.out.extend_from_slice(b",\"value\":");
                if !PLAIN && self.options.redact {
                    self.redacted(&Prefix::NONE);
                } else {
                    print::base64(self.out, &Prefix::NONE, value);
                }
            }
            Err(Stop::Detour) => return Err(Stop::Detour),
        }
        self.out.push(b'}');
        Ok(())
    }

    /// Whether a member `value` with bytes would be read as the whole message, as it would not where `value` is a field
    /// or stands for a well-known type.
    fn takes_bytes(&self, url: &[u8]) -> bool {
        let found = type_name(url).and_then(|name| self.tables.message(name));
        found.is_none_or(|(index, _)| {
            let table = self.tables.table(index);
            table.known == Known::No && table.named(b"value").is_none()
        })
    }

    /// The message inside. `false`: its type is not loaded.
    fn payload(&mut self, url: &'a [u8], value: &'a [u8], sorted: bool) -> Walk<bool> {
        let Some(name) = type_name(url) else {
            return Ok(false);
        };
        let Some((index, _)) = self.tables.message(name) else {
            self.scratch.missing.add(name.as_bytes());
            return Ok(false);
        };
        let table = self.tables.table(index);
        let special = table.known != Known::No;
        if special {
            self.out.extend_from_slice(b",\"value\":");
        }
        match (sorted, special) {
            (false, true) => self.message(index, value)?,
            (false, false) => {
                self.enter(value)?;
                self.members(table, &mut { value }, 0)?;
                self.leave();
            }
            (true, _) => self.sorted_payload(index, value, special)?,
        }
        Ok(true)
    }

    fn sorted_payload(&mut self, index: u32, value: &'a [u8], special: bool) -> Walk {
        let at = self.scratch.occurrences.len();
        let start = self.offset(value);
        let to_u32 = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        self.scratch.occurrences.push(Occurrence {
            place: 0,
            packed: false,
            start: to_u32(start),
            end: to_u32(start + value.len()),
        });
        let body = Body::Many(at, at + 1);
        if special {
            self.sorted_message(index, body)?;
        } else {
            self.enter(value)?;
            self.sorted_members(self.tables.table(index), body)?;
            self.leave();
        }
        self.scratch.occurrences.truncate(at);
        Ok(())
    }
}

/// The full name at the end of a type URL.
pub(in crate::codec) fn type_name(url: &[u8]) -> Option<&str> {
    let url = std::str::from_utf8(url).ok()?;
    url.rsplit_once('/').map(|(_, name)| name)
}
