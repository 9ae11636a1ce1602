//! Rules about fields in files of an edition: what features replace, and where each may be set.

use super::{
    Check, Of,
    fields::{GROUP, Known, MESSAGE, REQUIRED, STRING, is_closed},
    maps,
};
use crate::{
    features::{self, Own, Presence, tag},
    raw,
};

/// Checks a field or extension of an edition.
pub(super) fn check(check: &mut Check<'_, '_>, of: Of<'_, '_>, known: &Known<'_, '_>) {
    let Known { field, place, .. } = *known;
    if field.label == Some(REQUIRED) {
        let what = || "it has the label `required`, which editions do not".to_owned();
        check.error(place, what, "use `features.field_presence = LEGACY_REQUIRED`");
    }
    if field.kind == Some(GROUP) {
        let what = || "it is a group, which editions do not have".to_owned();
        check.error(place, what, "use `features.message_encoding = DELIMITED`");
    }
    if features::packed_option(&field.options).is_some() {
        let what = || "it has the option `packed`, which editions do not".to_owned();
        check.error(place, what, "use `features.repeated_field_encoding`");
    }
    let own = Own::read(&field.options, tag::FIELD);
    if check
        .features
        .field(check.files, check.linked, of.number, known.index)
        .presence
        == Presence::Implicit
    {
        if field.default_value.is_some() {
            let what = || "it has a default, but implicit presence".to_owned();
            check.error(
                place,
                what,
                "leave the default out, or use `features.field_presence = EXPLICIT`",
            );
        }
        if is_closed(check, known) {
            let what = || "it is of a closed enum, but has implicit presence".to_owned();
            check.error(place, what, "use an open enum, or `features.field_presence = EXPLICIT`");
        }
    }
    // What a map's field says is passed on to key and value, whatever they are.
    let parent = field.parent.filter(|_| !known.is_extension);
    let parent = parent.and_then(|parent| of.file.messages.get(parent as usize));
    if own.present && !parent.is_some_and(raw::Message::is_map_entry) {
        own_features(check, known, &own);
    }
}

/// Features that only some fields can set.
fn own_features(check: &mut Check<'_, '_>, known: &Known<'_, '_>, own: &Own) {
    let place = known.place;
    let mend = "leave the feature out";
    let is_map = known.kind == MESSAGE
        && known
            .of
            .and_then(|id| check.message(id))
            .is_some_and(raw::Message::is_map_entry);
    let presence = own.presence.and_then(|presence| match presence {
        _ if known.field.oneof_index.is_some() => Some("it is in a oneof"),
        _ if known.is_repeated() => Some("it is repeated"),
        3 if known.is_extension => None,
        _ if known.is_extension => Some("it is an extension"),
        2 if known.is_message() => Some("it is a message, whose presence is never implicit"),
        _ => None,
    });
    if let Some(why) = presence {
        check.error(place, || format!("it can't set `features.field_presence`: {why}"), mend);
    }
    if own.repeated_encoding.is_some() && !known.is_repeated() {
        let what = || "it can't set `features.repeated_field_encoding`: it is not repeated".to_owned();
        check.error(place, what, mend);
    } else if own.repeated_encoding == Some(1) && !known.is_packable() {
        let what = || "it can't be PACKED: it is no repeated number, bool or enum".to_owned();
        check.error(place, what, mend);
    }
    if own.utf8.is_some() && known.kind != STRING && !(is_map && maps::has_string(check, known)) {
        let what = || "it can't set `features.utf8_validation`: it is no string".to_owned();
        check.error(place, what, mend);
    }
    if own.message_encoding.is_some() && (!known.is_message() || is_map) {
        let what = || "it can't set `features.message_encoding`: it is no message".to_owned();
        check.error(place, what, mend);
    }
}
