//! What is looked for: the values that this person can open, and the beginnings of private keys.

use aho_corasick::{AhoCorasick, MatchKind};
use zeroize::Zeroizing;

use super::plain::telling;
use crate::crypto::PrivateKey;
use crate::error::{Code, Error, Problem};
use crate::fs::Sync;
use crate::secret::{Form, Plain, forms};
use crate::vault::{Listed, Opener, Reader, Vault};

/// Larger sealed files are data, and no secret that somebody pastes.
const LARGEST_FILE: u64 = 64 * 1024;

/// Everything that is looked for.
#[derive(Debug)]
pub struct Known {
    pub(super) automaton: AhoCorasick,
    /// For each pattern of the automaton; none for the beginning of a private key.
    pub(super) owners: Vec<Option<(String, Form)>>,
    /// How long the longest pattern is.
    pub(super) longest: usize,
    /// How many values are looked for.
    pub values: usize,
    /// Values that would turn up by accident: short ones, host names, numbers, paths.
    pub plain: Vec<String>,
    /// Documents and files that none of the identities opens.
    pub closed: Vec<String>,
}

/// Opens what these identities can, and learns it. Without identities, private keys alone are known.
///
/// # Errors
/// [`crate::vault::VaultError`] for what does not verify; an audit log that cannot be written.
pub fn learn(vault: &Vault, openers: Vec<&dyn Opener>) -> Result<Known, Error> {
    let mut learning = Learning::default();
    for beginning in PrivateKey::BEGINNINGS {
        learning.patterns.push(Zeroizing::new(beginning.to_vec()));
        learning.owners.push(None);
    }
    if !openers.is_empty() {
        let reader = Reader::new(vault, openers, "scan", Sync::Lazy)?;
        for listed in vault.list(None)? {
            learning.learn(&reader, &listed)?;
        }
    }
    learning.finish()
}

#[derive(Default)]
struct Learning {
    patterns: Vec<Zeroizing<Vec<u8>>>,
    owners: Vec<Option<(String, Form)>>,
    values: usize,
    plain: Vec<String>,
    closed: Vec<String>,
}

impl Learning {
    fn learn(&mut self, reader: &Reader<'_>, listed: &Listed) -> Result<(), Error> {
        let opened = match listed {
            Listed::Document(path) => reader.document(path).map(|values| {
                for opened in values {
                    self.add(&format!("{path}/{}", opened.name), &opened.value);
                }
            }),
            Listed::File(path) => match reader.open_file(path) {
                Ok(mut file) if file.content.size <= LARGEST_FILE => {
                    let mut bytes = Zeroizing::new(Vec::new());
                    let read = std::io::Read::read_to_end(&mut file.reader, &mut bytes);
                    read.map(|_| self.add(path.as_str(), &Plain::new(std::mem::take(&mut *bytes))))
                        .map_err(|error| {
                            Problem::new(Code::IoErr, format!("cannot open `{path}`: {error}"))
                                .into()
                        })
                }
                Ok(_) => {
                    self.plain.push(path.to_string());
                    Ok(())
                }
                Err(error) => Err(error),
            },
        };
        match opened {
            Err(error) if matches!(error.code(), Code::NoKey | Code::NotFound) => {
                self.closed.push(listed.path().to_owned());
                Ok(())
            }
            other => other,
        }
    }

    fn add(&mut self, secret: &str, value: &Plain) {
        let before = self.patterns.len();
        value.with(|bytes| {
            for piece in telling(bytes) {
                for (form, spelling) in forms(piece) {
                    self.patterns.push(spelling);
                    self.owners.push(Some((secret.to_owned(), form)));
                }
            }
        });
        if self.patterns.len() == before {
            self.plain.push(secret.to_owned());
        } else {
            self.values += 1;
        }
    }

    fn finish(self) -> Result<Known, Error> {
        let longest = self.patterns.iter().map(|pattern| pattern.len()).max();
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(self.patterns.iter().map(|pattern| pattern.as_slice()))
            .map_err(|error| {
                Problem::new(Code::DataErr, format!("too much to look for: {error}"))
            })?;
        Ok(Known {
            automaton,
            owners: self.owners,
            longest: longest.unwrap_or(0),
            values: self.values,
            plain: self.plain,
            closed: self.closed,
        })
    }
}
