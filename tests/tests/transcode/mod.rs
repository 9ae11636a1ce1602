//! Transcoding, behaviour by behaviour, over real sockets: what a request becomes, and what an answer.
//!
//! The behaviours stand in `cases/`, each with its source:
//!
//! ```text
//! == SOURCE: "what it says"                   a source, of all that follows
//! -- what is tried                            a behaviour
//! PUT /v1/named/a?b=c                         the request
//! content-type: text/plain                    its headers, if any; a body is JSON unless they say otherwise
//! < {"i32": 1}                                its body, if any; `<x 00ff` as hexadecimal digits
//! 200 Child {"name":"a","i32":1}              status, the method that was called, the JSON of its request
//! 400 3 part of the message                   or status, code, and what the message has in it
//! 200 = [1]                                   or status and the whole body; `=+` with `\n` for new lines
//! > allow: GET                                a header of the answer; `> !allow` there is none of that name
//! ```
//!
//! A request of which the handler is to answer with something else than itself says so: `x-wire` (a message, as
//! hexadecimal digits), `x-fail: CODE message`, `x-detail: type=digits`.

mod cases;
mod library;

use std::fmt::Write as _;

use serde_json::Value;

use self::cases::{Case, Expected};
use crate::{
    rest::client::{Answer, Lab, request},
    support::serve_gateway,
};

/// How many behaviours there are. Whoever adds some says so here.
const BEHAVIOURS: usize = 533;

#[tokio::test]
#[allow(clippy::print_stdout, reason = "as suites end")]
async fn every_behaviour() {
    let lab = Lab(serve_gateway(library::builder().build().unwrap(), |_| {}).await);
    let cases = cases::all();
    let mut failures = String::new();
    let mut failed = 0;
    for case in &cases {
        let answer = ask(&lab, case).await;
        if let Err(what) = case.judge(&answer) {
            failed += 1;
            let Case {
                file,
                line,
                what: tried,
                source,
                ..
            } = case;
            writeln!(failures, "{file}:{line}: {tried} ({source})\n  {what}").unwrap();
        }
    }
    println!("transcode: {} passed, {failed} failed", cases.len() - failed);
    assert!(failed == 0, "{failed} of {} failed\n{failures}", cases.len());
    assert_eq!(cases.len(), BEHAVIOURS);
}

async fn ask(lab: &Lab, case: &Case) -> Answer {
    let mut asked = request(&case.method, &case.target);
    for (name, value) in &case.headers {
        asked = asked.header(name, value);
    }
    let asked = asked.body(&case.body);
    let uri = format!("http://descant.test{}", case.target);
    if case.target.starts_with('/') && uri.parse::<http::Uri>().is_ok() {
        lab.ask(asked).await
    } else {
        // No client of HTTP/2 would send that.
        lab.one(&asked).await
    }
}

impl Case {
    fn judge(&self, answer: &Answer) -> Result<(), String> {
        let shown = || {
            let method = answer.header("x-method");
            format!("{} {method} {}", answer.status, String::from_utf8_lossy(&answer.body))
        };
        let differs = |wanted: &str| Err(format!("wanted {wanted}\n  got    {}", shown()));
        let json = || serde_json::from_slice::<Value>(&answer.body).unwrap_or_default();
        let fits = answer.status == self.status
            && match &self.expected {
                Expected::Called { method, message } => {
                    answer.header("x-method") == *method
                        && json() == serde_json::from_str::<Value>(message).expect("the case has JSON")
                }
                Expected::Refused { code, message } => {
                    let json = json();
                    json["code"] == *code && json["message"].as_str().is_some_and(|found| found.contains(message))
                }
                Expected::Body(body) => answer.body == body.as_bytes(),
            };
        if !fits {
            return differs(&self.wanted);
        }
        for (name, value) in &self.answer_headers {
            let found = answer.headers.contains_key(name).then(|| answer.header(name));
            if found != value.as_deref() {
                return Err(format!("wanted {name}: {value:?}, got {found:?}"));
            }
        }
        Ok(())
    }
}
