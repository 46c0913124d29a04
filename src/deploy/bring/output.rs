//! What commands on a target print, as people see it: line by line with the host's and the
//! component's name before it, without the values that the component was given, safe for a terminal.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::channel::{OUTPUT_CAP, Source};
use crate::secret::{Plain, Redactor};
use crate::text::clean;

/// A line is cut where it becomes longer: nobody reads it, and it is held in memory.
const LONGEST: usize = 4096;

/// How many lines an error shows.
const LAST: usize = 10;

/// What is shown of one host: 1 MiB, as promised in docs/security.md.
pub(in crate::deploy) struct Quota<'a> {
    say: &'a (dyn Fn(&str) + Sync),
    host: String,
    left: AtomicUsize,
}

impl<'a> Quota<'a> {
    pub(in crate::deploy) fn new(say: &'a (dyn Fn(&str) + Sync), host: &str) -> Self {
        Self {
            say,
            host: host.to_owned(),
            left: AtomicUsize::new(OUTPUT_CAP),
        }
    }

    /// Shows a line, while there is room; says once that there is none.
    pub(in crate::deploy) fn say(&self, line: &str) {
        let left = self.left.load(Ordering::Relaxed);
        let rest = left.saturating_sub(line.len() + 1);
        self.left.store(rest, Ordering::Relaxed);
        if rest > 0 {
            (self.say)(line);
        } else if left > 0 {
            (self.say)(&format!(
                "{} | (there was more, which is not shown)",
                self.host
            ));
        }
    }
}

/// Turns what a command prints into lines, and keeps the last of them.
pub(in crate::deploy) struct Shown<'a> {
    say: &'a (dyn Fn(&str) + Sync),
    prefix: String,
    out: Stream,
    err: Stream,
    last: Vec<String>,
}

#[derive(Default)]
struct Stream {
    redactor: Redactor,
    line: Vec<u8>,
}

impl<'a> Shown<'a> {
    /// `prefix` stands before each line; none of `values` is shown.
    pub(in crate::deploy) fn new<'v>(
        say: &'a (dyn Fn(&str) + Sync),
        prefix: String,
        values: impl Iterator<Item = &'v Plain>,
    ) -> Self {
        let mut redactor = Redactor::new();
        values.for_each(|value| redactor.learn(value));
        let stream = |redactor| Stream {
            redactor,
            line: Vec::new(),
        };
        Self {
            say,
            prefix,
            out: stream(redactor.clone()),
            err: stream(redactor),
            last: Vec::new(),
        }
    }

    /// Takes output as it comes.
    pub(in crate::deploy) fn push(&mut self, source: Source, bytes: &[u8]) {
        let stream = match source {
            Source::Out => &mut self.out,
            Source::Err => &mut self.err,
        };
        let shown = stream.redactor.push(bytes);
        stream.line.extend_from_slice(&shown);
        self.lines(source, false);
    }

    /// Takes the end of the output. What was cut off there may be the beginning of a value, and is
    /// not shown.
    pub(in crate::deploy) fn finish(&mut self, cut: bool) {
        for source in [Source::Out, Source::Err] {
            let stream = match source {
                Source::Out => &mut self.out,
                Source::Err => &mut self.err,
            };
            if !cut {
                let rest = stream.redactor.finish();
                stream.line.extend_from_slice(&rest);
            }
            self.lines(source, true);
        }
        if cut {
            self.line(b"(there was more, which is not shown)");
        }
    }

    /// The last lines, for an error.
    pub(in crate::deploy) fn last(&self) -> &[String] {
        &self.last
    }

    fn lines(&mut self, source: Source, all: bool) {
        let stream = match source {
            Source::Out => &mut self.out,
            Source::Err => &mut self.err,
        };
        let mut lines = std::mem::take(&mut stream.line);
        let mut from = 0;
        let mut found = Vec::new();
        while let Some(rest) = lines.get(from..).filter(|rest| !rest.is_empty()) {
            let end = memchr::memchr(b'\n', rest);
            let (line, next) = match end {
                Some(end) => (rest.get(..end), end + 1),
                None if all || rest.len() > LONGEST => (Some(rest), rest.len()),
                None => break,
            };
            found.push(line.unwrap_or_default().to_vec());
            from += next;
        }
        lines.drain(..from);
        stream.line = lines;
        for line in found {
            for piece in line.chunks(LONGEST) {
                self.line(piece);
            }
        }
    }

    fn line(&mut self, bytes: &[u8]) {
        let text = clean(String::from_utf8_lossy(bytes).trim_end()).replace('\n', " ");
        if text.is_empty() {
            return;
        }
        (self.say)(&format!("{} | {text}", self.prefix));
        if self.last.len() == LAST {
            self.last.remove(0);
        }
        self.last.push(text);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    fn shown(pieces: &[&[u8]], cut: bool) -> Vec<String> {
        let said = Mutex::new(Vec::new());
        let say = |line: &str| said.lock().unwrap().push(line.to_owned());
        let values = [Plain::from("hunter2-hunter2")];
        let mut shown = Shown::new(&say, "box web".into(), values.iter());
        for piece in pieces {
            shown.push(Source::Out, piece);
        }
        shown.finish(cut);
        said.into_inner().unwrap()
    }

    #[test]
    fn lines_come_whole_without_values_and_safe() {
        let lines = shown(&[b"a hunter2-", b"hunter2 b\n\x1b[31mred\n\nend"], false);
        assert_eq!(lines[0], "box web | a [redacted] b");
        assert!(!lines[1].contains('\x1b') && lines[1].contains("red"));
        assert_eq!(lines[2..], ["box web | end"]);
    }

    #[test]
    fn a_value_that_was_cut_off_is_not_shown() {
        let lines = shown(&[b"a\nb hunter2-"], true);
        assert_eq!(lines[..2], ["box web | a", "box web | b"]);
        assert_eq!(shown(&[b"b hunter2-"], false), ["box web | b hunter2-"]);
    }

    #[test]
    fn of_one_host_a_mebibyte_is_shown() {
        let said = Mutex::new(Vec::new());
        let say = |line: &str| said.lock().unwrap().push(line.to_owned());
        let quota = Quota::new(&say, "box");
        let line = "x".repeat(1023);
        (0..2000).for_each(|_| quota.say(&line));
        let said = said.into_inner().unwrap();
        assert_eq!(said.len(), 1024);
        assert!(said[1023].starts_with("box | (there was more"));
    }

    #[test]
    fn a_line_without_an_end_is_cut() {
        let lines = shown(&[&[b'x'; 3 * LONGEST]], false);
        assert_eq!(lines.len(), 3);
    }
}
