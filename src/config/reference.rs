//! Every key, for whoever describes them: the docs, and tests that hold other lists to them.

use super::{
    Config,
    setting::Setting,
    settings::Settings,
    shape::{Key, Shape, Table},
};

/// A key of the file, as people are told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyReference {
    /// Where it stands: `limits.grace`; `listen[].address` for what each item of a list has.
    pub path: String,
    /// What it is for.
    pub about: String,
    /// What may stand there.
    pub due: String,
    /// What stands for it where nobody says anything; `None`: nothing, or the defaults of what it is made of.
    pub default: Option<&'static str>,
    /// What happens then.
    pub otherwise: &'static str,
    /// Whether something has to be said.
    pub is_required: bool,
    /// Options of `descant serve` that say the same; `PATH` stands for its arguments.
    pub flags: Vec<String>,
    /// Whether a change takes effect with the next start alone; else a reload brings it about.
    pub needs_restart: bool,
}

impl Config {
    /// Every key that a file may have, those of a map after the map.
    pub fn keys() -> Vec<KeyReference> {
        let mut keys = Vec::new();
        if let Shape::Map(table) = Settings::shape() {
            collect(table, "", false, &mut keys);
        }
        keys
    }
}

fn collect(table: &Table, around: &str, needs_restart: bool, keys: &mut Vec<KeyReference>) {
    for key in table.keys {
        let shape = (key.shape)();
        let path = format!("{around}{}", key.name);
        let needs_restart = key.restart.unwrap_or(needs_restart);
        keys.push(of(key, &shape, &path, needs_restart));
        let (inner, path) = match &shape {
            Shape::List { of, .. } => (&**of, format!("{path}[].")),
            other => (other, format!("{path}.")),
        };
        if let Shape::Map(table) = inner {
            collect(table, &path, needs_restart, keys);
        }
    }
}

fn of(key: &Key, shape: &Shape, path: &str, needs_restart: bool) -> KeyReference {
    KeyReference {
        path: path.to_owned(),
        about: key.about(),
        due: due(shape),
        default: key.default.filter(|default| *default != "{}"),
        otherwise: key.otherwise,
        is_required: key.default.is_none() && (key.needed)(),
        flags: key.flags.iter().map(|flag| flag.name.to_owned()).collect(),
        needs_restart,
    }
}

fn due(shape: &Shape) -> String {
    match shape {
        Shape::Scalar(scalar) => scalar.due.clone(),
        Shape::List { of, one: true } => format!("{}, or a list", due(of)),
        Shape::List { of, one: false } => format!("a list, each {}", due(of)),
        Shape::Map(table) => match table.short {
            Some(short) => format!("a map, or its `{short}`"),
            None => "a map".to_owned(),
        },
        Shape::Json { due, .. } => (*due).to_owned(),
        Shape::Unavailable => "nothing yet".to_owned(),
    }
}
