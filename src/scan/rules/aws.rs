//! Amazon's access keys: an id that says what it is, and a secret that does not.

use std::ops::Range;

use super::super::form::holds;
use super::super::placeholder::is_for_show;
use super::super::strength::mixes;
use super::super::text::Text;
use super::{Grounds, Rule, at, form};

const SOURCE: &str = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-prefixes";

/// How far around its id, or behind its name, a secret is looked for: a few lines.
const NEAR: usize = 400;

pub(super) const RULES: &[Rule] = &[
    form(
        "aws-access-key-id",
        "an access key id of AWS",
        &["AKIA{U16}", "ASIA{U16}"],
        SOURCE,
    ),
    at(
        "aws-secret-access-key",
        "a secret access key of AWS",
        Grounds::Place,
        &[
            b"akia",
            b"asia",
            b"secretaccesskey",
            b"secret_access_key",
            b"aws_secret",
            b"secret access key",
        ],
        secret,
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_access-keys.html",
    ),
    form(
        "aws-bedrock-key",
        "an API key of Amazon Bedrock",
        &["ABSK{b109-269}", "ABSK{b109-269}="],
        "https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys.html",
    ),
];

/// Forty characters of base64 that stand alone, near an id or a name that announces them.
fn secret(text: &Text<'_>, at: usize) -> Option<Range<usize>> {
    let is_id = text.has(at, b"AKIA") || text.has(at, b"ASIA");
    if is_id && !(text.begins_word(at) && text.run(at, 20, |byte| holds(b'U', byte)) == 20) {
        return None;
    }
    let from = if is_id { at.saturating_sub(NEAR) } else { at };
    let near = text.get(from..at + NEAR);
    let mut start = 0;
    while start < near.len() {
        let length = near
            .get(start..)?
            .iter()
            .take_while(|b| holds(b'b', **b))
            .count();
        let range = from + start..from + start + length;
        let bytes = text.get(range.clone());
        let stands_alone = length == 40 && text.byte(range.end) != Some(b'=');
        // Amazon's own pages have `wJalr…EXAMPLEKEY`.
        if stands_alone && mixes(bytes) && !is_for_show(bytes) {
            return Some(range);
        }
        start += length + 1;
    }
    None
}
