//! What a reload cannot bring about.

use super::{
    Config,
    node::{Node, Value},
    setting::Setting,
    settings::Settings,
    shape::{Shape, Table},
};

impl Config {
    /// The keys that say something else than a server was started with, and that take effect with the next start alone.
    pub fn needs_restart(&self, started: &Self) -> Vec<String> {
        let mut keys = Vec::new();
        if let Shape::Map(table) = Settings::shape() {
            compare(table, (&self.tree, &started.tree), "", false, &mut keys);
        }
        keys
    }
}

fn compare(table: &Table, (now, before): (&Node, &Node), around: &str, restart: bool, keys: &mut Vec<String>) {
    for key in table.keys {
        let restart = key.restart.unwrap_or(restart);
        let path = format!("{around}{}", key.name);
        match ((key.shape)(), now.get(key.name), before.get(key.name)) {
            (Shape::Map(table), Some(now), Some(before)) => {
                compare(table, (now, before), &format!("{path}."), restart, keys);
            }
            (_, Some(now), Some(before)) if same(now, before) => {}
            (_, None, None) => {}
            _ if restart => keys.push(path),
            _ => {}
        }
    }
}

/// Whether two say the same, wherever they come from.
fn same(one: &Node, other: &Node) -> bool {
    match (&one.value, &other.value) {
        (Value::Null, Value::Null) => true,
        (Value::Text(one), Value::Text(other)) => one.value == other.value,
        (Value::List(one), Value::List(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Map(one), Value::Map(other)) => {
            one.len() == other.len()
                && one.iter().all(|entry| {
                    let other = other.iter().find(|other| other.key == entry.key);
                    other.is_some_and(|other| same(&entry.node, &other.node))
                })
        }
        _ => false,
    }
}
