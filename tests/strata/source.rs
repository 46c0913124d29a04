//! As much of Rust's grammar as it takes to find paths: words, punctuation, and what is no code.
#![expect(
    clippy::indexing_slicing,
    reason = "a place that is out of bounds fails the test"
)]

use std::path::{Path, PathBuf};

/// One file of `src/`, as its words.
pub(crate) struct Source {
    /// The path below `src/`.
    pub(crate) file: PathBuf,
    tokens: Vec<Token>,
}

/// A path that starts at the root of the crate: its first name.
pub(crate) struct Use {
    pub(crate) line: usize,
    pub(crate) name: String,
}

#[derive(Clone, Debug)]
struct Token {
    line: usize,
    /// A word, or one character of punctuation, or `::`.
    text: String,
}

impl Source {
    /// Reads a file; comments, literals and `#[cfg(test)]` items are left out.
    pub(crate) fn new(file: &Path, text: &str) -> Self {
        Self {
            file: file.to_owned(),
            tokens: without_tests(&tokens(text)),
        }
    }

    /// The top-level module that the file belongs to; none for `lib.rs` and `main.rs`.
    pub(crate) fn module(&self) -> Option<String> {
        self.path().into_iter().next()
    }

    /// Whether the file is `place.rs` or lies in the folder `place`.
    pub(crate) fn is_in(&self, place: &str) -> bool {
        self.file.starts_with(place) || self.file == Path::new(place).with_extension("rs")
    }

    /// The modules that the file declares.
    pub(crate) fn declared_modules(&self) -> Vec<String> {
        self.tokens
            .windows(3)
            .filter(|three| three[0].text == "mod" && three[2].text == ";")
            .map(|three| three[1].text.clone())
            .collect()
    }

    /// The first names of all paths from the crate's root: `crate::NAME`, `crate::{NAME, NAME}`,
    /// and `super::super::NAME` where that comes to the same.
    pub(crate) fn uses(&self) -> Vec<Use> {
        let depth = self.path().len();
        let mut uses = Vec::new();
        let mut at = 0;
        while at < self.tokens.len() {
            let start = at;
            let to_root = if self.is(at, "crate") && self.is(at + 1, "::") {
                at += 2;
                true
            } else {
                let mut supers = 0;
                while self.is(at, "super") && self.is(at + 1, "::") {
                    supers += 1;
                    at += 2;
                }
                supers > 0 && supers >= depth
            };
            if to_root {
                self.first_names(at, &mut uses);
            }
            at = at.max(start + 1);
        }
        uses
    }

    /// The lines where an outside crate is named at the start of a path, or imported whole.
    pub(crate) fn uses_of_crate(&self, name: &str) -> Vec<usize> {
        let starts_path = |at: usize| {
            let fresh = at == 0 || !(self.is(at - 1, "::") || self.is(at - 1, "."));
            let whole = [";", ",", "}", "as"].iter().any(|end| self.is(at + 1, end));
            fresh && (self.is(at + 1, "::") || (whole && self.is_imported(at)))
        };
        self.lines_where(|at| self.is(at, name) && starts_path(at))
    }

    /// Whether the word at `at` stands in a `use`.
    fn is_imported(&self, at: usize) -> bool {
        (0..at)
            .rev()
            .take_while(|before| !self.is(*before, ";"))
            .any(|before| self.is(before, "use"))
    }

    /// The lines where a macro is called.
    pub(crate) fn uses_of_macro(&self, name: &str) -> Vec<usize> {
        self.lines_where(|at| self.is(at, name) && self.is(at + 1, "!"))
    }

    fn lines_where(&self, holds: impl Fn(usize) -> bool) -> Vec<usize> {
        (0..self.tokens.len())
            .filter(|at| holds(*at))
            .map(|at| self.tokens[at].line)
            .collect()
    }

    /// The module path of the file: `vault/document.rs` is `["vault", "document"]`.
    fn path(&self) -> Vec<String> {
        let mut path: Vec<String> = self
            .file
            .with_extension("")
            .iter()
            .map(|part| part.to_string_lossy().into_owned())
            .collect();
        let last = path.last().map(String::as_str);
        if last == Some("mod") || (path.len() == 1 && matches!(last, Some("lib" | "main"))) {
            path.pop();
        }
        path
    }

    /// The name at `at`, or the first name of each branch if a group opens there.
    fn first_names(&self, at: usize, uses: &mut Vec<Use>) {
        if !self.is(at, "{") {
            uses.extend(self.tokens.get(at).map(Token::to_use));
            return;
        }
        let (mut depth, mut first) = (0, false);
        for token in &self.tokens[at..] {
            match token.text.as_str() {
                "{" => {
                    depth += 1;
                    first = depth == 1;
                }
                "}" => depth -= 1,
                "," => first = depth == 1,
                _ if first => {
                    uses.push(token.to_use());
                    first = false;
                }
                _ => {}
            }
            if depth == 0 {
                return;
            }
        }
    }

