//! What became of a call, when the upstream said so and when it did not.

use std::fmt;

use base64::Engine as _;
use h2::Reason;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use percent_encoding::percent_decode;

use super::{fate::PUSHBACK, misfit::HTTP1_BEHIND_TLS, speech::Speech, stream::Broken};
use crate::{Code, Metadata, Status, metadata::bin::BASE64};

const STATUS: &str = "grpc-status";
const MESSAGE: &str = "grpc-message";
const DETAILS: &str = "grpc-status-details-bin";
/// Characters that are repeated of what an upstream says beside a status of gRPC.
pub(super) const SHOWN: usize = 200;
/// Whether these headers say how the call went.
pub(super) fn is_said(headers: &HeaderMap) -> bool {
    headers.contains_key(STATUS)
}

/// Whether they say that it went well.
pub(super) fn is_well(headers: &HeaderMap) -> bool {
    headers.get(STATUS).is_some_and(|code| code == "0")
}

/// What these trailers, or the headers of a reply that has no others, say.
pub(super) fn said(mut headers: HeaderMap) -> Result<Metadata, Status> {
    let Some(code) = headers.get(STATUS) else {
        return Err(Status::unknown("the upstream's trailers have no grpc-status"));
    };
    if code == "0" && headers.len() == 1 {
        // With room for what others put in its place.
        headers.clear();
        return Ok(Metadata::from_headers(headers));
    }
    let number = code.to_str().ok().and_then(|code| code.parse::<i32>().ok());
    if number == Some(0) {
        return Ok(own(headers, Speech::Grpc));
    }
    let text = headers.get(MESSAGE).map(HeaderValue::as_bytes).unwrap_or_default();
    let text = percent_decode(text).decode_utf8_lossy().into_owned();
    let mut status = match number {
        Some(number) => Status::from_grpc_number(number, text),
        // gRPC core, `doc/statuscodes.md`: "Error parsing returned status".
        None => Status::unknown(format!("the upstream's grpc-status {code:?} is no number")),
    };
    if let Some(details) = headers.get(DETAILS) {
        let is_its_code = number == Some(status.grpc_number());
        status = with_details(status, details, is_its_code);
    }
    status = with_pushback(status, &headers);
    Err(status.with_metadata(own(headers, Speech::Grpc)))
}

/// A failure, with what its headers say of another attempt: callers may make one, if none is made here.
pub(super) fn with_pushback(status: Status, headers: &HeaderMap) -> Status {
    match headers.get(&PUSHBACK) {
        Some(pushback) => status.with_grpc_pushback(pushback.clone()),
        None => status,
    }
}

/// `is_its_code`: callers are told the code that came. The details have it too, and some clients refuse those that have another one.
fn with_details(status: Status, came: &HeaderValue, is_its_code: bool) -> Status {
    let read = || Status::from_details_bin(&BASE64.decode(came).ok()?).ok();
    match (!is_its_code).then(read).flatten() {
        Some(rich) => rich.details().iter().cloned().fold(status, Status::with_any),
        None => status.with_grpc_details(came.clone()),
    }
}

/// What of an upstream's headers is for the caller.
pub(super) fn own(headers: HeaderMap, speech: Speech) -> Metadata {
    Metadata::from_headers(speech.headers(Metadata::from_headers(headers)))
}

/// A reply that is not this protocol's. gRPC core, `doc/http-grpc-status-mapping.md`; Connect, "HTTP to Error Code", is the same.
pub(super) fn of_http(status: StatusCode, headers: &HeaderMap, speech: Speech) -> Status {
    let code = match status.as_u16() {
        // The right protocol, and messages of a wrong format.
        200 if speech.is_near(headers) => Code::Internal,
        _ => code_of_http(status),
    };
    let kind = match headers.get(http::header::CONTENT_TYPE) {
        Some(kind) => format!("content type {}", String::from_utf8_lossy(kind.as_bytes())),
        None => "no content type".to_owned(),
    };
    let words = in_words(status, headers);
    let told = format!("the upstream answers with {words} and {kind}, not as {speech} does");
    let told = with_pushback(Status::new(code, told), headers);
    let is_of_call = match status {
        // A proxy before the server refuses this caller.
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => true,
        // Servers of Connect say so of methods that they do not have.
        StatusCode::NOT_FOUND => matches!(speech, Speech::ConnectStream | Speech::ConnectUnary | Speech::Rest),
        _ => speech == Speech::Rest,
    };
    if is_of_call { told } else { told.presumed() }
}

