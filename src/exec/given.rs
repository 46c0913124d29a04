//! What a program is given, opened.

use std::collections::BTreeMap;
use std::io::Read;

use zeroize::Zeroizing;

use super::error::ExecError;
use super::plan::{FileSource, Picked, Plan};
use super::variable::VariableName;
use crate::error::Error;
use crate::fs::FsError;
use crate::name::{DocumentPath, FilePath, SecretName};
use crate::plaintext::{Ansible, Format as _, entries_of};
use crate::secret::Plain;
use crate::vault::{MAX_VALUE, Opened, PolicyKey, Reader};

/// Values in the clear and files that were verified: the program's, by the names of its variables.
pub struct Given {
    /// Variables and their values.
    pub variables: Vec<(VariableName, Plain)>,
    /// Variables that get the path of a file.
    pub files: Vec<(VariableName, GivenFile)>,
    /// Whether a policy says of one of them that it is not to be printed.
    pub no_print: bool,
}

/// A file that is to be placed.
pub struct GivenFile {
    /// The last part of the secret's path, which programs may tell the format by.
    pub(super) name: String,
    /// Its permission bits.
    pub(super) mode: u32,
    pub(super) content: Content,
}

/// The content of a file, which is all in memory where it is no larger than a value may be.
pub(super) enum Content {
    Small(Plain),
    Large(Box<dyn Read>),
}

/// A value has no mode of its own: it is for whoever runs the command.
const VALUE_MODE: u32 = 0o600;

impl Given {
    /// Opens what a plan names.
    ///
    /// # Errors
    /// [`ExecError::Nul`]; what keeps a secret closed.
    pub fn open(plan: &Plan, reader: &Reader<'_>) -> Result<Self, Error> {
        let mut given = Self {
            variables: Vec::new(),
            files: Vec::new(),
            no_print: false,
        };
        for (document, picked) in &plan.documents {
            given.take(document, picked, reader)?;
        }
        for (variable, secret) in &plan.files {
            let file = match secret {
                FileSource::One(SecretName::Value(document, name)) => {
                    let opened = reader.value(document, name)?;
                    given.no_print |= opened.no_print;
                    GivenFile {
                        name: name.to_string(),
                        mode: VALUE_MODE,
                        content: Content::Small(opened.value),
                    }
                }
                FileSource::One(SecretName::File(path)) => {
                    let (file, no_print) = GivenFile::open(path, reader)?;
                    given.no_print |= no_print;
                    file
                }
                FileSource::Document(document) => {
                    let opened = reader.document(document)?;
                    given.no_print |= opened.iter().any(|value| value.no_print);
                    GivenFile::of_document(document, &opened)?
                }
            };
            given.files.push((variable.clone(), file));
        }
        Ok(given)
    }

    fn take(
        &mut self,
        document: &DocumentPath,
        picked: &Picked,
        reader: &Reader<'_>,
    ) -> Result<(), Error> {
        let opened = if picked.whole {
            reader.document_values(document, |name| picked.values.contains_key(name))?
        } else {
            let names = picked.values.keys();
            names
                .map(|name| reader.value(document, name))
                .collect::<Result<_, _>>()?
        };
        for opened in opened {
            let Opened {
                name,
                value,
                no_print,
                ..
            } = opened;
            self.no_print |= no_print;
            if value.with(|bytes| bytes.contains(&0)) {
                let path = format!("{document}/{name}");
                return Err(ExecError::Nul { path }.into());
            }
            for variable in picked.values.get(&name).into_iter().flatten() {
                self.variables.push((variable.clone(), value.duplicate()));
            }
        }
        Ok(())
    }

    /// The values, and the content of files no larger than a value may be.
    pub(super) fn small(&self) -> impl Iterator<Item = &Plain> {
        let values = self.variables.iter().map(|(_, value)| value);
        let files = self.files.iter();
        values.chain(files.filter_map(|(_, file)| match &file.content {
            Content::Small(plain) => Some(plain),
            Content::Large(_) => None,
        }))
    }

    /// The files whose content is not learned, so that output cannot be searched for it.
    #[must_use]
    pub fn large_files(&self) -> Vec<&str> {
        let large = |file: &&GivenFile| matches!(file.content, Content::Large(_));
        let files = self.files.iter().map(|(_, file)| file);
        files.filter(large).map(|file| file.name.as_str()).collect()
    }
}

impl GivenFile {
    /// The last part of the secret's path, the permission bits, and the content read to its end;
    /// none if it has more than `most` bytes.
    ///
    /// # Errors
    /// What keeps the secret closed.
    pub fn whole(self, most: u64) -> Result<Option<(String, u32, Plain)>, Error> {
        let content = match self.content {
            Content::Small(plain) => plain,
            Content::Large(reader) => {
                let mut bytes = Zeroizing::new(Vec::new());
                reader
                    .take(most.saturating_add(1))
                    .read_to_end(&mut bytes)
                    .map_err(FsError::io("open", std::path::Path::new(&self.name)))?;
                Plain::new(std::mem::take(&mut *bytes))
            }
        };
        let fits = content.with(|bytes| u64::try_from(bytes.len()).is_ok_and(|size| size <= most));
        Ok(fits.then_some((self.name, self.mode, content)))
    }

    /// Text that looks like a template is marked as none.
    fn of_document(document: &DocumentPath, opened: &[Opened]) -> Result<Self, Error> {
        let values = opened
            .iter()
            .map(|value| (value.name.as_str(), value.kind, &value.value));
        let text = entries_of(values, &BTreeMap::new()).and_then(|all| Ansible.print(&all));
        let text = text.map_err(|error| ExecError::Unprintable {
            path: format!("{document}/{}", error.name),
            why: error.why,
        })?;
        let name = document.as_str().rsplit('/').next().unwrap_or_default();
        Ok(Self {
            name: format!("{name}.yml"),
            mode: VALUE_MODE,
            content: Content::Small(Plain::new(text.into_bytes())),
        })
    }

    fn open(path: &FilePath, reader: &Reader<'_>) -> Result<(Self, bool), Error> {
        let mut opened = reader.open_file(path)?;
        let no_print = opened.policy.value(PolicyKey::NoPrint).is_some();
        let content = if opened.content.size <= u64::try_from(MAX_VALUE).unwrap_or(0) {
            let mut plain = Plain::new(Vec::with_capacity(MAX_VALUE));
            plain
                .with_mut(|bytes| opened.reader.read_to_end(bytes))
                .map_err(FsError::io("open", std::path::Path::new(path.as_str())))?;
            Content::Small(plain)
        } else {
            Content::Large(opened.reader)
        };
        let file = Self {
            name: path.name().to_owned(),
            // A writer's own program may have signed more; clws seals no such bit.
            mode: opened.content.mode & 0o777,
            content,
        };
        Ok((file, no_print))
    }
}
