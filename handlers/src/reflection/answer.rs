//! One question, one answer.

use std::collections::HashSet;

use descant_descriptors::{File, Symbol};

use super::{
    Absence,
    scope::{self, Scope},
    view::View,
    wire::{Answer, Error, Extension, ExtensionNumbers, Files, Query, Service, Services},
};
use crate::Code;

/// A name of up to this many bytes is repeated in errors.
const SHOWN: usize = 200;

/// How many bytes of files an answer has, unless the file asked for has more: most clients take no
/// message of more than 4 MiB. What is left out, a client that needs it asks for by name.
const ANSWER: usize = 3 << 20;

/// What is known while a stream lasts.
pub(super) struct Desk<'a> {
    pub(super) schemas: View<'a>,
    pub(super) scope: Option<&'a Scope>,
    /// Why not all is there that there may be.
    pub(super) absence: Option<&'a Absence>,
    /// The files that the stream has sent.
    pub(super) sent: &'a mut HashSet<String>,
}

impl Desk<'_> {
    pub(super) fn answer(&mut self, query: Option<Query>) -> Answer {
        let tells_all = matches!(query, Some(Query::ListServices(_)));
        let answer = match query {
            Some(Query::FileByFilename(name)) => self.file_named(&name),
            Some(Query::FileContainingSymbol(name)) => self.file_of_symbol(&name),
            Some(Query::FileContainingExtension(extension)) => self.file_of_extension(&extension),
            Some(Query::AllExtensionNumbersOfType(name)) => self.extension_numbers(name),
            Some(Query::ListServices(_)) => Ok(self.services()),
            None => Err(error(
                Code::InvalidArgument,
                "the request asks nothing: set one of message_request".into(),
            )),
        };
        let answer = answer.unwrap_or_else(Answer::Error);
        let is_missing =
            |answer: &Answer| matches!(answer, Answer::Error(error) if error.error_code == Code::NotFound.number());
        let is_missing = is_missing(&answer);
        let absence = self.absence.filter(|_| tells_all || is_missing);
        match absence.and_then(|absence| absence(is_missing)) {
            Some(absent) => Answer::Error(error(absent.code(), absent.message().to_owned())),
            None => answer,
        }
    }

    fn file_named(&mut self, name: &str) -> Result<Answer, Error> {
        let file = self
            .schemas
            .file(name)
            .filter(|file| self.scope.is_none_or(|scope| scope.shows_file(file)));
        Ok(self.files(file.ok_or_else(|| missing("file", name))?))
    }

    fn file_of_symbol(&mut self, name: &str) -> Result<Answer, Error> {
        let symbol = self.schemas.symbol(name).filter(|symbol| self.shows(symbol));
        Ok(self.files(symbol.ok_or_else(|| missing("symbol", name))?.file()))
    }

    fn file_of_extension(&mut self, wanted: &Extension) -> Result<Answer, Error> {
        let Extension {
            containing_type,
            extension_number: number,
        } = wanted;
        let symbol = self
            .schemas
            .extension(containing_type, *number)
            .filter(|symbol| self.shows(symbol));
        let missing = || {
            missing(
                &format!("extension with the number {number} of message"),
                containing_type,
            )
        };
        Ok(self.files(symbol.ok_or_else(missing)?.file()))
    }

    fn extension_numbers(&self, name: String) -> Result<Answer, Error> {
        let message = self.schemas.symbol(&name).filter(|symbol| self.shows(symbol));
        let numbers = message.and_then(|_| self.schemas.extension_numbers(&name));
        let mut numbers = numbers.ok_or_else(|| missing("message", &name))?;
        if self.scope.is_some() {
            numbers.retain(|number| {
                self.schemas
                    .extension(&name, *number)
                    .is_some_and(|symbol| self.shows(&symbol))
            });
        }
        Ok(Answer::ExtensionNumbers(ExtensionNumbers {
            base_type_name: name,
            extension_number: numbers,
        }))
    }

    fn services(&self) -> Answer {
        let named = |name: &str| Service { name: name.to_owned() };
        let service = match self.scope {
            Some(scope) => scope.services().map(named).collect(),
            None => self.schemas.services().iter().map(|name| named(name)).collect(),
        };
        Answer::Services(Services { service })
    }

    /// The file asked for, even if it was sent before: a client may ask twice. Of its imports only
    /// those that are new to the stream.
    fn files(&mut self, file: File) -> Answer {
        let files = if self.sent.contains(file.name()) {
            vec![file]
        } else {
            scope::closure(file, self.sent, ANSWER)
        };
        Answer::Files(Files {
            file_descriptor_proto: files.iter().map(File::bytes).collect(),
        })
    }

    fn shows(&self, symbol: &Symbol) -> bool {
        self.scope.is_none_or(|scope| scope.shows(symbol))
    }
}

fn missing(what: &str, name: &str) -> Error {
    let message = if name.len() > SHOWN {
        format!("there is no {what} with a name of {} bytes", name.len())
    } else {
        format!("there is no {what} {name:?}")
    };
    error(Code::NotFound, message)
}

fn error(code: Code, error_message: String) -> Error {
    Error {
        error_code: code.number(),
        error_message,
    }
}
