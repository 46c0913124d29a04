//! The text around a place, as rules look at it.

use std::ops::Range;

/// How far from a place a line is followed: longer lines are data, and nobody reads their ends.
const LINE: usize = 2048;

/// What kind of file a text is of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Nature {
    /// Source code: a value stands in quotes.
    Source,
    /// Settings, notes, scripts: a value may stand bare.
    Settings,
    /// No text at all.
    Binary,
}

/// A piece of a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text<'a> {
    /// The bytes, with what stands before and behind as far as it is held.
    pub(super) bytes: &'a [u8],
    /// The file's name without folders, in small letters.
    pub(super) name: &'a str,
    /// What kind of file it is.
    pub(super) nature: Nature,
    /// Whether the first byte is the file's first.
    pub(super) from_start: bool,
    /// Whether it is a file of a vault's in which `secret = "…"` names a secret: a hook, or its settings.
    pub(super) names_secrets: bool,
}

/// Endings of files in languages whose texts stand in quotes.
const SOURCES: &[&str] = &[
    "rs", "c", "h", "cc", "cpp", "cxx", "hh", "hpp", "cs", "java", "kt", "kts", "scala", "go",
    "js", "jsx", "mjs", "cjs", "ts", "tsx", "py", "pyi", "rb", "php", "swift", "m", "mm", "dart",
    "lua", "pl", "pm", "r", "ex", "exs", "erl", "hs", "ml", "fs", "vb", "sql", "asm", "s", "zig",
    "nim", "proto", "css", "scss", "vue", "svelte", "html", "htm", "md", "rst", "adoc", "tex",
    "patch", "diff", "svg", "ipynb", "groovy",
];

impl Nature {
    /// By a file's name and its beginning.
    #[must_use]
    pub(super) fn of(name: &str, beginning: &[u8]) -> Self {
        let beginning = beginning.get(..8192).unwrap_or(beginning);
        if memchr::memchr(0, beginning).is_some() {
            return Self::Binary;
        }
        let ending = name.rsplit_once('.').map(|(_, ending)| ending);
        match ending {
            Some(ending) if SOURCES.contains(&ending) => Self::Source,
            _ => Self::Settings,
        }
    }
}

/// Whether `secret = "…"` names a secret in a file at this path.
#[must_use]
pub(super) fn names_secrets(path: &str) -> bool {
    let mut parts = path.rsplit('/');
    match (parts.next(), parts.next()) {
        (Some("clws.toml"), _) => true,
        (Some(name), Some("hooks")) => name.ends_with(".toml"),
        _ => false,
    }
}

impl<'a> Text<'a> {
    /// A whole text of a file of this name.
    #[must_use]
    #[cfg(test)]
    pub(super) fn of(bytes: &'a [u8], name: &'a str) -> Self {
        Self {
            bytes,
            name,
            nature: Nature::of(name, bytes),
            from_start: true,
            names_secrets: names_secrets(name),
        }
    }

    /// The byte at a place.
    pub(super) fn byte(&self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    /// The byte before a place.
    pub(super) fn before(&self, at: usize) -> Option<u8> {
        self.byte(at.checked_sub(1)?)
    }

    /// A piece, as far as it is there.
    pub(super) fn get(&self, range: Range<usize>) -> &'a [u8] {
        let end = range.end.min(self.bytes.len());
        self.bytes
            .get(range.start.min(end)..end)
            .unwrap_or_default()
    }

    /// What stands from a place on.
    pub(super) fn from(&self, at: usize) -> &'a [u8] {
        self.bytes.get(at..).unwrap_or_default()
    }

    /// Whether exactly these bytes stand at a place.
    pub(super) fn has(&self, at: usize, what: &[u8]) -> bool {
        self.from(at).starts_with(what)
    }

    /// How many bytes from a place on `holds` takes, at most `most`.
    pub(super) fn run(&self, at: usize, most: usize, holds: impl Fn(u8) -> bool) -> usize {
        let bytes = self.from(at).iter().take(most);
        bytes.take_while(|byte| holds(**byte)).count()
    }

    /// How many bytes before a place `holds` takes, at most `most`.
    pub(super) fn run_before(&self, at: usize, most: usize, holds: impl Fn(u8) -> bool) -> usize {
        let bytes = self
            .bytes
            .get(..at)
            .unwrap_or_default()
            .iter()
            .rev()
            .take(most);
        bytes.take_while(|byte| holds(**byte)).count()
    }

    /// The line around a place, without its end.
    pub(super) fn line(&self, at: usize) -> Range<usize> {
        let from = at.saturating_sub(LINE);
        let start =
            memchr::memrchr2(b'\n', b'\r', self.get(from..at)).map_or(from, |n| from + n + 1);
        let ahead = self.get(at..at + LINE);
        let end = memchr::memchr2(b'\n', b'\r', ahead).unwrap_or(ahead.len());
        start..at + end
    }

    /// Whether a word may begin here: nothing before it belongs to it, or only an escape (`\n`, `%3D`).
    pub(super) fn begins_word(&self, at: usize) -> bool {
        let Some(before) = self.before(at) else {
            return true;
        };
        if !(before.is_ascii_alphanumeric() || before == b'_') {
            return true;
        }
        let escape = at.checked_sub(2).and_then(|two| self.byte(two));
        let percent = at.checked_sub(3).and_then(|three| self.byte(three));
        (escape == Some(b'\\') && matches!(before, b'n' | b'r' | b't'))
            || (percent == Some(b'%') && self.get(at - 2..at).iter().all(u8::is_ascii_hexdigit))
    }

    /// Whether a word ends here: nothing behind it belongs to it.
    pub(super) fn ends_word(&self, at: usize) -> bool {
        !self
            .byte(at)
            .is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    }
}
