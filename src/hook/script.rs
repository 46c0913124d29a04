//! A script beside a hook that another command runs: what it is must be signed as any hook is.

use super::error::HookError;
use super::trusted::trusted_hook;
use crate::error::Error;
use crate::name::{Component, SecretName};
use crate::secret::Plain;
use crate::vault::Vault;

/// The file `hooks/COMPONENT/FILE`, if somebody signed the hook who may deploy where `secret` is, and it is for that.
///
/// # Errors
/// [`HookError`]: there is no such hook or file, it is not what was signed, or not by a deployer of there, or is for
/// other secrets.
pub fn signed_script(
    vault: &Vault,
    component: &Component,
    file: &str,
    secret: &SecretName,
) -> Result<Plain, Error> {
    let scope = secret.scope();
    let hook = trusted_hook(vault, component, scope.as_str(), |_, _| {
        Ok(vec![scope.to_string(), secret.ruled_path().to_owned()])
    })?;
    let full = secret.to_string();
    if !hook.hook.scripts_for.contains(&full) {
        let why = format!(
            "`{full}` is not among the secrets that its scripts are for: `scripts_for` has their full paths"
        );
        return Err(HookError::in_hook(component, why).into());
    }
    let path = format!("{component}/{file}");
    let script = hook.files.get(&path).ok_or_else(|| HookError::Wrong {
        file: format!("hooks/{path}"),
        why: "there is no such file, which a rotator has".into(),
    })?;
    Ok(Plain::new(script.bytes.clone()))
}
