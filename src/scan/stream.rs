//! One file, read in pieces.

use std::io::{self, Read};

use super::finding::{Finding, What};
use super::known::Known;
use crate::crypto::{TELLING, private_key_at};

/// Bytes that are read at once.
const PIECE: usize = 256 * 1024;

/// After so many findings in one file the others tell nothing new.
const ENOUGH: usize = 100;

/// Looks through a file, in memory that does not grow with it.
///
/// # Errors
/// What reading says.
pub(super) fn look(
    known: &Known,
    path: &str,
    mut input: impl Read,
    findings: &mut Vec<Finding>,
) -> io::Result<()> {
    // A match that begins before `settled` is whole, with what tells a private key behind it.
    let ahead = known.longest.max(TELLING);
    let mut held: Vec<u8> = Vec::new();
    let mut line = 1;
    let mut here = 0;
    let mut ended = false;
    while !ended && here < ENOUGH {
        let before = held.len();
        let wanted = u64::try_from(PIECE).unwrap_or(u64::MAX);
        ended =
            input.by_ref().take(wanted).read_to_end(&mut held)? == 0 || held.len() - before < PIECE;
        let settled = match ended {
            true => held.len(),
            false => held.len().saturating_sub(ahead),
        };
        let mut from = 0;
        let mut counted = 0;
        while let Some(found) = known.automaton.find(held.get(from..).unwrap_or_default()) {
            let at = from + found.start();
            if at >= settled {
                break;
            }
            let owner = known.owners.get(found.pattern().as_usize());
            let what = match owner {
                Some(Some((secret, form))) => Some(What::Value(secret.clone(), *form)),
                _ => held.get(at..).and_then(private_key_at).map(What::Key),
            };
            // Behind a value, but inside of what only begins like a key: a value may lie there.
            from = match what {
                Some(What::Value(..)) => from + found.end(),
                _ => at + 1,
            };
            line += newlines(held.get(counted..at));
            counted = at;
            if let Some(what) = what {
                here += 1;
                findings.push(Finding {
                    path: path.to_owned(),
                    line,
                    what,
                });
            }
        }
        let keep = settled.max(from).min(held.len());
        line += newlines(held.get(counted..keep));
        held.drain(..keep);
    }
    Ok(())
}

fn newlines(bytes: Option<&[u8]>) -> u64 {
    let count = memchr::memchr_iter(b'\n', bytes.unwrap_or_default()).count();
    u64::try_from(count).unwrap_or(u64::MAX)
}
