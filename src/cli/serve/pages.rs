//! Which pages may call the API.

use descant::{Cors, OriginError};

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
    let cors = cors
        .request_headers(&args.headers)
        .response_headers(&args.exposed)
        .credentials(args.credentials)
        .max_age(args.max_age);
    Ok(Some(cors))
}
