//! Which messages of a file others may extend, and which extensions it defines.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use prost::Message as _;

/// The fields of `google.protobuf.FileDescriptorProto` that are looked at here.
#[derive(Clone, PartialEq, prost::Message)]
struct File {
    #[prost(string, tag = "2")]
    package: String,
    #[prost(message, repeated, tag = "4")]
    messages: Vec<Declared>,
    #[prost(message, repeated, tag = "7")]
    extensions: Vec<Extension>,
}

/// Those of `DescriptorProto`.
#[derive(Clone, PartialEq, prost::Message)]
struct Declared {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, repeated, tag = "3")]
    nested: Vec<Declared>,
    #[prost(bytes = "bytes", repeated, tag = "5")]
    ranges: Vec<Bytes>,
    #[prost(message, repeated, tag = "6")]
    extensions: Vec<Extension>,
}

/// Those of `FieldDescriptorProto`.
#[derive(Clone, PartialEq, prost::Message)]
struct Extension {
    /// With a dot before it, as compilers write it.
    #[prost(string, tag = "2")]
    extendee: String,
    #[prost(int32, tag = "3")]
    number: i32,
}

/// What was found in files.
#[derive(Debug, Default)]
pub(super) struct Extendable {
    /// Full names of messages that may be extended.
    pub(super) messages: Vec<String>,
    /// Extensions: the full name of what they extend, and their numbers.
    extensions: HashMap<String, HashSet<i32>>,
}

impl Extendable {
    /// Looks into a file. Options are what compilers look at, and stand in no message; their extensions are passed over.
    pub(super) fn read(&mut self, file: &Bytes) {
        // One that nests deeper than prost reads has none.
        let Ok(file) = File::decode(file.clone()) else { return };
        if file.package == "google.protobuf" {
            return;
        }
        self.extensions(file.extensions);
        for message in file.messages {
            self.message(&file.package, message);
        }
    }

    fn message(&mut self, within: &str, message: Declared) {
        let name = match within {
            "" => message.name,
            within => format!("{within}.{}", message.name),
        };
        self.extensions(message.extensions);
        for nested in message.nested {
            self.message(&name, nested);
        }
        if !message.ranges.is_empty() {
            self.messages.push(name);
        }
    }

    /// Whether an extension of this message is among them.
    pub(super) fn extends(&self, message: &str, number: i32) -> bool {
        let numbers = self.extensions.get(message);
        numbers.is_some_and(|numbers| numbers.contains(&number))
    }

    fn extensions(&mut self, extensions: Vec<Extension>) {
        for extension in extensions {
            let name = extension.extendee.trim_start_matches('.');
            if let Some(numbers) = self.extensions.get_mut(name) {
                numbers.insert(extension.number);
            } else {
                let numbers = HashSet::from([extension.number]);
                self.extensions.insert(name.to_owned(), numbers);
            }
        }
    }
}
