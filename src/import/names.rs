//! Names in the vault for sources whose own names may not do.
//!
//! Characters that no secret's name has become `_`, and what is taken already gets a number. Both
//! are decided by the tree and the vault alone, so that the same import gives the same names again.

use std::collections::HashMap;

use crate::name::{DocumentPath, FilePath, Scope};
use crate::vault::Listed;

/// The longest name of a document or folder.
const LONGEST_PLAIN: usize = 64;
/// The longest name of a file, and room for a number.
const LONGEST_FILE: usize = 120;

/// A name, and whether it is another than the source's.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Named<P> {
    pub(super) path: P,
    pub(super) renamed: bool,
}

/// What holds a name, which documents, files and folders share.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Holder {
    Folder,
    /// There before the import, under this spelling: the same source may have made it.
    Document(String),
    File(String),
    /// Given by this import.
    Given,
}

/// All names of the vault, and those given so far.
#[derive(Debug, Default)]
pub(super) struct Names(HashMap<String, Holder>);

impl Names {
    /// The names that the vault has.
    pub(super) fn of(listed: &[Listed]) -> Self {
        let mut names = Self::default();
        for item in listed {
            let path = item.path();
            let holder = match item {
                Listed::Document(_) => Holder::Document(path.to_owned()),
                Listed::File(_) => Holder::File(path.to_owned()),
            };
            names.0.insert(path.to_ascii_lowercase(), holder);
            let mut folder = path;
            while let Some((parent, _)) = folder.rsplit_once('/') {
                names.0.insert(parent.to_owned(), Holder::Folder);
                folder = parent;
            }
        }
        names
    }

    /// Keeps a name for ourselves.
    pub(super) fn keep(&mut self, path: &str) {
        self.0.insert(path.to_owned(), Holder::Given);
    }

    /// A folder of files. Two that map to one are one.
    pub(super) fn folder(&mut self, scope: &Scope, folders: &[String]) -> Named<String> {
        let mut named = Named {
            path: scope.to_string(),
            renamed: false,
        };
        for folder in folders {
            let plain = plain(folder);
            let free = |holder: Option<&Holder>| matches!(holder, None | Some(Holder::Folder));
            let (path, moved) = self.take(&named.path, &plain, Holder::Folder, |_, holder| {
                free(holder)
            });
            named = Named {
                path,
                renamed: named.renamed || moved || plain != *folder,
            };
        }
        named
    }

    /// A file in a folder that [`Self::folder`] gave.
    ///
    /// # Errors
    /// The error of a path that is none, which the mapping leaves no way to.
    pub(super) fn file(
        &mut self,
        folder: &Named<String>,
        name: &str,
    ) -> Result<Named<FilePath>, crate::name::NameError> {
        let mapped = file_name(name);
        let free = |path: &str, holder: Option<&Holder>| match holder {
            None => true,
            Some(Holder::File(there)) => there == path,
            Some(_) => false,
        };
        let (path, moved) = self.take(&folder.path, &mapped, Holder::Given, free);
        Ok(Named {
            path: path.parse()?,
            renamed: folder.renamed || moved || mapped != name,
        })
    }

    /// A document by the parts of its name, which lies directly in its scope.
    ///
    /// # Errors
    /// As [`Self::file`].
    pub(super) fn document(
        &mut self,
        scope: &Scope,
        parts: &[String],
    ) -> Result<Named<DocumentPath>, crate::name::NameError> {
        let joined = if parts.is_empty() {
            "env".to_owned()
        } else {
            parts.join("-")
        };
        let mut mapped = plain(&joined);
        if mapped == "shared" {
            // In a hook, `shared/…` is the scope.
            mapped.push_str("-env");
        }
        let free = |path: &str, holder: Option<&Holder>| match holder {
            None => true,
            Some(Holder::Document(there)) => there == path,
            Some(_) => false,
        };
        let (path, moved) = self.take(scope.as_str(), &mapped, Holder::Given, free);
        Ok(Named {
            path: path.parse()?,
            renamed: moved || mapped != joined,
        })
    }

    /// The first of `name`, `name-2`, `name-3`, … that is free; and whether it is not the first.
    fn take(
        &mut self,
        parent: &str,
        name: &str,
        holder: Holder,
        free: impl Fn(&str, Option<&Holder>) -> bool,
    ) -> (String, bool) {
        let mut number = 1;
        loop {
            let path = format!("{parent}/{}", numbered(name, number));
            let key = path.to_ascii_lowercase();
            if free(&path, self.0.get(&key)) {
                self.0.insert(key, holder);
                return (path, number > 1);
            }
            number += 1;
        }
    }
}

/// Whether a source's name can be a file's as it is; such names are given first.
pub(super) fn fits(folders: &[String], name: &str) -> bool {
    folders.iter().all(|folder| plain(folder) == *folder) && file_name(name) == name
}

/// `codalab-2.key`; the number stands before the ending.
fn numbered(name: &str, number: usize) -> String {
    if number == 1 {
        return name.to_owned();
    }
    match name.rsplit_once('.') {
        Some((stem, ending)) if !stem.is_empty() => format!("{stem}-{number}.{ending}"),
        _ => {
            let tail = format!("-{number}");
            let room = LONGEST_PLAIN.saturating_sub(tail.len());
            // Only documents and folders have no ending and are this long.
            let stem = if name.len() > room && is_plain(name) {
                name.get(..room)
            } else {
                None
            };
            format!("{}{tail}", stem.unwrap_or(name))
        }
    }
}

