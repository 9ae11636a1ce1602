//! Messages as connectconformance exchanges them with what it tests: four bytes of length, big endian, then the message.

use std::{
    error::Error,
    io::{Read, Write},
};

use prost::Message;

pub(crate) fn read<M: Message + Default>(from: &mut impl Read) -> Result<M, Box<dyn Error>> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length);
    let mut message = Vec::new();
    from.take(length.into()).read_to_end(&mut message)?;
    Ok(M::decode(&*message)?)
}

pub(crate) fn write(message: &impl Message, to: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let message = message.encode_to_vec();
    to.write_all(&u32::try_from(message.len())?.to_be_bytes())?;
    to.write_all(&message)?;
    Ok(to.flush()?)
}
