//! The configuration: what it says of what is wrong, to the letter, and what it brings about.

use std::{ffi::OsStr, fs, os::unix::ffi::OsStrExt, path::Path};

use crate::process::{Ran, command, descant, repository};

/// `descant check -c FILE` in the folder of the file.
fn check(folder: &Path, file: &str) -> Ran {
    let mut check = command(["check", "-c", file]);
    check.current_dir(folder).env_remove("HOST").env_remove("PORT");
    check
        .env("SECRET", "hunter2")
        .env("NO_TEXT", OsStr::from_bytes(b"\xff"));
    check.output().unwrap().into()
}

/// Each file in `faults` has a fault, or what is hardly meant, and beside it what is said of that. After a change of the texts, run this with
/// `UPDATE_SNAPSHOTS=1`.
#[test]
fn every_fault_is_told_as_it_was_agreed() {
    let folder = repository("tests/cli/faults");
    let mut count = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "yaml") {
            continue;
        }
        let ran = check(&folder, path.file_name().unwrap().to_str().unwrap());
        let told = format!("{}{}exit code {}\n", ran.err, ran.out, ran.code.unwrap());
        assert!(!told.contains("hunter2"), "what only the environment knows: {told}");
        let agreed = path.with_extension("txt");
        if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
            fs::write(&agreed, &told).unwrap();
        }
        let agreed = fs::read_to_string(&agreed).unwrap_or_default();
        assert_eq!(
            told,
            agreed,
            "{}: run this test with UPDATE_SNAPSHOTS=1",
            path.display()
        );
        count += 1;
    }
    assert!(count > 30, "{count}");
}

#[test]
fn programs_are_told_the_same() {
    let check = |file: &str| {
        let mut check = command(["check", "-c", file, "--format", "json"]);
        Ran::from(check.current_dir(repository("tests/cli/faults")).output().unwrap())
    };
    for (file, code, errors) in [
        ("no-such-descriptors.yaml", 4, 2),
        ("certificate.yaml", 5, 1),
        ("mock.yaml", 3, 1),
    ] {
        let ran = check(file);
        let report: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
        assert_eq!((ran.code, &report["errors"]), (Some(code), &errors.into()), "{ran:?}");
        let told = report["configuration"][0].as_str().unwrap();
        assert!(told.starts_with(&format!("{file}:")), "{told}");
    }
}

#[test]
fn a_file_that_is_not_there_is_a_fault() {
    let ran = descant(["serve", "-c", "no/such/descant.yaml"]);
    assert_eq!(ran.code, Some(3));
    assert_eq!(
        ran.err,
        "error: the configuration cannot be used\n\
         no/such/descant.yaml: the file cannot be read: No such file or directory (os error 2)\n  \
         hint: check the path and its permissions\n"
    );
}

#[test]
fn rules_that_are_missing_are_told_beside_descriptors_that_are() {
    let ran = descant(["check", "gone.binpb", "--http-rules", "gone.yaml"]);
    assert_eq!(ran.code, Some(4));
    assert_eq!(
        ran.out,
        "error: gone.binpb: there is no such file or folder\n  \
         hint: check the path and its permissions\n\
         error: gone.yaml: it cannot be read: No such file or directory (os error 2)\n  \
         hint: check the path and its permissions\n\
         The descriptors do not load: 2 errors, 0 warnings, 0 notes\n"
    );
}

#[test]
fn settings_are_not_taken_for_descriptors() {
    for args in [
        &["serve", "descant.yaml"][..],
        &["check", "api.binpb", "descant.yaml"],
        &["config", "print", "descant.yaml"],
    ] {
        let ran = descant(args);
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert_eq!(
            ran.err,
            "error: `descant.yaml` is YAML, which describes no API\n\
             hint: -c descant.yaml takes settings from it, --http-rules descant.yaml HTTP rules\n"
        );
    }
    assert_eq!(descant(["check", "descant.yml"]).code, Some(2));
}

/// The examples of the docs, in a folder with the files that they name.
mod docs {
    use std::{collections::BTreeSet, fmt::Write as _, fs, path::PathBuf};

    use descant::Config;
    use tempfile::TempDir;

    use super::check;
    use crate::{process::repository, readme::blocks};

    const BEGIN: &str = "UPDATE_SNAPSHOTS=1 -->\n\n";
    const END: &str = "\n<!-- end of what is made -->";

    fn pages() -> Vec<PathBuf> {
        let docs = fs::read_dir(repository("docs")).unwrap();
        let pages = docs.map(|page| page.unwrap().path());
        pages
            .filter(|page| page.extension().is_some_and(|ending| ending == "md"))
            .collect()
    }

    /// Every configuration that a page shows.
    fn examples() -> Vec<String> {
        let pages = pages().into_iter().chain([repository("README.md")]);
        let shown = pages.flat_map(|page| blocks(&fs::read_to_string(page).unwrap(), "yaml"));
        let is_configuration = |text: &String| text.lines().any(|line| line.starts_with("descriptors:"));
        let examples: Vec<_> = shown.filter(is_configuration).collect();
        assert!(examples.len() > 2, "{examples:?}");
        examples
    }

