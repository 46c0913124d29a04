//! The files of a hook: its own, `hooks/<component>.toml`, and everything in the folder `hooks/<component>/`.

use std::collections::BTreeMap;

use super::declaration::Hook;
use super::error::HookError;
use crate::error::Error;
use crate::fs::{EntryKind, FsError, Tree};
use crate::name::Component;

/// Scripts, templates and the hook itself: no file is larger.
const MAX_HOOK_FILE: usize = 4 * 1024 * 1024;

/// All of them together, which a deploy keeps in a target's memory. Whoever can push can lay thousands, of which git
/// keeps one.
const MAX_HOOK: usize = 64 * 1024 * 1024;

/// A file of a hook, as it is signed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct HookFile {
    /// `0644`, or `0755` where its owner may run it: a clone under another umask keeps only that bit.
    pub(crate) mode: &'static str,
    /// Its content.
    pub(crate) bytes: Vec<u8>,
}

/// All files of a hook, by path below `hooks/`.
pub(crate) type HookFiles = BTreeMap<String, HookFile>;

/// The components that have a hook, sorted. One that is no file is named as well, since it is refused: left
/// out, it would drop out of a deploy unseen.
///
/// # Errors
/// [`crate::fs::FsError`].
pub fn components(tree: &Tree) -> Result<Vec<Component>, Error> {
    let entries = tree.entries("hooks")?;
    let names = entries
        .iter()
        .filter(|entry| entry.kind != EntryKind::Folder);
    let names = names.filter_map(|entry| entry.name.strip_suffix(".toml"));
    Ok(names.filter_map(|name| name.parse().ok()).collect())
}

/// All hooks of a vault that read, by their files alone; for one whose files do not, why. A hook that does not read
/// was signed by nobody, or is not meant.
///
/// # Errors
/// [`crate::fs::FsError`].
pub(crate) fn hooks_that_read(
    tree: &Tree,
) -> Result<impl Iterator<Item = Result<(Component, Hook), Error>>, Error> {
    let hook = |component: Component| {
        let files = read_files(tree, &component);
        let own = files.map(|mut files| files.remove(&format!("{component}.toml")));
        let bytes = own.map(|file| file.map(|file| file.bytes).unwrap_or_default());
        let hook = bytes.map(|bytes| Hook::parse(&component, &bytes).ok());
        hook.map(|hook| hook.map(|hook| (component, hook)))
            .transpose()
    };
    Ok(components(tree)?.into_iter().filter_map(hook))
}

/// Reads all files of a hook: its own, and everything in its folder.
///
/// # Errors
/// [`HookError::NotFound`], [`HookError::NotAFile`] for links and the like, [`FsError::TooLarge`].
pub(crate) fn read_files(tree: &Tree, component: &Component) -> Result<HookFiles, Error> {
    let mut files = HookFiles::new();
    let own = format!("{component}.toml");
    let mut size = read_one(tree, &own, &mut files)?
        .ok_or_else(|| HookError::missing(component, &components(tree).unwrap_or_default()))?;
    let mut folders = vec![component.to_string()];
    while let Some(folder) = folders.pop() {
        for entry in tree.entries(&format!("hooks/{folder}"))? {
            let path = format!("{folder}/{}", entry.name);
            match entry.kind {
                EntryKind::Folder => folders.push(path),
                EntryKind::File => size += read_one(tree, &path, &mut files)?.unwrap_or(0),
                EntryKind::Link | EntryKind::Other => {
                    return Err(HookError::NotAFile {
                        file: format!("hooks/{path}"),
                    }
                    .into());
                }
            }
            if size > MAX_HOOK {
                let path = tree.join(&format!("hooks/{component}"));
                let most = MAX_HOOK;
                return Err(FsError::TooLarge { path, most }.into());
            }
        }
    }
    Ok(files)
}

/// Reads one file into `files`; how large it is, `None` if there is none.
fn read_one(tree: &Tree, path: &str, files: &mut HookFiles) -> Result<Option<usize>, Error> {
    use std::os::unix::fs::PermissionsExt as _;
    let full = format!("hooks/{path}");
    let bytes = match tree.read(&full, MAX_HOOK_FILE) {
        Err(FsError::NotAFile { .. } | FsError::Link { .. }) => {
            return Err(HookError::NotAFile { file: full }.into());
        }
        other => other?,
    };
    let Some(bytes) = bytes else {
        return Ok(None);
    };
    let file = tree.file(&full)?;
    let about = file.map(|file| file.metadata()).transpose();
    let about = about.map_err(crate::fs::FsError::io("read", &tree.join(&full)))?;
    let size = bytes.len();
    let runs = about.is_some_and(|about| about.permissions().mode() & 0o100 != 0);
    files.insert(
        path.to_owned(),
        HookFile {
            mode: if runs { "0755" } else { "0644" },
            bytes,
        },
    );
    Ok(Some(size))
}

/// The text of a template among a hook's files.
pub(crate) fn template_text<'a>(
    component: &Component,
    files: &'a HookFiles,
    template: &str,
) -> Result<&'a str, HookError> {
    let path = format!("{component}/{template}");
    let wrong = |why: &str| HookError::Wrong {
        file: format!("hooks/{path}"),
        why: why.to_owned(),
    };
    let file = files
        .get(&path)
        .ok_or_else(|| wrong("there is no such template"))?;
    std::str::from_utf8(&file.bytes).map_err(|_| wrong("it is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_number_of_files_fills_the_memory() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("hooks/web");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(dir.path().join("hooks/web.toml"), "").unwrap();
        let tree = Tree::open(dir.path()).unwrap();
        let add = |name: &str| {
            let file = std::fs::File::create(folder.join(name)).unwrap();
            file.set_len(u64::try_from(MAX_HOOK_FILE).unwrap()).unwrap();
        };
        let web = "web".parse().unwrap();
        (0..MAX_HOOK / MAX_HOOK_FILE).for_each(|number| add(&number.to_string()));
        assert_eq!(read_files(&tree, &web).unwrap().len(), 17);
        add("more");
        let error = read_files(&tree, &web).unwrap_err();
        assert_eq!(error.code(), crate::error::Code::DataErr);
        assert!(error.message().contains("hooks/web is larger"), "{error:?}");
    }
}
