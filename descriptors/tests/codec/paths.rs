//! Field paths.

use descant_descriptors::FieldPath;

use crate::message;

fn path(of: &str, path: &str) -> Result<FieldPath, String> {
    message(of).field_path(path).map_err(|error| error.to_string())
}

#[test]
fn paths_take_either_name() {
    let own = path("plain.Item", "child.serial_number").unwrap();
    assert_eq!(own, path("plain.Item", "child.serialNumber").unwrap());
    assert_eq!(own.to_string(), "child.serial_number");
    assert!(own.numbers().eq([15, 19]));
    let extension = path("sample.Old", "cluster.inner.[sample.item].title").unwrap();
    assert_eq!(extension.as_str(), "cluster.inner.[sample.item].title");
    assert!(own.is_within(&path("plain.Item", "child").unwrap()));
    assert!(!own.is_within(&path("plain.Item", "child.count").unwrap()));
}

#[test]
fn paths_tell_what_the_field_holds() {
    let item = message("plain.Item");
    let facts = |name: &str| {
        let path = item.field_path(name).unwrap();
        let text = path.has_text_form(item.schema());
        (path.is_repeated(), path.is_map(), path.is_message(), text)
    };
    assert_eq!(facts("title"), (false, false, false, true));
    assert_eq!(facts("numbers"), (true, false, false, true));
    assert_eq!(facts("byName"), (true, true, true, false));
    assert_eq!(facts("parts"), (true, false, true, false));
    assert_eq!(facts("child.child"), (false, false, true, false));
    let child = item.field_path("child").unwrap().message(item.schema());
    assert_eq!(child.as_ref(), Some(&item));
    let known = message("sample.Known");
    let text = |name: &str| known.field_path(name).unwrap().has_text_form(known.schema());
    assert!(["time", "span", "mask", "boxed"].into_iter().all(text));
    assert!(!["any", "object", "value", "list"].into_iter().any(text));
}

#[test]
fn errors_name_the_part() {
    let error = |name: &str| path("plain.Item", name).unwrap_err();
    assert_eq!(
        error("child.titel"),
        "\"titel\" is no field of plain.Item; did you mean \"title\"?"
    );
    assert_eq!(error(""), "\"\" is no field of plain.Item");
    assert_eq!(error("child..title"), "\"\" is no field of plain.Item");
    assert_eq!(error("title.size"), "\"size\" stands in a scalar, which has no fields");
    assert_eq!(
        error("parts.title"),
        "\"title\" stands in a list, of which a path can't name an element"
    );
    assert_eq!(
        error("by_name.x"),
        "\"x\" stands in a map, of which a path can't name an entry"
    );
    let deep = ["child"; 101].join(".");
    assert_eq!(error(&deep), "\"child\" stands more than 100 levels deep");
    assert!(path("plain.Item", &(["child"; 99].join(".") + ".title")).is_ok());
    let odd = path("sample.Old", "[sample.itme].title").unwrap_err();
    assert_eq!(
        odd,
        "\"[sample.itme]\" is no field of sample.Old; did you mean \"[sample.item]\"?"
    );
    assert!(path("sample.Old", "[").is_err());
}
