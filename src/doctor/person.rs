//! The person: identities, who can read the files of them and of what was seen, the keyring.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::Diagnosis;
use crate::error::{Code, Error, Problem};
use crate::identity::{self, Bundle, Config, Kept, Keyring};
use crate::text::list;
use crate::world::World;

/// So many files are named.
const NAMED: usize = 3;

/// Looks at what is this person's own on this machine.
///
/// # Errors
/// [`crate::world::WorldError`] if there is no place for it.
pub fn person(world: &World) -> Result<Vec<Diagnosis>, Error> {
    let mut all = Vec::new();
    match identity::list(world) {
        Ok(listed) if listed.is_empty() => all.push(Diagnosis::note(
            "identity",
            "there is none on this machine",
            "clws identity new NAME",
        )),
        Ok(listed) => {
            for listed in listed {
                let about = format!("identity {}", listed.name);
                all.push(match listed.bundle {
                    Ok(bundle) => match unreached(world, &bundle) {
                        None => Diagnosis::fine(about, bundle.label()),
                        Some(error) => Diagnosis::of(about, &error),
                    },
                    Err(error) => Diagnosis::of(about, &error.into()),
                });
            }
        }
        Err(error) => all.push(Diagnosis::of("identity", &error.into())),
    }
    for (about, folder) in [
        ("configuration", world.config_dir()?),
        ("state", world.state_dir()?),
    ] {
        all.push(folder_of_ours(about, &folder));
    }
    all.extend(configuration(world));
    all.push(match Keyring::of(world).decide() {
        Ok(()) => Diagnosis::fine("keyring", "answers"),
        Err(error) => {
            let error = Error::from(error);
            let hints = error.hints().into_iter().next();
            Diagnosis::note("keyring", error.message(), hints.unwrap_or_default())
        }
    });
    Ok(all)
}

/// Why the place where a half lies does not give it; nothing is opened.
fn unreached(world: &World, bundle: &Bundle) -> Option<Error> {
    let halves = [bundle.age_kept(), bundle.signing_kept()];
    if halves.contains(&Some(Kept::Keyring))
        && let Err(error) = Keyring::of(world).demand()
    {
        return Some(error.into());
    }
    if bundle.signing_kept() != Some(Kept::Agent) {
        return None;
    }
    let mine = match bundle.verifying_key() {
        Ok(mine) => mine?,
        Err(error) => return Some(error.into()),
    };
    let keys = match identity::agent_keys(world) {
        Ok(keys) => keys,
        Err(error) => return Some(error.into()),
    };
    let has_it = keys.iter().any(|(key, _)| key.public() == mine);
    let fingerprint = mine.fingerprint();
    (!has_it).then(|| {
        Problem::new(
            Code::NoKey,
            format!("the ssh-agent has no key {fingerprint}, which it signs with"),
        )
        .hint("`ssh-add` gives it to the agent")
        .into()
    })
}

/// Whether `config.toml` reads, and the plugins that it names are there.
fn configuration(world: &World) -> Vec<Diagnosis> {
    let config = match Config::read(world) {
        Ok(config) => config,
        Err(error) => return vec![Diagnosis::of("config.toml", &error.into())],
    };
    let path = world.variable("PATH").unwrap_or_default();
    let is_there =
        |program: &str| std::env::split_paths(path).any(|dir| dir.join(program).is_file());
    let plugins = config.plugins.iter();
    let plugins = plugins.map(|name| format!("age-plugin-{name}"));
    plugins
        .filter(|program| !is_there(program))
        .map(|program| {
            let why = format!("config.toml allows it, and {program} is not in PATH");
            let next = format!("install {program}, or take it out of `plugins`");
            Diagnosis::wrong("plugin", why, next)
        })
        .collect()
}

fn folder_of_ours(about: &str, folder: &Path) -> Diagnosis {
    let mut open = Vec::new();
    match open_below(folder, &mut open) {
        Ok(()) if open.is_empty() => {
            Diagnosis::fine(about, format!("{} is read by you alone", folder.display()))
        }
        Ok(()) => {
            let named = open.iter().take(NAMED);
            let named: Vec<String> = named.map(|path| path.display().to_string()).collect();
            let more = open.len().saturating_sub(NAMED);
            let more = match more {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            Diagnosis::wrong(
                about,
                format!("others can read or write {}{more}", list(&named)),
                format!("chmod -R go= {}", folder.display()),
            )
        }
        Err(error) => Diagnosis::wrong(
            about,
            format!("{} cannot be looked at: {error}", folder.display()),
            "run it as the person whose folder it is",
        ),
    }
}

/// What others may read or write, or own; a folder that nobody else can enter hides what is in it.
fn open_below(path: &Path, open: &mut Vec<PathBuf>) -> std::io::Result<()> {
    let about = match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        about => about?,
    };
    if about.file_type().is_symlink() {
        return Ok(());
    }
    if about.mode() & 0o077 != 0 || about.uid() != rustix::process::geteuid().as_raw() {
        open.push(path.to_owned());
    }
    if about.is_dir() {
        for name in crate::fs::names(path)? {
            open_below(&path.join(name), open)?;
        }
    }
    Ok(())
}
