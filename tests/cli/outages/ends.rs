//! The ends of calls of one message. gRPC over HTTP/2, "Errors"; gRPC core, `doc/http-grpc-status-mapping.md` and `doc/statuscodes.md`.

use super::{
    before,
    fronts::{Told, get_book},
    scripted::scripted,
    url,
};
use crate::process::{demo_set, descant};

/// The statuses of HTTP for a code of gRPC: REST's and Connect's.
fn statuses(code: i32) -> [u16; 2] {
    match code {
        1 => [499, 499],
        4 => [504, 504],
        7 => [403, 403],
        8 => [429, 429],
        12 => [501, 501],
        14 => [503, 503],
        16 => [401, 401],
        _ => [500, 500],
    }
}

fn check(told: &[Told; 4], code: i32, reason: &str) {
    let [rest, connect] = statuses(code);
    for told in told {
        assert_eq!(told.code, code, "{told:?}");
        assert!(told.said.contains(reason), "{reason}: {told:?}");
        match told.protocol {
            "REST" => assert_eq!(told.status, Some(rest), "{told:?}"),
            "Connect" => assert_eq!(told.status, Some(connect), "{told:?}"),
            _ => {}
        }
    }
}

#[test]
fn each_reset_has_its_status() {
    let front = before(&[url(&scripted())], &[]);
    for (number, code) in (0..=13).zip([13, 13, 13, 13, 13, 13, 13, 14, 1, 13, 13, 8, 7, 13]) {
        let told = get_book(&front, &format!("reset-{number}"), 0);
        check(&told, code, "the upstream reset the call: ");
    }
}

/// Some servers that do not know what they are asked reset the call at once.
#[test]
fn one_that_answered_is_not_taken_for_one_of_another_protocol() {
    let (server, set) = (scripted(), demo_set());
    for (id, is_hinted) in [("reset-2", true), ("one-reset-2", false)] {
        let data = format!("{{\"id\":\"{id}\"}}");
        let told = descant([
            "call",
            &server,
            "bookshop.v1.Catalog/GetBook",
            set.to_str().unwrap(),
            "-d",
            &data,
        ]);
        assert_eq!(told.code, Some(64 + 13), "{told:?}");
        assert_eq!(
            told.err.contains("does it speak another protocol?"),
            is_hinted,
            "{told:?}"
        );
    }
}

#[test]
fn what_is_no_reply_of_grpc_has_a_status() {
    let front = before(&[url(&scripted())], &[]);
    for (number, code) in [
        (400, 13),
        (401, 16),
        (403, 7),
        (404, 12),
        (429, 14),
        (500, 2),
        (502, 14),
        (503, 14),
        (504, 14),
    ] {
        let told = get_book(&front, &format!("http-{number}"), 0);
        check(&told, code, &format!("the upstream answers with HTTP {number}"));
    }
    for (text, code, reason) in [
        ("bare", 13, "the upstream's reply ends without trailers"),
        ("silent", 2, "the upstream's trailers have no grpc-status"),
        (
            "noise",
            8,
            "the upstream sent a message of 2139062143 bytes, larger than the limit",
        ),
        ("flag", 13, "the upstream sent a message with the flag 128"),
        ("cut", 13, "the upstream's reply ends without trailers"),
    ] {
        check(&get_book(&front, text, 0), code, reason);
    }
}

#[test]
fn calls_of_a_connection_that_ends_are_unavailable() {
    let front = before(&[url(&scripted())], &[]);
    for text in ["broken", "babble", "away-0", "away-2", "away-11"] {
        check(&get_book(&front, text, 0), 14, "the connection to http://127.0.0.1:");
    }
}

#[test]
fn a_call_that_hangs_ends_with_its_deadline() {
    let front = before(&[url(&scripted())], &[]);
    check(&get_book(&front, "hang", 300), 4, "");
}
