//! The spellings of a value that are looked for: its forms, and what others make of them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use zeroize::Zeroizing;

use crate::secret::{Form, forms};

/// From here on a value inside of a longer text in base64 still tells something.
const INSIDE: usize = 12;

/// Each spelling once: the forms of a value, its base64 inside of a longer text (`user:value`), and JSON with `\/`.
pub(super) fn spelled(value: &[u8]) -> Vec<(Form, Zeroizing<Vec<u8>>)> {
    let mut all = forms(value);
    let mut more = Vec::new();
    for (form, bytes) in &all {
        if *form == Form::Json && bytes.contains(&b'/') {
            let text = String::from_utf8_lossy(bytes).replace('/', "\\/");
            more.push((Form::Json, text.into_bytes()));
        }
    }
    if value.contains(&b'/') && std::str::from_utf8(value).is_ok() {
        let text = String::from_utf8_lossy(value).replace('/', "\\/");
        more.push((Form::Json, text.into_bytes()));
    }
    if value.len() >= INSIDE {
        for before in [1_usize, 2] {
            let shifted = Zeroizing::new([vec![0; before].as_slice(), value].concat());
            let whole = STANDARD_NO_PAD.encode(&*shifted).into_bytes();
            // What the bytes before and behind have a part in.
            let from = before + 1;
            let to = shifted.len() * 8 / 6;
            more.extend(
                whole
                    .get(from..to)
                    .map(|inner| (Form::Base64, inner.to_vec())),
            );
        }
        let whole = STANDARD_NO_PAD.encode(value).into_bytes();
        more.extend(
            whole
                .get(..value.len() * 8 / 6)
                .map(|inner| (Form::Base64, inner.to_vec())),
        );
    }
    for (form, bytes) in more {
        let bytes = Zeroizing::new(bytes);
        if bytes.len() >= 8 && all.iter().all(|(_, other)| *other != bytes) {
            all.push((form, bytes));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::STANDARD;

    #[test]
    fn a_value_is_seen_inside_of_longer_base64_wherever_it_begins() {
        let value = "correct/horse?battery";
        let all = spelled(value.as_bytes());
        for before in ["", "u", "us", "use", "user:", "user:x"] {
            for behind in ["", "\n", "\nab", "more"] {
                let text = STANDARD.encode(format!("{before}{value}{behind}"));
                let found = all.iter().any(|(form, spelling)| {
                    *form == Form::Base64
                        && memchr::memmem::find(text.as_bytes(), spelling).is_some()
                });
                assert!(found, "{before}…{behind}");
            }
        }
        let has = |text: &str| {
            all.iter()
                .any(|(_, spelling)| spelling.as_slice() == text.as_bytes())
        };
        assert!(has("correct%2fhorse%3fbattery") && has("correct\\/horse?battery"));
    }
}
