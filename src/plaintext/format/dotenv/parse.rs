//! The grammar of dotenv files, read in one pass.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

use zeroize::Zeroizing;

use crate::lines::MAX_FILE;
use crate::name::ValueName;
use crate::plaintext::layout::Style;
use crate::secret::Plain;

/// A file that reads as dotenv.
pub(super) struct Parsed {
    /// In the order of the file; a name may stand there more than once.
    pub(super) assignments: Vec<Assignment>,
    /// Whether lines end in CRLF.
    pub(super) crlf: bool,
}

/// One `NAME=value`.
pub(super) struct Assignment {
    pub(super) name: ValueName,
    pub(super) value: Plain,
    /// Where the value stands in the file, with its quotes.
    pub(super) span: Range<usize>,
    pub(super) style: Style,
    /// Its first line, from 1.
    pub(super) line: usize,
    /// Those since the assignment before, and the one behind the value; behind the last one, all
    /// that follow.
    pub(super) comments: Vec<Comment>,
    pub(super) marks: BTreeSet<Mark>,
}

/// A comment.
pub(super) struct Comment {
    /// What it says, without `#` and blanks.
    pub(super) text: Zeroizing<String>,
    pub(super) line: usize,
}

/// Something about a value that a person may not expect.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Mark {
    /// A `$` or backquote outside single quotes, which elsewhere might be expanded.
    Unexpanded,
    /// A `\` between double quotes on which readers differ.
    Escape,
}

/// Where a file stops to read as dotenv, and why. It repeats nothing of the file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Fault {
    pub(super) line: Option<usize>,
    pub(super) why: Why,
}

/// What no two readers of dotenv files agree on, or none takes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Why {
    TooLarge,
    NotUtf8,
    Control,
    NoAssignment,
    Name,
    Continuation,
    Backquotes,
    Unterminated,
    BehindQuote,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLarge => "it is larger than 16 MiB",
            Self::NotUtf8 => "it is not UTF-8",
            Self::Control => "a NUL or a CR without LF",
            Self::NoAssignment => "no `NAME=value`",
            Self::Name => "a name that no value can have",
            Self::Continuation => "a `\\` at the end of the line",
            Self::Backquotes => "a value in backquotes",
            Self::Unterminated => "a quote that nothing ends",
            Self::BehindQuote => "more behind the quoted value",
        })
    }
}

/// Reads a whole file.
///
/// # Errors
/// [`Fault`] at the first line that is not of the grammar.
pub(super) fn parse(bytes: &[u8]) -> Result<Parsed, Fault> {
    let fault = |why| Fault { line: None, why };
    if bytes.len() > MAX_FILE {
        return Err(fault(Why::TooLarge));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| fault(Why::NotUtf8))?;
    let mut reader = Reader {
        whole: text.len(),
        rest: text.strip_prefix('\u{feff}').unwrap_or(text),
        line: 1,
        crlf: false,
    };
    let mut assignments: Vec<Assignment> = Vec::new();
    let mut comments = Vec::new();
    while !reader.rest.is_empty() {
        reader.skip_blanks();
        match reader.rest.chars().next() {
            None => {}
            Some('\n' | '\r') => reader.end_line()?,
            Some('#') => comments.push(reader.comment()?),
            Some(_) => {
                let mut assignment = reader.assignment()?;
                // Its own comment, behind the value, comes after those above it.
                comments.append(&mut assignment.comments);
                assignment.comments = std::mem::take(&mut comments);
                assignments.push(assignment);
            }
        }
    }
    if let Some(last) = assignments.last_mut() {
        last.comments.append(&mut comments);
    }
    Ok(Parsed {
        assignments,
        crlf: reader.crlf,
    })
}

const BLANKS: [char; 2] = [' ', '\t'];

struct Reader<'a> {
    whole: usize,
    rest: &'a str,
    line: usize,
    crlf: bool,
}

