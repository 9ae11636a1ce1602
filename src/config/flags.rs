//! What options of the command line say in the place of keys.

use std::collections::BTreeMap;

use super::{
    fault::Faults,
    node::{Entry, Node, Value},
    origin::Origin,
    shape::{Flag, Key, Shape, Table},
};

/// Options by name, and their values.
pub(super) type Given = BTreeMap<String, Vec<String>>;

/// Puts what options say in the place of what stands there.
pub(super) fn overlay(node: &mut Node, shape: &Shape, given: &Given) {
    match shape {
        Shape::Map(table) if is_given(table, given) => {
            // Options of what is not there bring it.
            if matches!(node.value, Value::Null) {
                node.value = Value::Map(Vec::new());
            }
            let Value::Map(entries) = &mut node.value else { return };
            for key in table.keys {
                overlay_key(entries, key, given);
            }
        }
        Shape::List { of, .. } => {
            if let Value::List(items) = &mut node.value {
                for item in items {
                    overlay(item, of, given);
                }
            }
        }
        _ => {}
    }
}

fn overlay_key(entries: &mut Vec<Entry>, key: &Key, given: &Given) {
    let shape = (key.shape)();
    let said = key.flags.iter().find_map(|flag| said(flag, &shape, given));
    if let Some(said) = said {
        entries.retain(|entry| entry.key != key.name);
        entries.push(Entry {
            key: key.name.to_owned(),
            origin: said.origin,
            node: said,
        });
    } else if matches!(&shape, Shape::Map(table) if is_given(table, given))
        && entries.iter().all(|entry| entry.key != key.name)
    {
        let origin = given_within(&shape, given).map_or(Origin::Default, Origin::Flag);
        entries.push(Entry {
            key: key.name.to_owned(),
            origin,
            node: Node {
                origin,
                value: Value::Null,
            },
        });
    }
    if let Some(entry) = entries.iter_mut().find(|entry| entry.key == key.name) {
        // What options of a listener are about is written out first.
        if is_given_within(&shape, given) {
            shape.complete(&mut entry.node);
        }
        overlay(&mut entry.node, &shape, given);
    }
}

/// What an option says, if it is given.
fn said(flag: &Flag, shape: &Shape, given: &Given) -> Option<Node> {
    let values = given.get(flag.name)?;
    let origin = Origin::Flag(flag.name);
    let first = values.first().map_or("", String::as_str);
    Some(match (flag.means, shape) {
        (Some(yaml), _) => Node::snippet(origin, yaml, values),
        (None, Shape::List { .. }) => Node {
            origin,
            value: Value::List(values.iter().map(|value| Node::text(origin, value)).collect()),
        },
        (None, _) => Node::text(origin, first),
    })
}

/// Whether an option is given that says something of a key of this map, or below it.
fn is_given(table: &Table, given: &Given) -> bool {
    given_of(table, given).is_some()
}

fn is_given_within(shape: &Shape, given: &Given) -> bool {
    given_within(shape, given).is_some()
}

/// The first such option.
fn given_of(table: &Table, given: &Given) -> Option<&'static str> {
    if given.is_empty() {
        return None;
    }
    table.keys.iter().find_map(|key| {
        let own = key
            .flags
            .iter()
            .map(|flag| flag.name)
            .find(|name| given.contains_key(*name));
        own.or_else(|| given_within(&(key.shape)(), given))
    })
}

fn given_within(shape: &Shape, given: &Given) -> Option<&'static str> {
    match shape {
        Shape::Map(table) => given_of(table, given),
        Shape::List { of, .. } => given_within(of, given),
        Shape::Scalar(_) | Shape::Json { .. } | Shape::Unavailable => None,
    }
}

/// `--listen` takes the place of all listeners, whose TLS must not be lost by that.
pub(super) fn check_tls_stays(tree: &Node, given: &Given, faults: &mut Faults) {
    let Some(Node {
        value: Value::List(listeners),
        ..
    }) = tree.get("listen")
    else {
        return;
    };
    if !given.contains_key("--listen") {
        return;
    }
    let mut tls = listeners.iter().filter_map(|listener| listener.get("tls")).peekable();
    if tls.peek().is_some() && !given.contains_key("--tls-cert") {
        faults.add(
            Origin::Flag("--listen"),
            "it takes the place of listeners that speak TLS, which would be lost",
            "give --tls-cert and --tls-key as well, or change the address in the file",
        );
    } else if tls.any(|tls| tls.get("client_ca").is_some()) && !given.contains_key("--tls-client-ca") {
        faults.add(
            Origin::Flag("--listen"),
            "it takes the place of listeners that ask clients for certificates, which would not be asked for any more",
            "give --tls-client-ca as well, or change the address in the file",
        );
    }
}
