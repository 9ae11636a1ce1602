//! Unknown fields: by number, with what their bytes may mean.
//!
//! Source: protobuf's C++ implementation, `TextFormat::Printer::PrintUnknownFields`.

use super::{Print, REDACTED, Walk, WireType, quote, read, wire};

/// How deep bytes that read as a message are printed as one.
const GUESSED: u32 = 10;

impl Print<'_, '_> {
    /// A field that the message does not have. Its tag was read.
    pub(super) fn unknown_field(&mut self, number: u32, wire: WireType, rest: &mut &[u8]) -> Walk {
        match (self.options.print_unknown, self.options.redact) {
            (true, false) => return self.by_number(number, wire, rest, GUESSED),
            // Whoever knows the field may know that it is not for logs.
            (true, true) => self.line(&number.to_string(), REDACTED),
            (false, _) => self.unknown += 1,
        }
        wire::skip(rest, number, wire, self.depth.left() + 1).map_err(read)
    }

    pub(super) fn unknown_varint(&mut self, number: u32, value: u64) {
        if self.options.print_unknown {
            let value = value.to_string();
            self.line(&number.to_string(), if self.options.redact { REDACTED } else { &value });
        } else {
            self.unknown += 1;
        }
    }

    pub(super) fn unknown_bytes(&mut self, number: u32, bytes: &[u8]) -> Walk {
        match (self.options.print_unknown, self.options.redact) {
            (true, false) => return self.bytes_by_number(number, bytes, GUESSED),
            (true, true) => self.line(&number.to_string(), REDACTED),
            (false, _) => self.unknown += 1,
        }
        Ok(())
    }

    fn by_number(&mut self, number: u32, wire: WireType, rest: &mut &[u8], guesses: u32) -> Walk {
        let name = number.to_string();
        match wire {
            WireType::Varint => self.line(&name, &wire::varint(rest).map_err(read)?.to_string()),
            WireType::Fixed64 => self.line(&name, &format!("{:#018x}", wire::fixed64(rest).map_err(read)?)),
            WireType::Fixed32 => self.line(&name, &format!("{:#010x}", wire::fixed32(rest).map_err(read)?)),
            WireType::Bytes => self.bytes_by_number(number, wire::bytes(rest).map_err(read)?, guesses)?,
            WireType::StartGroup | WireType::EndGroup => {
                // Groups are bounded where the message is put in canonical order.
                let group = wire::group(rest, number, u32::MAX).map_err(read)?;
                self.block(&name, |print| print.all_by_number(group, guesses))?;
            }
        }
        Ok(())
    }

    fn bytes_by_number(&mut self, number: u32, bytes: &[u8], guesses: u32) -> Walk {
        let name = number.to_string();
        if let Some(guesses) = guesses.checked_sub(1)
            && !bytes.is_empty()
            && is_message(bytes)
        {
            return self.block(&name, |print| print.all_by_number(bytes, guesses));
        }
        self.line(&name, &quote(bytes));
        Ok(())
    }

    fn all_by_number(&mut self, mut rest: &[u8], guesses: u32) -> Walk {
        while !rest.is_empty() {
            let (number, wire) = wire::tag(&mut rest).map_err(read)?;
            self.by_number(number, wire, &mut rest, guesses)?;
        }
        Ok(())
    }
}

/// Whether bytes read as a message.
fn is_message(mut bytes: &[u8]) -> bool {
    while !bytes.is_empty() {
        let skipped = wire::tag(&mut bytes).and_then(|(number, wire)| wire::skip(&mut bytes, number, wire, GUESSED));
        if skipped.is_err() {
            return false;
        }
    }
    true
}
