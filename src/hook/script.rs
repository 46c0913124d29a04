//! A script beside a hook that another command runs: what it is must be signed as any hook is.

use super::error::HookError;
use super::trusted::trusted_hook;
use crate::error::Error;
use crate::name::{Component, SecretName};
use crate::secret::Plain;
use crate::vault::Vault;

/// The file `hooks/COMPONENT/FILE`, if somebody signed the hook who may deploy where `secret` is.
///
/// # Errors
/// [`HookError`]: there is no such hook or file, it is not what was signed, or not by a deployer of there.
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
    let path = format!("{component}/{file}");
    let script = hook.files.get(&path).ok_or_else(|| HookError::Wrong {
        file: format!("hooks/{path}"),
        why: "there is no such file, which a rotator has".into(),
    })?;
    Ok(Plain::new(script.bytes.clone()))
}