/// A status of HTTP, and where it leads: redirects are not followed.
pub(super) fn in_words(status: StatusCode, headers: &HeaderMap) -> String {
    let leads = headers.get(http::header::LOCATION).filter(|_| status.is_redirection());
    match leads {
        Some(place) => {
            let place = String::from_utf8_lossy(place.as_bytes());
            let place: String = place.chars().take(SHOWN).collect();
            format!("HTTP {status} to {place}")
        }
        None => format!("HTTP {status}"),
    }
}

/// The code that a status of HTTP stands for, where nothing else says how a call went.
pub(super) fn code_of_http(status: StatusCode) -> Code {
    match status.as_u16() {
        400 => Code::Internal,
        401 => Code::Unauthenticated,
        403 => Code::PermissionDenied,
        404 => Code::Unimplemented,
        429 | 502 | 503 | 504 => Code::Unavailable,
        _ => Code::Unknown,
    }
}

/// Trailers that stand in a body, one a line. gRPC-Web, "Message framing".
pub(super) fn lines(block: &[u8]) -> Result<HeaderMap, Status> {
    let broken = || Status::internal("the trailers in the upstream's reply are no header fields");
    let mut headers = HeaderMap::new();
    for line in block.split(|byte| *byte == b'\n') {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        let colon = line.iter().position(|byte| *byte == b':');
        let field = colon.and_then(|colon| {
            let name = HeaderName::from_bytes(line.get(..colon)?.trim_ascii()).ok()?;
            let value = HeaderValue::from_bytes(line.get(colon + 1..)?.trim_ascii()).ok()?;
            Some((name, value))
        });
        let (name, value) = field.ok_or_else(broken)?;
        headers.try_append(name, value).map_err(|_| broken())?;
    }
    Ok(headers)
}

/// How far a call came that broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Its reply had not begun.
    Asked,
    /// The head of its reply had come.
    Begun,
}

/// What HTTP says of a call or of its connection to `upstream`; `fault`: why that
/// was given up here, if it was.
pub(super) fn of(broken: &Broken, stage: Stage, fault: Option<&str>, upstream: &dyn fmt::Display) -> Status {
    let lost = |why: &dyn fmt::Display| Status::unavailable(format!("the connection to {upstream} is lost: {why}"));
    let against = || Status::internal(format!("the reply of {upstream} is broken: {broken}"));
    match (broken, fault) {
        (Broken::Http2(error), _) if error.is_reset() => match error.reason() {
            Some(reason) if error.is_remote() => of_reset(reason, stage),
            // h2 found the reply to be against HTTP/2, and reset the call.
            _ => against(),
        },
        (Broken::TooLarge(_), _) => against(),
        (_, Some(fault)) => lost(&fault),
        (Broken::Http1(error), None) if error.is_parse() => against(),
        // Over HTTP/2 that is made out before a call.
        (_, None) if stage == Stage::Asked && broken.is_cut_tls() => lost(&HTTP1_BEHIND_TLS),
        (_, None) => lost(broken),
    }
}

/// Connections were made, and each was closed before it took a call; `fault`: what the last was found to be, if anything was found.
pub(super) fn of_closed(fault: Option<&str>, upstream: &dyn fmt::Display) -> Status {
    Status::unavailable(match fault {
        Some(fault) => format!("cannot connect to {upstream}: {fault}"),
        None => format!("{upstream} closes each connection at once"),
    })
}

