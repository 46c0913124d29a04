//! What a CI runner is told to take out of its log.
//!
//! GitHub's runner reads lines `::add-mask::TEXT` from what a step prints, on either stream, and shows
//! `***` for TEXT from then on, in later steps too. It looks at its log line by line, so each line of a
//! value is a mask of its own. In TEXT it undoes `%0D`, `%0A` and then `%25`
//! (actions/runner, `ActionCommand.cs`).

use zeroize::Zeroizing;

use super::given::Given;
use crate::secret::{Plain, in_runner};

/// Shorter texts would make a log unreadable, and guard nothing: the redactor's own limit.
const SHORTEST: usize = 4;

/// The lines for GitHub's runner: one for each line of each value and of each file up to 64 KiB.
#[must_use]
pub fn for_github(given: &Given) -> Plain {
    let mut text = Plain::new(Vec::new());
    for value in given.small() {
        value.with(|bytes| {
            for line in bytes.split(|byte| matches!(byte, b'\n' | b'\r')) {
                let line = line.trim_ascii();
                if line.len() >= SHORTEST {
                    text.with_mut(|text| add(text, line));
                }
            }
        });
    }
    text
}

fn add(text: &mut Vec<u8>, line: &[u8]) {
    text.extend_from_slice(b"::add-mask::");
    text.extend_from_slice(&Zeroizing::new(in_runner(line)));
    text.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_a_mask_and_a_percent_sign_is_told_apart() {
        let value = |text: &str| Plain::new(text.as_bytes().to_vec());
        let given = Given {
            variables: vec![
                ("A".parse().unwrap(), value("100%0A safe")),
                (
                    "B".parse().unwrap(),
                    value("\n  first line \r\n{\nsecond\n"),
                ),
                ("C".parse().unwrap(), value("abc")),
            ],
            files: Vec::new(),
            no_print: false,
        };
        for_github(&given).with(|text| {
            let text = String::from_utf8_lossy(text);
            let wanted = "::add-mask::100%250A safe\n::add-mask::first line\n::add-mask::second\n";
            assert_eq!(text, wanted);
        });
    }
}