    fn is(&self, at: usize, text: &str) -> bool {
        self.tokens.get(at).is_some_and(|token| token.text == text)
    }
}

impl Token {
    fn to_use(&self) -> Use {
        Use {
            line: self.line,
            name: self.text.clone(),
        }
    }
}

/// Leaves out each item behind `#[cfg(test)]`, to its closing brace or semicolon.
fn without_tests(tokens: &[Token]) -> Vec<Token> {
    const MARK: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::new();
    let mut rest = tokens;
    while let Some(token) = rest.first() {
        let marked = rest.len() >= MARK.len() && MARK.iter().zip(rest).all(|(m, t)| *m == t.text);
        if marked {
            rest = after_item(&rest[MARK.len()..]);
        } else {
            kept.push(token.clone());
            rest = &rest[1..];
        }
    }
    kept
}

fn after_item(tokens: &[Token]) -> &[Token] {
    let import = tokens.first().is_some_and(|token| token.text == "use");
    let mut depth = 0_i32;
    for (at, token) in tokens.iter().enumerate() {
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        let ends = token.text == ";" || (token.text == "}" && !import);
        if depth == 0 && ends {
            return &tokens[at + 1..];
        }
    }
    &[]
}

fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let (mut at, mut line) = (0, 1);
    while at < chars.len() {
        let end = match skipped(&chars, at) {
            Some(end) => end,
            None if is_word(chars[at]) => {
                let end = word_end(&chars, at);
                tokens.push(Token {
                    line,
                    text: chars[at..end].iter().collect(),
                });
                end
            }
            None => {
                let end = at + if starts_with(&chars, at, "::") { 2 } else { 1 };
                tokens.push(Token {
                    line,
                    text: chars[at..end].iter().collect(),
                });
                end
            }
        };
        line += chars[at..end].iter().filter(|c| **c == '\n').count();
        at = end;
    }
    tokens
}

/// The end of what is no code at `at`: a blank, a comment, a literal, a lifetime.
fn skipped(chars: &[char], at: usize) -> Option<usize> {
    if chars[at].is_whitespace() {
        return Some(at + 1);
    }
    if starts_with(chars, at, "//") {
        let line = chars[at..].iter().position(|c| *c == '\n');
        return Some(line.map_or(chars.len(), |length| at + length));
    }
    if starts_with(chars, at, "/*") {
        return Some(comment_end(chars, at));
    }
    if chars[at] == '\'' {
        return Some(quote_end(chars, at));
    }
    // A prefix of a literal stands directly before it: b"…", r#"…"#, br"…", c"…", b'…'.
    let prefix = chars[at..]
        .iter()
        .take_while(|c| matches!(c, 'b' | 'r' | 'c'))
        .take(2)
        .count();
    let open = at + prefix;
    let hashes = chars[open.min(chars.len())..]
        .iter()
        .take_while(|c| **c == '#')
        .count();
    let raw = prefix > 0 && chars[at..open].contains(&'r');
    if raw && chars.get(open + hashes) == Some(&'"') {
        let close: String = std::iter::once('"')
            .chain(std::iter::repeat_n('#', hashes))
            .collect();
        let mut end = open + hashes + 1;
        while end < chars.len() && !starts_with(chars, end, &close) {
            end += 1;
        }
        return Some((end + close.len()).min(chars.len()));
    }
    match chars.get(open) {
        Some('"') => Some(string_end(chars, open)),
        Some('\'') if prefix == 1 && chars[at] == 'b' => Some(quote_end(chars, open)),
        _ => None,
    }
}

fn comment_end(chars: &[char], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0);
    while at < chars.len() {
        if starts_with(chars, at, "/*") {
            depth += 1;
            at += 2;
        } else if starts_with(chars, at, "*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    at
}

fn string_end(chars: &[char], open: usize) -> usize {
    let mut at = open + 1;
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(chars.len())
}

/// A character literal ends at its second quote, a lifetime behind its name.
fn quote_end(chars: &[char], open: usize) -> usize {
    if chars.get(open + 1) == Some(&'\\') {
        let from = open + 3;
        let close = chars.iter().skip(from).position(|c| *c == '\'');
        close.map_or(chars.len(), |length| from + length + 1)
    } else if chars.get(open + 2) == Some(&'\'') {
        open + 3
    } else {
        word_end(chars, open + 1)
    }
}

fn word_end(chars: &[char], start: usize) -> usize {
    let length = chars
        .iter()
        .skip(start)
        .take_while(|c| is_word(**c))
        .count();
    start + length
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn starts_with(chars: &[char], at: usize, text: &str) -> bool {
    let mut rest = chars.iter().skip(at);
    text.chars().all(|c| rest.next() == Some(&c))
}
