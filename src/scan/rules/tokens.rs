//! Tokens that say what they are to anybody: JSON Web Tokens.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::super::form::holds;
use super::super::text::Text;
use super::{Grounds, Rule, at};

pub(super) const RULES: &[Rule] = &[at(
    "json-web-token",
    "a JSON Web Token",
    Grounds::Form,
    &[b"eyj"],
    jwt,
    "https://www.rfc-editor.org/rfc/rfc7519",
)];

/// Three pieces of base64, the first one an object that names an algorithm.
fn jwt(text: &Text<'_>, at: usize) -> Option<Range<usize>> {
    if !(text.has(at, b"eyJ") && text.begins_word(at)) {
        return None;
    }
    let word = |from: usize| text.run(from, 2048, |byte| holds(b'w', byte));
    let head = word(at);
    let claims_at = at + head + 1;
    let claims = word(claims_at);
    let seal_at = claims_at + claims + 1;
    let seal = word(seal_at);
    let dots = text.has(claims_at - 1, b".") && text.has(seal_at - 1, b".");
    if !(dots && claims >= 16 && seal >= 40 && text.has(claims_at, b"eyJ")) {
        return None;
    }
    let head = URL_SAFE_NO_PAD.decode(text.get(at..at + head)).ok()?;
    let head: serde_json::Value = serde_json::from_slice(&head).ok()?;
    let algorithm = head.get("alg")?.as_str()?;
    (algorithm != "none").then_some(at..seal_at + seal)
}
