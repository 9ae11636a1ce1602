//! The configuration of `descant serve`: a file, what the command line says instead, and defaults for the rest.
//!
//! ```text
//! file -> yaml -> node (merge keys, variables) -> complete (defaults) -> flags -> setting (typed, with origins) -> check
//!                                                     |                                                            |
//!                                         shape (the table of keys) -> schema, reference             Gateway, Server <- apply
//! ```
//!
//! The structs in `settings` are the table of keys: the reader, the JSON Schema, the reference in the docs, and what flags mean are
//! all made from them. Everything that is wrong is told at once, each with its place.

mod amount;
mod apply;
mod calls;
mod changes;
mod check;
mod fault;
mod flags;
mod handlers;
mod node;
mod origin;
mod place;
mod print;
mod rebase;
mod reference;
mod remnant;
mod scalar;
mod schema;
mod setting;
mod settings;
mod shape;
mod sources;
#[cfg(test)]
mod tests;
mod variables;
mod warnings;

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fmt,
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
    str::Utf8Error,
    sync::Arc,
};

use descant_descriptors::yaml;

use self::{
    fault::Faults,
    node::{Environment, Node, Value},
    remnant::Remnant,
    setting::{Reader, Setting},
};

pub use self::{
    amount::{Memory, Size, Time, TimeOrOff},
    apply::Listener,
    calls::UpstreamCalls,
    fault::ConfigError,
    handlers::Handlers,
    origin::{Origin, Placed},
    place::{AdminAddress, ListenAddress, PageOrigin, ReceiverUrl, ServerName, UpstreamUrl},
    reference::KeyReference,
    scalar::{Number, Pattern, Unavailable},
    setting::OneOrMore,
    settings::{
        Admin, ControlFrames, CrossOrigin, Echo, HeaderText, HealthCheck, Keepalive, Limits, Listen, Log, LogCalls,
        LogFormat, LogLevel, Outlier, Rest, Route, Settings, Tls, Upstream, UpstreamKeepalive, UpstreamTls,
    },
};

/// A larger file is not meant.
const LARGEST: u64 = 1 << 20;

/// A configuration that is sound: every setting, and where it comes from.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use descant::Config;
///
/// let config = Config::load("descant.yaml")?;
/// let gateway = config.gateway(config.schema()?)?.build()?;
/// config.server(gateway)?.bind().await?.serve(tokio::signal::ctrl_c()).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Config {
    settings: Settings,
    tree: Node,
    file: Option<Arc<fault::File>>,
    /// Keys of which something was left out; none in a configuration that is sound.
    lacking: BTreeSet<&'static str>,
    /// Of routes that were left out.
    remnants: Vec<Remnant>,
}

/// What a configuration is made of.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct ConfigBuilder {
    file: Option<PathBuf>,
    /// What is in the file, if it is not to be read.
    bytes: Option<Vec<u8>>,
    flags: BTreeMap<String, Vec<String>>,
}

impl Config {
    /// Reads a file such as `descant.yaml`. `${NAME}` and `${NAME:-default}` in it are variables of the environment.
    ///
    /// # Errors
    /// Everything that is wrong with it, each fault with its line and a remedy.
    pub fn load(file: impl Into<PathBuf>) -> Result<Self, ConfigError> {
        Self::builder().file(file).build()
    }

    /// A configuration that nobody has said anything of yet.
    pub fn builder() -> ConfigBuilder {
        ConfigBuilder::default()
    }

    /// Every setting.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The file that it was read from.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref().map(|file| file.path.as_path())
    }

    /// Whether all that was said of a key could be read: of the [rest](ConfigError::rest) of a configuration with faults not all is
    /// there. Of a key that several maps have, in all of them.
    pub fn is_whole(&self, key: &str) -> bool {
        !self.lacking.contains(key)
    }

    /// The error that faults make which were found later.
    fn outcome(&self, faults: Faults) -> Result<(), ConfigError> {
        if faults.is_empty() {
            return Ok(());
        }
        Err(faults.into_error(self.file.clone()))
    }
}

impl ConfigBuilder {
    /// What this file says.
    pub fn file(mut self, file: impl Into<PathBuf>) -> Self {
        self.file = Some(file.into());
        self.bytes = None;
        self
    }

    /// What this text says, as if it were in a file of that name.
    pub fn text(mut self, file: impl Into<PathBuf>, text: impl Into<Vec<u8>>) -> Self {
        self.file = Some(file.into());
        self.bytes = Some(text.into());
        self
    }

    /// What an option of `descant serve` says, `--grace` for instance, with its values; paths are the option `PATH`. It wins over the
    /// file.
    pub fn flag<V: Into<String>>(mut self, name: impl Into<String>, values: impl IntoIterator<Item = V>) -> Self {
        let values = values.into_iter().map(Into::into).collect();
        self.flags.insert(name.into(), values);
        self
    }

    /// Reads everything.
    ///
    /// # Errors
    /// Everything that is wrong, each fault with its place and a remedy.
    pub fn build(&self) -> Result<Config, ConfigError> {
        self.within(&|name| env::var(name))
    }

