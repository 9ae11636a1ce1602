//! Values that nobody wants: of reserved names, and of unknown ones that are to be ignored.

use super::{FromText, Walk, scanner::starts_word};

impl FromText<'_, '_> {
    /// A value behind the name of a field.
    pub(super) fn skip_value(&mut self) -> Walk {
        if self.scan.take(b':') && !matches!(self.scan.peek(), Some(b'{' | b'<')) {
            return self.skip_scalar_or_list();
        }
        if self.scan.take(b'[') {
            return self.skip_list();
        }
        self.skip_message()
    }

    fn skip_message(&mut self) -> Walk {
        let close = self.scan.open()?;
        self.enter()?;
        while self.more(Some(close))? {
            if self.scan.take(b'[') {
                self.bracketed()?;
            } else {
                self.scan.word("the name of a field")?;
            }
            self.skip_value()?;
            let _separator = self.scan.take(b',') || self.scan.take(b';');
        }
        self.leave();
        Ok(())
    }

    fn skip_scalar_or_list(&mut self) -> Walk {
        if self.scan.take(b'[') {
            return self.skip_list();
        }
        if matches!(self.scan.peek(), Some(b'"' | b'\'')) {
            self.scratch.text.clear();
            return self.scan.strings("a value", &mut self.scratch.text);
        }
        let _negative = self.scan.take(b'-');
        if self.scan.peek().is_some_and(starts_word) {
            self.scan.word("a value").map(drop)
        } else {
            self.scan.number("a value").map(drop)
        }
    }

    fn skip_list(&mut self) -> Walk {
        if self.scan.take(b']') {
            return Ok(());
        }
        loop {
            match self.scan.peek() {
                Some(b'{' | b'<') => self.skip_message()?,
                // Lists don't nest.
                Some(b'[') => return Err(self.scan.unexpected("a value")),
                _ => self.skip_scalar_or_list()?,
            }
            if self.scan.take(b']') {
                return Ok(());
            }
            self.scan.expect(b',', "`,` or `]`")?;
        }
    }
}
