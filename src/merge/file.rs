//! One sealed file of two branches: the newer content, and what lies beside it for a rotation.

use super::age_file::Fate;
use super::conflict::{Conflict, IfJoined, Outcome, Work};
use super::tables::{Join, join};
use crate::error::{Code, Error, Problem};
use crate::fs::{Edit, New};
use crate::lines::{self, Parsed};
use crate::name::FilePath;
use crate::vault::{SIDECAR_SCHEMA, Sidecar, VaultError};

impl Conflict<'_> {
    /// Takes the side of a sealed file whose sidecar is the newer by record order, with the age file that it is
    /// signed over.
    pub(super) fn join_file(&self, file: &str, path: &FilePath) -> Result<Outcome, Error> {
        let texts = self.texts(file)?;
        let is_joined = texts.is_joined(|text| Sidecar::parse(text, path).is_ok());
        if is_joined && self.joined == IfJoined::Leave {
            return Ok(Outcome::Already);
        }
        let rights = self.vault.rights(path.as_str())?;
        let mark = |bytes: &Option<Vec<u8>>| {
            let sidecar = Sidecar::parse(bytes.as_deref()?, path).ok()?;
            let judged = self.vault.judge_sidecar(&sidecar, &rights, None).ok()?;
            Some((judged.mark, sidecar))
        };
        let (a, b) = (mark(&texts.ours), mark(&texts.theirs));
        let sides = self.sides;
        let is_theirs = a.as_ref().map(|a| a.0) < b.as_ref().map(|b| b.0);
        let (at, text, left, winner, from) = match is_theirs {
            true => ((3, sides.theirs), texts.theirs, texts.ours, b, sides.ours),
            false => ((2, sides.ours), texts.ours, texts.theirs, a, sides.theirs),
        };
        let (Some(text), Some((mark, winner))) = (text, winner) else {
            let message = format!("`{path}` cannot be joined: neither side counts");
            return Err(Problem::new(Code::Conflict, message).into());
        };
        let note = format!(
            "{path}: rev {} by {} counts; if the other is meant: `clws secret restore {path} --from {from}`",
            mark.rev, winner.signed.party
        );
        let here = texts.here.as_deref();
        let text = sidecar(path, &text, texts.base.as_deref(), left.as_deref())?;
        let is_other = is_joined && here != Some(text.as_bytes());
        let mut edits = vec![Edit::of(file, here, New::Bytes(text.into_bytes()))];
        let wanted = winner.content.map(|content| content.sha256);
        let age = match self.age_file(path, wanted, at)? {
            Fate::Stays => None,
            Fate::Comes(age) => Some(age),
            Fate::Goes(edit) => {
                edits.push(edit);
                None
            }
        };
        Ok(Outcome::Joined(Work {
            edits,
            age,
            alone: is_other.then(|| path.to_string()).into_iter().collect(),
            notes: vec![note],
        }))
    }
}

/// The sidecar of the side that counts, `taken`, with `[pending]` as the two sides have made it. Where both
/// changed that, it goes with the content.
///
/// # Errors
/// [`VaultError::Line`] if `taken` does not read.
fn sidecar(
    path: &FilePath,
    taken: &[u8],
    base: Option<&[u8]>,
    left: Option<&[u8]>,
) -> Result<String, VaultError> {
    let taken = lines::scan(taken, &SIDECAR_SCHEMA).map_err(|error| VaultError::Line {
        file: path.to_sidecar(),
        error,
    })?;
    let side = |bytes: Option<&[u8]>| {
        let parsed = lines::scan(bytes?, &SIDECAR_SCHEMA).ok()?;
        pending_of(&parsed)
    };
    let ours = pending_of(&taken);
    let (base, theirs) = (side(base), side(left));
    let beside = match join(base.as_deref(), ours.as_deref(), theirs.as_deref()) {
        Join::One(text) => text,
        Join::Both(ours, _) => Some(ours),
    };
    let change = (("pending", None), beside.map(str::to_owned));
    Ok(lines::apply(&taken, &[change].into()))
}

fn pending_of(parsed: &Parsed<'_>) -> Option<String> {
    let header = parsed.find("pending", None)?;
    Some(parsed.text(header).to_owned())
}