    fn within(&self, environment: Environment<'_>) -> Result<Config, ConfigError> {
        let mut faults = Faults::default();
        let file = match &self.file {
            None => None,
            Some(path) => match self.bytes.clone().map_or_else(|| read(path), text) {
                Ok(text) => Some(Arc::new(fault::File {
                    path: path.clone(),
                    text,
                })),
                Err((what, mend)) => {
                    let text = String::new();
                    let file = fault::File {
                        path: path.clone(),
                        text,
                    };
                    faults.add(None, what, mend);
                    return Err(faults.into_error(Some(Arc::new(file))));
                }
            },
        };
        let Some(tree) = self.tree(file.as_deref(), environment, &mut faults) else {
            return Err(faults.into_error(file));
        };
        match self.settings(&tree, false, &mut faults) {
            Some((settings, lacking)) if faults.is_empty() => Ok(Config {
                settings,
                tree,
                file,
                lacking,
                remnants: Vec::new(),
            }),
            _ => {
                // What is wrong with it has been told, but for what its parts mean to each other.
                let rest = self.settings(&tree, true, &mut Faults::default());
                let mut remnants = Remnant::of_all(&tree, self.folder());
                check::twice(remnants.iter().map(|route| &route.pattern), &mut faults);
                if let Some((settings, _)) = &rest {
                    check::settings(settings, tree.origin, &mut faults);
                    remnants.retain(|remnant| !settings.routes.iter().any(|route| remnant.is_of(route)));
                }
                let error = faults.into_error(file.clone());
                Err(error.with_rest(rest.map(|(settings, lacking)| Config {
                    settings,
                    tree,
                    file,
                    lacking,
                    remnants,
                })))
            }
        }
    }

    /// What the file and the options say together, and defaults for the rest.
    fn tree(&self, file: Option<&fault::File>, environment: Environment<'_>, faults: &mut Faults) -> Option<Node> {
        let document = match file.map(|file| yaml::read(&file.text)) {
            None => None,
            Some(Ok(document)) => document,
            Some(Err(error)) => {
                let text = file.map(|file| file.text.as_str()).unwrap_or_default();
                let mend = if is_variable(text, error.place) {
                    "a variable in `{ }` or `[ ]` needs quotes: \"${NAME}\""
                } else {
                    mend(&error.what)
                };
                faults.add(
                    Origin::at(error.place),
                    format!("this cannot be read as YAML: {}", error.what),
                    mend,
                );
                return None;
            }
        };
        let nothing = Node {
            origin: Origin::Default,
            value: Value::Null,
        };
        let mut tree = document.map_or(nothing, |node| Node::of(&node, environment, faults));
        let shape = Settings::shape();
        shape.complete(&mut tree);
        flags::check_tls_stays(&tree, &self.flags, faults);
        flags::overlay(&mut tree, &shape, &self.flags);
        shape.complete(&mut tree);
        Some(tree)
    }

    /// Where the file lies.
    fn folder(&self) -> Option<&Path> {
        self.file.as_deref().and_then(Path::parent)
    }

    /// The settings, and the keys of which something is `left_out` since it cannot be read.
    fn settings(
        &self,
        tree: &Node,
        leaves_out: bool,
        faults: &mut Faults,
    ) -> Option<(Settings, BTreeSet<&'static str>)> {
        let mut reader = Reader::new(faults, self.folder());
        reader.leaves_out = leaves_out;
        let settings = Settings::read(tree, &mut reader)?;
        Some((settings, reader.lacking))
    }
}

/// Without values, which may be secrets.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("file", &self.file())
            .finish_non_exhaustive()
    }
}

/// The text of a file; else why not, and how to mend it.
fn read(path: &Path) -> Result<String, (String, String)> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes));
    if let Err(error) = read {
        let what = format!("the file cannot be read: {error}");
        return Err((what, "check the path and its permissions".to_owned()));
    }
    text(bytes)
}

fn text(bytes: Vec<u8>) -> Result<String, (String, String)> {
    if bytes.len() as u64 > LARGEST {
        let what = format!("the file is larger than {} MiB", LARGEST >> 20);
        return Err((what, "is it the right one?".to_owned()));
    }
    String::from_utf8(bytes).map_err(|error| {
        let what = no_utf8(error.as_bytes(), error.utf8_error());
        (what, "save it as UTF-8".to_owned())
    })
}

fn no_utf8(bytes: &[u8], error: Utf8Error) -> String {
    let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
    let line = before.split(|byte| *byte == b'\n').count();
    format!("the file is no UTF-8, in line {line}")
}

/// Whether a `${` stands there, of which YAML takes the `{` for a map within a map or a list.
fn is_variable(text: &str, place: yaml::Place) -> bool {
    let line = place.line.checked_sub(1).and_then(|before| text.lines().nth(before));
    let line = line.map(|line| line.strip_prefix('\u{feff}').unwrap_or(line));
    let mut behind = line.unwrap_or_default().chars().skip(place.column.saturating_sub(2));
    place.column > 1 && behind.next() == Some('$') && behind.next() == Some('{')
}

/// How to mend what the parser of YAML stumbles over.
fn mend(what: &str) -> &'static str {
    match what {
        what if what.contains("tab") => "indent with spaces: YAML takes no tabs there",
        what if what.contains("scanning an anchor or alias") => {
            "a text that begins with `*` or `&` needs quotes: \"*\""
        }
        what if what.contains("anchor") => "an alias (`*name`) stands for what an anchor (`&name`) before it names",
        what if what.contains("mapping values are not allowed") => {
            "indent it like the keys that it stands beside; a text with `: ` in it needs quotes"
        }
        what if what.contains("did not find expected key") => {
            "indent it like the keys that it stands beside; a text that begins with `[`, `{`, `*` or `&` needs quotes"
        }
        what if what.contains("expected ','")
            || what.contains("illegal placement of ':'")
            || what.contains("node content")
            || what.contains("in flow construct") =>
        {
            "is there a `[` or `{` without its `]` or `}`?"
        }
        what if what.contains("escape") => "in double quotes a `\\` begins an escape: use single quotes",
        what if what.contains("quoted scalar") => "is there a quote without the one that ends the text?",
        what if what.contains("unexpected character") => "a text that begins with it needs quotes",
        what if what.contains("second document") => "leave out the `---` and what follows",
        what if what.contains("tags") => "leave the tag out",
        _ => "",
    }
}
