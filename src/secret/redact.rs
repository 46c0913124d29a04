//! Takes known values out of a stream of output before it is shown.
//!
//! A program that was given a secret may print it. The redactor knows the values that this run
//! handed out, also in their base64, URL, hexadecimal and JSON forms, and holds back as many bytes
//! as the longest of them, so that a value split over two packets is found. It is a best effort: a
//! program that turns a value around gets it through.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use memchr::memmem;
use zeroize::Zeroizing;

use super::Plain;

/// What stands in the output where a value stood.
const MARK: &[u8] = b"[redacted]";

/// Shorter values would redact ordinary words, and guard nothing.
const SHORTEST: usize = 4;

/// Replaces the values it knows in everything that is pushed through it.
#[derive(Default)]
pub struct Redactor {
    /// Longest first, so that a value that contains another is taken whole.
    forms: Vec<Zeroizing<Vec<u8>>>,
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
            for line in trimmed.split(|byte| *byte == b'\n') {
                // A line of a key file or a configuration; short ones are brackets and keywords.
                if line.len() >= 12 {
                    self.learn_forms(line.trim_ascii());
                }
            }
        });
        self.forms
            .sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        self.forms.dedup();
    }

    fn learn_forms(&mut self, bytes: &[u8]) {
        if bytes.len() < SHORTEST {
            return;
        }
        let mut add = |form: Vec<u8>| self.forms.push(Zeroizing::new(form));
        add(bytes.to_vec());
        add(STANDARD.encode(bytes).into_bytes());
        add(STANDARD_NO_PAD.encode(bytes).into_bytes());
        add(URL_SAFE_NO_PAD.encode(bytes).into_bytes());
        add(bytes
            .iter()
            .flat_map(|b| format!("{b:02x}").into_bytes())
            .collect());
        add(bytes
            .iter()
            .flat_map(|b| format!("{b:02X}").into_bytes())
            .collect());
        add(url_form(bytes));
        if let Ok(text) = std::str::from_utf8(bytes)
            && let Ok(quoted) = serde_json::to_string(text)
        {
            add(quoted.trim_matches('"').as_bytes().to_vec());
        }
    }

    /// Takes output and gives back what may be shown by now.
    pub fn push(&mut self, output: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(output);
        let keep = self
            .forms
            .first()
            .map_or(0, |longest| longest.len().saturating_sub(1));
        self.release(keep)
    }

    /// Gives back the rest, at the end of the output.
    pub fn finish(&mut self) -> Vec<u8> {
        self.release(0)
    }

    fn release(&mut self, keep: usize) -> Vec<u8> {
        let mut out = Vec::new();
        let mut from = 0;
        while let Some((at, len)) = self.first_match(from) {
            // A longer value may begin here and not be complete yet.
            if keep > 0 && at + keep + 1 > self.held.len() && !self.is_longest(len) {
                break;
            }
            out.extend_from_slice(self.held.get(from..at).unwrap_or_default());
            out.extend_from_slice(MARK);
            from = at + len;
        }
        let upto = self.held.len().saturating_sub(keep).max(from);
        let upto = match self.first_match(from) {
            Some((at, _)) => upto.min(at),
            None => upto,
        };
        out.extend_from_slice(self.held.get(from..upto).unwrap_or_default());
        self.held = Zeroizing::new(self.held.get(upto..).unwrap_or_default().to_vec());
        out
    }

    fn is_longest(&self, len: usize) -> bool {
        self.forms
            .first()
            .is_some_and(|longest| longest.len() == len)
    }

    /// The earliest match at or after `from`; of those that begin there, the longest.
    fn first_match(&self, from: usize) -> Option<(usize, usize)> {
        let rest = self.held.get(from..)?;
        let mut best: Option<(usize, usize)> = None;
        for form in &self.forms {
            if let Some(at) = memmem::find(rest, form)
                && best.is_none_or(|(earliest, len)| {
                    (at, form.len()) < (earliest, 0) || (at == earliest && form.len() > len)
                })
            {
                best = Some((at, form.len()));
            }
        }
        best.map(|(at, len)| (from + at, len))
    }
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Redactor(..)")
    }
}

/// Percent-encoding of everything but unreserved characters (RFC 3986, 2.3).
fn url_form(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(*byte),
            other => out.extend_from_slice(format!("%{other:02X}").as_bytes()),
        }
    }
    out
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
    fn everything_else_passes_unchanged() {
        assert_eq!(shown(&["hunter2!"], &["a", "bc", "hunter"]), "abchunter");
    }
}
