//! Opens the values that a component is given, in the revs that its plan says.

use zeroize::Zeroizing;

use super::place::Opened;
use super::plan::ComponentPlan;
use crate::error::{Code, Error, Problem};
use crate::name::SecretName;
use crate::secret::Plain;
use crate::vault::{Reader, Vault};

/// Opens the secrets of one component: all judged first, then logged and synced in one line.
///
/// # Errors
/// [`crate::vault::OpenError`] and its like; CONFLICT where one is not the rev that was planned.
pub(super) fn open(
    vault: &Vault,
    reader: &Reader<'_>,
    plan: &ComponentPlan,
) -> Result<Opened, Error> {
    if plan.secrets.is_empty() {
        return Ok(Opened::new());
    }
    let mut names = Vec::new();
    for (secret, rev) in plan.secrets.values() {
        let (now, _) = vault.peek(secret)?;
        same_rev(secret, now, *rev)?;
        names.push(secret.to_string());
    }
    reader.log_ahead(names)?;
    let mut opened = Opened::new();
    for (name, (secret, rev)) in &plan.secrets {
        let (value, now) = match secret {
            SecretName::Value(document, value) => {
                let value = reader.value(document, value)?;
                (value.value, value.rev)
            }
            SecretName::File(path) => {
                let mut bytes = Zeroizing::new(Vec::new());
                let (_, rev) = reader.file(path, &mut *bytes)?;
                (Plain::new(std::mem::take(&mut *bytes)), rev)
            }
        };
        same_rev(secret, now, *rev)?;
        opened.insert(name.clone(), value);
    }
    Ok(opened)
}

fn same_rev(secret: &SecretName, now: u64, planned: u64) -> Result<(), Problem> {
    if now == planned {
        return Ok(());
    }
    Err(Problem::new(Code::Conflict, format!("`{secret}` changed meanwhile")).hint("run it again"))
}
