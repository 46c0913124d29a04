//! Takes known values out of a stream of output before it is shown.
//!
//! A program that was given a secret may print it. The redactor knows the values that this run
//! handed out, also in their base64, URL, hexadecimal and JSON forms, and holds back what may be the
//! beginning of one of them, so that a value split over two packets is found. It is a best effort: a
//! program that turns a value around gets it through.

use memchr::memmem;
use zeroize::Zeroizing;

use super::Plain;
use super::forms::forms;

/// What stands in the output where a value stood.
const MARK: &[u8] = b"[redacted]";

/// Shorter values would redact ordinary words, and guard nothing.
const SHORTEST: usize = 4;

/// How a text ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum End {
    /// As whoever wrote it meant.
    Whole,
    /// Anywhere: there was more, or there may have been.
    Cut,
}

impl End {
    /// As what was read up to a limit, or beyond.
    #[must_use]
    pub fn of(is_cut: bool) -> Self {
        match is_cut {
            true => Self::Cut,
            false => Self::Whole,
        }
    }
}

/// Replaces the values it knows in everything that is pushed through it.
#[derive(Clone, Default)]
pub struct Redactor {
    /// Longest first, so that a value that contains another is taken whole; all but those learned last.
    forms: Vec<Zeroizing<Vec<u8>>>,
    /// How many of them are in that order.
    ordered: usize,
    held: Zeroizing<Vec<u8>>,
}

impl Redactor {
    /// A redactor that knows nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Learns a value in all the forms it is looked for in; each line of a longer text counts.
    pub fn learn(&mut self, value: &Plain) {
        value.with(|bytes| {
            let trimmed = bytes.trim_ascii();
            self.learn_forms(trimmed);
            if !trimmed.contains(&b'\n') {
                return;
            }
            for line in trimmed.split(|byte| *byte == b'\n') {
                let line = line.trim_ascii();
                // A line of a key file or a configuration; short ones are brackets and keywords.
                if line.len() >= 12 {
                    self.learn_forms(line);
                }
            }
        });
    }

    fn learn_forms(&mut self, bytes: &[u8]) {
        if bytes.len() >= SHORTEST {
            self.forms
                .extend(forms(bytes).into_iter().map(|(_, spelling)| spelling));
        }
    }

