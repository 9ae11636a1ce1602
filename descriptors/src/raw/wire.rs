//! Reads protobuf wire format without copying and without recursion.

/// Why bytes are not protobuf wire format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WireError {
    #[error("the bytes end in the middle of a field")]
    Truncated,
    #[error("a varint is longer than ten bytes")]
    Varint,
    #[error("a field has number 0, or one above 536870911")]
    FieldNumber,
    #[error("a field has wire type 6 or 7, which do not exist")]
    WireType,
    #[error("a group does not end, or ends without a start")]
    Group,
    #[error("groups nest too deep")]
    TooDeep,
}

/// The value of one field as it stands on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    /// A group's content, without its end tag.
    Group(&'a [u8]),
    Fixed32(u32),
}

/// Yields `(field number, value)` until the bytes end or an error, which ends it.
#[derive(Debug, Clone)]
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    fn varint(&mut self) -> Result<u64, WireError> {
        let mut value = 0u64;
        for shift in (0..70).step_by(7) {
            let (&byte, rest) = self.rest.split_first().ok_or(WireError::Truncated)?;
            self.rest = rest;
            value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(WireError::Varint)
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], WireError> {
        let length = usize::try_from(length).map_err(|_| WireError::Truncated)?;
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(WireError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    fn tag(&mut self) -> Result<(u32, u8), WireError> {
        let tag = u32::try_from(self.varint()?).map_err(|_| WireError::FieldNumber)?;
        match tag >> 3 {
            0 => Err(WireError::FieldNumber),
            number => Ok((number, (tag & 7) as u8)),
        }
    }

    fn fixed64(&mut self) -> Result<u64, WireError> {
        let bytes = self.take(8)?;
        bytes
            .try_into()
            .map(u64::from_le_bytes)
            .map_err(|_| WireError::Truncated)
    }

    fn fixed32(&mut self) -> Result<u32, WireError> {
        let bytes = self.take(4)?;
        bytes
            .try_into()
            .map(u32::from_le_bytes)
            .map_err(|_| WireError::Truncated)
    }

    /// Skips to the end tag that closes `number`, however deep groups nest inside.
    fn group(&mut self, number: u32) -> Result<&'a [u8], WireError> {
        let start = self.rest;
        let mut open = vec![number];
        loop {
            let before = self.rest.len();
            let (field, kind) = self.tag()?;
            match kind {
                0 => drop(self.varint()?),
                1 => drop(self.take(8)?),
                2 => {
                    let length = self.varint()?;
                    self.take(length)?;
                }
                3 => open.push(field),
                4 if open.pop() != Some(field) => return Err(WireError::Group),
                4 if open.is_empty() => {
                    return start.get(..start.len() - before).ok_or(WireError::Truncated);
                }
                4 => {}
                5 => drop(self.take(4)?),
                _ => return Err(WireError::WireType),
            }
        }
    }

    fn field(&mut self) -> Result<(u32, Value<'a>), WireError> {
        let (number, kind) = self.tag()?;
        let value = match kind {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(self.fixed64()?),
            2 => {
                let length = self.varint()?;
                Value::Bytes(self.take(length)?)
            }
            3 => Value::Group(self.group(number)?),
            4 => return Err(WireError::Group),
            5 => Value::Fixed32(self.fixed32()?),
            _ => return Err(WireError::WireType),
        };
        Ok((number, value))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u32, Value<'a>), WireError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.rest = &[];
        }
        Some(field)
    }
}

/// Yields the numbers of a packed field until they end or an error, which ends it.
#[derive(Debug, Clone)]
pub(crate) struct Packed<'a>(Fields<'a>);

impl<'a> Packed<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(Fields::new(bytes))
    }
}

impl Iterator for Packed<'_> {
    type Item = Result<u64, WireError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.rest.is_empty() {
            return None;
        }
        let number = self.0.varint();
        if number.is_err() {
            self.0.rest = &[];
        }
        Some(number)
    }
}

/// Whether these bytes are packed numbers.
pub(crate) fn check_packed(bytes: &[u8]) -> Result<(), WireError> {
    Packed::new(bytes).try_for_each(|number| number.map(drop))
}