    fn folder() -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &[u8]| fs::write(folder.path().join(name), text).unwrap();
        for name in ["api", "bookshop"] {
            put(&format!("{name}.binpb"), &fs::read(crate::process::demo_set()).unwrap());
        }
        for name in ["server", "gateway"] {
            let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
            put(&format!("{name}.crt"), pair.cert.pem().as_bytes());
            put(&format!("{name}.key"), pair.signing_key.serialize_pem().as_bytes());
            put("authority.pem", pair.cert.pem().as_bytes());
            put("clients.pem", pair.cert.pem().as_bytes());
        }
        folder
    }

    #[test]
    fn every_example_is_sound() {
        let folder = folder();
        for example in examples() {
            fs::write(folder.path().join("descant.yaml"), &example).unwrap();
            let ran = check(folder.path(), "descant.yaml");
            assert_eq!(ran.code, Some(0), "{example}\n{}", ran.err);
        }
    }

    /// A validator that is not ours says the same as the reader: of the examples, and of what is printed.
    #[test]
    fn every_example_fits_the_schema() {
        let printed = crate::process::descant(["config", "schema"]);
        let schema: serde_json::Value = serde_json::from_str(&printed.out).unwrap();
        jsonschema::meta::validate(&schema).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        // Defaults are comments there.
        let print = Config::builder().build().unwrap().to_yaml();
        let print = print.lines().map(|line| match line.split_once("# ") {
            Some((before, said)) if said.ends_with("  # default") || said.ends_with(':') => format!("{before}{said}\n"),
            _ => format!("{line}\n"),
        });
        let print: String = print.collect();
        assert!(print.contains("\nlimits:\n  tls_handshake: "), "{print}");
        for example in examples().into_iter().chain([print]) {
            let value: serde_json::Value = serde_yaml_ng::from_str(&example).unwrap();
            let mut value = value;
            merge(&mut value);
            let errors: Vec<_> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
            assert!(errors.is_empty(), "{example}\n{errors:?}");
        }
    }

    /// What the reader refuses for its form, the validator refuses as well.
    #[test]
    fn what_is_unsound_does_not_fit_the_schema() {
        let validator = jsonschema::validator_for(&Config::json_schema()).unwrap();
        let mut seen = BTreeSet::new();
        for entry in fs::read_dir(repository("tests/cli/faults")).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let of_form = [
                "unknown-key",
                "wrong-type",
                "no-value",
                "time",
                "size",
                "number",
                "choice",
                "pattern",
                "no-handler",
                "two-handlers",
                "no-pattern",
                "mock",
                "depth",
                "upstream",
                "merge",
                "zero",
                "zero-upstream",
                "otlp",
                "otlp-scheme",
                "echo-true",
                "indented-less",
                "indented-less-deep",
                "no-space",
                "list-for-map",
                "map-for-list",
                "text-for-map",
                "flags-as-keys",
            ];
            if path.extension().is_none_or(|ending| ending != "yaml") || !of_form.contains(&name.as_str()) {
                continue;
            }
            let value: serde_json::Value = serde_yaml_ng::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
            assert!(!validator.is_valid(&value), "{name}");
            seen.insert(name);
        }
        assert_eq!(seen.len(), 27, "{seen:?}");
    }

    /// What parsers of YAML leave to whoever uses them.
    fn merge(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::Object(members) => {
                if let Some(serde_json::Value::Object(merged)) = members.remove("<<") {
                    for (key, value) in merged {
                        members.entry(key).or_insert(value);
                    }
                }
                members.values_mut().for_each(merge);
            }
            serde_json::Value::Array(items) => items.iter_mut().for_each(merge),
            _ => {}
        }
    }

    /// The reference is made from the table of keys.
    #[test]
    fn every_key_is_in_the_reference() {
        let path = repository("docs/configuration.md");
        let page = fs::read_to_string(&path).unwrap();
        let (before, rest) = page.split_once(BEGIN).unwrap();
        let (shown, after) = rest.split_once(END).unwrap();
        let reference = reference();
        if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
            fs::write(&path, format!("{before}{BEGIN}{reference}{END}{after}")).unwrap();
            return;
        }
        assert_eq!(shown, reference, "run this test with UPDATE_SNAPSHOTS=1");
    }

    fn reference() -> String {
        let mut table = "| key | is | default | |\n|---|---|---|---|\n".to_owned();
        for key in Config::keys() {
            let flags: Vec<_> = key.flags.iter().map(|flag| format!("`{flag}`")).collect();
            let default = match (key.default, key.otherwise) {
                (Some(default), _) => format!("`{default}`"),
                (None, "") if key.is_required => "has to be there".to_owned(),
                (None, otherwise) => otherwise.to_owned(),
            };
            let restart = if key.needs_restart { " Restart." } else { "" };
            let flags = match flags.as_slice() {
                [] => String::new(),
                flags => format!(" {}.", flags.join(", ")),
            };
            let due = key.due.replace('|', "\\|");
            writeln!(
                table,
                "| `{}` | {due} | {default} | {}.{flags}{restart} |",
                key.path, key.about
            )
            .unwrap();
        }
        table
    }
}
