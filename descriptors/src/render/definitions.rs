//! What the options of an element mean: the messages, enums and extensions that define them.

use std::{
    cell::RefCell,
    collections::{HashMap, HashSet},
    rc::Rc,
    sync::LazyLock,
};

use bytes::Bytes;

use crate::{
    Schema,
    raw::{self, at},
    shipped,
};

/// What options mean in schemas that do not import it.
const DESCRIPTOR: &str = "google/protobuf/descriptor.proto";
static SHIPPED: LazyLock<Option<Bytes>> = LazyLock::new(|| shipped::file(DESCRIPTOR));

/// Looks definitions up in a schema; a file is parsed once, when it is first needed.
pub(super) struct Definitions<'s> {
    schema: &'s Schema,
    files: RefCell<HashMap<&'s str, Rc<raw::File<'s>>>>,
    messages: RefCell<HashMap<String, Option<MessageRef<'s>>>>,
    /// All packages, and those that they are in: `a.b`, `a`.
    packages: HashSet<&'s str>,
}

/// A message and the file it stands in.
#[derive(Clone)]
pub(super) struct MessageRef<'s> {
    file: Rc<raw::File<'s>>,
    index: u32,
    name: String,
}

/// A field, as far as values of it need it.
#[derive(Debug, Clone)]
pub(super) struct FieldDef {
    /// As it is written: the full name if it is an extension.
    pub(super) name: String,
    pub(super) is_extension: bool,
    pub(super) kind: i32,
    pub(super) is_repeated: bool,
    /// Full name of its message or enum, without the leading dot.
    pub(super) type_name: String,
}

impl<'s> Definitions<'s> {
    pub(super) fn new(schema: &'s Schema) -> Self {
        Self {
            schema,
            files: RefCell::default(),
            messages: RefCell::default(),
            packages: schema.packages().flat_map(prefixes).collect(),
        }
    }

    fn parsed(&self, name: &'s str, bytes: &'s [u8]) -> Rc<raw::File<'s>> {
        let mut files = self.files.borrow_mut();
        Rc::clone(files.entry(name).or_insert_with(|| Rc::new(raw::File::parse(bytes))))
    }

    /// The file that defines `symbol`.
    pub(super) fn home(&self, symbol: &str) -> Option<Rc<raw::File<'s>>> {
        if let Some((name, bytes)) = self.schema.home_of(symbol) {
            return Some(self.parsed(name, bytes));
        }
        let bytes = SHIPPED.as_ref().filter(|_| symbol.starts_with("google.protobuf."))?;
        Some(self.parsed(DESCRIPTOR, bytes))
    }

    pub(super) fn message(&self, full_name: &str) -> Option<MessageRef<'s>> {
        if let Some(found) = self.messages.borrow().get(full_name) {
            return found.clone();
        }
        let found = self.home(full_name).and_then(|file| {
            let index = find_message(&file, full_name)?;
            let name = full_name.to_owned();
            Some(MessageRef { file, index, name })
        });
        self.messages.borrow_mut().insert(full_name.to_owned(), found.clone());
        found
    }

    /// The field of `message` with this number, be it the message's own or an extension.
    pub(super) fn field(&self, message: &MessageRef<'s>, number: i32) -> Option<FieldDef> {
        let own = at(&message.file.fields, &message.message()?.fields);
        if let Some(field) = own.iter().find(|field| field.number == Some(number)) {
            return self.define(field, &message.name, field.name?.to_owned(), false);
        }
        let full_name = self.schema.extension_name(&message.name, number)?;
        let file = self.home(&full_name)?;
        let scope = full_name.rsplit_once('.').map_or("", |(scope, _)| scope);
        let short = full_name.rsplit('.').next().unwrap_or_default();
        let among = match find_message(&file, scope) {
            Some(parent) => file.messages.get(parent as usize)?.extensions.clone(),
            None => file.top_extensions.clone(),
        };
        let mut among = at(&file.fields, &among).iter();
        let field = among.find(|field| field.name == Some(short) && field.number == Some(number))?;
        self.define(field, scope, full_name.clone(), true)
    }

    fn define(&self, field: &raw::Field<'s>, scope: &str, name: String, is_extension: bool) -> Option<FieldDef> {
        let type_name = field
            .type_name
            .map(|name| self.resolve(name, scope))
            .unwrap_or_default();
        Some(FieldDef {
            name,
            is_extension,
            kind: self.kind(field, &type_name)?,
            is_repeated: field.label == Some(super::REPEATED),
            type_name,
        })
    }

    /// The type of a field; compilers may leave it to be found out for messages and enums.
    pub(super) fn kind(&self, field: &raw::Field<'_>, type_name: &str) -> Option<i32> {
        let found = || match self.enumeration(type_name) {
            Some(_) => Some(super::ENUM),
            None => Some(super::MESSAGE),
        };
        field.kind.or_else(found)
    }

    /// The name of an enum's value.
    pub(super) fn value_name(&self, enumeration: &str, number: i32) -> Option<String> {
        let (file, index) = self.enumeration(enumeration)?;
        let values = at(&file.values, &file.enums.get(index)?.values);
        let value = values.iter().find(|value| value.number == Some(number))?;
        value.name.map(str::to_owned)
    }

    fn enumeration(&self, full_name: &str) -> Option<(Rc<raw::File<'s>>, usize)> {
        let file = self.home(full_name)?;
        let index = find_enum(&file, full_name)?;
        Some((file, index))
    }

    /// A type's full name, without the dot in front. Names without one are relative to `scope`, innermost first.
    pub(super) fn resolve(&self, name: &str, scope: &str) -> String {
        if let Some(full) = name.strip_prefix('.') {
            return full.to_owned();
        }
        let mut scope = Some(scope).filter(|scope| !scope.is_empty());
        for _ in 0..super::MOST_DEPTH {
            let Some(inner) = scope else { break };
            let full = format!("{inner}.{name}");
            if self.schema.home_of(&full).is_some() {
                return full;
            }
            scope = inner.rsplit_once('.').map(|(outer, _)| outer);
        }
        name.to_owned()
    }

    /// Whether `name`, written in `scope`, could be taken for something nearer than the root.
    pub(super) fn is_shadowed(&self, name: &str, scope: &str) -> bool {
        let first = name.split('.').next().unwrap_or_default();
        prefixes(scope).any(|outer| {
            let near = format!("{outer}.{first}");
            self.schema.home_of(&near).is_some() || self.packages.contains(near.as_str())
        })
    }
}

