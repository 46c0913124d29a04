//! Going through the log again: nothing is written.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};

use serde_json::Value;

use super::log::{AuditError, Log};
use super::tail::{MAX_LINE, is_taken, number_of};
use crate::crypto::sshsig::{Namespace, PublicKey, Signature};
use crate::crypto::{decode_base64, from_hex, sha256};
use crate::fs::FsError;
use crate::time::Moment;

/// What going through a log found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Verified {
    /// How many lines are intact.
    pub lines: u64,
    /// Lines that a killed process or a power cut left in parts, as the next line says.
    pub torn: u64,
}

impl Log {
    /// Goes through the whole log, line by line: the chain, the numbers and every signature. Nothing is written.
    ///
    /// # Errors
    /// [`AuditError::Broken`] at the first line that does not hold.
    pub fn verify(&self) -> Result<Verified, AuditError> {
        let path = self.file();
        let fail = |error| AuditError::NotReadable(FsError::io("read", &path)(error));
        let mut found = Verified { lines: 0, torn: 0 };
        let mut file = match File::open(&path) {
            Ok(file) => BufReader::new(file),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(found),
            Err(error) => return Err(fail(error)),
        };
        if file.fill_buf().map_err(fail)?.is_empty() {
            return Ok(found);
        }
        let broken = |line, why| AuditError::Broken {
            path: path.clone(),
            line,
            why,
        };
        let key = self.stored_key()?;
        let key = key.ok_or_else(|| broken(1, "the key that it is signed with is gone"))?;
        let mut before = [0; 32];
        // Lines that are none: a cut one at most, and what a power cut took.
        let (mut cut, mut taken) = (0, 0);
        // Whether the cut one is the last, and has its line end.
        let mut open = false;
        for number in 1.. {
            let mut line = Vec::new();
            // What is longer is none of ours, and goes on as the next line.
            let mut limited = file.by_ref().take(2 * MAX_LINE);
            if limited.read_until(b'\n', &mut line).map_err(fail)? == 0 {
                break;
            }
            let is_ended = line.pop_if(|last| *last == b'\n').is_some();
            let broken = |why| broken(number, why);
            match check_line(&line, key.public()) {
                None if is_taken(&line) => (taken, open) = (taken + 1, false),
                // What was cut off does not read.
                None if number_of(&line).is_some() => {
                    return Err(broken("it is not signed by this machine"));
                }
                None => (cut, open) = (cut + 1, is_ended),
                Some(checked) => {
                    if checked.previous != before || checked.number != found.lines + 1 {
                        return Err(broken(match taken {
                            0 => "it does not follow from the line before",
                            _ => "a power cut took a part of the line before, which was whole once",
                        }));
                    }
                    if (cut + taken > 0) != checked.torn {
                        return Err(broken("a line before it is not ours"));
                    }
                    found.torn += cut + taken;
                    (cut, taken, open) = (0, 0, false);
                    found.lines += 1;
                    before = sha256(&line);
                }
            }
            if cut > 1 {
                return Err(broken("it is not signed by this machine"));
            }
        }
        if open {
            return Err(broken(found.lines + 1, "it is not signed by this machine"));
        }
        Ok(found)
    }
}

struct Checked {
    number: u64,
    previous: [u8; 32],
    torn: bool,
}

fn check_line(line: &[u8], key: &PublicKey) -> Option<Checked> {
    let line = std::str::from_utf8(line).ok()?;
    let (body, signature) = line.rsplit_once(",\"sig\":\"")?;
    let signature = Signature::new(decode_base64(signature.strip_suffix("\"}")?).ok()?).ok()?;
    let body = format!("{body}}}");
    key.verify(Namespace::Audit, body.as_bytes(), &signature)
        .ok()?;
    let value: Value = serde_json::from_str(&body).ok()?;
    value.get("at")?.as_str()?.parse::<Moment>().ok()?;
    Some(Checked {
        number: value.get("n")?.as_u64()?,
        previous: from_hex(value.get("prev")?.as_str()?).ok()?,
        torn: value.get("torn").and_then(Value::as_bool).unwrap_or(false),
    })
}
