//! Reads the tables of behaviours.

/// A behaviour.
#[derive(Debug, Default)]
pub(super) struct Case {
    pub(super) file: &'static str,
    pub(super) line: usize,
    pub(super) source: String,
    pub(super) what: String,
    pub(super) method: String,
    pub(super) target: String,
    /// Names live as long as the tests.
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
    pub(super) status: u16,
    pub(super) expected: Expected,
    /// The line that says what is expected.
    pub(super) wanted: String,
    /// `None`: there is none of that name.
    pub(super) answer_headers: Vec<(String, Option<String>)>,
}

#[derive(Debug)]
pub(super) enum Expected {
    Called { method: String, message: String },
    Refused { code: i32, message: String },
    Body(String),
}

impl Default for Expected {
    fn default() -> Self {
        Self::Body(String::new())
    }
}

const TABLES: &[(&str, &str)] = &[
    ("templates", include_str!("cases/templates.txt")),
    ("paths", include_str!("cases/paths.txt")),
    ("values", include_str!("cases/values.txt")),
    ("queries", include_str!("cases/queries.txt")),
    ("bodies", include_str!("cases/bodies.txt")),
    ("json", include_str!("cases/json.txt")),
    ("answers", include_str!("cases/answers.txt")),
    ("http", include_str!("cases/http.txt")),
    ("streams", include_str!("cases/streams.txt")),
    ("cors", include_str!("cases/cors.txt")),
];

pub(super) fn all() -> Vec<Case> {
    TABLES.iter().flat_map(|(file, text)| table(file, text)).collect()
}

fn table(file: &'static str, text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let mut source = String::new();
    for (number, line) in text.lines().enumerate() {
        if let Some(found) = line.strip_prefix("== ") {
            found.clone_into(&mut source);
        } else if let Some(what) = line.strip_prefix("-- ") {
            cases.push(Case {
                file,
                line: number + 1,
                source: source.clone(),
                what: what.to_owned(),
                ..Case::default()
            });
        } else if !line.is_empty() && !line.starts_with("# ") {
            let case = cases
                .last_mut()
                .unwrap_or_else(|| panic!("{file}:{}: no behaviour", number + 1));
            case.read(line);
        }
    }
    for case in &mut cases {
        assert!(
            case.status > 0 && !case.source.is_empty(),
            "{file}:{}: what is expected?",
            case.line
        );
        if !case.body.is_empty() && !case.headers.iter().any(|(name, _)| *name == "content-type") {
            case.headers.push(("content-type", "application/json".to_owned()));
        }
        case.headers
            .retain(|(name, value)| *name != "content-type" || value != "none");
    }
    cases
}

impl Case {
    fn read(&mut self, line: &str) {
        let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
        match first {
            "<" => self.body = rest.as_bytes().to_vec(),
            "<+" => self.body.extend_from_slice(format!("\n{rest}").as_bytes()),
            "<x" => self.body = digits(rest),
            ">" => {
                self.answer_headers.push(match rest.split_once(": ") {
                    Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                    None => (rest.trim_start_matches('!').to_owned(), None),
                });
            }
            name if name.ends_with(':') && !self.method.is_empty() => {
                let name = Box::leak(name.trim_end_matches(':').to_owned().into_boxed_str());
                self.headers.push((name, rest.to_owned()));
            }
            status if status.parse::<u16>().is_ok() => self.expect(status, rest),
            method => (self.method, self.target) = (method.to_owned(), rest.to_owned()),
        }
    }

    fn expect(&mut self, status: &str, rest: &str) {
        self.status = status.parse().unwrap();
        self.wanted = format!("{status} {rest}");
        let (first, more) = rest.split_once(' ').unwrap_or((rest, ""));
        self.expected = match first {
            "=" | "" => Expected::Body(more.to_owned()),
            "=+" => Expected::Body(more.replace("\\n", "\n")),
            code if code.parse::<i32>().is_ok() => Expected::Refused {
                code: code.parse().unwrap(),
                message: more.to_owned(),
            },
            method => Expected::Called {
                method: method.to_owned(),
                message: more.to_owned(),
            },
        };
    }
}

pub(super) fn digits(text: &str) -> Vec<u8> {
    let digits: Vec<_> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}