impl<'s> MessageRef<'s> {
    fn message(&self) -> Option<&raw::Message<'s>> {
        self.file.messages.get(self.index as usize)
    }
}

/// Where in the arenas of `file` the message `full_name` is.
pub(super) fn find_message(file: &raw::File<'_>, full_name: &str) -> Option<u32> {
    let mut span = file.top_messages.clone();
    let mut found = None;
    for part in local_name(file, full_name)?.split('.') {
        let offset = at(&file.messages, &span)
            .iter()
            .position(|message| message.name == Some(part))?;
        let index = span.start + u32::try_from(offset).ok()?;
        span = file.messages.get(index as usize)?.messages.clone();
        found = Some(index);
    }
    found
}

/// Where in the arenas of `file` the enum `full_name` is.
pub(super) fn find_enum(file: &raw::File<'_>, full_name: &str) -> Option<usize> {
    let (scope, name) = full_name.rsplit_once('.').unwrap_or(("", full_name));
    let span = match find_message(file, scope) {
        Some(parent) => file.messages.get(parent as usize)?.enums.clone(),
        None => file.top_enums.clone(),
    };
    let offset = at(&file.enums, &span)
        .iter()
        .position(|found| found.name == Some(name))?;
    Some(span.start as usize + offset)
}

/// `a.b.c`, `a`, `a.b`.
fn prefixes(name: &str) -> impl Iterator<Item = &str> {
    let outer = name.match_indices('.').filter_map(|(end, _)| name.get(..end));
    [name].into_iter().filter(|name| !name.is_empty()).chain(outer)
}

/// The name without the file's package.
fn local_name<'n>(file: &raw::File<'_>, full_name: &'n str) -> Option<&'n str> {
    match file.package {
        None | Some("") => Some(full_name),
        Some(package) => full_name.strip_prefix(package)?.strip_prefix('.'),
    }
    .filter(|name| !name.is_empty())
}