fn is_plain(name: &str) -> bool {
    plain(name) == name
}

/// As the name of a document or folder.
fn plain(text: &str) -> String {
    let mapped: String = text
        .chars()
        .map(|c| match c.to_ascii_lowercase() {
            c @ ('a'..='z' | '0'..='9' | '_' | '-') => c,
            _ => '_',
        })
        .collect();
    end_of(&mapped, LONGEST_PLAIN, ['_', '-'], "x")
}

/// As the name of a file.
fn file_name(text: &str) -> String {
    let mapped: String = text
        .chars()
        .enumerate()
        .map(|(at, c)| match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '_' => c,
            '.' | '-' if at > 0 => c,
            _ => '_',
        })
        .collect();
    end_of(&mapped, LONGEST_FILE, ['.', '-'], "_")
}

/// The end of a name, which tells more than its beginning where it is too long; `none` where nothing of it is left.
fn end_of(mapped: &str, longest: usize, no_first: [char; 2], none: &str) -> String {
    let from = mapped.len().saturating_sub(longest);
    let end = mapped.get(from..).unwrap_or_default();
    match end.trim_start_matches(no_first) {
        "" => none.to_owned(),
        end => end.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scope() -> Scope {
        "prod".parse().unwrap()
    }

    fn root() -> Named<String> {
        Named {
            path: "prod".into(),
            renamed: false,
        }
    }

    #[test]
    fn what_fits_stays_and_the_rest_is_mapped() {
        let mut names = Names::default();
        let mut file = |name: &str| {
            let named = names.file(&root(), name).unwrap();
            (named.path.to_string(), named.renamed)
        };
        assert_eq!(file("codalab.key"), ("prod/codalab.key".into(), false));
        assert_eq!(file("CodaLab.key"), ("prod/CodaLab-2.key".into(), true));
        assert_eq!(
            file("portal notes.txt"),
            ("prod/portal_notes.txt".into(), true)
        );
        assert_eq!(
            file("portal-notes.txt"),
            ("prod/portal-notes.txt".into(), false)
        );
        assert_eq!(
            file("portal?notes.txt"),
            ("prod/portal_notes-2.txt".into(), true)
        );
        assert_eq!(file(".htpasswd"), ("prod/_htpasswd".into(), true));
        let folder = names.folder(&scope(), &[".SSH Keys".into(), "x".into()]);
        assert_eq!(
            folder,
            Named {
                path: "prod/ssh_keys/x".into(),
                renamed: true
            }
        );
        assert_eq!(
            names.folder(&scope(), &["ssh_keys".into()]).path,
            "prod/ssh_keys"
        );
    }

    #[test]
    fn documents_files_and_folders_share_names() {
        let listed = [
            Listed::Document("prod/web".parse().unwrap()),
            Listed::File("prod/tls/codalab.key".parse().unwrap()),
        ];
        let mut names = Names::of(&listed);
        let parts = |text: &str| vec![text.to_owned()];
        // The same document again is the same.
        assert_eq!(
            names
                .document(&scope(), &parts("web"))
                .unwrap()
                .path
                .as_str(),
            "prod/web"
        );
        assert_eq!(
            names
                .document(&scope(), &parts("web"))
                .unwrap()
                .path
                .as_str(),
            "prod/web-2"
        );
        assert_eq!(
            names
                .document(&scope(), &parts("tls"))
                .unwrap()
                .path
                .as_str(),
            "prod/tls-2"
        );
        assert_eq!(names.folder(&scope(), &parts("web")).path, "prod/web-3");
        assert_eq!(
            names.file(&root(), "tls").unwrap().path.as_str(),
            "prod/tls-3"
        );
        let folder = names.folder(&scope(), &parts("tls"));
        assert_eq!(
            names.file(&folder, "codalab.key").unwrap().path.as_str(),
            "prod/tls/codalab.key"
        );
        assert_eq!(
            names
                .document(&scope(), &parts("shared"))
                .unwrap()
                .path
                .as_str(),
            "prod/shared-env"
        );
        assert_eq!(
            names.document(&scope(), &[]).unwrap().path.as_str(),
            "prod/env"
        );
    }

    proptest! {
        #[test]
        fn any_name_gets_a_path_of_its_own(
            texts in prop::collection::vec(("\\PC{0,3}[a-zA-Z._ -]{0,90}", 0..3_u8), 1..40),
        ) {
            let mut names = Names::default();
            let mut given = std::collections::BTreeSet::new();
            for (text, kind) in texts {
                let path = match kind {
                    0 => names.document(&scope(), &[text]).unwrap().path.to_string(),
                    1 => names.file(&root(), &text).unwrap().path.to_string(),
                    _ => {
                        let folder = names.folder(&scope(), std::slice::from_ref(&text));
                        names.file(&folder, &text).unwrap().path.to_string()
                    }
                };
                prop_assert!(given.insert(path.to_ascii_lowercase()));
            }
        }
    }
}
