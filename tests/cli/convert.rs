//! `descant convert`.

use std::{io::Write as _, process::Stdio};

use crate::process::{Ran, command, demo_set};

/// `descant convert` of the demo's set, with that on standard input.
fn convert(args: &[&str], input: &[u8]) -> (Ran, Vec<u8>) {
    let mut command = command(["convert".as_ref(), demo_set().as_os_str()]);
    let mut child = command
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that refuses its arguments reads nothing.
    let _ = child.stdin.take().unwrap().write_all(input);
    let output = child.wait_with_output().unwrap();
    let bytes = output.stdout.clone();
    let ran = Ran {
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8(output.stderr).unwrap(),
    };
    (ran, bytes)
}

#[track_caller]
fn gives(args: &[&str], input: &[u8], out: &[u8]) {
    let (ran, bytes) = convert(args, input);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{args:?}");
    assert_eq!(bytes, out, "{args:?}: {}", ran.out);
}

#[track_caller]
fn refuses(args: &[&str], input: &[u8], code: i32, err: &str) {
    let (ran, _) = convert(args, input);
    assert_eq!((ran.err.as_str(), ran.out.as_str()), (err, ""), "{args:?}");
    assert_eq!(ran.code, Some(code), "{args:?}");
}

const BOOK: &str = "--type=bookshop.v1.Book";
const MONEY: &str = "--type=.bookshop.v1.Money";

/// As PowerShell writes files.
#[test]
fn a_mark_before_json_is_none_of_it() {
    let input = b"\xef\xbb\xbf{\"currency\":\"EUR\"}";
    gives(
        &[MONEY, "--from", "json", "--to", "txtpb"],
        input,
        b"currency: \"EUR\"\n",
    );
}

#[test]
fn every_form_becomes_every_other() {
    let forms: [(&str, &[u8]); 3] = [
        ("json", b"{\"currency\":\"EUR\",\"units\":\"5\"}\n"),
        ("binpb", b"\x0a\x03EUR\x10\x05"),
        ("txtpb", b"currency: \"EUR\"\nunits: 5\n"),
    ];
    for (from, input) in forms {
        for (to, out) in forms {
            gives(&[MONEY, "--from", from, "--to", to], input, out);
        }
    }
}

#[test]
fn a_dash_is_a_pipe() {
    let pipes = ["-i", "-", "-o", "-", "--from", "json", "--to", "txtpb"];
    gives(&[&[MONEY][..], &pipes].concat(), br#"{"nanos":5}"#, b"nanos: 5\n");
}

#[test]
fn options_are_those_of_the_codec() {
    let pretty = b"{\n  \"currency\": \"\",\n  \"units\": 5,\n  \"nanos\": 0\n}\n";
    let flags = [
        MONEY,
        "--from=binpb",
        "--to=json",
        "--pretty",
        "--emit-defaults",
        "--integers-as-numbers",
    ];
    gives(&flags, b"\x10\x05", pretty);
    gives(
        &[BOOK, "--from=txtpb", "--to=json", "--proto-names", "--enums-as-numbers"],
        b"genre: NOVEL",
        b"{\"genre\":1}\n",
    );
    gives(
        &[MONEY, "--from=json", "--to=binpb", "--ignore-unknown"],
        b"{\"unit\": 5}",
        b"",
    );
    gives(
        &[MONEY, "--from=binpb", "--to=textproto", "--print-unknown"],
        b"\xf8\x7f\x05",
        b"2047: 5\n",
    );
}

#[test]
fn endings_say_what_files_are() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("in.txtpb"), folder.path().join("out.binpb"));
    std::fs::write(&input, "units: 7").unwrap();
    let files = ["-i", input.to_str().unwrap(), "-o", output.to_str().unwrap()];
    gives(&[&[MONEY][..], &files].concat(), b"", b"");
    assert_eq!(std::fs::read(&output).unwrap(), b"\x10\x07");
    // Whatever their case.
    let other = folder.path().join("IN.PbTxt");
    std::fs::write(&other, "units: 8").unwrap();
    let files = ["-i", other.to_str().unwrap(), "--to=json"];
    gives(&[&[MONEY][..], &files].concat(), b"", b"{\"units\":\"8\"}\n");
}

#[test]
fn what_is_left_out_is_told() {
    let (ran, _) = convert(&[MONEY, "--from=binpb", "--to=json"], b"\xf8\x7f\x05");
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), "{}\n"));
    let told = "warning: 1 unknown field left out\n\
                hint: --to binpb keeps them, --to txtpb --print-unknown shows them\n";
    assert_eq!(ran.err, told);
}

#[test]
fn errors_say_what_where_and_how_to_mend_it() {
    refuses(
        &[BOOK, "--from=json", "--to=binpb"],
        b"{\n  \"price\": {\"unit\": 5}}",
        6,
        "error: standard input is no bookshop.v1.Book in JSON form\n\
         price: bookshop.v1.Money has no field \"unit\"; did you mean \"units\"? (line 2, column 13)\n",
    );
    refuses(
        &[MONEY, "--from=binpb", "--to=json"],
        b"\x0a\x05a",
        6,
        "error: standard input is no bookshop.v1.Money in binary form\n\
         currency: the message can't be read: the bytes end in the middle of a field (at byte 1)\n",
    );
    refuses(
        &[BOOK, "--from=txtpb", "--to=json"],
        b"published { seconds: 253402300800 }",
        6,
        "error: the message in standard input has no JSON form\n\
         published: 253402300800 s and 0 ns are out of the range of google.protobuf.Timestamp\n",
    );
    refuses(
        &["--type=bookshop.v1.Monye", "--from=json", "--to=binpb"],
        b"",
        4,
        "error: there is no message `bookshop.v1.Monye`\nhint: did you mean bookshop.v1.Money or bookshop.v1.Book?\n",
    );
    refuses(
        &[MONEY, "--to=json"],
        b"",
        2,
        "error: a pipe does not say what is in it\nhint: give --from json, --from binpb or --from txtpb\n",
    );
    refuses(
        &[MONEY, "--from=json", "-o", "out.xml"],
        b"",
        2,
        "error: the ending of `out.xml` does not say what it is\nhint: give --to json, --to binpb or --to txtpb\n",
    );
    refuses(
        &[MONEY, "-i", "missing.json", "--to=json"],
        b"",
        1,
        "error: missing.json cannot be read: No such file or directory (os error 2)\n",
    );
}
