//! What an application lends to its handlers.

use std::{
    any::{Any, TypeId, type_name},
    fmt,
    sync::Arc,
};

use crate::Status;

/// Values by their type: what a layer found out about a call, such as the principal, and the state
/// that the application shares with all calls, such as a pool of connections.
///
/// A call's own values hide shared ones of the same type. Nothing is allocated before a call
/// inserts something. Cheap to clone: the values themselves are shared.
///
/// ```
/// use std::sync::Arc;
/// use descant_handlers::Extensions;
///
/// struct Shelf(u32);
///
/// let mut state = Extensions::new();
/// state.insert(Shelf(7));
/// let call = Extensions::with_shared(Arc::new(state));
/// assert_eq!(call.get::<Shelf>().map(|shelf| shelf.0), Some(7));
/// ```
#[derive(Clone, Default)]
pub struct Extensions {
    /// Few, so that looking through them is faster than hashing.
    own: Vec<Entry>,
    shared: Option<Arc<Extensions>>,
}

#[derive(Clone)]
struct Entry {
    id: TypeId,
    name: &'static str,
    value: Arc<dyn Any + Send + Sync>,
}

impl Extensions {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Nothing of its own yet, on top of values that many calls share.
    pub fn with_shared(shared: Arc<Extensions>) -> Self {
        Self {
            own: Vec::new(),
            shared: Some(shared),
        }
    }

    /// The value of this type: the own one, or else the shared one.
    pub fn get<T: Send + Sync + 'static>(&self) -> Option<&T> {
        let own = self.own.iter().find(|entry| entry.id == TypeId::of::<T>());
        match (own, &self.shared) {
            (Some(entry), _) => entry.value.downcast_ref(),
            (None, Some(shared)) => shared.get(),
            (None, None) => None,
        }
    }

    /// The value of this type, where the application is bound to have lent one. That there is none is INTERNAL, so that a
    /// handler can pass the error on.
    pub fn state<T: Send + Sync + 'static>(&self) -> Result<&T, Status> {
        self.get().ok_or_else(|| {
            let wanted = type_name::<T>();
            Status::internal(format!(
                "the application lends no state of type {wanted} to its handlers"
            ))
        })
    }

    /// Adds a value, in the place of an own one of the same type.
    pub fn insert<T: Send + Sync + 'static>(&mut self, value: T) {
        let id = TypeId::of::<T>();
        self.own.retain(|entry| entry.id != id);
        self.own.push(Entry {
            id,
            name: type_name::<T>(),
            value: Arc::new(value),
        });
    }
}

/// Lists the types: the values need not be printable, and may be secret.
impl fmt::Debug for Extensions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = f.debug_list();
        let mut level = Some(self);
        while let Some(extensions) = level {
            list.entries(extensions.own.iter().map(|entry| entry.name));
            level = extensions.shared.as_deref();
        }
        list.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_values_hide_shared_ones() {
        let mut shared = Extensions::new();
        shared.insert(1_u8);
        shared.insert("shared");
        let mut call = Extensions::with_shared(Arc::new(shared));
        assert_eq!(call.get::<u8>(), Some(&1));
        call.insert(2_u8);
        call.insert(3_u8);
        assert_eq!(call.get::<u8>(), Some(&3));
        assert_eq!(call.get::<&str>(), Some(&"shared"));
        assert_eq!(call.get::<u16>(), None);
    }

    #[test]
    fn prints_types_and_no_values() {
        let mut extensions = Extensions::new();
        extensions.insert(String::from("secret"));
        assert_eq!(format!("{extensions:?}"), r#"["alloc::string::String"]"#);
    }
}
