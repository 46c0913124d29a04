//! What a component is given: its files, its variables.
//!
//! Each deploy has a folder of its own, `<run>/<component>/<deploy>`, mode 0700. A process finds its
//! files in it. A container gets the folder `mount` below it, mode 0711 so that a user of the
//! container can enter it, as `/run/clws`, and single files at places of their own; nothing else.

use std::collections::BTreeMap;

use crate::deploy::plan::ComponentPlan;
use crate::deploy::target::put::File;
use crate::docker::Visible;
use crate::error::Error;
use crate::hook::{EnvValue, FileHook, HookError, parse_mode, template, template_text};
use crate::secret::Plain;
use crate::text::quoted;

/// Where a container finds its folder.
pub(in crate::deploy) const IN_CONTAINER: &str = "/run/clws";

/// Opened secrets, by the names that the hook writes.
pub(in crate::deploy) type Opened = BTreeMap<String, Plain>;

/// What of a hook's values a component or a step is given.
#[derive(Clone, Copy, Debug)]
pub(in crate::deploy) enum Given<'a> {
    /// All of it.
    All,
    /// Only these variables and files.
    Only(&'a [String]),
}

impl Given<'_> {
    fn has(self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.iter().any(|other| other == name),
        }
    }
}

pub(in crate::deploy) fn wrong(plan: &ComponentPlan, why: impl Into<String>) -> HookError {
    HookError::in_hook(plan.component(), why)
}

/// Fills plain names into a text of the hook.
pub(in crate::deploy) fn fill(
    plan: &ComponentPlan,
    names: &BTreeMap<String, String>,
    text: &str,
) -> Result<String, Error> {
    Ok(template::fill(text, names).map_err(|why| wrong(plan, why))?)
}

/// Fills plain names into the words of a command.
pub(in crate::deploy) fn fill_all(
    plan: &ComponentPlan,
    names: &BTreeMap<String, String>,
    words: &[String],
) -> Result<Vec<String>, Error> {
    words.iter().map(|word| fill(plan, names, word)).collect()
}

/// The hook's files with their content.
pub(in crate::deploy) fn files(
    plan: &ComponentPlan,
    names: &BTreeMap<String, String>,
    opened: &Opened,
    given: Given<'_>,
) -> Result<Vec<File>, Error> {
    let mut files = Vec::new();
    for (path, file) in &plan.hook.hook.file {
        if !given.has(path) {
            continue;
        }
        let owner = file
            .owner
            .as_deref()
            .map(|owner| fill(plan, names, owner))
            .transpose()?;
        let mode = parse_mode(file.mode.as_deref()).map_err(|why| wrong(plan, why))?;
        let content = content(plan, names, opened, file)?;
        files.push(File {
            path: path.clone(),
            mode,
            owner,
            content,
        });
    }
    Ok(files)
}

fn content(
    plan: &ComponentPlan,
    names: &BTreeMap<String, String>,
    opened: &Opened,
    file: &FileHook,
) -> Result<Plain, Error> {
    let secret = |name: &str| opened.get(name).map(Plain::duplicate);
    if let Some(name) = &file.secret {
        let missing = || wrong(plan, format!("`{name}` was not opened"));
        return Ok(secret(name).ok_or_else(missing)?);
    }
    let template = file.template.as_deref().unwrap_or_default();
    let text = template_text(plan.component(), &plan.hook.files, template)?;
    Ok(
        template::render(text, names, secret).map_err(|why| HookError::Wrong {
            file: format!("hooks/{}/{template}", plan.component()),
            why,
        })?,
    )
}

/// The hook's variables as shell lines, `export NAME='…'`; `None` if there are none.
pub(in crate::deploy) fn environment(
    plan: &ComponentPlan,
    names: &BTreeMap<String, String>,
    opened: &Opened,
    given: Given<'_>,
) -> Result<Option<Plain>, Error> {
    let mut text = zeroize::Zeroizing::new(Vec::new());
    for (name, value) in &plan.hook.hook.env {
        if !given.has(name) || value.is_visible() {
            continue;
        }
        let value = match value {
            EnvValue::Plain(value) => Plain::from(fill(plan, names, value)?.as_str()),
            EnvValue::Secret(secret) => {
                let missing = || wrong(plan, format!("`{}` was not opened", secret.secret));
                opened.get(&secret.secret).ok_or_else(missing)?.duplicate()
            }
        };
        value.with(|bytes| {
            let text_of = std::str::from_utf8(bytes)
                .ok()
                .filter(|text| !text.contains('\0'));
            let value = text_of.ok_or_else(|| {
                wrong(
                    plan,
                    format!(
                        "{name} is no text, so it cannot be in an environment; place it as a file"
                    ),
                )
            })?;
            let quoted = zeroize::Zeroizing::new(quoted(value));
            text.extend_from_slice(format!("export {name}=").as_bytes());
            text.extend_from_slice(quoted.as_bytes());
            text.push(b'\n');
            Ok::<_, HookError>(())
        })?;
    }
    Ok((!text.is_empty()).then(|| Plain::new(std::mem::take(&mut *text))))
}

/// The hook's variables that go into the container's configuration.
pub(in crate::deploy) fn visible(
    plan: &ComponentPlan,
    opened: &Opened,
    given: Given<'_>,
) -> Result<BTreeMap<String, Visible>, Error> {
    let mut all = BTreeMap::new();
    for (name, value) in &plan.hook.hook.env {
        let EnvValue::Secret(secret) = value else {
            continue;
        };
        if !secret.visible || !given.has(name) {
            continue;
        }
        let missing = || wrong(plan, format!("`{}` was not opened", secret.secret));
        let value = opened.get(&secret.secret).ok_or_else(missing)?;
        let text = value.with(|bytes| String::from_utf8(bytes.clone()).ok());
        let text = text.ok_or_else(|| {
            wrong(
                plan,
                format!("{name} is no text, so it cannot be in an environment"),
            )
        })?;
        all.insert(name.clone(), Visible(text));
    }
    Ok(all)
}
