//! Holds the loader to the verdict of every case.
//!
//! With the variable `DESCANT_CASES` set to a folder, the sets are written there too, each with the verdict that protoc
//! is expected to have; `judge.py` beside this file asks it.

use std::{fmt::Write as _, fs, path::Path};

use descant_descriptors::{Schema, Severity};

use crate::cases::{Case, Verdict, all};

#[test]
fn every_case_has_its_verdict() {
    let cases = all();
    let mut wrong = String::new();
    for case in &cases {
        if let Err(what) = judge(case) {
            writeln!(wrong, "{}: {what}", case.name).unwrap();
        }
    }
    if let Some(folder) = std::env::var_os("DESCANT_CASES") {
        dump(Path::new(&folder), &cases);
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn cases_have_names_of_their_own() {
    let mut names: Vec<_> = all().into_iter().map(|case| case.name).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}

fn judge(case: &Case) -> Result<(), String> {
    let result = Schema::from_bytes(case.set.clone());
    match (&case.verdict, result) {
        (Verdict::Loads, Ok(_)) => Ok(()),
        (Verdict::Refused(_), Ok(_)) => Err("it loads".to_owned()),
        (Verdict::Refused(what), Err(error)) => {
            let mut errors = error
                .findings()
                .iter()
                .filter(|finding| finding.severity == Severity::Error);
            let same = errors.any(|finding| finding.what.contains(what));
            same.then_some(())
                .ok_or_else(|| format!("refused for another reason: {error}"))
        }
        (Verdict::Warned(what), Ok(schema)) => {
            let mut warnings = schema
                .findings()
                .iter()
                .filter(|finding| finding.severity == Severity::Warning);
            let same = warnings.any(|finding| finding.what.contains(what));
            same.then_some(())
                .ok_or_else(|| format!("not warned of: {:?}", schema.findings()))
        }
        (Verdict::Loads | Verdict::Warned(_), Err(error)) => Err(format!("refused: {error}")),
    }
}

/// One file a set, named after the case and what protoc should say of it.
fn dump(folder: &Path, cases: &[Case]) {
    for (number, case) in cases.iter().enumerate() {
        let ours = !matches!(case.verdict, Verdict::Refused(_));
        let loads = ours != case.unlike_protoc;
        let verdict = if loads { "loads" } else { "refused" };
        let name = case.name.replace(|c: char| !c.is_ascii_alphanumeric(), "-");
        fs::write(folder.join(format!("{number:03}.{name}.{verdict}.binpb")), &case.set).unwrap();
    }
}
