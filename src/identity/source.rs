//! Which identities there are, in the order in which they are tried.
//!
//! First what a flag names, then what `CLWS_IDENTITY` names, then the one that the person's
//! configuration names, then all of the identities folder. The first of these that says anything
//! decides alone: whoever names an identity means that one.

use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::IdentityError;
use super::bundle::{Bundle, Reach};
use super::config::Config;
use super::file::{self, FileError, Rights, shown};
use crate::crypto::holds_private_key;
use crate::env;
use crate::name::IdentityName;
use crate::world::World;

/// Whether an identity that was named may be open to everybody.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PublicFolder {
    /// No: a private key that others can read is refused.
    Refuse,
    /// Yes: it lies in a repository and its party says `public = true`.
    Allow,
}

/// The folder of all bundles.
pub(super) fn shelf_path(world: &World) -> Result<PathBuf, IdentityError> {
    Ok(world.config_dir()?.join("identities"))
}

/// The bundles to try, at least one.
///
/// `choice` is the flag's path: the folder of a bundle, or an age identity file, which reads and
/// does not sign. Private halves stay closed; the folder's files are read for their public ones.
/// Measured: 24 µs for one bundle and 25 µs for each further one, 17 µs for one that was named.
///
/// # Errors
/// [`IdentityError::NoneYet`] if there is none at all, and whatever is wrong with one of them.
pub fn all(
    world: &World,
    choice: Option<&Path>,
    public: PublicFolder,
) -> Result<Vec<Bundle>, IdentityError> {
    let config = Config::read(world)?;
    let reach = Arc::new(Reach::of(world, &config));
    if let Some(path) = choice {
        return named(world, path, "--identity", public, &reach);
    }
    if let Some(path) = world.variable(env::IDENTITY) {
        return named(world, Path::new(path), env::IDENTITY, public, &reach);
    }
    let shelf = shelf_path(world)?;
    if let Some(name) = config.identity {
        return match one(world, &shelf, &name, &reach)? {
            Some(bundle) => Ok(vec![bundle]),
            None => Err(not_found(&shelf, &name)),
        };
    }
    let mut bundles = Vec::new();
    for name in names(&shelf)? {
        bundles.extend(one(world, &shelf, &name, &reach)?);
    }
    if bundles.is_empty() {
        return Err(IdentityError::NoneYet {
            folder: tilde(world, &shelf),
        });
    }
    Ok(bundles)
}

/// An identity of this person, as [`list`] finds it.
#[derive(Debug)]
pub struct Listed {
    /// Its name.
    pub name: IdentityName,
    /// The bundle, or what is wrong with it.
    pub bundle: Result<Bundle, IdentityError>,
}

/// All bundles of the identities folder, sorted by name, with those that are broken.
///
/// # Errors
/// Only if the folder or the configuration cannot be read; no identity at all is an empty list.
pub fn list(world: &World) -> Result<Vec<Listed>, IdentityError> {
    let config = Config::read(world)?;
    let reach = Arc::new(Reach::of(world, &config));
    let shelf = shelf_path(world)?;
    let mut listed = Vec::new();
    for name in names(&shelf)? {
        let bundle = match one(world, &shelf, &name, &reach) {
            Ok(Some(bundle)) => Ok(bundle),
            Ok(None) => Err(IdentityError::Empty {
                label: tilde(world, &shelf.join(name.as_str())),
            }),
            Err(error) => Err(error),
        };
        listed.push(Listed { name, bundle });
    }
    Ok(listed)
}

/// One bundle of the folder; `None` if nothing of one is there.
pub(super) fn one(
    world: &World,
    shelf: &Path,
    name: &IdentityName,
    reach: &Arc<Reach>,
) -> Result<Option<Bundle>, IdentityError> {
    let path = shelf.join(name.as_str());
    let label = tilde(world, &path);
    Bundle::in_folder(&path, &label, Rights::Private, reach)
}

/// The names in the folder that can be those of identities; hidden and other entries are not.
pub(super) fn names(shelf: &Path) -> Result<Vec<IdentityName>, FileError> {
    match super::shelf::names(shelf) {
        Ok(names) => Ok(names.iter().filter_map(|name| name.parse().ok()).collect()),
        Err(FileError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            Ok(Vec::new())
        }
        Err(error) => Err(error),
    }
}

/// The error for a name that is not there, with those that are.
pub(super) fn not_found(shelf: &Path, name: &IdentityName) -> IdentityError {
    let known = names(shelf).unwrap_or_default();
    IdentityError::NotFound {
        name: name.to_string(),
        known: known.iter().map(ToString::to_string).collect(),
    }
}

fn named(
    world: &World,
    path: &Path,
    named_by: &'static str,
    public: PublicFolder,
    reach: &Arc<Reach>,
) -> Result<Vec<Bundle>, IdentityError> {
    if holds_private_key(path.as_os_str().as_bytes()) {
        return Err(IdentityError::KeyForPath { named_by });
    }
    let path = world.folder().join(path);
    let rights = match public {
        PublicFolder::Refuse => Rights::Private,
        PublicFolder::Allow => Rights::Any,
    };
    let label = tilde(world, &path);
    let no_such = |_| IdentityError::NoSuchPath {
        path: shown(&path),
        named_by,
    };
    // A repository must not lead out of itself: there not even the folder may be a link.
    let stat = match public {
        PublicFolder::Refuse => std::fs::metadata(&path).map_err(no_such)?,
        PublicFolder::Allow => std::fs::symlink_metadata(&path).map_err(no_such)?,
    };
    if stat.is_symlink() {
        return Err(FileError::Link { path }.into());
    }
    if stat.is_dir() {
        let bundle = Bundle::in_folder(&path, &label, rights, reach)?;
        return bundle
            .map(|bundle| vec![bundle])
            .ok_or(IdentityError::Empty { label });
    }
    let links = match public {
        PublicFolder::Refuse => file::Links::Follow,
        PublicFolder::Allow => file::Links::Refuse,
    };
    Bundle::in_file(file::read(&path, links, rights)?, &label, reach)
}

/// The path as people write it: below the home folder with `~`.
pub(super) fn tilde(world: &World, path: &Path) -> String {
    let home = world.variable("HOME").map(Path::new);
    match home.and_then(|home| path.strip_prefix(home).ok()) {
        Some(below) => format!("~/{}", shown(below)),
        None => shown(path),
    }
}