impl<'a> Reader<'a> {
    fn fail<T>(&self, why: Why) -> Result<T, Fault> {
        Err(Fault {
            line: Some(self.line),
            why,
        })
    }

    fn skip_blanks(&mut self) -> bool {
        let trimmed = self.rest.trim_start_matches(BLANKS);
        let skipped = trimmed.len() < self.rest.len();
        self.rest = trimmed;
        skipped
    }

    /// Takes the rest of the line, without its end.
    fn take_line(&mut self) -> Result<&'a str, Fault> {
        let (line, rest) = match self.rest.split_once('\n') {
            Some((line, rest)) => (line, rest),
            None => (self.rest, ""),
        };
        let ended = line.len() < self.rest.len();
        let text = match line.strip_suffix('\r') {
            Some(text) if ended => {
                self.crlf = true;
                text
            }
            _ => line,
        };
        if text.contains(['\r', '\0']) {
            return self.fail(Why::Control);
        }
        self.rest = rest;
        self.line += usize::from(ended);
        Ok(text)
    }

    /// Takes the end of a line with nothing left on it.
    fn end_line(&mut self) -> Result<(), Fault> {
        self.take_line().map(drop)
    }

    fn comment(&mut self) -> Result<Comment, Fault> {
        let line = self.line;
        Ok(Comment::new(self.take_line()?, line))
    }

    fn assignment(&mut self) -> Result<Assignment, Fault> {
        let (start, line) = (self.rest, self.line);
        let this_line = start.split_once('\n').map_or(start, |(line, _)| line);
        let Some((name, _)) = this_line.split_once('=') else {
            return self.fail(Why::NoAssignment);
        };
        self.rest = start.get(name.len() + 1..).unwrap_or_default();
        let name = name.trim_end_matches(BLANKS);
        let name = match name.strip_prefix("export") {
            Some(exported) if exported.starts_with(BLANKS) => exported.trim_start_matches(BLANKS),
            _ => name,
        };
        let Ok(name) = name.parse::<ValueName>() else {
            return self.fail(Why::Name);
        };
        let behind_sign = self.place();
        let blank = self.skip_blanks();
        let mut marks = BTreeSet::new();
        let mut comments = Vec::new();
        let mut start = self.place();
        let (value, end, style) = match self.rest.chars().next() {
            Some('\'') => {
                let (value, end) = self.single(&mut comments)?;
                (value, end, Style::Single)
            }
            Some('"') => {
                let (value, end) = self.double(&mut marks, &mut comments)?;
                (value, end, Style::Double)
            }
            Some('`') => return self.fail(Why::Backquotes),
            _ => {
                let value = self.bare(blank, &mut marks, &mut comments)?;
                // Of `NAME= # none` the blank belongs to the comment, whatever the value becomes.
                if value.is_empty() {
                    start = behind_sign;
                }
                let end = start + value.len();
                (value, end, Style::Bare)
            }
        };
        Ok(Assignment {
            name,
            value: Plain::from(value.as_str()),
            span: start..end,
            style,
            line,
            comments,
            marks,
        })
    }

    /// How far it has read.
    fn place(&self) -> usize {
        self.whole - self.rest.len()
    }

    /// A value without quotes: the line, up to a `#` behind a blank.
    fn bare(
        &mut self,
        blank: bool,
        marks: &mut BTreeSet<Mark>,
        comments: &mut Vec<Comment>,
    ) -> Result<Zeroizing<String>, Fault> {
        let line = self.line;
        let text = self.take_line()?;
        let mut before = if blank { ' ' } else { '=' };
        let hash = text.char_indices().find_map(|(at, character)| {
            let found = character == '#' && BLANKS.contains(&before);
            before = character;
            found.then_some(at)
        });
        let (value, comment) = text.split_at(hash.unwrap_or(text.len()));
        if !comment.is_empty() {
            comments.push(Comment::new(comment, line));
        }
        let value = value.trim_end_matches(BLANKS);
        if value.ends_with('\\') {
            return Err(Fault {
                line: Some(line),
                why: Why::Continuation,
            });
        }
        if value.contains(['$', '`']) {
            marks.insert(Mark::Unexpanded);
        }
        Ok(Zeroizing::new(value.to_owned()))
    }

    fn single(&mut self, comments: &mut Vec<Comment>) -> Result<(Zeroizing<String>, usize), Fault> {
        let inside = self.rest.get(1..).unwrap_or_default();
        let Some((value, rest)) = inside.split_once('\'') else {
            return self.fail(Why::Unterminated);
        };
        let value = self.lines_of(value)?;
        self.rest = rest;
        let end = self.place();
        self.behind_quote(comments)?;
        Ok((value, end))
    }

    fn double(
        &mut self,
        marks: &mut BTreeSet<Mark>,
        comments: &mut Vec<Comment>,
    ) -> Result<(Zeroizing<String>, usize), Fault> {
        let inside = self.rest.get(1..).unwrap_or_default();
        let mut value = Zeroizing::new(String::new());
        let mut characters = inside.char_indices();
        let end = loop {
            match characters.next() {
                None => return self.fail(Why::Unterminated),
                Some((at, '"')) => break at,
                Some((_, '\\')) => match characters.next() {
                    None => return self.fail(Why::Unterminated),
                    Some((_, escaped)) => unescape(escaped, &mut value, marks),
                },
                // Half of a line end: any other is refused below.
                Some((_, '\r')) => {}
                Some((_, other)) => {
                    value.push(other);
                    if matches!(other, '$' | '`') {
                        marks.insert(Mark::Unexpanded);
                    }
                }
            }
        };
        let (raw, rest) = inside.split_at(end);
        self.lines_of(raw)?;
        self.rest = rest.get(1..).unwrap_or_default();
        let end = self.place();
        self.behind_quote(comments)?;
        Ok((value, end))
    }

    /// Counts the lines of a quoted value, and makes its line ends LF.
    fn lines_of(&mut self, value: &str) -> Result<Zeroizing<String>, Fault> {
        let lines = Zeroizing::new(value.replace("\r\n", "\n"));
        if lines.contains(['\r', '\0']) {
            return self.fail(Why::Control);
        }
        self.crlf |= lines.len() < value.len();
        self.line += lines.matches('\n').count();
        Ok(lines)
    }

    /// Behind a quoted value there is nothing but blanks, and a comment behind one of them.
    fn behind_quote(&mut self, comments: &mut Vec<Comment>) -> Result<(), Fault> {
        let blank = self.skip_blanks();
        let line = self.line;
        let rest = self.take_line()?;
        if rest.is_empty() {
            return Ok(());
        }
        if blank && rest.starts_with('#') {
            comments.push(Comment::new(rest, line));
            return Ok(());
        }
        Err(Fault {
            line: Some(line),
            why: Why::BehindQuote,
        })
    }
}

impl Comment {
    fn new(source: &str, line: usize) -> Self {
        let source = source.trim_end_matches(BLANKS);
        let text = source.trim_matches('#').trim();
        // A line under or around a heading.
        let text = if text.starts_with("===") {
            text.trim_matches('=').trim()
        } else {
            text
        };
        Self {
            text: Zeroizing::new(text.to_owned()),
            line,
        }
    }
}

/// What a `\` and a character between double quotes stand for in docker compose.
fn unescape(escaped: char, value: &mut String, marks: &mut BTreeSet<Mark>) {
    let meant = match escaped {
        '"' | '\\' | '$' | '`' => return value.push(escaped),
        'n' => Some('\n'),
        'r' => Some('\r'),
        't' => Some('\t'),
        _ => None,
    };
    // A shell knows the four above alone.
    marks.insert(Mark::Escape);
    match meant {
        Some(meant) => value.push(meant),
        None => {
            value.push('\\');
            value.extend((escaped != '\r').then_some(escaped));
        }
    }
}
