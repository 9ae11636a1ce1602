//! Rules about services and methods. That their types are messages is the linker's to say.

use super::{
    Check, Of,
    file::{is_lite, is_set},
};
use crate::{link::Kind, raw};

/// Checks every service of a file.
pub(super) fn check(check: &mut Check<'_, '_>, of: Of<'_, '_>) {
    for (index, service) in (0u32..).zip(&of.file.services) {
        let place = check.place(Kind::Service, of.number, index);
        check.identifier(place, Kind::Service, service.name);
        // `cc_generic_services` and `java_generic_services`
        let generic = [16, 17].into_iter().any(|tag| is_set(&of.file.options, tag));
        if generic && is_lite(of.file) {
            let what = || "it is a service with generic code in a file with `optimize_for = LITE_RUNTIME`".to_owned();
            check.error(
                place,
                what,
                "leave out the options `cc_generic_services` and `java_generic_services`",
            );
        }
        for (index, method) in service.methods.clone().zip(raw::at(&of.file.methods, &service.methods)) {
            let place = check.place(Kind::Method, of.number, index);
            check.identifier(place, Kind::Method, method.name);
        }
    }
}
