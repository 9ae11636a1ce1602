//! `google.protobuf.Any`: `[type.googleapis.com/pkg.Message] { .. }`.

use super::{
    super::{
        super::{
            normal::{self, Entries},
            to_json::type_name,
        },
        read::is_url,
    },
    Print, Walk, read, wire,
};

const TYPE_URL: u32 = 1 << 3 | 2;
const VALUE: u32 = 2 << 3 | 2;

impl Print<'_, '_> {
    /// An `Any` with its message taken apart. `false`: it is printed as what it is, a URL and bytes.
    ///
    /// That is so where the type is not loaded or the bytes are none of it, where the URL can't stand in brackets,
    /// and beyond what is taken apart at most.
    pub(super) fn any(&mut self, any: &[u8]) -> Walk<bool> {
        let Some((url, value, mut others)) = parts(any) else {
            return Ok(false);
        };
        // There is no place for them among the fields of its message.
        if self.options.print_unknown && !others.is_empty() {
            return Ok(false);
        }
        let Some(name) = type_name(url.as_bytes()).filter(|_| is_url(url)) else {
            return Ok(false);
        };
        let Some((index, _)) = self.tables.message(name) else {
            self.scratch.missing.add(name.as_bytes());
            return Ok(false);
        };
        let Some(left) = self.left.checked_sub(value.len()) else {
            return Ok(false);
        };
        self.left = left;
        let mut payload = Vec::new();
        let how = (self.depth, Entries::ByKey);
        if normal::normalize(self.tables, index, value, how, self.scratch, &mut payload).is_err() {
            return Ok(false);
        }
        while !others.is_empty() {
            let (number, wire) = wire::tag(&mut others).map_err(read)?;
            self.unknown_field(number, wire, &mut others)?;
        }
        self.block(&format!("[{url}]"), |print| print.message(index, &payload))?;
        Ok(true)
    }
}

/// The fields `type_url` and `value`, and the unknown ones behind them.
fn parts(any: &[u8]) -> Option<(&str, &[u8], &[u8])> {
    let mut rest = any;
    let mut field = |tag: u32| {
        let mut after = rest;
        let found = wire::varint(&mut after).ok()? == u64::from(tag);
        let bytes = wire::bytes(&mut after).ok().filter(|_| found)?;
        rest = after;
        Some(bytes)
    };
    let url = std::str::from_utf8(field(TYPE_URL)?).ok()?;
    let value = field(VALUE).unwrap_or_default();
    Some((url, value, rest))
}
