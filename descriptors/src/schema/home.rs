//! Where elements are declared, borrowed: what the printer of proto source walks along.

use super::Schema;

impl Schema {
    /// The name and the bytes of the file that declares `full_name`.
    pub(crate) fn home_of(&self, full_name: &str) -> Option<(&str, &[u8])> {
        let id = self.0.symbol(full_name)?;
        let file = self.0.symbols.get(id)?.file;
        let record = self.0.files.get(file as usize)?;
        Some((self.0.file_name(file), &record.bytes))
    }

    /// The full name of the extension of `extendee` with this number.
    pub(crate) fn extension_name(&self, extendee: &str, number: i32) -> Option<String> {
        let (_, extendee) = self.0.message(extendee)?;
        let found = self.0.extension(extendee, number)?;
        Some(self.0.symbols.full_name(&*self.0, found))
    }

    /// The packages of all files.
    pub(crate) fn packages(&self) -> impl Iterator<Item = &str> {
        self.0.files.iter().map(|file| file.text(file.package))
    }
}
