//! Which methods a route answers.

use std::{collections::BTreeSet, fmt, str::FromStr};

use descant_descriptors::{Method, Schema, near};

/// `pkg.Service/Method`, `pkg.Service`, `pkg.*` (the package and those below it) or `*`. The most specific one wins.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Pattern {
    Method {
        service: String,
        method: String,
    },
    Service(String),
    /// With the dot at its end.
    Package(String),
    All,
}

/// How well a pattern fits; the greater, the more specific.
pub(crate) type Fit = (u8, usize);

/// What is wrong with a pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no pattern; patterns are `pkg.Service/Method`, `pkg.Service`, `pkg.*` and `*`")]
pub(crate) struct PatternError(String);

impl Pattern {
    /// How well it fits a method; `None`: it does not.
    pub(crate) fn fits(&self, method: &Method) -> Option<Fit> {
        let service = method.service();
        let service = service.full_name();
        match self {
            Self::Method {
                service: of,
                method: name,
            } => (of == service && name == method.name()).then_some((3, 0)),
            Self::Service(name) => (name == service).then_some((2, 0)),
            Self::Package(prefix) => service.starts_with(prefix.as_str()).then_some((1, prefix.len())),
            Self::All => Some((0, 0)),
        }
    }

    /// Names of the schema that resemble it.
    pub(crate) fn nearest(&self, schema: &Schema) -> Vec<String> {
        match self {
            Self::Method { .. } => schema.nearest_methods(&format!("/{self}")),
            Self::Service(name) => {
                let package = Self::Package(format!("{name}."));
                if schema.methods().any(|method| package.fits(&method).is_some()) {
                    return vec![package.to_string()];
                }
                match name.rsplit_once('.') {
                    // A method, written with a dot.
                    Some((service, method)) if schema.service(service).is_some() => {
                        let path = format!("/{service}/{method}");
                        match schema.method(&path) {
                            Some(_) => vec![format!("{service}/{method}")],
                            None => schema.nearest_methods(&path),
                        }
                    }
                    _ => schema.nearest_services(name),
                }
            }
            Self::Package(prefix) => {
                let package = prefix.trim_end_matches('.');
                match nearest_package(package, schema) {
                    Some(near) => vec![format!("{near}.*")],
                    None => schema.nearest_services(package),
                }
            }
            Self::All => Vec::new(),
        }
    }

    /// Whether a pattern that fits so names the service itself, not only a package around it.
    pub(super) fn names_service(fit: Fit) -> bool {
        fit.0 >= 2
    }
}

/// The package that resembles this one, of those that services are in and those around them.
fn nearest_package(package: &str, schema: &Schema) -> Option<String> {
    let mut packages = BTreeSet::new();
    for service in schema.services().filter(|service| service.methods().next().is_some()) {
        let mut name = service.full_name();
        while let Some((around, _)) = name.rsplit_once('.') {
            packages.insert(around.to_owned());
            name = around;
        }
    }
    let packages: Vec<_> = packages.iter().map(String::as_str).collect();
    near::nearest(package, &packages).map(str::to_owned)
}

/// The pattern that fits a method best, and what is said of it.
pub(super) fn best<'p, T>(said: &'p [(Pattern, T)], method: &Method) -> Option<(Fit, &'p Pattern, &'p T)> {
    let fitting = said
        .iter()
        .filter_map(|(pattern, what)| Some((pattern.fits(method)?, pattern, what)));
    fitting.max_by_key(|(fit, ..)| *fit)
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let error = || PatternError(text.escape_debug().to_string());
        let is_name = |name: &str| {
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
            !name.is_empty() && name.chars().all(plain) && !name.split('.').any(str::is_empty)
        };
        // `/pkg.Service/Method`, as a path has it, is as good.
        let name = text.strip_prefix('/').unwrap_or(text);
        let pattern = match name.split_once('/') {
            Some((service, method)) if is_name(service) && is_name(method) => Self::Method {
                service: service.to_owned(),
                method: method.to_owned(),
            },
            None if name == "*" => Self::All,
            None => match name.strip_suffix(".*") {
                Some(package) if is_name(package) => Self::Package(format!("{package}.")),
                None if is_name(name) => Self::Service(name.to_owned()),
                _ => return Err(error()),
            },
            Some(_) => return Err(error()),
        };
        Ok(pattern)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Method { service, method } => write!(f, "{service}/{method}"),
            Self::Service(name) => f.write_str(name),
            Self::Package(prefix) => write!(f, "{prefix}*"),
            Self::All => f.write_str("*"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_read_and_shown() {
        for text in ["pkg.v1.Service/Method", "pkg.v1.Service", "Service", "pkg.*", "*"] {
            assert_eq!(
                text.parse::<Pattern>().map(|pattern| pattern.to_string()).as_deref(),
                Ok(text)
            );
        }
        let path: Pattern = "/pkg.Service/Method".parse().unwrap();
        assert_eq!(path.to_string(), "pkg.Service/Method");
    }

    #[test]
    fn what_is_no_pattern_says_what_is_one() {
        for text in [
            "",
            "pkg..Service",
            "pkg.*.Service",
            "pkg.Service/",
            "a/b/c",
            "pkg.Service/*",
            ".*",
            "pkg Service",
        ] {
            let error = text.parse::<Pattern>().unwrap_err();
            assert!(
                error
                    .to_string()
                    .ends_with("`pkg.Service/Method`, `pkg.Service`, `pkg.*` and `*`"),
                "{text}"
            );
        }
    }
}
