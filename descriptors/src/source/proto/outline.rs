//! What stands at the top of a `.proto` source, read without compiling it.

/// The parts of a source that say where it belongs and who can compile it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Outline {
    /// `edition = "2023"`.
    pub(super) edition: Option<String>,
    pub(super) package: String,
    pub(super) imports: Vec<String>,
    /// How deep braces and brackets nest: compilers recurse over them.
    pub(super) depth: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'s> {
    /// A keyword, name or number, dots included.
    Word(&'s str),
    /// What stands between quotes, escapes as written.
    Text(&'s str),
    Sign(u8),
}

/// A statement that matters has no more words than `import public "a.proto"`.
const LONGEST_STATEMENT: usize = 3;

impl Outline {
    /// Never fails: of what is no protobuf source, nothing is found.
    pub(super) fn of(source: &str) -> Self {
        let mut outline = Self::default();
        let mut depth = 0usize;
        let mut statement = Vec::new();
        for token in Tokens(source) {
            match token {
                Token::Sign(b'{' | b'[' | b'(' | b'<') => {
                    depth += 1;
                    outline.depth = outline.depth.max(depth);
                }
                Token::Sign(b'}' | b']' | b')' | b'>') => {
                    depth = depth.saturating_sub(1);
                    statement.clear();
                }
                Token::Sign(b';') => {
                    if depth == 0 {
                        outline.statement(&statement);
                    }
                    statement.clear();
                }
                _ if statement.len() <= LONGEST_STATEMENT => statement.push(token),
                _ => {}
            }
        }
        outline
    }

    fn statement(&mut self, tokens: &[Token<'_>]) {
        match tokens {
            [Token::Word("edition"), Token::Sign(b'='), Token::Text(edition)] => {
                self.edition = Some((*edition).to_owned());
            }
            [Token::Word("package"), Token::Word(package)] => (*package).clone_into(&mut self.package),
            [Token::Word("import"), Token::Text(name)] | [Token::Word("import"), Token::Word(_), Token::Text(name)] => {
                self.imports.push((*name).to_owned());
            }
            _ => {}
        }
    }
}

/// Cuts a source into tokens; comments and blanks are left out.
struct Tokens<'s>(&'s str);

impl<'s> Iterator for Tokens<'s> {
    type Item = Token<'s>;

    fn next(&mut self) -> Option<Token<'s>> {
        self.skip_blanks();
        let rest = self.0;
        let first = rest.chars().next()?;
        match first {
            '"' | '\'' => {
                let length = text_length(rest, first);
                let text = rest.get(1..length).unwrap_or_default();
                self.0 = rest.get(length + 1..).unwrap_or_default();
                Some(Token::Text(text))
            }
            _ if is_word(first) => {
                let (word, after) = rest.split_at(rest.find(|letter| !is_word(letter)).unwrap_or(rest.len()));
                self.0 = after;
                Some(Token::Word(word))
            }
            _ => {
                self.0 = rest.get(first.len_utf8()..).unwrap_or_default();
                Some(Token::Sign(u8::try_from(first).unwrap_or(b'?')))
            }
        }
    }
}

impl Tokens<'_> {
    fn skip_blanks(&mut self) {
        loop {
            let rest = self
                .0
                .trim_start_matches(|letter: char| letter.is_whitespace() || letter == '\u{feff}');
            self.0 = if let Some(comment) = rest.strip_prefix("//") {
                comment
                    .find('\n')
                    .and_then(|end| comment.get(end..))
                    .unwrap_or_default()
            } else if let Some(comment) = rest.strip_prefix("/*") {
                comment
                    .find("*/")
                    .and_then(|end| comment.get(end + 2..))
                    .unwrap_or_default()
            } else {
                self.0 = rest;
                return;
            };
        }
    }
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '_' | '.')
}

/// The offset of the quote that ends a text, which starts with one; the text's length if there is none.
fn text_length(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, letter) in text.char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if letter == quote => return at,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_stands_at_the_top() {
        let outline = Outline::of(
            r#"/* package no; */ edition = "2023"; // import "no.proto";
            package acme.v1; import "a.proto"; import public 'b.proto'; import weak "c.proto";
            option (x) = { y: "}{" }; message M { import "no.proto"; message N { string import = 1 [a = {b: 1}]; } }"#,
        );
        assert_eq!(outline.edition.as_deref(), Some("2023"));
        assert_eq!(outline.package, "acme.v1");
        assert_eq!(outline.imports, ["a.proto", "b.proto", "c.proto"]);
        assert_eq!(outline.depth, 4);
    }

    #[test]
    fn takes_anything() {
        for source in [
            "",
            "\"",
            "'\\",
            "/*",
            "//",
            "}}}",
            "import \"é",
            "\u{feff}é;",
            "package ;;;",
            "edition = 2023;",
        ] {
            assert_eq!(Outline::of(source), Outline::default(), "{source}");
        }
    }
}
