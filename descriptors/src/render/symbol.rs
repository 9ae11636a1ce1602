//! One element, found by its name.

use super::{
    definitions::{find_enum, find_message},
    enum_path, message_path, offset,
    printer::Printer,
};
use crate::{SymbolKind, raw};

impl Printer<'_, '_> {
    /// Prints the element of that kind and name; `None` if the file has none.
    pub(super) fn symbol(&mut self, kind: SymbolKind, full_name: &str) -> Option<()> {
        let (scope, name) = full_name.rsplit_once('.').unwrap_or(("", full_name));
        match kind {
            SymbolKind::Message => self.one_message(full_name, scope),
            SymbolKind::Enum => self.one_enum(full_name, scope),
            SymbolKind::EnumValue => self.one_value(scope, name),
            SymbolKind::Field => self.one_field(scope, name),
            SymbolKind::Oneof => self.one_oneof(scope, name),
            SymbolKind::Extension => self.one_extension(scope, name),
            SymbolKind::Service => self.one_service(scope, name),
            SymbolKind::Method => self.one_method(scope, name),
        }
    }

    fn one_message(&mut self, full_name: &str, scope: &str) -> Option<()> {
        let index = find_message(self.file, full_name)?;
        let path = message_path(self.file, index);
        self.within(&path);
        self.message(index, scope, &path);
        Some(())
    }

    fn one_enum(&mut self, full_name: &str, scope: &str) -> Option<()> {
        let index = find_enum(self.file, full_name)?;
        let path = enum_path(self.file, u32::try_from(index).ok()?);
        self.within(&path);
        self.enumeration(self.file.enums.get(index)?, scope, &path);
        Some(())
    }

    /// The value of this name, of whichever enum in `scope` has it.
    fn one_value(&mut self, scope: &str, name: &str) -> Option<()> {
        let file = self.file;
        let enums = match find_message(file, scope) {
            Some(parent) => file.messages.get(parent as usize)?.enums.clone(),
            None => file.top_enums.clone(),
        };
        let (index, value) = enums.into_iter().find_map(|index| {
            let values = &file.enums.get(index as usize)?.values;
            let value = position(values, |value| file.values.get(value)?.name, name)?;
            Some((index, value))
        })?;
        let mut path = enum_path(file, index);
        path.extend([2, offset(value, &file.enums.get(index as usize)?.values)]);
        self.within(&path);
        self.value(file.values.get(value as usize)?, scope, &path);
        Some(())
    }

    fn one_field(&mut self, scope: &str, name: &str) -> Option<()> {
        let file = self.file;
        let parent = find_message(file, scope)?;
        let fields = &file.messages.get(parent as usize)?.fields;
        let index = position(fields, |index| file.fields.get(index)?.name, name)?;
        let mut path = message_path(file, parent);
        // All of the message's: a group's comments stand with its own message.
        self.within(&path);
        path.extend([2, offset(index, fields)]);
        self.field(file.fields.get(index as usize)?, scope, &path);
        Some(())
    }

    fn one_oneof(&mut self, scope: &str, name: &str) -> Option<()> {
        let file = self.file;
        let parent = find_message(file, scope)?;
        let oneofs = &file.messages.get(parent as usize)?.oneofs;
        let index = position(oneofs, |index| file.oneofs.get(index)?.name, name)?;
        let path = message_path(file, parent);
        self.within(&path);
        self.oneof(parent, offset(index, oneofs), scope, &path);
        Some(())
    }

    fn one_extension(&mut self, scope: &str, name: &str) -> Option<()> {
        let file = self.file;
        let (all, scope_path, number) = match find_message(file, scope) {
            None => (&file.top_extensions, Vec::new(), 7),
            Some(parent) => (
                &file.messages.get(parent as usize)?.extensions,
                message_path(file, parent),
                6,
            ),
        };
        let index = position(all, |index| file.fields.get(index)?.name, name)?;
        self.within(&scope_path);
        self.extend(&(index..index + 1), all, scope, &[scope_path, vec![number]].concat());
        Some(())
    }

    fn one_service(&mut self, scope: &str, name: &str) -> Option<()> {
        let index = self
            .file
            .services
            .iter()
            .position(|service| service.name == Some(name))?;
        self.within(&[6, i32::try_from(index).ok()?]);
        self.service(index, scope);
        Some(())
    }

    fn one_method(&mut self, service: &str, name: &str) -> Option<()> {
        let file = self.file;
        let short = service.rsplit('.').next();
        let index = file.services.iter().position(|service| service.name == short)?;
        let methods = &file.services.get(index)?.methods;
        let method = position(methods, |index| file.methods.get(index)?.name, name)?;
        let path = [6, i32::try_from(index).ok()?, 2, offset(method, methods)];
        self.within(&path);
        self.method(file.methods.get(method as usize)?, service, &path);
        Some(())
    }
}

/// The element of `span` that has this name.
fn position<'f>(span: &raw::Span, name_of: impl Fn(usize) -> Option<&'f str>, name: &str) -> Option<u32> {
    span.clone().find(|index| name_of(*index as usize) == Some(name))
}
