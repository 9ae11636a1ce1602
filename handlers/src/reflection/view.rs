//! Several schemas, told of as one.

use std::collections::BTreeSet;

use descant_descriptors::{File, Schema, Symbol};

/// Schemas in their order: where two have the same, the first one's counts, as it does for calls.
#[derive(Clone, Copy)]
pub(super) struct View<'a>(pub(super) &'a [Schema]);

impl View<'_> {
    pub(super) fn file(self, name: &str) -> Option<File> {
        self.0.iter().find_map(|schema| schema.file(name))
    }

    pub(super) fn symbol(self, name: &str) -> Option<Symbol> {
        self.0.iter().find_map(|schema| schema.symbol(name))
    }

    pub(super) fn extension(self, extendee: &str, number: i32) -> Option<Symbol> {
        self.0.iter().find_map(|schema| schema.extension(extendee, number))
    }

    /// Sorted; `None`: no schema has the message.
    pub(super) fn extension_numbers(self, extendee: &str) -> Option<Vec<i32>> {
        let of_each = self.0.iter().filter_map(|schema| schema.extension_numbers(extendee));
        let all = of_each.reduce(|mut all, more| {
            all.extend(more);
            all
        });
        all.map(|mut all| {
            all.sort_unstable();
            all.dedup();
            all
        })
    }

    /// Full names, sorted.
    pub(super) fn services(self) -> BTreeSet<String> {
        let services = self.0.iter().flat_map(Schema::services);
        services.map(|service| service.full_name().to_owned()).collect()
    }

    /// The file of a service.
    pub(super) fn service(self, name: &str) -> Option<File> {
        self.0.iter().find_map(|schema| Some(schema.service(name)?.file()))
    }

    pub(super) fn nearest_services(self, name: &str) -> Vec<String> {
        let nearest = self.0.iter().map(|schema| schema.nearest_services(name));
        nearest
            .reduce(|first, second| if first.is_empty() { second } else { first })
            .unwrap_or_default()
    }
}
