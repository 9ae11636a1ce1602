//! Which pages may call the API.

use descant::{Cors, OriginError};
use http::HeaderName;

use crate::cli::{
    args,
    failure::{Failure, Kind},
};

/// What the command line says; `None`: nothing.
pub(super) fn cors(args: &args::Cors) -> Result<Option<Cors>, Failure> {
    if args.origins.is_empty() {
        return Ok(None);
    }
    let refused = |error: OriginError| Failure::new(Kind::Usage, format!("--cors-origin: {error}"), "");
    let cors = Cors::allow(&args.origins).map_err(refused)?;
    check("--cors-header", &args.headers)?;
    check("--cors-expose", &args.exposed)?;
    let cors = cors
        .request_headers(&args.headers)
        .response_headers(&args.exposed)
        .credentials(args.credentials)
        .max_age(args.max_age);
    Ok(Some(cors))
}

/// A `Cors` passes over what no header can be called; here it is a slip of the hand.
fn check(flag: &str, names: &[String]) -> Result<(), Failure> {
    let wrong = |name: &&String| *name != "*" && HeaderName::from_bytes(name.as_bytes()).is_err();
    match names.iter().find(wrong) {
        None => Ok(()),
        Some(name) => Err(Failure::new(
            Kind::Usage,
            format!("{flag}: {name:?} is no name of a header"),
            "give it once for each name",
        )),
    }
}
