//! Who may have a hook carried out: only what a deployer of the scope signed enters a plan.

use super::declaration::Hook;
use super::error::HookError;
use super::files::{HookFiles, read_files};
use super::signature::{SignatureFile, signature_file, valid_signers};
use crate::error::Error;
use crate::fs::Lock;
use crate::lines;
use crate::name::{Component, PartyName};
use crate::vault::Vault;

/// A hook whose files are what a deployer of the scope signed. Only this enters a plan.
#[derive(Clone, Debug)]
pub struct TrustedHook {
    /// The component.
    pub component: Component,
    /// What it declares.
    pub hook: Hook,
    /// Its files.
    pub(crate) files: HookFiles,
    /// The signature's number.
    pub seq: u64,
    /// The hash of what is signed: two branches may give one number to two hooks.
    pub hash: [u8; 32],
    /// Who signed.
    pub signers: Vec<PartyName>,
}

#[cfg(test)]
impl TrustedHook {
    /// A hook that nobody signed, for what asks only how components stand to each other.
    pub(crate) fn for_tests(component: Component, hook: Hook) -> Self {
        Self {
            component,
            hook,
            files: HookFiles::new(),
            seq: 1,
            hash: [0; 32],
            signers: Vec::new(),
        }
    }
}

/// A hook whose files are what somebody signed, whoever it was: what is the same in all scopes.
pub(crate) struct SignedHook {
    component: Component,
    hook: Hook,
    files: HookFiles,
    signed: SignatureFile,
    /// Whose signatures verify.
    valid: Vec<PartyName>,
}

/// Checks a hook: its files are what was signed, and a signer may deploy everywhere that it reaches.
///
/// # Errors
/// As for [`SignedHook::read`] and [`SignedHook::in_scope`].
pub(super) fn trusted_hook(
    vault: &Vault,
    component: &Component,
    scope: &str,
    reaches: impl Fn(&Hook, &HookFiles) -> Result<Vec<String>, Error>,
) -> Result<TrustedHook, Error> {
    SignedHook::read(vault, component)?.in_scope(vault, scope, reaches)
}

impl SignedHook {
    /// Reads a hook, and checks that its files are what was signed.
    ///
    /// # Errors
    /// [`HookError`].
    pub(crate) fn read(vault: &Vault, component: &Component) -> Result<Self, Error> {
        let files = read_files(vault.tree(), component)?;
        let bytes = vault
            .tree()
            .read(&signature_file(component), lines::MAX_FILE)?;
        let bytes = bytes.ok_or_else(|| HookError::Unsigned(component.to_string()))?;
        let signed = SignatureFile::parse(component, &bytes)?;
        let differences = signed.differences(&files);
        if !differences.is_empty() {
            return Err(HookError::Changed {
                component: component.to_string(),
                files: differences,
            }
            .into());
        }
        let valid = valid_signers(vault, component, &signed)?;
        let own = files
            .get(&format!("{component}.toml"))
            .map(|file| file.bytes.as_slice());
        let hook = Hook::parse(component, own.unwrap_or_default())?;
        hook.check_files(component, &files)?;
        Ok(Self {
            component: component.clone(),
            hook,
            files,
            signed,
            valid,
        })
    }

    /// Checks that a signer may deploy everywhere that the hook reaches.
    ///
    /// `reaches` gives the ruled paths that it concerns: the scope, and the document or file of every
    /// secret that it names.
    ///
    /// # Errors
    /// [`HookError`].
    pub(crate) fn in_scope(
        &self,
        vault: &Vault,
        scope: &str,
        reaches: impl Fn(&Hook, &HookFiles) -> Result<Vec<String>, Error>,
    ) -> Result<TrustedHook, Error> {
        let Self {
            component,
            hook,
            files,
            signed,
            valid,
        } = self;
        let mut deployers: Option<Vec<PartyName>> = None;
        for path in reaches(hook, files)? {
            let here = vault.rights(&path)?.deployers;
            deployers = Some(match deployers {
                None => here.into_iter().collect(),
                Some(before) => before
                    .into_iter()
                    .filter(|name| here.contains(name))
                    .collect(),
            });
        }
        let deployers = deployers.unwrap_or_default();
        let signers: Vec<PartyName> = valid
            .iter()
            .filter(|name| deployers.contains(name))
            .cloned()
            .collect();
        if signers.is_empty() {
            return Err(HookError::NoDeployer {
                component: component.to_string(),
                scope: scope.to_owned(),
                signers: signed
                    .signatures
                    .iter()
                    .map(|s| crate::text::clean_line(&s.party))
                    .collect(),
                deployers: deployers.iter().map(ToString::to_string).collect(),
            }
            .into());
        }
        let pin = vault.trust().pins.hook(component)?;
        signed.follows(component, pin)?;
        if pin != Some(signed.pin()) && vault.moves_pins() {
            remember(vault, component, signed)?;
        }
        Ok(TrustedHook {
            component: component.clone(),
            hook: hook.clone(),
            files: files.clone(),
            seq: signed.seq,
            hash: signed.hash(),
            signers,
        })
    }
}

/// Moves the pin forward. Gives way to a writer: what is not remembered now is remembered at the next look.
fn remember(vault: &Vault, component: &Component, signed: &SignatureFile) -> Result<(), Error> {
    let pins = &vault.trust().pins;
    let Some(_lock) = Lock::try_take(&pins.lock_file(), "looking at hooks")? else {
        return Ok(());
    };
    // Another run may have moved it meanwhile.
    signed.follows(component, pins.hook(component)?)?;
    Ok(pins.set_hook(component, signed.pin())?)
}
