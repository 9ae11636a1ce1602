//! Finds the descriptor of an extension in the bytes of its file.

use crate::raw::{Fields, Value};

/// The `FieldDescriptorProto` of the extension whose name stands at `offset` in `file`, and the bodies of the messages
/// that it is declared in, from the outside in.
pub(super) fn extension(file: &[u8], offset: usize) -> Option<(&[u8], Vec<&[u8]>)> {
    let mut around = Vec::new();
    // FileDescriptorProto: message_type and extension; DescriptorProto: nested_type and extension.
    let (mut body, mut nested, mut extension) = (file, 4, 7);
    loop {
        let (number, found) = holder(file, body, offset)?;
        if number == extension {
            return Some((found, around));
        }
        if number != nested {
            return None;
        }
        around.push(found);
        (body, nested, extension) = (found, 3, 6);
    }
}

/// The field of `body` that holds the byte at `offset` of `file`.
fn holder<'f>(file: &'f [u8], body: &'f [u8], offset: usize) -> Option<(u32, &'f [u8])> {
    Fields::new(body).flatten().find_map(|(number, value)| {
        let Value::Bytes(bytes) = value else { return None };
        let start = bytes.as_ptr().addr().wrapping_sub(file.as_ptr().addr());
        (start..start + bytes.len())
            .contains(&offset)
            .then_some((number, bytes))
    })
}