    /// A redactor that knows these values.
    #[must_use]
    pub fn of<'v>(values: impl IntoIterator<Item = &'v Plain>) -> Self {
        let mut redactor = Self::new();
        values.into_iter().for_each(|value| redactor.learn(value));
        redactor
    }

    /// Gives back a text that is there at once. What may be the beginning of a value at an end that was cut is
    /// left out: the rest of the value is what was cut off. It begins where it was written from.
    #[must_use]
    pub fn text(&mut self, text: &[u8], end: End) -> Vec<u8> {
        let mut shown = self.push(text);
        match end {
            End::Whole => shown.extend(self.finish()),
            End::Cut => self.held = Zeroizing::default(),
        }
        shown
    }

    /// Takes output and gives back what may be shown by now: all of it but an end with which a value
    /// could begin, so that a prompt is not held back.
    pub fn push(&mut self, output: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(output);
        self.release(Self::beginning)
    }

    /// Gives back the rest, at the end of the output.
    pub fn finish(&mut self) -> Vec<u8> {
        self.release(|redactor, _| redactor.held.len())
    }

    /// Gives out what lies before `hold`, which is told for what follows each match.
    fn release(&mut self, hold: impl Fn(&Self, usize) -> usize) -> Vec<u8> {
        if self.ordered != self.forms.len() {
            self.forms
                .sort_unstable_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
            self.forms.dedup();
            self.ordered = self.forms.len();
        }
        let mut out = Vec::new();
        let mut from = 0;
        let mut kept = hold(self, from);
        // Where each form stands next: looked for again only once that is passed, or output that is full of
        // values would be gone through for each of them.
        let find = |form: &Zeroizing<Vec<u8>>| memmem::find(&self.held, form);
        let mut places: Vec<Option<usize>> = self.forms.iter().map(find).collect();
        // What begins at or behind `kept` may still become a longer value.
        while let Some((at, len)) = self
            .first_match(from, &mut places)
            .filter(|(at, _)| *at < kept)
        {
            out.extend_from_slice(self.held.get(from..at).unwrap_or_default());
            out.extend_from_slice(MARK);
            from = at + len;
            if from > kept {
                kept = hold(self, from);
            }
        }
        out.extend_from_slice(self.held.get(from..kept).unwrap_or_default());
        self.held = Zeroizing::new(self.held.get(kept..).unwrap_or_default().to_vec());
        out
    }

    /// Where the longest end of what is held begins, at or after `from`, with which a value could
    /// begin; the end itself if there is none.
    fn beginning(&self, from: usize) -> usize {
        let held = self.held.as_slice();
        let mut first = held.len();
        for form in &self.forms {
            let Some(byte) = form.first() else { continue };
            // An end as long as the value would be the value, and is a match.
            let start = from.max(held.len().saturating_sub(form.len() - 1));
            let tail = held.get(start..first).unwrap_or_default();
            let begins = |at: &usize| form.starts_with(held.get(start + at..).unwrap_or_default());
            if let Some(at) = memchr::memchr_iter(*byte, tail).find(begins) {
                first = start + at;
            }
        }
        first
    }

    /// The earliest match at or after `from`; of those that begin there, the longest.
    fn first_match(&self, from: usize, places: &mut [Option<usize>]) -> Option<(usize, usize)> {
        let rest = self.held.get(from..)?;
        let mut best: Option<(usize, usize)> = None;
        for (form, place) in self.forms.iter().zip(places) {
            if place.is_some_and(|at| at < from) {
                *place = memmem::find(rest, form).map(|at| from + at);
            }
            // The longest come first, so another one at the same place is shorter.
            if let Some(at) = *place
                && best.is_none_or(|(earliest, _)| at < earliest)
            {
                best = Some((at, form.len()));
            }
        }
        best
    }
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Redactor(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(values: &[&str], chunks: &[&str]) -> String {
        let mut redactor = Redactor::new();
        for value in values {
            redactor.learn(&Plain::from(*value));
        }
        let mut out = Vec::new();
        for chunk in chunks {
            out.extend(redactor.push(chunk.as_bytes()));
        }
        out.extend(redactor.finish());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_value_split_over_two_packets_is_found() {
        assert_eq!(
            shown(&["hunter2!"], &["pass=hun", "ter2! ok"]),
            "pass=[redacted] ok"
        );
    }

    #[test]
    fn base64_url_hex_and_json_forms_are_found() {
        let out = shown(
            &["p@ss w\"rd"],
            &["cEBzcyB3InJk p%40ss%20w%22rd 7040737320772272 p@ss w\\\"rd"],
        );
        assert!(
            !out.contains("cEBz") && !out.contains("p%40") && !out.contains("p@ss"),
            "{out}"
        );
    }

    #[test]
    fn a_value_that_contains_another_is_taken_whole() {
        assert_eq!(
            shown(&["secret", "secret-longer"], &["a secret-lon", "ger b"]),
            "a [redacted] b"
        );
    }

    #[test]
    fn each_line_of_a_longer_value_is_found_alone() {
        let value = "-----BEGIN-----\nMHcCAQEEIIrY\nexactly-11c\nexactly-12ch\n}\n";
        assert_eq!(
            shown(&[value], &["a exactly-12ch b exactly-11c c MHcCAQEEIIrY }"]),
            "a [redacted] b exactly-11c c [redacted] }"
        );
        // Nor is how far a line is indented, or how it ends: `true` is no secret.
        let value = "[\r\n  exactly-12ch\r\n                true,\r\n]";
        assert_eq!(
            shown(&[value], &["exactly-12ch is true, is it\n"]),
            "[redacted] is true, is it\n"
        );
        // The blanks around a value are no part of what is looked for.
        assert_eq!(shown(&[" \thunter2!\n"], &["=hunter2!;"]), "=[redacted];");
    }

    #[test]
    fn a_whole_value_at_the_end_is_not_held_back() {
        let mut redactor = Redactor::new();
        redactor.learn(&Plain::from("hunter2!"));
        assert_eq!(redactor.push(b"is hunter2!"), b"is [redacted]");
        assert_eq!(redactor.finish(), b"");
        assert_eq!(format!("{redactor:?}"), "Redactor(..)");
    }

    #[test]
    fn a_value_of_four_characters_is_the_shortest_that_is_found() {
        assert_eq!(shown(&["abcd"], &["abcdabc"]), "[redacted]abc");
        assert_eq!(shown(&["abc"], &["abcdabc"]), "abcdabc");
    }

    #[test]
    fn what_is_learned_late_counts_from_then_on() {
        let mut redactor = Redactor::new();
        redactor.learn(&Plain::from("secret-longer"));
        assert_eq!(redactor.push(b"abcd secret"), b"abcd ");
        redactor.learn(&Plain::from("secret"));
        redactor.learn(&Plain::from("abcd"));
        assert_eq!(redactor.push(b"-longer secret!"), b"[redacted] [redacted]!");
        assert_eq!(redactor.push(b"secret"), b"");
        redactor.learn(&Plain::from("cret"));
        assert_eq!(redactor.finish(), b"[redacted]");
        assert_eq!(redactor.push(b"abcd cret"), b"[redacted] [redacted]");
    }

    #[test]
    fn everything_else_passes_unchanged() {
        assert_eq!(shown(&["hunter2!"], &["a", "bc", "hunter"]), "abchunter");
    }

    #[test]
    fn only_what_may_be_a_value_is_held_back() {
        let mut redactor = Redactor::new();
        redactor.learn(&Plain::from("hunter2!"));
        redactor.learn(&Plain::from("hunter2!-and-more"));
        assert_eq!(redactor.push(b"password: "), b"password: ");
        assert_eq!(redactor.push(b"ah"), b"a");
        assert_eq!(redactor.push(b"unter"), b"");
        assert_eq!(redactor.push(b"s? hunter2!"), b"hunters? ");
        assert_eq!(redactor.push(b" "), b"[redacted] ");
        assert_eq!(redactor.push(b"hunter2!-and"), b"");
        assert_eq!(redactor.finish(), b"[redacted]-and");
    }

    #[test]
    fn what_may_begin_a_value_is_not_shown_where_a_text_was_cut() {
        let mut redactor = Redactor::of(&[Plain::from("hunter2!")]);
        let text = b"a hunter2! b hunter";
        assert_eq!(redactor.text(text, End::Whole), b"a [redacted] b hunter");
        assert_eq!(redactor.text(text, End::Cut), b"a [redacted] b ");
        // And the next text is another one.
        assert_eq!(redactor.text(b"2! c\n", End::Cut), b"2! c\n");
        assert_eq!(End::of(true), End::Cut);
    }

    proptest::proptest! {
        /// However the output is cut, it comes out as if it had come at once.
        #[test]
        fn cuts_change_nothing(words in proptest::collection::vec("(abcd|abcde|bcab|[a-e]{0,3})", 0..12), cuts: Vec<u8>) {
            let text = words.concat();
            let whole = shown(&["abcd", "abcdeab", "bcabc"], &[&text]);
            let mut chunks = Vec::new();
            let mut rest = text.as_str();
            for cut in cuts {
                let (front, back) = rest.split_at(usize::from(cut) % 7 % (rest.len() + 1));
                chunks.push(front);
                rest = back;
            }
            chunks.push(rest);
            proptest::prop_assert_eq!(shown(&["abcd", "abcdeab", "bcabc"], &chunks), whole);
        }
    }
}