/// A stream that the upstream reset. gRPC over HTTP/2, "Errors"; what that leaves open is as in grpc-go.
fn of_reset(reason: Reason, stage: Stage) -> Status {
    let code = match reason {
        Reason::REFUSED_STREAM => Code::Unavailable,
        Reason::CANCEL => Code::Cancelled,
        Reason::ENHANCE_YOUR_CALM => Code::ResourceExhausted,
        Reason::INADEQUATE_SECURITY => Code::PermissionDenied,
        reason if u32::from(reason) <= u32::from(Reason::HTTP_1_1_REQUIRED) => Code::Internal,
        _ => Code::Unknown,
    };
    // Who does so before a reply may not speak the protocol at all.
    let within = if stage == Stage::Begun { " within its reply" } else { "" };
    Status::new(code, format!("the upstream reset the call{within}: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers<const N: usize>(fields: [(&'static str, &'static str); N]) -> HeaderMap {
        let field = |(name, value): (&'static str, &str)| (name.parse().unwrap(), value.parse().unwrap());
        fields.into_iter().map(field).collect()
    }

    #[test]
    fn success_brings_the_callers_metadata() {
        let trailers = said(headers([("grpc-status", "0"), ("note", "a")])).unwrap();
        assert_eq!(trailers.iter().collect::<Vec<_>>(), [("note", &b"a"[..])]);
    }

    #[test]
    fn a_failure_is_passed_on_whole() {
        let rich = Status::not_found("höher").with_any(prost_types::Any {
            type_url: "type.googleapis.com/a.B".into(),
            value: vec![1, 2, 3],
        });
        let wire = rich.to_details_bin().unwrap();
        let mut trailers = headers([("grpc-status", "5"), ("grpc-message", "h%C3%B6her"), ("note", "a")]);
        trailers.insert(DETAILS, BASE64.encode(wire).parse().unwrap());
        let status = said(trailers).unwrap_err();
        assert_eq!((status.code(), status.message()), (Code::NotFound, "höher"));
        assert_eq!(status.details(), rich.details());
        assert_eq!(status.metadata().iter().collect::<Vec<_>>(), [("note", &b"a"[..])]);
    }

    #[test]
    fn details_have_the_code_that_is_told() {
        let detail = prost_types::Any::default();
        let wire = Status::aborted("").with_any(detail.clone()).to_details_bin().unwrap();
        let bare = [("grpc-status", "77"), ("grpc-status-details-bin", "CE0")];
        assert_eq!(said(headers(bare)).unwrap_err().grpc_details().unwrap(), "CE0");
        for (code, is_kept) in [("10", true), ("77", true), ("-1", false), ("ten", false)] {
            let mut trailers = headers([("grpc-status", code)]);
            let came: HeaderValue = BASE64.encode(&wire).parse().unwrap();
            trailers.insert(DETAILS, came.clone());
            let status = said(trailers).unwrap_err();
            assert_eq!(status.details(), std::slice::from_ref(&detail));
            let told = status.grpc_details().unwrap();
            assert_eq!(told == came, is_kept, "{code}");
            if !is_kept {
                let told = Status::from_details_bin(&BASE64.decode(told).unwrap()).unwrap();
                assert_eq!(told.code(), status.code(), "{code}");
            }
        }
    }

    #[test]
    fn what_is_no_status_is_none_of_ours() {
        for odd in ["?", "/////w", ""] {
            let mut trailers = headers([("grpc-status", "5"), ("grpc-message", "gone")]);
            trailers.insert(DETAILS, odd.parse().unwrap());
            let status = said(trailers).unwrap_err();
            assert_eq!((status.code(), status.message()), (Code::NotFound, "gone"));
            assert_eq!(status.grpc_details().unwrap(), odd);
        }
    }

    #[test]
    fn trailers_in_a_body_are_lines() {
        let trailers = lines(b"grpc-status: 0\r\nNote:a\nnote:  b \r\n\r\n").unwrap();
        let trailers = said(trailers).unwrap();
        assert_eq!(trailers.get_all("note").collect::<Vec<_>>(), ["a", "b"]);
        for broken in [&b"grpc-status"[..], b"a b: c", b": c", b"note: \x01"] {
            assert_eq!(lines(broken).unwrap_err().code(), Code::Internal);
        }
    }

    #[test]
    fn odd_statuses_are_unknown() {
        for (fields, code) in [
            (headers([("note", "a")]), Code::Unknown),
            (headers([("grpc-status", "ok")]), Code::Unknown),
            (headers([("grpc-status", "77")]), Code::Unknown),
        ] {
            assert_eq!(said(fields).unwrap_err().code(), code);
        }
    }

    #[test]
    fn http_statuses_are_told_apart() {
        for (status, code) in [
            (400, Code::Internal),
            (401, Code::Unauthenticated),
            (403, Code::PermissionDenied),
            (404, Code::Unimplemented),
            (429, Code::Unavailable),
            (500, Code::Unknown),
            (502, Code::Unavailable),
            (503, Code::Unavailable),
            (504, Code::Unavailable),
            (200, Code::Unknown),
        ] {
            let status = of_http(StatusCode::from_u16(status).unwrap(), &headers([]), Speech::Grpc);
            assert_eq!(status.code(), code);
        }
    }

    #[test]
    fn resets_are_told_apart() {
        for (number, code) in [
            (0, Code::Internal),
            (1, Code::Internal),
            (2, Code::Internal),
            (3, Code::Internal),
            (4, Code::Internal),
            (5, Code::Internal),
            (6, Code::Internal),
            (7, Code::Unavailable),
            (8, Code::Cancelled),
            (9, Code::Internal),
            (10, Code::Internal),
            (11, Code::ResourceExhausted),
            (12, Code::PermissionDenied),
            (13, Code::Internal),
            (99, Code::Unknown),
        ] {
            let status = of_reset(Reason::from(number), Stage::Asked);
            assert_eq!(status.code(), code, "{number}");
        }
    }
}
